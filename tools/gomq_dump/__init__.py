"""Look into the segment files of GoMQ and of Apache Kafka, with no broker running.

Bytes and values: ``findings``, ``control``. Reading files: ``reader``, ``paths``, ``foreign``, ``resync``, ``batches``,
``indexes``, ``verify``. Showing: ``render``, ``render_json``, ``cli``. Nothing here ever writes to what it looks at.
"""
