"""What of a log readers of committed messages may see, and which of it was aborted.

Kafka: ``UnifiedLog.lastStableOffset``, ``LocalLog.addAbortedTransactions``. Readers of committed messages see up to the
*last stable offset*: the first one of a transaction that is not decided, or the high watermark. What was aborted lies
among the rest; they get a list, and pass over it themselves. The list comes from the segments' ``.txnindex`` files;
for a segment that has none it is made from its batches, once.

A log that is not known to have transactions costs nothing: no file is looked at. It is known by such a file, by its
producers, and by what is appended. Nothing is written here.
"""

import threading
from bisect import bisect_right
from contextlib import suppress
from typing import Final, NamedTuple

from gomq_storage.batch import Buffer
from gomq_storage.errors import CorruptBatchError, CorruptFileError, WouldWaitError
from gomq_storage.files import read_whole
from gomq_storage.layout import MAX_OFFSET, SNAPSHOT_SUFFIX, TXN_INDEX_SUFFIX, segment_file_name
from gomq_storage.log import Log
from gomq_storage.log_values import LogPosition, LogSlice
from gomq_storage.producer_snapshot import decode_snapshot
from gomq_storage.segment import Segment
from gomq_storage.segmented_log import base_offset_of
from gomq_storage.txn_index import MAX_INDEX_BYTES, AbortedTransaction, check_index, collect
from gomq_storage.txn_scan import TransactionScan

_MAX_SNAPSHOT_BYTES: Final = 64 << 20


class _Known(NamedTuple):
    """The aborted transactions of one segment."""

    entries: Buffer
    open_after: dict[int, int] | None
    """The producers whose transactions are open where it ends, and where those began; None where that is not known."""
    scan: TransactionScan | None
    """None: they are from its index."""
    ends: int
    """How many markers the log had seen: as long as it has seen no other, there are no more."""
    is_sealed: bool
    """Whether the segment takes no more of them."""


class Transactions:
    """The transactions of one log; any thread may ask.

    Args:
        log: which, just opened.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._ends_at_opening = log.producers.transactions.ends
        self._opened_with = log.segments[-1].base_offset
        self._was_clean = log.recovery.was_clean
        names = log.files.names(log.directory) if log.size else ()
        self._has_indexes = any(name.endswith(TXN_INDEX_SUFFIX) for name in names)
        self._known: dict[int, _Known] = {}
        self._first_unstable: LogPosition | None = None
        self._loading = threading.Lock()

    @property
    def are_known(self) -> bool:
        """Whether the log is known to have transactions."""
        return self._has_indexes or self._log.producers.transactions.were_any

    def last_stable_offset(self, high_watermark: int) -> int:
        """Say up to which offset all transactions are decided, and seen."""
        transactions = self._log.producers.transactions
        if not transactions.were_any:
            return high_watermark
        first_unstable = transactions.first_unstable(high_watermark)
        if first_unstable is None or first_unstable >= high_watermark:
            return high_watermark
        return min(max(first_unstable, self._log.log_start), high_watermark)

    def last_stable(self, visible: LogPosition, *, may_wait: bool) -> LogPosition:
        """Find the place of the last stable offset. Errors are those of ``Log.read``.

        Args:
            visible: the place of the high watermark.
            may_wait: whether this may take as long as reading a segment.
        """
        offset = self.last_stable_offset(visible.offset)
        if offset == visible.offset:
            return visible
        known = self._first_unstable
        if known is None or known.offset != offset:
            found = self._log.read(offset, max_bytes=0, upto=visible, may_wait=may_wait)
            if found is None:
                return visible
            known = self._first_unstable = LogPosition(offset, found.segment.base_offset, found.position)
        return known

    def aborted(self, found: LogSlice, offset: int, *, may_wait: bool) -> list[AbortedTransaction]:
        """List the aborted transactions that have something in what was read. Kafka: ``addAbortedTransactions``.

        Args:
            found: what was read.
            offset: the first offset that is wanted of it.
            may_wait: whether this may take as long as reading segments.

        Raises:
            WouldWaitError: it takes that long, and may not.
            OSError, CorruptBatchError: the log cannot be read.
        """
        if not self.are_known:
            return []
        segments = self._log.segments
        first = max(bisect_right(segments, found.segment.base_offset, key=base_offset_of) - 1, 0)
        upto = _end_of(found)
        aborted: list[AbortedTransaction] = []
        for number in range(first, len(segments)):
            known = self._known_of(segments, number, may_wait=may_wait)
            some, is_complete = collect(known.entries, offset=offset, upto=upto)
            aborted += some
            if is_complete or all(first_offset >= upto for first_offset in (known.open_after or {}).values()):
                break  # those that end in later segments begin behind what was read
        return aborted

    def _known_of(self, segments: tuple[Segment, ...], number: int, *, may_wait: bool) -> _Known:
        known = self._still_known(segments[number])
        if known is not None:
            return known
        if not may_wait:
            raise WouldWaitError(f"{segments[number].path}: its aborted transactions are not known yet")
        with self._loading:
            return self._still_known(segments[number]) or self._load(segments, number)

    def _still_known(self, segment: Segment) -> _Known | None:
        known = self._known.get(segment.base_offset)
        if known is None or known.is_sealed or known.ends == self._log.producers.transactions.ends:
            return known
        return None

    def _load(self, segments: tuple[Segment, ...], number: int) -> _Known:
        """Read a segment's index, if it has one, or find out what would be in it."""
        segment, is_sealed = segments[number], number < len(segments) - 1
        if len(self._known) > 2 * len(segments):  # those of segments that are gone
            self._known = {each.base_offset: kept for each in segments if (kept := self._known.get(each.base_offset))}
        ends = self._log.producers.transactions.ends
        entries = self._read_index(segment)
        open_after = self._in_snapshot(segments[number + 1].base_offset) if is_sealed else {}
        if entries is None or open_after is None:
            return self._scan(segments, number)
        made = self._known[segment.base_offset] = _Known(entries, open_after, None, ends, is_sealed)
        return made

    def _read_index(self, segment: Segment) -> Buffer | None:
        """Read a segment's index; None where it has none that tells of all of it."""
        is_complete = self._was_clean and self._log.producers.transactions.ends == self._ends_at_opening
        if segment.base_offset >= self._opened_with and not is_complete:
            return None
        path = segment.path.with_suffix(TXN_INDEX_SUFFIX)
        with suppress(FileNotFoundError, CorruptFileError):
            raw = read_whole(self._log.files, path, max_bytes=MAX_INDEX_BYTES)
            return check_index(raw, base_offset=segment.base_offset)
        return None

    def _scan(self, segments: tuple[Segment, ...], number: int) -> _Known:
        """Scan a segment, and before it those that must be scanned to know what is open where it begins."""
        first = number
        while (opened := self._open_at(segments, first)) is None:
            first -= 1
        for each in range(first, number + 1):
            segment, ends = segments[each], self._log.producers.transactions.ends
            known = self._known.get(segment.base_offset)
            scan = known.scan if known is not None else None
            if scan is None or scan.segment is not segment:
                scan = TransactionScan(segment, opened)
            scan.advance()
            opened = scan.open
            is_sealed = each < len(segments) - 1
            self._known[segment.base_offset] = _Known(bytes(scan.entries), dict(opened), scan, ends, is_sealed)
        return self._known[segments[number].base_offset]

    def _open_at(self, segments: tuple[Segment, ...], number: int) -> dict[int, int] | None:
        """Say which transactions are open where a segment begins, if that is known."""
        if number == 0:
            return self._in_snapshot(segments[0].base_offset) or {}
        before = self._still_known(segments[number - 1])
        if before is not None and before.open_after is not None:
            return before.open_after
        return self._in_snapshot(segments[number].base_offset)

    def _in_snapshot(self, offset: int) -> dict[int, int] | None:
        path = self._log.directory / segment_file_name(offset, SNAPSHOT_SUFFIX)
        with suppress(FileNotFoundError, CorruptFileError):
            raw = read_whole(self._log.files, path, max_bytes=_MAX_SNAPSHOT_BYTES)
            known = decode_snapshot(raw, end=offset).active()
            return {each.producer_id: each.txn_first_offset for each in known if each.txn_first_offset >= 0}
        return None


def _end_of(found: LogSlice) -> int:
    """Find the offset behind what was read; where that cannot be told, one that is not in front of it."""
    end = found.position + found.size
    start = found.segment.offset_index.before(end - 1).position
    last_offset = MAX_OFFSET
    try:
        for position, header in found.segment.headers(start):
            if position >= end:
                break
            last_offset = header.next_offset
    except CorruptBatchError:
        return MAX_OFFSET
    return last_offset
