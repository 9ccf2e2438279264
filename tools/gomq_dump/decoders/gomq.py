"""Decode ``__gomq_metadata``: what a GoMQ broker must remember.

Keys are UTF-8: what the record is about, and behind a slash which one: ``topic/orders``, ``leader-epoch``. Values are
JSON, and null takes the key back.
"""

import json
from typing import Any

from gomq_dump.rendering.java_text import decode_as_java
from gomq_storage.record import Record


class GomqDecoder:
    """Decodes the records of a GoMQ broker's metadata."""

    def text(self, record: Record) -> tuple[str | None, str | None]:
        """Make the text of key and value, which is what they are."""
        key, value = record.key, record.value
        return None if key is None else decode_as_java(key), None if value is None else decode_as_java(value)

    def fields(self, record: Record) -> dict[str, Any]:
        """Make the object of a record."""
        if record.key is None:
            return {"error": "a record without a key"}
        try:
            kind, has_name, name = record.key.decode().partition("/")
            value = None if record.value is None else _read_json(record.value)
        except (ValueError, RecursionError):
            return {"error": "a key or a value that is not JSON"}
        return {"kind": kind, "key": {"name": name} if has_name else {}, "value": value}


def _read_json(data: bytes) -> Any:  # noqa: ANN401 - anything that JSON has
    """Read JSON that can be shown as a part of other JSON.

    Raises:
        ValueError, RecursionError: it is none, or has numbers or characters that are none, or too many parts in parts.
    """
    value = json.loads(data)
    json.dumps([[[value]]], ensure_ascii=False, allow_nan=False).encode()
    return value
