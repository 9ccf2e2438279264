"""What records are decoded into: the fields of many, each in a list of its own.

A header's name is text, and should be UTF-8. Kafka stores whatever it is sent: no broker looks at names, and Java's
consumer decodes them late and never fails (``RecordHeader.key``). So neither do we. Bytes that are no UTF-8 become
lone surrogates, U+DC80 to U+DCFF, as Python makes of names of files (PEP 383), and become the same bytes again.
"""

from typing import Final, NamedTuple, TypeAlias

Headers: TypeAlias = tuple[tuple[str, bytes | None], ...]
"""A record's headers in their order; a name may come more than once, and is escaped where it is no UTF-8."""
_NAME_ERRORS: Final = "surrogateescape"
"""What to do about bytes of a name that are no UTF-8, both ways."""


def decode_name(raw: bytes) -> str:
    """Make text of a header's name, whatever bytes it is."""
    return raw.decode("utf-8", _NAME_ERRORS)


def encode_name(name: str) -> bytes:
    """Make the bytes of a header's name.

    Raises:
        UnicodeEncodeError: it has a surrogate that stands for no byte.
    """
    return name.encode("utf-8", _NAME_ERRORS)


class Columns(NamedTuple):
    """The fields of some records, each in the records' order."""

    offsets: list[int]
    timestamps: list[int]
    """Milliseconds since the epoch, -1 for none."""
    keys: list[bytes | None]
    values: list[bytes | None]
    headers: list[Headers]
