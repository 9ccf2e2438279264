"""Frames out of a stream of bytes: a 4-byte big-endian size, then that many bytes. No I/O.

A frame is handed out as a view of the buffer, good until the next call of ``space``: nothing is copied.
The buffer grows as bytes arrive, never to what a size field promises. A large one is let go when it is empty, and any
is when ``release`` is called.
"""

from typing import Final

from gomq.errors import ProtocolError

SIZE_BYTES: Final = 4
_FIRST_CAPACITY: Final = 4 << 10
"""Enough for a client that asks now and then."""
_USUAL_CAPACITY: Final = 16 << 10
"""Of one that has filled the first."""
_READ_AHEAD_BYTES: Final = 64 << 10
"""While a large frame comes in, nothing behind it is read, so that its successor need not be moved to the front."""
_KEPT_CAPACITY: Final = 4 << 20
"""A larger buffer is not kept for the next frame: many connections that were once busy must not hold on to memory."""


_HTTP_METHODS: Final = frozenset({b"GET ", b"POST", b"HEAD", b"PUT ", b"DELE", b"OPTI", b"PATC", b"CONN", b"PRI "})


class FrameSizeError(ProtocolError):
    """A frame's size is negative, less than a header, or more than the limit."""

    def __init__(self, size: int, max_bytes: int, min_bytes: int = 0) -> None:
        bound = f"at most {max_bytes} are taken" if size > max_bytes else f"at least {min_bytes} are wanted"
        super().__init__(f"frame of {size} bytes; {bound}{_looks_like(size)}")
        self.size = size


def _looks_like(size: int) -> str:
    """Name another protocol by the four bytes that were taken for a size."""
    first = size.to_bytes(4, "big", signed=True)
    if first[:2] in {b"\x16\x03", b"\x15\x03"}:
        return "; this looks like TLS, which is not spoken here"
    if first == b"HTTP":
        return "; this looks like an HTTP server's answer"
    if first in _HTTP_METHODS:
        return "; this looks like an HTTP request"
    if first == b"SSH-":
        return "; this looks like SSH"
    return ""


class FrameBuffer:
    """Collects what a peer sends and cuts it into frames.

    Args:
        max_bytes: the largest frame that is taken.
        min_bytes: the smallest; anything less cannot be one.
        kept_bytes: the largest buffer that is kept from one large frame to the next; once a small one comes, it is
            let go like any other that is large.
    """

    def __init__(self, *, max_bytes: int, min_bytes: int, kept_bytes: int = 0) -> None:
        self.max_bytes = max_bytes
        """As given; another limit counts from the next frame on."""
        self._min_bytes = min_bytes
        self._kept_bytes = kept_bytes
        self._last_size = 0
        """Of the last frame."""
        self._buffer = bytearray()
        self._view = memoryview(self._buffer)
        self._start = 0
        self._end = 0
        self._frame_end: int | None = None

    @property
    def has_part_of_frame(self) -> bool:
        """Whether bytes of a frame are here that is not complete."""
        return self._end > self._start

    @property
    def unfinished_bytes(self) -> int:
        """The size of the frame that is not complete, once it is known; else 0."""
        return 0 if self._frame_end is None else self._frame_end - self._start - SIZE_BYTES

    def release(self) -> None:
        """Let go of the buffer where nothing is in it; the next call of ``space`` makes another."""
        if self._start == self._end:
            self._start = self._end = 0
            self._frame_end = None
            self._replace(bytearray())

    def space(self) -> memoryview:
        """Return where the next bytes from the peer go; its length is how many are wanted at most."""
        if self._end == len(self._buffer) < _USUAL_CAPACITY:
            self._begin()
        if self._start == self._end:
            self._start = self._end = 0
            self._frame_end = None
            are_large = 2 * self._last_size > len(self._buffer)
            if len(self._buffer) > max(_KEPT_CAPACITY, self._kept_bytes if are_large else 0):
                self._replace(bytearray(_USUAL_CAPACITY))
        wanted = self._frame_end if self._frame_end is not None else self._start + SIZE_BYTES
        if wanted > len(self._buffer) and self._start:
            self._move_to_front()
            wanted = self._frame_end if self._frame_end is not None else SIZE_BYTES
        if self._end == len(self._buffer):
            self._grow()
        large = wanted - self._end > _READ_AHEAD_BYTES
        end = wanted if large else self._end + _READ_AHEAD_BYTES
        return self._view[self._end : min(end, len(self._buffer))]

    def received(self, count: int) -> None:
        """Take note that ``count`` bytes were put into the space."""
        self._end += count

    def next_frame(self) -> memoryview | None:
        """Return the next whole frame without its size, read-only, or None when more bytes are needed.

        Raises:
            FrameSizeError: the stream does not hold frames, or one that is too large.
        """
        if self._frame_end is None:
            if self._end - self._start < SIZE_BYTES:
                return None
            size = int.from_bytes(self._view[self._start : self._start + SIZE_BYTES], "big", signed=True)
            if not self._min_bytes <= size <= self.max_bytes:
                raise FrameSizeError(size, self.max_bytes, self._min_bytes)
            self._frame_end = self._start + SIZE_BYTES + size
        if self._end < self._frame_end:
            return None
        frame = self._view[self._start + SIZE_BYTES : self._frame_end].toreadonly()
        self._last_size = len(frame)
        self._start = self._frame_end
        self._frame_end = None
        return frame

    def _begin(self) -> None:
        """Get a buffer, or a larger one than the first."""
        count = self._end - self._start
        buffer = bytearray(_USUAL_CAPACITY if self._buffer else _FIRST_CAPACITY)
        buffer[:count] = self._view[self._start : self._end]
        if self._frame_end is not None:
            self._frame_end -= self._start
        self._start, self._end = 0, count
        self._replace(buffer)

    def _move_to_front(self) -> None:
        count = self._end - self._start
        self._view[:count] = self._view[self._start : self._end]
        if self._frame_end is not None:
            self._frame_end -= self._start
        self._start, self._end = 0, count

    def _grow(self) -> None:
        """Double the buffer, to no more than the frame in it needs."""
        needed = self._frame_end if self._frame_end is not None else len(self._buffer)
        capacity = min(2 * len(self._buffer), max(needed, 2 * _USUAL_CAPACITY))
        buffer = bytearray(max(capacity, len(self._buffer) + _USUAL_CAPACITY))
        buffer[: self._end] = self._view[: self._end]
        self._replace(buffer)

    def _replace(self, buffer: bytearray) -> None:
        self._buffer = buffer
        self._view = memoryview(buffer)
