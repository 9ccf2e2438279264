"""How messages are printed: as text, as JSON lines, or as a format string has it. Bytes and values only."""

import base64
import json
from collections.abc import Callable
from typing import Final, TypeAlias

from gomq.client import Batch
from gomq_dump.format_string import FormatString
from gomq_dump.rendering.java_text import name_as_java
from gomq_storage.record_fields import Headers, encode_name

Render: TypeAlias = Callable[[Batch], bytes]
"""Makes what is printed of some messages."""

_quote: Final = json.JSONEncoder(ensure_ascii=False).encode


def as_values(delimiter: bytes) -> Render:
    """Print values, each with a delimiter behind it."""

    def render(batch: Batch) -> bytes:
        try:
            return delimiter.join((*batch.values, b""))  # type: ignore[arg-type]  # most topics have no tombstones
        except TypeError:
            return delimiter.join((*(value or b"" for value in batch.values), b""))

    return render


def as_text(delimiter: bytes, *, key_delimiter: bytes | None, headers: bool) -> Render:
    """Print values, with headers and a tab, or keys and a delimiter, in front of them.

    Args:
        delimiter: what is behind each message.
        key_delimiter: what is between key and value; None prints no keys.
        headers: whether to print headers.
    """
    if key_delimiter is None and not headers:
        return as_values(delimiter)

    def render(batch: Batch) -> bytes:
        parts: list[bytes] = []
        for key, value, pairs in zip(batch.keys, batch.values, batch.headers, strict=True):
            if headers:
                parts += (_header_text(pairs), b"\t")
            if key_delimiter is not None:
                parts += (key or b"", key_delimiter)
            parts += (value or b"", delimiter)
        return b"".join(parts)

    return render


def as_format(form: FormatString) -> Render:
    """Print as a format string has it."""

    def render(batch: Batch) -> bytes:
        columns = (batch.offsets, batch.timestamps, batch.keys, batch.values, batch.headers)
        return b"".join(form.render_columns(batch.topic, batch.partition, columns))

    return render


def as_json(batch: Batch) -> bytes:
    """Print an object a line; ``gomq publish --input json`` takes them."""
    where = f'{{"topic": {_quote(batch.topic)}, "partition": {batch.partition}, "offset": '
    lines = [
        f'{where}{offset}, "timestamp": {timestamp}, {_field("key", key)}, {_field("value", value)}, '
        f'"headers": {_header_list(headers) if headers else "[]"}}}\n'
        for offset, timestamp, key, value, headers in zip(
            batch.offsets, batch.timestamps, batch.keys, batch.values, batch.headers, strict=True
        )
    ]
    return "".join(lines).encode()


def _field(name: str, data: bytes | None) -> str:
    """Write bytes as text where they are UTF-8, and else as a field named ``..._base64``, as gomq-dump does."""
    if data is None:
        return f'"{name}": null'
    try:
        return f'"{name}": {_quote(data.decode())}'
    except UnicodeDecodeError:
        return f'"{name}_base64": "{base64.b64encode(data).decode()}"'


def _header_text(headers: Headers) -> bytes:
    """Write NAME=VALUE,NAME=VALUE, as %h does: what is null is NULL, and commas stay as they are."""
    return b",".join(
        [b"%b=%b" % (name_as_java(name).encode(), b"NULL" if value is None else value) for name, value in headers]
    )


def _header_list(headers: Headers) -> str:
    entries = [f"{{{_name(name)}, {_field('value', value)}}}" for name, value in headers]
    return f"[{', '.join(entries)}]"


def _name(name: str) -> str:
    return f'"name": {_quote(name)}' if name.isascii() else _field("name", encode_name(name))
