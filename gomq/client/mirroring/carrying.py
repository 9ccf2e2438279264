"""How a batch of the source becomes one for the target: as it is, with another header, where that can be. Values only.

The body of a batch is taken over byte for byte, compressed as it is, if the target would store the same messages:
they are all there, the offsets behind one another, and their timestamps are their producers'. A broker takes no batch
with gaps, nor one that says LogAppendTime (Kafka: ``LogValidator``), so that the messages of such a one are taken out
and put into a new batch. The same goes for a batch of which the front is not wanted.
"""

from collections.abc import Iterator
from itertools import compress as select
from typing import NamedTuple

from gomq.client.consuming.fetched import Chunk
from gomq_storage.batch import HEADER_SIZE, BatchHeader, check_batch
from gomq_storage.compression import Codec, compress
from gomq_storage.record import BatchRecords, NewRecord, encode_records
from gomq_storage.record_fields import Columns


class Run(NamedTuple):
    """Messages whose offsets at the source follow each other."""

    source: int
    """Offset of the first."""
    length: int


class Carried(NamedTuple):
    """A batch for the target, or none where the source's has no messages."""

    runs: tuple[Run, ...]
    next_source: int
    """Offset behind the batch at the source."""
    codec: Codec = Codec.NONE
    body: bytes = b""
    timestamps: tuple[int, int] = (-1, -1)
    """Of the first message, and the largest."""

    @property
    def message_count(self) -> int:
        """How many messages there are."""
        return sum(run.length for run in self.runs)


def carry(
    chunk: Chunk, *, wanted: int, until: int | None, first_alone: bool = False, gap_apart: bool = False
) -> Iterator[Carried]:
    """Make batches of what was fetched.

    Args:
        chunk: what was fetched, aborted transactions marked as control batches.
        wanted: the first offset that is.
        until: where to end; None for nowhere.
        first_alone: whether the first message is to be in a batch of its own.
        gap_apart: whether the first gap is to be between two batches, so that something can be done before it.

    Raises:
        CorruptBatchError: a batch is damaged.
    """
    for position, header in chunk.batches:
        if until is not None and header.base_offset >= until:
            return
        if header.next_offset <= wanted:
            continue
        if header.is_control or not header.record_count:
            yield Carried((), header.next_offset)
            continue
        check_batch(chunk.data, position)
        view = memoryview(chunk.data)[position : position + header.size]
        if header.base_offset >= wanted and _can_be_taken_over(header) and not first_alone:
            yield _taken_over(view, header)
        else:
            columns = _wanted(view, header, wanted, chunk.max_decompressed_bytes)
            for stop in _stops(columns.offsets, first_alone=first_alone, gap_apart=gap_apart):
                yield _made_anew(_part(columns, 0, stop), columns.offsets[stop - 1] + 1, header.codec)
                columns = _part(columns, stop, None)
            first_alone &= not columns.offsets
            yield _made_anew(columns, header.next_offset, header.codec)


def is_whole(header: BatchHeader) -> bool:
    """Whether none of a batch's messages is missing."""
    return header.record_count == header.last_offset_delta + 1


def read_columns(chunk: Chunk, *, wanted: int, until: int | None) -> Iterator[Columns]:
    """Yield the messages of what was fetched, from one offset up to another.

    Raises:
        CorruptBatchError: a batch is damaged.
    """
    for position, header in chunk.batches:
        if until is not None and header.base_offset >= until:
            return
        if header.next_offset <= wanted or header.is_control or not header.record_count:
            continue
        check_batch(chunk.data, position)
        view = memoryview(chunk.data)[position : position + header.size]
        yield _wanted(view, header, wanted, chunk.max_decompressed_bytes)


def _can_be_taken_over(header: BatchHeader) -> bool:
    return is_whole(header) and not header.is_log_append_time and header.delete_horizon_ms is None


def _taken_over(view: memoryview, header: BatchHeader) -> Carried:
    return Carried(
        runs=(Run(header.base_offset, header.record_count),),
        next_source=header.next_offset,
        codec=header.codec,
        body=bytes(view[HEADER_SIZE:]),
        timestamps=(header.base_timestamp, header.max_timestamp),
    )


def _wanted(view: memoryview, header: BatchHeader, wanted: int, max_bytes: int) -> Columns:
    columns = BatchRecords(view, header, max_bytes=max_bytes).take(header.record_count)
    if header.base_offset >= wanted:
        return columns
    are_wanted = [offset >= wanted for offset in columns.offsets]
    return Columns._make(list(select(column, are_wanted)) for column in columns)


def _made_anew(columns: Columns, next_source: int, codec: Codec) -> Carried:
    if not columns.offsets:
        return Carried((), next_source)
    records = [
        NewRecord(value, key, headers, timestamp)
        for timestamp, key, value, headers in zip(
            columns.timestamps, columns.keys, columns.values, columns.headers, strict=True
        )
    ]
    base = columns.timestamps[0]
    body = compress(codec, encode_records(records, base_timestamp=base))
    return Carried(tuple(_runs(columns.offsets)), next_source, codec, body, (base, max(columns.timestamps)))


def _stops(offsets: list[int], *, first_alone: bool, gap_apart: bool) -> Iterator[int]:
    """Say how many messages are to be in a batch of their own, one batch after the other; the rest are in one."""
    if first_alone and len(offsets) > 1:
        yield 1
        offsets = offsets[1:]
    if gap_apart and offsets and (run := next(_runs(offsets)).length) < len(offsets):
        yield run


def _runs(offsets: list[int]) -> Iterator[Run]:
    first = before = offsets[0]
    for offset in offsets[1:]:
        if offset != before + 1:
            yield Run(first, before - first + 1)
            first = offset
        before = offset
    yield Run(first, before - first + 1)


def _part(columns: Columns, start: int, stop: int | None) -> Columns:
    return Columns._make(column[start:stop] for column in columns)
