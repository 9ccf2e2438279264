"""Data on stdout for as long as it may take: a reader that is slow holds up what is written, and nothing else.

While a pipe is full the event loop goes on: a consumer stays a member of its group, and Ctrl-C is heard. A file of
stdout's own is switched to waiting instead of blocking, which must not be done to the one that the shell has, too.
"""

import fcntl
import os
import stat
import sys
from contextlib import suppress
from typing import Self

import anyio
from anyio import to_thread


class Output:
    """Where a command's data goes, in a block: ``with Output() as out: await out.write(data)``."""

    def __init__(self) -> None:
        self._descriptor = -1
        self._own = -1
        self._blocks = False

    def __enter__(self) -> Self:
        sys.stdout.flush()
        self._descriptor = sys.stdout.fileno()
        mode = os.fstat(self._descriptor).st_mode
        is_writable = fcntl.fcntl(self._descriptor, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY
        if is_writable and (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)):
            with suppress(OSError):  # another user's, or no such system: then a thread blocks
                flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
                self._own = os.open(f"/proc/self/fd/{self._descriptor}", flags)
        self._blocks = is_writable and self._own < 0 and not stat.S_ISREG(mode)
        return self

    def __exit__(self, *_: object) -> None:
        if self._own >= 0:
            os.close(self._own)
            self._own = -1

    async def write(self, data: bytes) -> None:
        """Write all of it.

        Raises:
            BrokenPipeError: whoever read it has closed it.
        """
        if self._blocks:
            await to_thread.run_sync(_write_all, self._descriptor, data, abandon_on_cancel=True)
        elif self._own < 0:
            _write_all(self._descriptor, data)
        else:
            await self._write_patiently(memoryview(data))

    async def _write_patiently(self, left: memoryview) -> None:
        while left:
            try:
                left = left[os.write(self._own, left) :]
            except BlockingIOError:
                await anyio.wait_writable(self._own)


def _write_all(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]
