"""Checks the batches of a log file while its bytes pass by, in whatever pieces: nothing is kept but a header."""

from crc32c import crc32c

from gomq_storage.batch import ATTRIBUTES_POSITION, HEADER_SIZE, BatchHeader, Buffer, read_header
from gomq_storage.errors import CorruptBatchError


class PassingBatches:
    """A walk over batches that come piece by piece.

    Args:
        base_offset: the first offset that may be in the file.
    """

    def __init__(self, base_offset: int) -> None:
        self.end: int = 0
        """Position behind the last whole batch whose CRC holds."""
        self.next_offset: int = base_offset
        """Offset behind it."""
        self.problem: CorruptBatchError | None = None
        """What is wrong with the batch there; None while nothing is, or as long as not all of it has come."""
        self._head = bytearray()
        self._header: BatchHeader | None = None
        self._crc = 0
        self._left = 0

    def feed(self, data: Buffer) -> None:
        """Take the next bytes of the file; behind a problem they are not looked at."""
        rest = memoryview(data)
        while rest and self.problem is None:
            rest = self._in_header(rest) if self._header is None else self._in_body(rest)

    def _in_header(self, rest: memoryview) -> memoryview:
        wanted = HEADER_SIZE - len(self._head)
        self._head += rest[:wanted]
        if len(self._head) == HEADER_SIZE:
            try:
                self._header = read_header(self._head)
            except CorruptBatchError as error:
                self.problem = CorruptBatchError(error.reason, position=self.end)
                return rest
            self._crc = crc32c(self._head[ATTRIBUTES_POSITION:])
            self._left = self._header.size - HEADER_SIZE
            self._finish_batch()
        return rest[wanted:]

    def _in_body(self, rest: memoryview) -> memoryview:
        taken = min(self._left, len(rest))
        self._crc = crc32c(rest[:taken], self._crc)
        self._left -= taken
        self._finish_batch()
        return rest[taken:]

    def _finish_batch(self) -> None:
        header = self._header
        if header is None or self._left:
            return
        if self._crc != header.crc:
            reason = f"CRC is {self._crc:#010x}, the header says {header.crc:#010x}"
            self.problem = CorruptBatchError(reason, position=self.end)
        elif header.base_offset < self.next_offset:
            reason = f"base offset {header.base_offset} where {self.next_offset} or more should follow"
            self.problem = CorruptBatchError(reason, position=self.end)
        else:
            self.end += header.size
            self.next_offset = header.next_offset
        self._header = None
        self._head.clear()
