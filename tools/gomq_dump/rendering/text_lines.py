"""Read a small text file line by line, with the byte at which each line starts; no line takes more than a few KiB."""

from collections.abc import Iterator
from typing import Final, NamedTuple, Protocol

MAX_LINE_BYTES: Final = 4 << 10
"""More than any line of these files has: a topic's name has 249 characters at most."""


class Line(NamedTuple):
    """A line without what ends it."""

    position: int
    text: str
    """What is no UTF-8 is replaced."""
    is_whole: bool
    """Whether a newline ends it, and it is not longer than a line may be."""


class Readable(Protocol):
    """A file, or what was read of one."""

    @property
    def size(self) -> int:
        """Its bytes."""

    def view(self, position: int, size: int) -> memoryview:
        """Return the bytes at a position; fewer than wanted only where it ends."""


def read_lines(reader: Readable) -> Iterator[Line]:
    """Yield the lines of a file; one that is too long is cut, and the last."""
    position = 0
    while position < reader.size:
        data = bytes(reader.view(position, MAX_LINE_BYTES))
        end = data.find(b"\n")
        is_whole = end >= 0
        line = data[:end] if is_whole else data
        yield Line(position, line.decode(errors="replace"), is_whole)
        if not is_whole:
            return
        position += end + 1
