"""Walk through one segment once, and hold all that is told of its batches against them.

The indexes are opened in front of the log: a running broker writes the log in front of them. What has been appended to
either since is not looked at.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from typing import Final, TypeAlias

from gomq_dump.checks.complaints import Complaints
from gomq_dump.checks.good_batches import GoodBatches
from gomq_dump.checks.history import History
from gomq_dump.checks.records import check_records
from gomq_dump.checks.sources import guarded, open_file
from gomq_dump.checks.transactions import TxnEntries
from gomq_dump.findings import Complain, Finding, Problem
from gomq_dump.reading.batches import Batch, LogWalk
from gomq_dump.reading.control import Control, read_control
from gomq_dump.reading.index_checks import check_segments_meet
from gomq_dump.reading.indexes import walk_offset_index, walk_time_index
from gomq_dump.reading.offset_entries import OffsetEntries
from gomq_dump.reading.paths import SegmentFile
from gomq_dump.reading.reader import CHUNK_BYTES, ByteReader
from gomq_dump.reading.records import read_records
from gomq_dump.reading.time_entries import TimeEntries
from gomq_dump.reading.txn_entries import TxnEntry, walk_txn_index
from gomq_storage.batch import BatchHeader
from gomq_storage.layout import LOG_SUFFIX, OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX, TXN_INDEX_SUFFIX

Advance: TypeAlias = Callable[[int], object]
"""Is told how many bytes of logs have been looked at."""
_INDEXES: Final = (OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX)
_INDEX_CHUNK_BYTES: Final = 64 << 10


def check_segment(
    files: Mapping[str, SegmentFile], history: History, complaints: Complaints, *, is_last: bool, advance: Advance
) -> None:
    """Check one segment of a log, and let ``history`` go on to its end.

    Args:
        files: the segment's, by their suffix.
        history: the log in front of the segment.
        complaints: take what is wrong.
        is_last: whether the log ends with it.
        advance: is told of the bytes of the log.
    """
    log_file = files.get(LOG_SUFFIX)
    if log_file is None:
        for file in files.values():
            message = "the entries are not checked: there is no log file beside the index"
            complaints.add(file.path, Finding(problem=Problem.NOT_CHECKED, position=0, message=message))
        return
    history.counts.files += len(files)
    for suffix in _INDEXES:
        path = log_file.sibling(suffix)
        if suffix not in files and not os.path.exists(path):  # of a log that was named alone they are not looked at
            message = "there is no such file beside the log; a broker makes it anew"
            complaints.add(path, Finding(problem=Problem.MISSING_FILE, position=0, message=message))
    with ExitStack() as opened:
        readers: dict[str, ByteReader | None] = {
            suffix: open_file(opened, files[suffix].path, complaints.of(files[suffix].path), chunk_bytes=chunk_bytes)
            for suffix, chunk_bytes in [
                *((each, _INDEX_CHUNK_BYTES) for each in (*_INDEXES, TXN_INDEX_SUFFIX)),
                (LOG_SUFFIX, CHUNK_BYTES),
            ]
            if suffix in files
        }
        log = readers[LOG_SUFFIX]
        if log is None:
            history.lose()
        else:
            walk = _SegmentWalk(log_file, log, history, complaints, is_last=is_last)
            walk.open_indexes(readers)
            walk.run(advance)


class _SegmentWalk:
    """The walk, and what it is compared with."""

    def __init__(
        self, file: SegmentFile, log: ByteReader, history: History, complaints: Complaints, *, is_last: bool
    ) -> None:
        self._file = file
        self._log = log
        self._history = history
        self._complaints = complaints
        self._complain: Complain = complaints.of(file.path)
        self._is_last = is_last
        self.open_indexes({})

    def open_indexes(self, readers: Mapping[str, ByteReader | None]) -> None:
        """Say which indexes there are."""
        base_offset = self._file.base_offset
        path = self._file.sibling(OFFSET_INDEX_SUFFIX)
        complain = self._complaints.of(path)
        reader = readers.get(OFFSET_INDEX_SUFFIX)
        offsets = walk_offset_index(reader, base_offset) if reader is not None else iter(())
        self._offsets = OffsetEntries(guarded(offsets, complain), complain, log_size=self._log.size)

        complain = self._complaints.of(self._file.sibling(TIME_INDEX_SUFFIX))
        reader = readers.get(TIME_INDEX_SUFFIX)
        self._has_times = reader is not None
        times = walk_time_index(reader, base_offset) if reader is not None else iter(())
        self._times = TimeEntries(guarded(times, complain), complain)

        path = self._file.sibling(TXN_INDEX_SUFFIX)
        reader = readers.get(TXN_INDEX_SUFFIX)
        is_told = reader is not None or not os.path.exists(path)  # of a log that was named alone it is not looked at
        complain = self._complaints.of(path) if is_told else _ignore
        entries: Iterable[TxnEntry | Finding] = walk_txn_index(reader, base_offset) if reader is not None else ()
        self._aborted = TxnEntries(guarded(entries, complain), complain, self._history.transactions)

    def run(self, advance: Advance) -> None:
        """Walk to the segment's end."""
        history, file = self._history, self._file
        if history.is_begun:
            finding = check_segments_meet(history.end, file.base_offset)
            if finding is not None:
                self._complain(finding)
                history.doubt()
        history.is_begun = True
        self._is_unreadable = False
        self._expected = file.base_offset
        good = GoodBatches(self._log, file.base_offset)
        reported = self._walk_good(good, advance)
        end = good.next_offset
        if good.position < self._log.size and not self._is_unreadable:
            end = self._walk_all(good.position)
        elif good.gap is not None:
            self._complain(good.gap)
        if self._is_unreadable:
            history.lose()
        else:
            self._offsets.finish()
            self._times.finish(is_sealed=self._has_times and not self._is_last)
            self._aborted.finish()
        history.end = max(end, file.base_offset)
        history.counts.log_bytes += self._log.size
        advance(self._log.size - reported)

    def _walk_good(self, good: GoodBatches, advance: Advance) -> int:
        """Go as far as nothing is wrong; return up to where ``advance`` was told."""
        count = reported = 0
        is_deep = self._history.is_deep
        for position, header in guarded(good, self._give_up):
            count += 1
            self._meet(position, header)
            if is_deep:
                check_records(position, self._log, header, self._complain)
            if position - reported >= CHUNK_BYTES:
                advance(position - reported)
                reported = position
        self._history.counts.batches += count
        return reported

    def _walk_all(self, met: int) -> int:
        """Walk again, and now say what is wrong; what lies in front of ``met`` is known. Return the log's end."""
        walk = LogWalk(self._log, self._file.base_offset)
        for item in guarded(walk, self._give_up):
            if isinstance(item, Finding) or not item.is_valid:
                self._meet_damage(item)
            elif item.position >= met:
                self._history.counts.batches += 1
                self._meet(item.position, item.header)
                if self._history.is_deep:
                    check_records(item.position, self._log, item.header, self._complain)
        return walk.next_offset

    def _give_up(self, finding: Finding) -> None:
        """Say that the rest of the log cannot be read."""
        self._is_unreadable = True
        self._complain(finding)

    def _meet(self, position: int, header: BatchHeader) -> None:
        """Compare a batch with whatever has something to say of it. The hot path: mostly there is nothing."""
        base_offset, last_offset, history = header.base_offset, header.last_offset, self._history
        if base_offset != self._expected or header.record_count <= header.last_offset_delta:
            history.doubt()
        self._expected = last_offset + 1
        if position >= self._offsets.awaited:
            self._offsets.meet(position, header)
        self._times.largest = max(self._times.largest, header.max_timestamp)
        if last_offset >= self._times.awaited:
            self._times.meet(header)
        if header.leader_epoch != history.epochs.epoch or last_offset >= history.epochs.until:
            history.epochs.meet(header, is_last_segment=self._is_last)
        if base_offset >= history.snapshots.next_offset:
            history.reach(base_offset)
        if header.producer_id >= 0:
            self._meet_producer(position, header)

    def _meet_damage(self, item: Batch | Finding) -> None:
        if isinstance(item, Finding):
            self._complain(item)
            if not item.is_damage:
                return
            if item.size is not None:
                self._offsets.meet_damage(item.position, item.position + item.size)
        else:
            self._history.counts.batches += 1
            self._offsets.meet(item.position, item.header, is_valid=False)
        self._times.meet_damage()
        self._aborted.meet_damage()
        self._history.doubt()

    def _meet_producer(self, position: int, header: BatchHeader) -> None:
        control = None
        if header.is_control:
            control = self._read_marker(position, header)
            if control is not None:
                self._aborted.meet_marker(header, aborts=control.kind == "ABORT")
        elif header.is_transactional and header.record_count:
            self._history.transactions.meet(header)
        epoch = None if control is None else control.coordinator_epoch
        self._history.producers.meet(position, header, self._complain, epoch)

    def _read_marker(self, position: int, header: BatchHeader) -> Control | None:
        """Read what ends a transaction; None for one of which compaction has left the header only."""
        if not header.record_count or header.size > CHUNK_BYTES:
            return None
        records = read_records(position, self._log.view(position, header.size), header)
        if isinstance(records, Finding):
            self._complain(records)
            return None
        return read_control(records[0].key, records[0].value) if records else None


def _ignore(_finding: Finding) -> None:
    """Nothing was read that it could be about."""
