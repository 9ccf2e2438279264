"""Descriptors that come and go: a log has three files for each segment, more than a process may have open.

A file is opened when it is used. A descriptor that nobody uses lies in ``DescriptorCache.idle``, the least recently
used first, and that is where one is taken from to be closed when there are too many.

- Who uses a descriptor takes it out of ``idle`` and puts it back, each in one step of the dict, without a lock: this
  is on the way of every read and write. So none is closed, and its number given to another file, while it is used.
- Who finds it taken by another thread shares it, and is counted. At any time a file has ``sharers`` users, and one
  more while its descriptor is open and not in ``idle``. Sharing, closing and counting are done under ``lock``.
- Files are opened and renamed under ``opening``, so that none is opened by a name that it has no more.

A file may be closed here with writes that are not on the device. A later sync, through another descriptor, reports
all the same that they got lost: since Linux 4.17 an error of writing back that nobody has seen yet is reported to
descriptors opened after it, too. Which files have such writes is therefore not looked at.
"""

import errno
import os
import resource
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

_NONE: Final = -1
_FEWEST: Final = 16
_MOST: Final = 1 << 20
"""Where the process has no limit."""
_FLAGS: Final = os.O_RDWR | os.O_CLOEXEC
_OUT_OF_DESCRIPTORS: Final = frozenset({errno.EMFILE, errno.ENFILE})

Result = TypeVar("Result")


class DescriptorCache:
    """The open descriptors of many files, at most about ``max_open``: more only while as many threads use more.

    Args:
        max_open: None means half of the process's soft limit when the first file is opened, at least 16; the rest
            is for sockets.
    """

    def __init__(self, max_open: int | None = None) -> None:
        self.idle: OrderedDict[CachedDescriptor, int] = OrderedDict()
        """Who has a descriptor that nobody uses, the least recently used first."""
        self.lock: threading.Lock = threading.Lock()
        """Never held over a system call."""
        self.opening: threading.Lock = threading.Lock()
        """Held while a file is opened or renamed; taken before ``lock``."""
        self.open_count: int = 0
        self._max_open = max_open

    @property
    def max_open(self) -> int:
        """How many descriptors are kept open."""
        if self._max_open is None:
            self._max_open = _half_of_the_limit()
        return self._max_open

    def open(self, path: str, flags: int) -> int:
        """Open a file, closing others where there would be too many; ``opening`` is held."""
        while self.open_count >= self.max_open and self._close_one():
            pass
        return self.attempt(lambda: os.open(path, flags, 0o644))

    def attempt(self, call: Callable[[], Result]) -> Result:
        """Make a call that needs a descriptor; where none is left close idle ones until it succeeds.

        Raises:
            OSError: it failed for another reason, or nothing is left to close.
        """
        while True:
            try:
                return call()
            except OSError as error:
                if error.errno not in _OUT_OF_DESCRIPTORS or not self._close_one():
                    raise

    def _close_one(self) -> bool:
        """Close the descriptor that was not used for the longest time; return False where all are in use."""
        with self.lock:
            number = self._take_one()
        if number == _NONE:
            return False
        with suppress(OSError):  # it is closed all the same, and what got lost the file's next sync reports
            os.close(number)
        return True

    def _take_one(self) -> int:
        for _ in range(len(self.idle)):
            try:
                file, number = self.idle.popitem(last=False)
            except KeyError:
                break  # other threads use all of them by now
            if not file.sharers:
                file.number = _NONE
                self.open_count -= 1
                return number
            self.idle[file] = number
        return _NONE


class CachedDescriptor:
    """The descriptor of one file, opened when it is taken and not open yet.

    Whoever removes the file, replaces it, or renames a directory above it, closes it first: later it might be opened
    by a name that is another file's.

    Args:
        path: the file, which need not be there yet.
        cache: where the descriptor is kept while nobody uses it.
    """

    __slots__ = ("_cache", "_is_closed", "_path", "number", "sharers")

    def __init__(self, path: Path, cache: DescriptorCache) -> None:
        self._path = os.fspath(path)  # a Path takes five times the memory
        self._cache = cache
        self._is_closed = False
        self.number: int = _NONE
        self.sharers: int = 0

    def create(self) -> None:
        """Open the file now, making it where it is missing."""
        self.put_back(self._share_or_open(os.O_CREAT))

    def take(self) -> int:
        """Return the descriptor, to be used until it is put back; opens the file by its path where it is not open.

        Raises:
            OSError: it cannot be opened, or was closed for good.
        """
        number = self._cache.idle.pop(self, None)
        return self._share_or_open() if number is None else number

    def put_back(self, number: int) -> None:
        """Say that the descriptor is not used any more; exactly once for each ``take``."""
        if self.sharers:
            self._leave(number)
        else:  # should somebody begin to share it now, he is counted, and it is not closed
            self._cache.idle[self] = number
        if self._is_closed:
            self.close()

    def duplicate_descriptor(self) -> int:
        """Return a descriptor of its own for the same file, which the caller closes."""
        number = self.take()
        try:
            return self._cache.attempt(lambda: os.dup(number))
        finally:
            self.put_back(number)

    def rename(self, target: Path) -> None:
        """Rename the file, replacing one that has the target's name, and go on with it under its new name."""
        with self._cache.opening:
            if self._is_closed:
                raise self._closed_error()
            os.rename(self._path, target)
            self._path = os.fspath(target)

    def close(self) -> None:
        """Let go of the file for good, without waiting: if it is in use, the last to use it closes it."""
        with self._cache.lock:
            self._is_closed = True
            number = self._cache.idle.pop(self, None)
            if number is None:
                return
            if self.sharers:
                self.sharers -= 1  # out of ``idle`` it has one user who is not counted
                return
            self.number = _NONE
            self._cache.open_count -= 1
        os.close(number)

    def _leave(self, number: int) -> None:
        with self._cache.lock:
            if self.sharers:
                self.sharers -= 1
            else:
                self._cache.idle[self] = number

    def _share_or_open(self, extra_flags: int = 0) -> int:
        cache = self._cache
        with cache.lock:
            number = self._share()
        if number != _NONE:
            return number
        with cache.opening:
            with cache.lock:
                number = self._share()  # another thread may have opened it
            if number != _NONE:
                return number
            number = cache.open(self._path, _FLAGS | extra_flags)
            with cache.lock:
                if not self._is_closed:
                    self.number = number
                    cache.open_count += 1
                    return number
        os.close(number)
        raise self._closed_error()

    def _share(self) -> int:
        if self._is_closed:
            raise self._closed_error()
        number = self._cache.idle.pop(self, None)
        if number is not None:
            return number
        if self.number != _NONE:
            self.sharers += 1
        return self.number

    def _closed_error(self) -> OSError:
        return OSError(errno.EBADF, os.strerror(errno.EBADF), self._path)


def _half_of_the_limit() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        soft = _MOST
    return max(soft // 2, _FEWEST)


SHARED: Final = DescriptorCache()
"""What the files of this process share unless they are told otherwise."""
