"""Files, pipes and terminals read as they come: many lines at once where there are many."""

import os
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

import anyio

from gomq.cli.publish.splitting import Splitter

_READ_BYTES: Final = 256 << 10


async def read_messages(descriptor: int, splitter: Splitter) -> AsyncIterator[tuple[list[bytes], int]]:
    """Yield lists of whole messages, and how many bytes were read for each; no list is empty.

    Raises:
        GomqError: one is larger than any message may be.
    """
    size = 0
    while data := await _read(descriptor):
        size += len(data)
        if messages := splitter.feed(data):
            yield messages, size
            size = 0
    if messages := splitter.finish():
        yield messages, size


async def _read(descriptor: int) -> bytes:
    """Wait for input in a way that can be cancelled, as reading in a thread could not."""
    while True:
        try:
            await anyio.wait_readable(descriptor)
        except PermissionError:
            await anyio.lowlevel.checkpoint()  # a file: it is always ready, and cannot be waited for
        with suppress(BlockingIOError):  # somebody else was quicker
            return os.read(descriptor, _READ_BYTES)
