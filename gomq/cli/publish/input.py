"""What is published: files one after the other, or the standard input, read ahead of what is on its way."""

import os
import stat
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from gomq.cli.publish.lines import read_messages
from gomq.cli.publish.splitting import Splitter
from gomq.errors import GomqError

STDIN: Final = Path("-")
_READ_AHEAD: Final = 32
"""Reads of which the lines wait while others are published."""
READ_AHEAD_BYTES: Final = 16 << 20
"""Where messages are large, fewer reads wait: memory does not grow with how many there are."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive lines of one file."""

    file: Path
    first: int
    """Number of the first of them in the file, from 1 on."""
    lines: Sequence[bytes]
    size: int
    """How many bytes of the file were read for them."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Pieces that are published together."""

    pieces: Sequence[Piece]

    @property
    def lines(self) -> list[bytes]:
        """All their lines."""
        return list(chain.from_iterable(piece.lines for piece in self.pieces))

    @property
    def size(self) -> int:
        """How many bytes of the input they are."""
        return sum(piece.size for piece in self.pieces)

    @property
    def behind(self) -> "LinePlace":
        """The line behind the last one."""
        last = self.pieces[-1]
        return LinePlace(last.file, last.first + len(last.lines))

    def place(self, index: int) -> "LinePlace":
        """Say where a line is."""
        for piece in self.pieces:
            if index < len(piece.lines):
                return LinePlace(piece.file, piece.first + index)
            index -= len(piece.lines)
        return self.behind


@dataclass(frozen=True, slots=True)
class LinePlace:
    """A line of the input."""

    file: Path
    number: int
    """From 1 on."""

    def __str__(self) -> str:
        return f"line {self.number} of {'the input' if self.file == STDIN else self.file}"


class Input:
    """Files that are read in their order.

    Args:
        files: ``-`` is the standard input.
        delimiter: what is behind each message; None makes one of each file.
    """

    def __init__(self, files: Sequence[Path], delimiter: bytes | None) -> None:
        self._files = files
        self._delimiter = delimiter
        self._reading = anyio.CancelScope()
        self._waiting_bytes = 0
        """Of what was read and nobody has taken."""
        self._room = anyio.Event()
        self.read: int = 0
        """How many lines were read."""
        self._ended: dict[Path, int] = {}
        """How many lines files have, of those that were read to their ends."""

    def stop(self) -> None:
        """Read no more; what was read is still handed out."""
        self._reading.cancel()

    def line_at(self, place: LinePlace) -> LinePlace | None:
        """Say where a line is that may be behind the last one of a file; None where there is none any more."""
        if place.number <= self._ended.get(place.file, place.number):
            return place
        rest = self._files[list(self._files).index(place.file) + 1 :]
        return next((LinePlace(file, 1) for file in rest if self._ended.get(file) != 0), None)

    def total_bytes(self) -> int | None:
        """Say how large all of it is; None where that is not known."""
        total = 0
        for file in self._files:
            status = os.stat(_stdin() if file == STDIN else file)  # a pipe that is opened and closed again is over
            if not stat.S_ISREG(status.st_mode):
                return None
            total += status.st_size
        return total

    async def read_ahead(self, send: MemoryObjectSendStream[Piece]) -> None:
        """Read all of it, as fast as it is taken."""
        async with send:
            with self._reading:
                for file in self._files:
                    with _opened(file) as descriptor:
                        await self._read_file(file, descriptor, send)

    async def _read_file(self, file: Path, descriptor: int, send: MemoryObjectSendStream[Piece]) -> None:
        first = 1
        async for lines, size in read_messages(descriptor, Splitter(self._delimiter)):
            self.read += len(lines)
            piece = Piece(file, first, lines, size)
            first += len(lines)
            self._waiting_bytes += size
            with anyio.CancelScope(shield=True), suppress(anyio.BrokenResourceError):
                await send.send(piece)  # what was read of a pipe is nowhere else; who takes no more has closed it
            while self._waiting_bytes >= READ_AHEAD_BYTES:
                self._room = anyio.Event()
                await self._room.wait()
        self._ended[file] = first - 1

    async def all_there(self, receive: MemoryObjectReceiveStream[Piece]) -> AsyncIterator[Chunk]:
        """Yield what was read, put together with what has come since."""
        async for first in receive:
            rest = [receive.receive_nowait() for _ in range(receive.statistics().current_buffer_used)]
            chunk = Chunk((first, *rest))
            self._waiting_bytes -= chunk.size
            self._room.set()
            yield chunk


def piece_stream() -> tuple[MemoryObjectSendStream[Piece], MemoryObjectReceiveStream[Piece]]:
    """Make what stands between reading and publishing: so much is read ahead."""
    return anyio.create_memory_object_stream[Piece](_READ_AHEAD)


@contextmanager
def _opened(file: Path) -> Iterator[int]:
    if file == STDIN:
        yield _stdin()
        return
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe may have no writer yet
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _stdin() -> int:
    if sys.stdin is None:
        raise GomqError("there is no standard input; name a file")
    return sys.stdin.fileno()
