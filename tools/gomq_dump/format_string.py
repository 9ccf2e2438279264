r"""Format strings for records: the letters of kcat's ``-f``, and of rpk's the braces.

    %t topic     %p partition  %o offset     %T timestamp, ms since the epoch, -1 for none
    %k key       %K its size, -1 for null    %h headers, name=value,name=value, NULL for null
    %s value     %S its size, -1 for null    %R its size as four bytes, big-endian
    %%  %{  %}   the character itself
    \n \r \t \\ \xNN

    %k{hex} %k{base64} %s{hex} %s{base64}    the bytes written so
    %T{%Y-%m-%d %H:%M:%S}                    the time in UTC, as strftime writes it

A brace behind any other letter stands for itself. Nothing is written for a null key or value. What is no UTF-8 in the
name of a header is written as Java shows it, with replacement characters; keys and values are written as they are.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, Self, TypeAlias

from gomq_dump.rendering.java_text import name_as_java

_LETTERS: Final = "%t %p %o %T %k %K %s %S %R %h %%"
_ESCAPES: Final = r"\n \r \t \\ \xNN"
_ESCAPED: Final = {"n": b"\n", "r": b"\r", "t": b"\t", "\\": b"\\"}
_HEX_PAIR: Final = re.compile("[0-9a-fA-F]{2}")
_PLAIN: Final = re.compile(r"[^%\\]+")
_WITH_BRACES: Final = "ksT"


class FormatStringError(ValueError):
    """A format string that means nothing."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(f"format string {text!r}: {reason}")
        self.text = text
        self.reason = reason


class FormattedRecord(NamedTuple):
    """What a format string can show of a record."""

    topic: str
    """Empty where it is not known."""
    partition: int
    """-1 where it is not known."""
    offset: int
    timestamp: int
    """Milliseconds since the epoch, -1 for none."""
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


_Show: TypeAlias = Callable[[Any], bytes]


class _Piece(NamedTuple):
    """A letter: the field of the record that it shows, and how; None writes a number as it is."""

    field: str
    show: _Show | None


class FormatString:
    """A format string that has been understood; ``parse`` makes them."""

    def __init__(self, template: bytes, pieces: Sequence[_Piece]) -> None:
        self._template = template
        self._pieces = tuple((FormattedRecord._fields.index(piece.field), piece.show) for piece in pieces)

    @classmethod
    def parse(cls, text: str) -> Self:
        r"""Understand a format string such as ``%o %k: %s\n``.

        Raises:
            FormatStringError: it has a letter or an escape that there is not; the message lists those there are.
        """
        parser = _Parser(text)
        return cls(*parser.parse())

    def render(self, record: FormattedRecord) -> bytes:
        """Write one record."""
        return self._template % tuple([record[at] if show is None else show(record[at]) for at, show in self._pieces])

    def render_columns(self, topic: str, partition: int, columns: Sequence[Sequence[Any]]) -> Iterable[bytes]:
        """Write many records of one partition, a good deal faster than one by one.

        Args:
            topic: of all of them.
            partition: of all of them.
            columns: offsets, timestamps, keys, values and headers, each of all records.
        """
        count = len(columns[0])
        common = ([topic] * count, [partition] * count)
        fields: tuple[Sequence[Any], ...] = (*common, *columns)
        shown = [fields[at] if show is None else map(show, fields[at]) for at, show in self._pieces]
        if not shown:
            return [self._template % ()] * count
        return map(self._template.__mod__, zip(*shown, strict=True))


class _Parser:
    """Goes through a format string once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._template: list[bytes] = []
        self._pieces: list[_Piece] = []

    def parse(self) -> tuple[bytes, list[_Piece]]:
        while self._position < len(self._text):
            plain = _PLAIN.match(self._text, self._position)
            if plain is not None:
                self._position = plain.end()
                self._add(plain[0].encode(errors="surrogateescape"))
                continue
            sign, letter = self._text[self._position], self._text[self._position + 1 : self._position + 2]
            self._position += 2
            self._add_escape(letter) if sign == "\\" else self._add_letter(letter)
        return b"".join(self._template), self._pieces

    def _add(self, literal: bytes) -> None:
        self._template.append(literal.replace(b"%", b"%%"))

    def _add_escape(self, letter: str) -> None:
        if letter in _ESCAPED:
            self._add(_ESCAPED[letter])
            return
        digits = _HEX_PAIR.match(self._text, self._position)
        if letter != "x" or digits is None:
            raise self._error(f"there is no escape \\{letter}; there are {_ESCAPES}")
        self._position += 2
        self._add(bytes.fromhex(digits[0]))

    def _add_letter(self, letter: str) -> None:
        if letter and letter in "%{}":
            self._add(letter.encode())
            return
        braces = self._braces() if letter and letter in _WITH_BRACES else None
        piece = _PIECES.get(letter) if braces is None else self._piece_with_braces(letter, braces)
        if piece is None:
            raise self._error(f"there is no %{letter}; there are {_LETTERS}, escapes {_ESCAPES}")
        self._template.append(b"%d" if piece.show is None else b"%b")
        self._pieces.append(piece)

    def _braces(self) -> str | None:
        """Take what is in braces here, if anything is."""
        if self._text[self._position : self._position + 1] != "{":
            return None
        end = self._text.find("}", self._position)
        if end < 0:
            raise self._error("a { has no }; write %{ for the character")
        inside = self._text[self._position + 1 : end]
        self._position = end + 1
        return inside

    def _piece_with_braces(self, letter: str, inside: str) -> _Piece:
        field = _PIECES[letter].field
        if letter == "T":
            try:
                inside.encode()
            except UnicodeEncodeError:  # an argument's bytes that strftime cannot take
                raise self._error("what is in the braces of %T is no UTF-8 text") from None
            return _Piece(field, _time_writer(inside))
        if inside not in _ENCODINGS:
            there_are = ", ".join(f"%{letter}{{{name}}}" for name in _ENCODINGS)
            raise self._error(f"there is no %{letter}{{{inside}}}; there are {there_are}; write %{{ for the character")
        return _Piece(field, _ENCODINGS[inside])

    def _error(self, reason: str) -> FormatStringError:
        return FormatStringError(self._text, reason)


def _bytes(data: bytes | None) -> bytes:
    return data or b""


def _hex(data: bytes | None) -> bytes:
    return data.hex().encode() if data else b""


def _base64(data: bytes | None) -> bytes:
    return b64encode(data) if data else b""


def _size(data: bytes | None) -> bytes:
    return b"-1" if data is None else b"%d" % len(data)


def _binary_size(data: bytes | None) -> bytes:
    return (-1 if data is None else len(data)).to_bytes(4, "big", signed=True)


def _headers(headers: Sequence[tuple[str, bytes | None]]) -> bytes:
    if not headers:
        return b""
    return b",".join(
        [b"%b=%b" % (name_as_java(name).encode(), b"NULL" if value is None else value) for name, value in headers]
    )


def _topic(topic: str) -> bytes:
    return topic.encode(errors="surrogateescape")


def _time_writer(form: str) -> _Show:
    def show(timestamp: int) -> bytes:
        if timestamp < 0:
            return b"%d" % timestamp
        try:
            moment = datetime.fromtimestamp(timestamp // 1000, UTC).replace(microsecond=timestamp % 1000 * 1000)
        except (ValueError, OverflowError, OSError):  # beyond the year 9999: no calendar has it
            return b"%d" % timestamp
        return moment.strftime(form).encode()

    return show


_PIECES: Final = {
    "t": _Piece("topic", _topic),
    "p": _Piece("partition", None),
    "o": _Piece("offset", None),
    "T": _Piece("timestamp", None),
    "k": _Piece("key", _bytes),
    "K": _Piece("key", _size),
    "s": _Piece("value", _bytes),
    "S": _Piece("value", _size),
    "R": _Piece("value", _binary_size),
    "h": _Piece("headers", _headers),
}
_ENCODINGS: Final = {"hex": _hex, "base64": _base64}
