"""Look into the segment files of GoMQ and of Apache Kafka, with no broker running.

Bytes and values: ``findings``, ``kinds``, ``control``, ``decoders``. Reading files: ``reader``, ``paths``, ``foreign``,
``resync``, ``batches``, ``indexes``, ``verify``, and of the small ones ``small_files``, ``txn_entries``,
``producer_entries``, ``tables``, ``properties``. Showing: ``render``, ``render_json``, ``render_files``,
``render_decoded``, ``cli``. Nothing here ever writes to what it looks at.
"""
