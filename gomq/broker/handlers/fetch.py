"""Fetch, versions 4-18.  v5 log start; v7 sessions; v9 leader epoch; v12 flexible; v13 topics by id.

An answer is sent as soon as it holds ``min_bytes``, or a partition has an error, or ``max_wait`` is over. Its records
go from the segment's file to the socket by ``sendfile``. As in Kafka the first batch found is sent whole however
small the limits are (KIP-74), and the last batch of a partition may be cut off.

Fetch sessions (KIP-227) are declined: session id 0 tells the client to name its partitions each time. A partition
that is named twice is looked at once, as its last entry wants it.
"""

import errno
from typing import Final, NamedTuple
from uuid import UUID

from kio.schema.errors import ErrorCode

from gomq.broker.context import Request, Result, State
from gomq.broker.partition import Partition, wait_until
from gomq.net.session import Parts
from gomq.protocol.fetch import FetchedPartition, encode_response
from gomq.protocol.layout import NO_TOPIC_ID
from gomq_storage.errors import CorruptBatchError, OffsetOutOfRangeError, StorageError
from gomq_storage.files import FileRange
from gomq_storage.log_values import LogSlice

_FULL_FETCH_EPOCHS: Final = (-1, 0)


class _Wanted(NamedTuple):
    topic: str | UUID
    partition: Partition | None
    partition_index: int
    offset: int
    max_bytes: int
    leader_epoch: int


class _Found(NamedTuple):
    wanted: _Wanted
    result: FetchedPartition
    records: LogSlice | None = None


async def handle(state: State, request: Request) -> Result:
    """Answer with what there is, or wait for it."""
    body = request.body
    if getattr(body, "session_epoch", -1) not in _FULL_FETCH_EPOCHS:
        no_topics: list[tuple[str, list[tuple[FetchedPartition, FileRange | None]]]] = []
        error_code = ErrorCode.fetch_session_id_not_found
        return encode_response(request.version, request.correlation_id, no_topics, error_code=error_code)
    wanted = _wanted(state, request)
    max_bytes = min(max(body.max_bytes, 0), state.config.max_fetch_bytes)
    found = _look(wanted, max_bytes)
    seconds = body.max_wait.total_seconds()
    if seconds <= 0 or not wanted or _is_enough(found, body.min_bytes):
        return _respond(request, found)

    async def later() -> Parts:
        nonlocal found

        def enough() -> bool:
            nonlocal found
            found = _look(wanted, max_bytes)
            return _is_enough(found, body.min_bytes)

        partitions = {entry.partition for entry in wanted if entry.partition is not None}
        await wait_until(enough, partitions, seconds=seconds)
        return _respond(request, found)

    return later


def _wanted(state: State, request: Request) -> list[_Wanted]:
    wanted: dict[tuple[str | UUID, int], _Wanted] = {}
    for topic in request.body.topics:
        key = (topic.topic_id or NO_TOPIC_ID) if request.version >= 13 else topic.topic
        for entry in topic.partitions:
            partition = state.topics.partition(key, entry.partition)
            epoch = getattr(entry, "current_leader_epoch", -1)
            limit = max(entry.partition_max_bytes, 0)
            wanted[key, entry.partition] = _Wanted(key, partition, entry.partition, entry.fetch_offset, limit, epoch)
    return list(wanted.values())


def _look(wanted: list[_Wanted], max_bytes: int) -> list[_Found]:
    """Find what there is in each partition, within the limit over all of them."""
    found: list[_Found] = []
    left, is_first = max_bytes, True
    for entry in wanted:
        one = _look_at(entry, min(entry.max_bytes, left), at_least_one_batch=is_first)
        if one.records is not None:
            left = max(left - one.records.size, 0)
            is_first = False
        found.append(one)
    return found


def _look_at(wanted: _Wanted, max_bytes: int, *, at_least_one_batch: bool) -> _Found:
    partition = wanted.partition
    if partition is None or partition.is_deleted:
        by_id = isinstance(wanted.topic, UUID)
        return _failed(wanted, ErrorCode.unknown_topic_id if by_id else ErrorCode.unknown_topic_or_partition)
    if code := partition.epoch_problem(wanted.leader_epoch):
        return _failed(wanted, code)
    try:
        records = partition.read(wanted.offset, max_bytes=max_bytes, at_least_one_batch=at_least_one_batch)
        log_start = partition.log.log_start
    except OffsetOutOfRangeError:
        return _failed(wanted, ErrorCode.offset_out_of_range)
    except CorruptBatchError as error:
        partition.report_unreadable(error)
        return _failed(wanted, ErrorCode.corrupt_message)
    except (OSError, StorageError) as error:
        partition.report_unreadable(error)
        return _failed(wanted, ErrorCode.kafka_storage_error)
    end = partition.high_watermark
    return _Found(wanted, FetchedPartition(wanted.partition_index, 0, end, end, log_start), records)


def _failed(wanted: _Wanted, error_code: ErrorCode) -> _Found:
    return _Found(wanted, FetchedPartition(wanted.partition_index, error_code))


def _is_enough(found: list[_Found], min_bytes: int) -> bool:
    size = sum(entry.records.size for entry in found if entry.records is not None)
    return size >= min_bytes or any(entry.result.error_code for entry in found)


def _respond(request: Request, found: list[_Found]) -> Parts:
    topics: dict[str | UUID, list[tuple[FetchedPartition, FileRange | None]]] = {}
    opened: list[FileRange] = []
    try:
        for wanted, result, records in found:
            source = _open(records, others=len(opened)) if records is not None else None
            if source is not None:
                opened.append(source)
            topics.setdefault(wanted.topic, []).append((result, source))
        return encode_response(request.version, request.correlation_id, topics.items())
    except BaseException:
        for source in opened:
            source.close()
        raise


def _open(records: LogSlice, *, others: int) -> FileRange | None:
    """Open what was found; where descriptors run out the answer holds only the others, and the client asks again."""
    try:
        return records.open_range()
    except OSError as error:
        if error.errno in {errno.EMFILE, errno.ENFILE} and others:
            return None
        raise
