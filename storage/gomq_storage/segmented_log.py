"""A log's segments and what is found in them: by offset, by time. Kafka: ``LocalLog``.

A segment's indexes are compared with its batches when it is first used, unless opening the log has done it.
"""

import threading
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path

from gomq_storage.config import LogConfig
from gomq_storage.errors import DamagedLogError, OffsetOutOfRangeError, WouldWaitError
from gomq_storage.files import Files
from gomq_storage.log_values import LogPosition, LogSlice
from gomq_storage.recovery import Recovered, RecoveryReport
from gomq_storage.segment import Segment
from gomq_storage.segment_scan import is_sound, rebuild_indexes
from gomq_storage.time_index import TimestampOffset


class SegmentedLog:
    """The segments of one partition's log; ``Log`` adds to them.

    Args:
        directory: the log's folder.
        recovered: its parts.
        config: its settings.
        files: the file system.
        may_have_gaps: whether offsets may be missing, as the log was compacted.
    """

    def __init__(
        self, directory: Path, recovered: Recovered, config: LogConfig, files: Files, *, may_have_gaps: bool
    ) -> None:
        self.directory = directory
        self.files = files
        self.config = config
        self.recovery: RecoveryReport = recovered.report
        """What opening the log had to repair."""
        self.is_closed = False
        self.maintaining: threading.Lock = threading.Lock()
        """Held while segments are replaced or taken out; taken before all others."""
        self._may_have_gaps = may_have_gaps
        self._segments = recovered.segments
        self._log_start = recovered.log_start
        last = self._segments[-1]
        self._end = LogPosition(recovered.log_end, last.base_offset, last.size)
        self._changing = threading.RLock()  # what is known of segments, end and producers changes together
        self._syncing = threading.Lock()  # taken after the other, where both are
        self._checking = threading.Lock()

    @property
    def log_start(self) -> int:
        """Offset of the first record kept."""
        return self._log_start

    @property
    def log_end(self) -> int:
        """Offset that the next record will get."""
        return self._end.offset

    @property
    def end(self) -> LogPosition:
        """Where the next batch will be written."""
        return self._end

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The segments, oldest first; the last one is the active one."""
        return self._segments

    @property
    def size(self) -> int:
        """Bytes in all log files."""
        return sum(segment.size for segment in self._segments)

    def read(
        self,
        offset: int,
        *,
        max_bytes: int,
        upto: LogPosition | None = None,
        at_least_one_batch: bool = True,
        may_wait: bool = True,
    ) -> LogSlice | None:
        """Find the bytes of the batch that holds an offset, and of those behind it in the same segment.

        Args:
            offset: the first record that is wanted; the whole batch it is in is returned.
            max_bytes: how many bytes at most.
            upto: nothing at or behind this place is returned; None means the log's end.
            at_least_one_batch: return a first batch that is larger than ``max_bytes`` whole.
            may_wait: compare a segment's indexes with its batches, and rebuild them, where nobody has done so yet.

        Returns:
            the slice, or None when there is nothing (yet) to read.

        Raises:
            OffsetOutOfRangeError: the offset is before the log's start or behind its end.
            CorruptBatchError: the log is damaged where it was looked at.
            DamagedLogError: so is a sealed segment.
            WouldWaitError: indexes have to be compared first, and it may not wait.
        """
        upto = upto or self._end
        segments = self._segments
        if not self._log_start <= offset <= self._end.offset:
            raise OffsetOutOfRangeError(offset, log_start=self.log_start, log_end=self.log_end)
        if offset >= upto.offset:
            return None
        index = max(bisect_right(segments, offset, key=base_offset_of) - 1, 0)
        for number in range(index, len(segments)):
            segment = segments[number]
            if number + 1 < len(segments) and not segment.is_checked:
                self._check(segment, segments[number + 1].base_offset, may_wait=may_wait)
            found = segment.find(offset)
            if found is not None:
                break
        else:
            return None
        (_, position), first_size = found
        end = segment.size
        if segment.base_offset == upto.segment_base_offset:
            end = min(end, upto.position)  # compacted since, it is smaller
        if segment.base_offset > upto.segment_base_offset:
            return None
        wanted = max(max_bytes, first_size) if at_least_one_batch else max_bytes
        size = min(wanted, end - position)
        return LogSlice(segment, position, size, size < first_size) if size > 0 else None

    def find_timestamp(self, timestamp: int) -> TimestampOffset | None:
        """Find the first record at or after a timestamp (ms), or None where all are earlier.

        Raises:
            CorruptBatchError: a batch that had to be opened is damaged.
            DamagedLogError: a sealed segment is damaged.
        """
        for segment in () if self.is_closed else self.checked_segments():
            found = segment.find_timestamp(timestamp, start_offset=self._log_start)
            if found is not None:
                return found
        return None

    def largest_timestamp(self) -> TimestampOffset | None:
        """Find the record with the largest timestamp, or None in an empty log."""
        segments = self.checked_segments()
        largest = max((segment.largest for segment in segments), key=lambda entry: entry.timestamp)
        return self.find_timestamp(largest.timestamp) if self.log_end > self.log_start else None

    def checked_segments(self) -> tuple[Segment, ...]:
        """List the segments once their indexes have been compared with their batches, and rebuilt if need be.

        Raises:
            DamagedLogError: a sealed segment is not whole.
        """
        segments = self._segments
        for number, segment in enumerate(segments[:-1]):
            if not segment.is_checked:
                self._check(segment, segments[number + 1].base_offset)
        return segments

    def _check(self, segment: Segment, following: int, *, may_wait: bool = True) -> None:
        """Compare a sealed segment's indexes with its batches, once, at their first use."""
        if not may_wait and segment.damage is None:
            raise WouldWaitError(f"{segment.path}: its indexes are not checked yet")
        with self._checking:
            if segment.is_checked:
                return
            if segment.damage is not None:
                raise segment.damage.with_traceback(None)  # else each raise makes its traceback longer
            gaps = self.may_have_gaps
            if not is_sound(segment, following, self.config, may_have_gaps=gaps):
                try:
                    rebuild_indexes(segment, following, self.config, may_have_gaps=gaps)
                except DamagedLogError as error:
                    segment.damage = error
                    raise
            segment.is_checked = True

    @property
    def may_have_gaps(self) -> bool:
        """Whether offsets may be missing between batches, because the log is or was compacted."""
        return self.config.is_compacted or self._may_have_gaps

    def detach_below(self, saved_start: int) -> tuple[Segment, ...]:
        """Take the sealed segments that lie wholly before the log's start out of the log; the caller removes them.

        Args:
            saved_start: the log's start as it was last saved. It is what tells, after a crash, that they do not belong;
                the start may have moved on since, or back.
        """
        with self._changing:
            segments = self._segments
            log_start = min(saved_start, self._log_start)
            count = max(bisect_right(segments, log_start, key=base_offset_of) - 1, 0)
            self._segments = segments[count:]
            return segments[:count]

    def replace_segments(self, old: Sequence[Segment], new: Sequence[Segment]) -> None:
        """Put segments that hold the same offsets in the place of others, which the caller removes."""
        with self._changing:
            segments = self._segments
            first = segments.index(old[0])
            if segments[first : first + len(old)] != tuple(old):
                raise ValueError("the segments to be replaced are no run of the log's")
            self._segments = (*segments[:first], *new, *segments[first + len(old) :])
            self._may_have_gaps = True

    def release(self, segments: Sequence[Segment]) -> None:
        """Close segments that are no part of the log any more, and remove their files.

        Raises:
            OSError: a file could not be removed.
        """
        with self._syncing:  # a flush may still be at them
            for segment in segments:
                segment.close()
        for segment in segments:
            segment.remove(self.files)


def base_offset_of(segment: Segment) -> int:
    """Return a segment's base offset: the key by which segments are looked up."""
    return segment.base_offset
