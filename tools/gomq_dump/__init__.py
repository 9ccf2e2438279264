"""Look into the segment files of GoMQ and of Apache Kafka, with no broker running.

Bytes and values: ``findings``, ``kinds``, ``control``, ``decoders``. Reading files: ``reader``, ``paths``, ``foreign``,
``resync``, ``batches``, ``tails``, ``indexes``, ``verify``, and of the small ones ``small_files``, ``txn_entries``,
``producer_entries``, ``tables``, ``properties``. Selecting: ``selection``, ``moments``, ``matching``, ``seeking``,
``selecting``, ``following``. Showing: ``render``, ``render_json``, ``render_files``, ``render_decoded``,
``render_format``, ``format_string``, of many records at once ``record_lines``, ``record_json``, by several processes
``showing``, ``jobs``, ``workers``, ``parallel``. The command: ``cli``, ``arguments``, ``command_parser``. Commands of
their own: ``repairing``, ``exporting``, ``importing``, which share ``packing``. Nothing here ever writes to what it
looks at, but a repair in place.
"""
