"""The lines of many records at once, as Kafka's tool prints them: the hot loop of text.

What the records of a batch have in common is worked out once; see ``line_template.py``.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final, NamedTuple, cast

from gomq_dump.rendering.java_text import decode_as_java, header_keys
from gomq_dump.rendering.line_template import LineTemplate
from gomq_storage.record_fields import Columns, Headers

_MAX_SEQUENCE: Final = 2**31 - 1
_NO_SEQUENCE: Final = -1
_NULL_SIZE: Final = -1


class RecordKind(NamedTuple):
    """What a batch's header says of its records."""

    time_name: str
    base_offset: int
    base_sequence: int


def record_lines(columns: Columns, kind: RecordKind) -> bytes:
    """Write a line for each record; what is no UTF-8 is written as Java's text does, with replacement characters."""
    if not columns.offsets:
        return b""
    lines = _write(columns, kind)
    if not lines.isascii():
        try:
            lines.decode()  # what is text in one piece is so in each: around them is ASCII
        except UnicodeDecodeError:
            shown = columns._replace(keys=_as_java(columns.keys), values=_as_java(columns.values))
            return _write(columns, kind, shown=shown)
    return lines


def _write(columns: Columns, kind: RecordKind, *, shown: Columns | None = None) -> bytes:
    """Write the lines; keys and values as they are shown, if that is not as they are."""
    line = LineTemplate(len(columns.offsets))
    key_sizes, value_sizes = _sizes(columns.keys), _sizes(columns.values)
    line.text(b"| offset: ")
    line.ascending(columns.offsets)
    line.text(b" %b: " % kind.time_name.encode())
    line.numbers(columns.timestamps)
    line.text(b" keySize: ")
    line.numbers(key_sizes)
    line.text(b" valueSize: ")
    line.numbers(value_sizes)
    line.text(b" sequence: ")
    put_sequences(line, columns.offsets, kind)
    line.text(b" headerKeys: [")
    _put_names(line, columns.headers)
    line.text(b"]")
    _put_bytes(line, b" key: ", (shown or columns).keys, key_sizes)
    _put_bytes(line, b" payload: ", (shown or columns).values, value_sizes)
    line.text(b"\n")
    return line.write()


def _put_names(line: LineTemplate, headers: Sequence[Headers]) -> None:
    if headers.count(()) == line.count:
        return
    if min(map(len, headers)) == max(map(len, headers)) == 1:
        names = [held[0][0] for held in headers]
    else:
        names = [",".join([name for name, _ in held]) for held in headers]
    try:
        shown = [name.encode() for name in names]
    except UnicodeEncodeError:  # names that are no UTF-8
        shown = [header_keys(held).encode() for held in headers]
    line.texts(shown)


def _put_bytes(line: LineTemplate, title: bytes, parts: Sequence[bytes | None], sizes: list[int]) -> None:
    """Add a title and bytes, or nothing in lines where they are null."""
    nulls = sizes.count(_NULL_SIZE)
    if nulls == 0:
        line.text(title)
        line.texts(cast("Sequence[bytes]", parts))
    elif nulls < line.count:
        line.texts([b"" if part is None else title + part for part in parts])


def _as_java(parts: Sequence[bytes | None]) -> list[bytes | None]:
    return [None if part is None else decode_as_java(part).encode() for part in parts]


def _sizes(parts: Sequence[bytes | None]) -> list[int]:
    if parts[0] is not None:
        with suppress(TypeError):  # counting nulls first would take as long
            return list(map(len, cast("Sequence[bytes]", parts)))
    return [_NULL_SIZE if part is None else len(part) for part in parts]


def put_sequences(line: LineTemplate, offsets: list[int], kind: RecordKind) -> None:
    """Add records' sequence numbers, which start again from 0 behind the largest there is."""
    if kind.base_sequence < 0:
        line.text(b"%d" % _NO_SEQUENCE)
        return
    first = kind.base_sequence - kind.base_offset
    sequences = [(first + offset) & _MAX_SEQUENCE for offset in offsets]
    if sequences[0] <= sequences[-1]:
        line.ascending(sequences)
    else:
        line.numbers(sequences)
