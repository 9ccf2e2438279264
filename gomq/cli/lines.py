"""Lines of a file, a pipe or a terminal as they come: many at once where there are many."""

import os
from collections.abc import AsyncIterator
from typing import Final

import anyio

from gomq.errors import GomqError

_READ_BYTES: Final = 256 << 10
_MAX_LINE_BYTES: Final = 100 << 20


async def read_lines(descriptor: int) -> AsyncIterator[list[bytes]]:
    """Yield lists of whole lines without their newlines; a last line without one counts as a line.

    Raises:
        GomqError: a line is larger than any message.
    """
    parts: list[bytes] = []
    size = 0
    while data := await _read(descriptor):
        if b"\n" not in data:
            parts.append(data)
            size += len(data)
            if size > _MAX_LINE_BYTES:
                raise GomqError(f"a line of the input has more than {_MAX_LINE_BYTES} bytes; no message may")
            continue
        first, *lines = data.split(b"\n")
        lines.insert(0, b"".join((*parts, first)))
        parts = [lines.pop()]
        size = len(parts[0])
        yield lines
    if size:
        yield [b"".join(parts)]


async def _read(descriptor: int) -> bytes:
    """Wait for input in a way that can be cancelled, as reading in a thread could not."""
    try:
        await anyio.wait_readable(descriptor)
    except PermissionError:
        await anyio.lowlevel.checkpoint()  # a file: it is always ready, and cannot be waited for
    return os.read(descriptor, _READ_BYTES)
