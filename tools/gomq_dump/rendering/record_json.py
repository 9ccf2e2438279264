"""The JSON objects of many records at once: what ``render_json.record_fields`` makes of each, to the byte.

The bytes of a column are decoded and escaped in one piece, with a character between them that JSON does not escape.
"""

from base64 import b64encode
from collections.abc import Sequence
from json.encoder import encode_basestring
from typing import Final

from gomq_dump.rendering.line_template import LineTemplate
from gomq_dump.rendering.record_lines import RecordKind, put_sequences
from gomq_storage.record_fields import Columns, Headers, encode_name

_BETWEEN: Final = b"\x7f"
_MOST_HEADERS: Final = 8


def record_objects(columns: Columns, kind: RecordKind) -> bytes:
    """Write a line with an object for each record."""
    count = len(columns.offsets)
    if not count:
        return b""
    line = LineTemplate(count)
    line.text(b'{"type":"record","offset":')
    line.ascending(columns.offsets)
    line.text(b',"timestamp":')
    line.numbers(columns.timestamps)
    line.text(b',"timestamp_type":"%b","sequence":' % kind.time_name.encode())
    put_sequences(line, columns.offsets, kind)
    put_bytes(line, b"key", columns.keys)
    put_bytes(line, b"value", columns.values)
    put_headers(line, columns.headers)
    line.text(b"}\n")
    return line.write()


def put_bytes(line: LineTemplate, name: bytes, parts: Sequence[bytes | None]) -> None:
    """Add a field, a comma in front of it."""
    nulls = parts.count(None)
    if nulls == line.count:
        line.text(b',"%b":null' % name)
        return
    escaped = None if nulls else _escape_all(parts)
    if escaped is not None:
        line.text(b',"%b":"' % name)
        line.texts(escaped)
        line.text(b'"')
    else:
        line.texts([field_json(name, part) for part in parts])


def _escape_all(parts: Sequence[bytes | None]) -> Sequence[bytes] | None:
    """Escape what is text; None where something is not, or has the character that is to stand between."""
    joined = _BETWEEN.join(parts)  # type: ignore[arg-type]  # none is None
    if joined.count(_BETWEEN) != len(parts) - 1:
        return None
    try:
        text = joined.decode()
    except UnicodeDecodeError:
        return None
    return encode_basestring(text)[1:-1].encode().split(_BETWEEN)


def field_json(name: bytes, part: bytes | None) -> bytes:
    """Write a field, a comma in front of it: text, base64 where that is none, or null."""
    if part is None:
        return b',"%b":null' % name
    try:
        return b',"%b":%b' % (name, encode_basestring(part.decode()).encode())
    except UnicodeDecodeError:
        return b',"%b_base64":"%b"' % (name, b64encode(part))


def put_headers(line: LineTemplate, headers: Sequence[Headers]) -> None:
    """Add the list of headers, a comma in front of it."""
    line.text(b',"headers":')
    if headers.count(()) == line.count:
        line.text(b"[]")
        return
    names = _names(headers)
    if names is None:
        line.texts([b"[%b]" % b",".join([_header(*each) for each in held]) for held in headers])
        return
    for number, name in enumerate(names):
        line.text(b"%b{%b" % (b"," if number else b"[", _name(name)))
        put_bytes(line, b"value", [held[number][1] for held in headers])
        line.text(b"}")
    line.text(b"]")


def _header(name: str, value: bytes | None) -> bytes:
    return b"{%b%b}" % (_name(name), field_json(b"value", value))


def _name(name: str) -> bytes:
    if name.isascii():
        return b'"name":%b' % encode_basestring(name).encode()
    return field_json(b"name", encode_name(name))[1:]  # without the comma


def _names(headers: Sequence[Headers]) -> list[str] | None:
    """Return the names of headers, if they are the same in all records and not many."""
    count = len(headers[0])
    if not 0 < count <= _MOST_HEADERS or min(map(len, headers)) < count or max(map(len, headers)) > count:
        return None
    names = [name for name, _ in headers[0]]
    for number, name in enumerate(names):
        if any(held[number][0] != name for held in headers):
            return None
    return names
