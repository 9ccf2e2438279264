"""Look into the segment files of GoMQ and of Apache Kafka, with no broker running.

``reading`` knows every kind of file and makes values of it, ``decoders`` says what records of internal topics mean,
``selecting`` leaves what was asked for, ``rendering`` writes it down, ``checks`` is ``--verify``, ``summing`` what is
said of partitions as a whole. ``cli`` puts them together. Commands of their own are ``repairing``, ``exporting`` and
``importing``. Nothing here ever writes to what it looks at, but a repair in place.
"""
