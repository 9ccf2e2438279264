"""ListOffsets, versions 1-11.  v2 isolation level; v4 leader epoch; v6 flexible; v7 largest timestamp; v8-v11 tiers.

The end of a partition is where its acknowledged records end: an answer waits for the sync that lets them be seen.
A record is looked for in a worker thread: it may have to be read from the device and decompressed. Nothing is kept
in another tier, so the earliest local offset is the log's start and there is no latest tiered one.
"""

from functools import partial
from typing import Any, Final, NamedTuple

from anyio import to_thread
from kio.schema.errors import ErrorCode

from gomq.broker.context import Request, Result, State
from gomq.broker.partition import Partition, wait_until
from gomq_storage.errors import CorruptBatchError, StorageError

LATEST: Final = -1
EARLIEST: Final = -2
LARGEST_TIMESTAMP: Final = -3
EARLIEST_LOCAL: Final = -4
LATEST_TIERED: Final = -5
EARLIEST_PENDING_UPLOAD: Final = -6
_SETTLED: Final = {EARLIEST, EARLIEST_LOCAL, LATEST_TIERED, EARLIEST_PENDING_UPLOAD}
"""What does not depend on the log's end."""
_PATIENCE_SECONDS: Final = 10.0
"""For a sync that is under way; after that the answer is what can be seen."""
_SINCE: Final = {LARGEST_TIMESTAMP: 7, EARLIEST_LOCAL: 8, LATEST_TIERED: 9, EARLIEST_PENDING_UPLOAD: 11}
"""The version that brought each."""


class _Found(NamedTuple):
    error_code: int
    offset: int = -1
    timestamp: int = -1
    leader_epoch: int = -1


async def handle(state: State, request: Request) -> Result:
    """Find the offsets that the request asks for, partition by partition."""
    await _catch_up(state, request)
    topics = []
    for topic in request.body.topics:
        partitions = []
        for wanted in topic.partitions:
            partition = state.topics.partition(topic.name, wanted.partition_index)
            if request.version < _SINCE.get(wanted.timestamp, 0):
                found = _Found(ErrorCode.unsupported_version)
            else:
                found = await _find(partition, wanted.timestamp, getattr(wanted, "current_leader_epoch", -1))
            partitions.append(_result(wanted.partition_index, found))
        topics.append({"name": topic.name, "partitions": partitions})
    return {"throttle_time": 0, "topics": topics}


async def _find(partition: Partition | None, timestamp: int, leader_epoch: int) -> _Found:
    if partition is None:
        return _Found(ErrorCode.unknown_topic_or_partition)
    if code := partition.epoch_problem(leader_epoch):
        return _Found(code)
    try:
        return await _look_up(partition, timestamp)
    except CorruptBatchError as error:
        partition.report_unreadable(error)
        return _Found(ErrorCode.corrupt_message)
    except (OSError, StorageError) as error:
        partition.report_unreadable(error)
        return _Found(ErrorCode.kafka_storage_error)


async def _catch_up(state: State, request: Request) -> None:
    """Wait until what was appended before the question, and perhaps acknowledged with ``acks=1``, can be seen."""
    ends: dict[Partition, int] = {}
    for topic in request.body.topics:
        for wanted in topic.partitions:
            partition = state.topics.partition(topic.name, wanted.partition_index)
            if wanted.timestamp not in _SETTLED and partition is not None and not partition.is_offline:
                ends[partition] = partition.log.log_end
    await wait_until(lambda: all(_has_come(*each) for each in ends.items()), ends, seconds=_PATIENCE_SECONDS)


def _has_come(partition: Partition, end: int) -> bool:
    return partition.high_watermark >= end or partition.problem is not None


async def _look_up(partition: Partition, timestamp: int) -> _Found:
    log = partition.log
    if timestamp == LATEST:
        return _Found(0, partition.high_watermark, leader_epoch=partition.leader_epoch)
    if timestamp in {EARLIEST, EARLIEST_LOCAL}:
        return _Found(0, log.log_start, leader_epoch=log.epochs.at(log.log_start))
    if timestamp in {LATEST_TIERED, EARLIEST_PENDING_UPLOAD}:
        return _Found(0)
    find = log.largest_timestamp if timestamp == LARGEST_TIMESTAMP else partial(log.find_timestamp, timestamp)
    found = await to_thread.run_sync(find)
    if found is None or found.offset >= partition.high_watermark:
        return _Found(0)
    return _Found(0, found.offset, found.timestamp, log.epochs.at(found.offset))


def _result(index: int, found: _Found) -> dict[str, Any]:
    return {
        "partition_index": index,
        "error_code": found.error_code,
        "timestamp": found.timestamp,
        "offset": found.offset,
        "leader_epoch": found.leader_epoch,
    }
