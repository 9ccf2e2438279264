"""The lines of many records at once, as Kafka's tool prints them: the hot loop of text.

What the records of a batch have in common is worked out once; see ``line_template.py``.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from gomq_dump.java_text import decode_as_java
from gomq_dump.line_template import LineTemplate
from gomq_storage.record_fields import Columns, Headers

_MAX_SEQUENCE: Final = 2**31 - 1
_NO_SEQUENCE: Final = -1


class RecordKind(NamedTuple):
    """What a batch's header says of its records."""

    time_name: str
    base_offset: int
    base_sequence: int


def record_lines(columns: Columns, kind: RecordKind) -> bytes:
    """Write a line for each record."""
    count = len(columns.offsets)
    if not count:
        return b""
    line = LineTemplate(count)
    line.text(b"| offset: ")
    line.numbers(columns.offsets)
    line.text(b" %s: " % kind.time_name.encode())
    line.numbers(columns.timestamps)
    line.text(b" keySize: ")
    line.numbers(_sizes(columns.keys))
    line.text(b" valueSize: ")
    line.numbers(_sizes(columns.values))
    line.text(b" sequence: ")
    line.numbers(sequences(columns.offsets, kind))
    line.text(b" headerKeys: [")
    _put_names(line, columns.headers)
    line.text(b"]")
    _put_bytes(line, b" key: ", columns.keys)
    _put_bytes(line, b" payload: ", columns.values)
    line.text(b"\n")
    return line.write()


def _put_names(line: LineTemplate, headers: Sequence[Headers]) -> None:
    if headers.count(()) == line.count:
        return
    if min(map(len, headers)) == max(map(len, headers)) == 1:
        names = [held[0][0] for held in headers]
    else:
        names = [",".join([name for name, _ in held]) for held in headers]
    line.small([name.encode() for name in names])


def _put_bytes(line: LineTemplate, title: bytes, parts: list[bytes | None]) -> None:
    """Add a title and bytes as text, or nothing in lines where they are null."""
    nulls = parts.count(None)
    if nulls == line.count:
        return
    if nulls == 0:
        line.text(title)
        line.large(as_text(parts))
        return
    shown = as_text([b"" if part is None else part for part in parts])
    line.small([b"" if part is None else title + text for part, text in zip(parts, shown, strict=True)])


def as_text(parts: Sequence[Any]) -> Sequence[bytes]:
    """Write bytes as Java's text does: those that are UTF-8 as they are, others with replacement characters."""
    joined = b" ".join(parts)
    if not joined.isascii():
        try:
            joined.decode()  # what is text in one piece is so in each: nothing goes on behind a space
        except UnicodeDecodeError:
            return [decode_as_java(part).encode() for part in parts]
    return parts


def _sizes(parts: list[bytes | None]) -> Sequence[int]:
    nulls = parts.count(None)
    if nulls == 0:
        return list(map(len, parts))  # type: ignore[arg-type]  # none is None
    return [-1] * len(parts) if nulls == len(parts) else [-1 if part is None else len(part) for part in parts]


def sequences(offsets: list[int], kind: RecordKind) -> Sequence[int]:
    """Work out records' sequence numbers, which start again from 0 behind the largest there is."""
    if kind.base_sequence < 0:
        return [_NO_SEQUENCE] * len(offsets)
    first = kind.base_sequence - kind.base_offset
    return [(first + offset) & _MAX_SEQUENCE for offset in offsets]
