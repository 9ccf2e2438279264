"""Look at a segment batch by batch: is it whole, do its indexes tell the truth, does anything good follow damage?

Nothing here changes a file, but ``rebuild_indexes``, which replaces index files that are wrong.
"""

from collections.abc import Callable, Iterator
from typing import Final

from crc32c import crc32c

from gomq_storage.batch import (
    ATTRIBUTES_POSITION,
    HEADER_SIZE,
    MAGIC,
    MAGIC_POSITION,
    NO_LEADER_EPOCH,
    BatchHeader,
    read_header,
)
from gomq_storage.config import LogConfig
from gomq_storage.errors import CorruptBatchError, DamagedLogError
from gomq_storage.offset_index import MAX_RELATIVE_OFFSET
from gomq_storage.segment import Segment

CHUNK_BYTES: Final = 1 << 20
_MAGIC_BYTE: Final = bytes([MAGIC])


class SegmentScan:
    """A walk over a segment's batches that checks each: its CRC, and that it goes on where the one in front ended.

    Args:
        segment: the segment; its ``size`` is what the walk ends at.
        start: the position of the first batch to look at.
        expected: the offset that should start there.
        leader_epoch: the newest in front of it; epochs never fall.
        may_have_gaps: whether offsets may be missing, as in a log that was compacted.
    """

    def __init__(
        self, segment: Segment, *, start: int, expected: int, leader_epoch: int = NO_LEADER_EPOCH, may_have_gaps: bool
    ) -> None:
        self.end: int = start
        """Position behind the last good batch."""
        self.next_offset: int = expected
        """Offset behind it."""
        self.problem: CorruptBatchError | None = None
        """What ended the walk before the segment's end."""
        self._segment = segment
        self._size = segment.size
        self._leader_epoch = leader_epoch
        self._may_have_gaps = may_have_gaps

    def run(self, visit: Callable[[BatchHeader, int], None], *, progress: Callable[[int], None] | None = None) -> None:
        """Walk; ``visit`` gets each good batch's header and position, ``progress`` the bytes done now and then.

        Raises:
            DamagedLogError: a batch whose CRC holds cannot be where it is. It is no torn tail.
        """
        reported = self.end
        try:
            for position, header in _checked_batches(self._segment, self.end, self._size):
                if header.base_offset < self.next_offset or (
                    header.base_offset > self.next_offset and not self._may_have_gaps
                ):
                    reason = f"base offset {header.base_offset} where {self.next_offset} should follow"
                    self.problem = CorruptBatchError(reason, position=position, path=self._segment.path)
                    return
                self._check_place(header, position)
                visit(header, position)
                self.end, self.next_offset = position + header.size, header.next_offset
                if progress is not None and self.end - reported >= CHUNK_BYTES:
                    progress(self.end - reported)
                    reported = self.end
        except CorruptBatchError as problem:
            self.problem = problem

    def valid_batch_behind(self) -> int | None:
        """Look for a batch with a good CRC and an offset that may follow, anywhere behind the damage."""
        segment, size = self._segment, self._size
        start = self.end + 1
        while start + HEADER_SIZE <= size:
            chunk = segment.read(start, CHUNK_BYTES + HEADER_SIZE)
            found = chunk.find(_MAGIC_BYTE, MAGIC_POSITION)
            while 0 <= found < CHUNK_BYTES + MAGIC_POSITION:
                first = found - MAGIC_POSITION
                if self._is_valid_batch(chunk[first : first + HEADER_SIZE], start + first):
                    return start + first
                found = chunk.find(_MAGIC_BYTE, found + 1)
            start += CHUNK_BYTES
        return None

    def _check_place(self, header: BatchHeader, position: int) -> None:
        if header.last_offset - self._segment.base_offset > MAX_RELATIVE_OFFSET:
            reason = f"offset {header.last_offset} is too far from the file's first"
            raise DamagedLogError(self._segment.path, position, reason)
        if header.leader_epoch != NO_LEADER_EPOCH:
            if header.leader_epoch < max(self._leader_epoch, 0):
                reason = f"leader epoch {header.leader_epoch} behind {self._leader_epoch}"
                raise DamagedLogError(self._segment.path, position, reason)
            self._leader_epoch = header.leader_epoch

    def _is_valid_batch(self, raw: bytes, position: int) -> bool:
        try:
            header = read_header(raw)
        except CorruptBatchError:
            return False
        # Of what looks like a header by chance, hardly anything has an offset of this segment: few CRCs are worked out.
        if not self.next_offset <= header.base_offset <= self._segment.base_offset + MAX_RELATIVE_OFFSET:
            return False
        return position + header.size <= self._size and _crc(self._segment, position, header) == header.crc


def is_sound(segment: Segment, following: int, config: LogConfig, *, may_have_gaps: bool) -> bool:
    """Whether a segment, looked at through its indexes, reaches an offset, and they lack no entry.

    The batches behind the last entries are walked over, their records are not read. Behind the one with the largest
    timestamp only so many bytes: that one may be from the future, and all of the segment lie behind it.

    Args:
        segment: the segment.
        following: the next segment's base offset, or the log's end.
        config: the log's settings.
        may_have_gaps: whether the segment may end before that offset, as one that was compacted.
    """
    try:
        last, end, aligned = segment.offset_index.last, segment.base_offset, False
        if not _has_largest(segment, last.position):
            return False
        for position, header in segment.headers(last.position):
            # Without entries the last one is the segment's start, in front of a first batch that compaction moved back.
            aligned |= position == last.position and (header.base_offset <= last.offset or position == 0)
            if position - last.position > config.index_interval_bytes:
                return False
            if header.max_timestamp > segment.largest.timestamp:
                return False
            end = header.next_offset
    except (CorruptBatchError, FileNotFoundError):
        return False
    is_whole = end <= following if may_have_gaps else end == following
    return is_whole and (aligned or segment.size == 0)


def _has_largest(segment: Segment, upto: int) -> bool:
    """Whether the batch of the largest timestamp is there, and none that follows it soon has a larger one."""
    start = segment.position_of(segment.largest)
    if start is None:
        return False
    upto = min(upto, start + CHUNK_BYTES)
    if start < upto:
        for position, header in segment.headers(start):
            if position >= upto:
                break
            if header.max_timestamp > segment.largest.timestamp:
                return False
    return True


def rebuild_indexes(segment: Segment, following: int, config: LogConfig, *, may_have_gaps: bool) -> None:
    """Check every batch of a sealed segment and write its indexes anew.

    Raises:
        DamagedLogError: the segment is not whole; no file was changed.
    """
    size = segment.size
    scan = SegmentScan(segment, start=0, expected=segment.base_offset, may_have_gaps=may_have_gaps)
    segment.begin_rebuilding()
    try:
        scan.run(lambda header, position: segment.note(header, position, config=config))
    finally:
        segment.size = size
    if scan.problem is not None:
        raise DamagedLogError(segment.path, scan.problem.position, scan.problem.reason)
    if scan.next_offset > following or (scan.next_offset < following and not may_have_gaps):
        reason = f"the segment ends before offset {scan.next_offset}, the next one starts at {following}"
        raise DamagedLogError(segment.path, size, reason)
    segment.seal()
    segment.finish_rebuilding()


def _checked_batches(segment: Segment, start: int, size: int) -> Iterator[tuple[int, BatchHeader]]:
    """Yield position and header of each batch whose CRC holds, reading a chunk at a time."""
    position = start
    chunk, chunk_start = memoryview(b""), start
    while position < size:
        if position + HEADER_SIZE > chunk_start + len(chunk):
            chunk, chunk_start = memoryview(segment.read(position, min(CHUNK_BYTES, size - position))), position
        try:
            header = read_header(chunk, position - chunk_start)
        except CorruptBatchError as error:
            raise CorruptBatchError(error.reason, position=position, path=segment.path) from error
        end = position + header.size
        if end > size:
            reason = f"batch of {header.size} bytes, {size - position} are left"
            raise CorruptBatchError(reason, position=position, path=segment.path)
        if end > chunk_start + len(chunk) and header.size <= CHUNK_BYTES:
            chunk, chunk_start = memoryview(segment.read(position, min(CHUNK_BYTES, size - position))), position
        if end <= chunk_start + len(chunk):
            crc = crc32c(chunk[position - chunk_start + ATTRIBUTES_POSITION : end - chunk_start])
        else:
            crc = _crc(segment, position, header)
        if crc != header.crc:
            reason = f"CRC is {crc:#010x}, the header says {header.crc:#010x}"
            raise CorruptBatchError(reason, position=position, path=segment.path)
        yield position, header
        position = end


def _crc(segment: Segment, position: int, header: BatchHeader) -> int:
    """Work out a batch's CRC a chunk at a time: its length may be a lie, and is not worth that much memory."""
    crc = 0
    end = position + header.size
    for start in range(position + ATTRIBUTES_POSITION, end, CHUNK_BYTES):
        crc = crc32c(segment.read(start, min(CHUNK_BYTES, end - start)), crc)
    return crc
