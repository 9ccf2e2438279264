"""What records are decoded into: the fields of many, each in a list of its own."""

from typing import NamedTuple, TypeAlias

Headers: TypeAlias = tuple[tuple[str, bytes | None], ...]
"""A record's headers in their order; a name may come more than once."""


class Columns(NamedTuple):
    """The fields of some records, each in the records' order."""

    offsets: list[int]
    timestamps: list[int]
    """Milliseconds since the epoch, -1 for none."""
    keys: list[bytes | None]
    values: list[bytes | None]
    headers: list[Headers]
