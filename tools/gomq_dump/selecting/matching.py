"""Which records of a batch are selected. Bytes and values: what a batch has, a filter of it leaves."""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import compress
from operator import itemgetter
from typing import Any, TypeAlias

from gomq_dump.reading.batches import Batch
from gomq_dump.reading.records import PIECE_RECORDS, DecodedRecords
from gomq_dump.selecting.selection import MAX_OFFSET, Selection
from gomq_storage.batch import BatchHeader
from gomq_storage.record_fields import Columns

Pick: TypeAlias = Callable[[Columns], Columns]


class BatchFilter:
    """Leaves of each batch what is selected, and counts it.

    Args:
        selection: what is selected.
        with_records: whether records are to be shown, or only batches that have some.
        with_control: whether the records of control batches count, which no consumer sees.
    """

    def __init__(self, selection: Selection, *, with_records: bool, with_control: bool = True) -> None:
        self.skip: int = 0
        """How many of the records that are selected next are left out."""
        self.left: int = MAX_OFFSET if selection.limit is None else selection.limit
        """How many more are wanted."""
        self.shows_records: bool = with_records or selection.shows_records
        self.needs_records: bool = self.shows_records or selection.looks_into_records
        """Whether batches have to come with their records."""
        self.counts_by_header: bool = not selection.looks_into_records and (
            selection.from_offset == 0 and selection.to_offset == MAX_OFFSET
        )
        """Whether a batch's header is enough for ``count``."""
        self._selection = selection
        self._with_control = with_control

    def is_done(self) -> bool:
        """Whether no more is wanted."""
        return self.left <= 0

    def is_behind(self, header: BatchHeader) -> bool:
        """Whether a batch lies behind all that is selected."""
        return header.base_offset >= self._selection.to_offset

    def select(self, batch: Batch) -> Batch | None:
        """Leave what is selected of a batch; None where that is nothing."""
        if not self._may_have_some(batch.header):
            return None
        if batch.records is None:
            return None if self._selection.looks_into_records else batch
        picked = self._pick(batch)
        count = len(picked)
        if count == 0:
            # A batch that compaction has emptied is still there.
            selects_records = self._selection.looks_into_records or self._selection.shows_records
            return None if batch.records or selects_records else batch
        skipped = min(self.skip, count)
        self.skip -= skipped
        shown = min(count - skipped, self.left)
        self.left -= shown
        if not self.shows_records:
            return replace(batch, records=None)
        return replace(batch, records=cut(picked, skipped, skipped + shown)) if shown else None

    def count(self, batch: Batch) -> int:
        """Count the records of a batch that are selected, whatever is skipped or wanted."""
        if not self._may_have_some(batch.header):
            return 0
        if self.counts_by_header:
            return batch.header.record_count if batch.is_valid else 0
        return len(self._pick(batch)) if batch.records is not None else 0

    def _may_have_some(self, header: BatchHeader) -> bool:
        if header.is_control and not self._with_control:
            return False
        return header.last_offset >= self._selection.from_offset and header.base_offset < self._selection.to_offset

    def _pick(self, batch: Batch) -> DecodedRecords:
        records = DecodedRecords.of(batch.records or ())
        selection, header = self._selection, batch.header
        is_within = selection.from_offset <= header.base_offset and header.last_offset < selection.to_offset
        if is_within and not selection.looks_into_records:
            return records
        return _through(records, lambda columns: pick(columns, selection))


def pick(columns: Columns, selection: Selection) -> Columns:
    """Leave the records that are selected."""
    first = bisect_left(columns.offsets, selection.from_offset)
    last = bisect_left(columns.offsets, selection.to_offset)
    if first or last < len(columns.offsets):
        columns = _each(columns, lambda column: column[first:last])
    since_ms, until_ms = selection.since_ms, selection.until_ms
    if since_ms is not None:
        columns = _keep(columns, [timestamp >= since_ms for timestamp in columns.timestamps])
    if until_ms is not None:
        columns = _keep(columns, [timestamp < until_ms for timestamp in columns.timestamps])
    if selection.keys:
        columns = _keep(columns, [key in selection.keys for key in columns.keys])
    if selection.pattern is not None:
        columns = _keep(columns, list(_found(columns, selection.pattern.search)))
    return columns


def cut(records: DecodedRecords, start: int, end: int) -> DecodedRecords:
    """Leave the records from the start-th up to the end-th, itself not included."""
    if start == 0 and end == len(records):
        return records
    return DecodedRecords(end - start, lambda: _cut(records, start, end))


def _cut(records: DecodedRecords, start: int, end: int) -> Iterator[Columns]:
    for columns in records.pieces():
        wanted = slice(max(start, 0), max(end, 0))
        yield _each(columns, itemgetter(wanted))
        start -= len(columns.offsets)
        end -= len(columns.offsets)


def _through(records: DecodedRecords, leave: Pick) -> DecodedRecords:
    if len(records) <= PIECE_RECORDS:
        left = [leave(columns) for columns in records.pieces()]
        return DecodedRecords(sum(len(columns.offsets) for columns in left), lambda: left)
    count = sum(len(leave(columns).offsets) for columns in records.pieces())
    return DecodedRecords(count, lambda: map(leave, records.pieces()))


def _keep(columns: Columns, wanted: list[bool]) -> Columns:
    if all(wanted):
        return columns
    return _each(columns, lambda column: list(compress(column, wanted)))


def _each(columns: Columns, change: Callable[[list[Any]], list[Any]]) -> Columns:
    offsets, timestamps, keys, values, headers = columns
    return Columns(change(offsets), change(timestamps), change(keys), change(values), change(headers))


def _found(columns: Columns, search: Callable[[bytes], object]) -> Iterator[bool]:
    for key, value, headers in zip(columns.keys, columns.values, columns.headers, strict=True):
        texts = (key, value, *(held for _, held in headers)) if headers else (key, value)
        yield any(text is not None and search(text) is not None for text in texts)
