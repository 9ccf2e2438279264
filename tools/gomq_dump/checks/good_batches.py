"""Walk through a log as long as nothing is wrong with it: the hot path of verifying, which nearly always is all of it.

What is wrong, how far, and what follows is ``LogWalk``'s to say. Here each batch has to pass all that it checks.
"""

from collections.abc import Iterator
from typing import Final

from crc32c import crc32c

from gomq_dump.findings import Finding, Problem
from gomq_dump.reading.reader import ByteReader
from gomq_storage.batch import (
    ATTRIBUTES_POSITION,
    HEADER,
    HEADER_SIZE,
    LENGTH_OVERHEAD,
    MAGIC,
    MIN_LENGTH,
    NO_LEADER_EPOCH,
    BatchHeader,
)
from gomq_storage.compression import Codec
from gomq_storage.offset_index import MAX_RELATIVE_OFFSET

_CHUNK_BYTES: Final = 1 << 20
"""What is read at once: it should still be in the processor's cache when its CRCs are worked out."""
_LARGEST_BYTES: Final = 8 << 20
"""Of a batch; larger ones are left to ``LogWalk``, which needs no memory for them."""
_CODEC_BITS: Final = 0b111


class GoodBatches:
    """The batches of a log file up to the first with which something is wrong. To be walked once.

    Args:
        log: the file.
        base_offset: the one in its name.
    """

    def __init__(self, log: ByteReader, base_offset: int) -> None:
        self.position: int = 0
        """Byte of the file up to which all is good."""
        self.next_offset: int = base_offset
        """Offset behind the last good batch."""
        self._log = log
        self._highest = base_offset + MAX_RELATIVE_OFFSET
        self._leader_epoch = NO_LEADER_EPOCH
        self._gap_count = 0
        self._first_gap = (0, 0, 0)

    @property
    def gap(self) -> Finding | None:
        """What is to be noted where offsets are missing."""
        if not self._gap_count:
            return None
        position, expected, found = self._first_gap
        where = "" if self._gap_count == 1 else f" in {self._gap_count} places"
        message = f"offsets are missing{where}, as compaction leaves them"
        return Finding(problem=Problem.OFFSET_GAP, position=position, message=message, expected=expected, found=found)

    def __iter__(self) -> Iterator[tuple[int, BatchHeader]]:
        """Yield position and header of each."""
        chunk_bytes = _CHUNK_BYTES
        while self.position < self._log.size:
            start = self.position
            yield from self._walk(self._log.view(start, chunk_bytes), start)
            if self.position > start:
                chunk_bytes = _CHUNK_BYTES
            elif chunk_bytes == _LARGEST_BYTES:
                return
            else:
                chunk_bytes = _LARGEST_BYTES

    def _walk(self, chunk: memoryview, start: int) -> Iterator[tuple[int, BatchHeader]]:
        """Walk through the good batches that are in a chunk as a whole. One flat loop: it is all the time there is."""
        position, next_offset, newest_epoch = 0, self.next_offset, self._leader_epoch
        highest, last = self._highest, len(chunk) - HEADER_SIZE
        unpack, make = HEADER.unpack_from, tuple.__new__
        while position <= last:
            header: BatchHeader = make(BatchHeader, unpack(chunk, position))
            base_offset, length, leader_epoch, magic, crc, attributes, last_delta, _, _, _, _, _, count = header
            end = position + LENGTH_OVERHEAD + length
            last_offset = base_offset + last_delta
            if (
                end > last + HEADER_SIZE
                or length < MIN_LENGTH
                or magic != MAGIC
                or base_offset < next_offset
                or last_delta < 0
                or last_offset > highest
                or not 0 <= count <= last_delta + 1
                or (leader_epoch < newest_epoch and leader_epoch != NO_LEADER_EPOCH)
                or attributes & _CODEC_BITS > Codec.ZSTD
                or crc32c(chunk[position + ATTRIBUTES_POSITION : end]) != crc
            ):
                break
            if base_offset != next_offset:
                self._note_gap(start + position, next_offset, base_offset)
            newest_epoch = max(newest_epoch, leader_epoch)
            yield start + position, header
            position, next_offset = end, last_offset + 1
        self.position, self.next_offset, self._leader_epoch = start + position, next_offset, newest_epoch

    def _note_gap(self, position: int, expected: int, found: int) -> None:
        if not self._gap_count:
            self._first_gap = position, expected, found
        self._gap_count += 1
