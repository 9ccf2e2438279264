"""ListOffsets, versions 1-11.  v2 isolation level; v4 leader epoch; v6 flexible; v7 largest timestamp; v8-v11 tiers.

The end of a partition is where its acknowledged records end: an answer waits for the sync that lets them be seen, from
v10 on no longer than the request says. To a client that wants only committed records it is the last stable offset. A
record is looked for in a worker thread: it may have to be read from the device and decompressed. Nothing is kept in
another tier, so the earliest local offset is the log's start and there is no latest tiered one.

A partition that is named twice is an invalid request, answered once. Kafka: ``ReplicaManager.fetchOffset``.
"""

from collections import Counter
from collections.abc import Iterator
from enum import Enum, auto
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
_SINCE: Final = {
    LATEST: 1, EARLIEST: 1, LARGEST_TIMESTAMP: 7, EARLIEST_LOCAL: 8, LATEST_TIERED: 9, EARLIEST_PENDING_UPLOAD: 11,
}  # fmt: skip
"""The version that brought each; other negative timestamps mean nothing."""
_NEVER: Final = 1 << 15
_READ_COMMITTED: Final = 1
_CONSUMER: Final = -1


class _Reader(Enum):
    """Who asks."""

    ALL = auto()
    """A consumer that wants all records."""
    COMMITTED = auto()
    """A consumer that wants those whose transactions are decided."""
    REPLICA = auto()
    """A replica, or somebody who passes for one."""


class _Found(NamedTuple):
    error_code: int
    offset: int = -1
    timestamp: int = -1
    leader_epoch: int = -1


async def handle(state: State, request: Request) -> Result:
    """Find the offsets that the request asks for, partition by partition."""
    body = request.body
    count = Counter((name, wanted.partition_index) for name, wanted in _partitions(body))
    await _catch_up(state, request)
    topics = []
    for topic in body.topics:
        partitions = []
        for wanted in topic.partitions:
            named = count.pop((topic.name, wanted.partition_index), 0)
            if named > 1:
                partitions.append(_result(wanted.partition_index, _Found(ErrorCode.invalid_request)))
            elif named:
                partitions.append(_result(wanted.partition_index, await _answer(state, request, topic.name, wanted)))
        topics.append({"name": topic.name, "partitions": partitions})
    return {"throttle_time": 0, "topics": topics}


async def _answer(state: State, request: Request, name: str, wanted: Any) -> _Found:  # noqa: ANN401 - one class a version
    timestamp = wanted.timestamp
    if timestamp < 0 and request.version < _SINCE.get(timestamp, _NEVER):
        return _Found(ErrorCode.unsupported_version)
    partition = state.topics.partition(name, wanted.partition_index)
    return await _find(partition, timestamp, getattr(wanted, "current_leader_epoch", -1), _reader(request.body))


def _reader(body: Any) -> _Reader:  # noqa: ANN401 - one class a version
    if body.replica_id != _CONSUMER:
        return _Reader.REPLICA
    is_committed = getattr(body, "isolation_level", 0) == _READ_COMMITTED
    return _Reader.COMMITTED if is_committed else _Reader.ALL


async def _find(partition: Partition | None, timestamp: int, leader_epoch: int, reader: _Reader) -> _Found:
    if partition is None:
        return _Found(ErrorCode.unknown_topic_or_partition)
    if code := partition.epoch_problem(leader_epoch):
        return _Found(code)
    try:
        return await _look_up(partition, timestamp, reader)
    except CorruptBatchError as error:
        partition.report_unreadable(error)
        return _Found(ErrorCode.corrupt_message)
    except (OSError, StorageError) as error:
        partition.report_unreadable(error)
        return _Found(ErrorCode.kafka_storage_error)


async def _catch_up(state: State, request: Request) -> None:
    """Wait until what was appended before the question, and perhaps acknowledged with ``acks=1``, can be seen."""
    ends: dict[Partition, int] = {}
    for name, wanted in _partitions(request.body):
        partition = state.topics.partition(name, wanted.partition_index)
        if wanted.timestamp not in _SETTLED and partition is not None and not partition.is_offline:
            ends[partition] = partition.log.log_end
    patience = _PATIENCE_SECONDS
    timeout = getattr(request.body, "timeout", None)
    if timeout is not None and timeout.total_seconds() > 0:
        patience = min(patience, timeout.total_seconds())
    await wait_until(lambda: all(_has_come(*each) for each in ends.items()), ends, seconds=patience)


def _partitions(body: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - one class a version
    return ((topic.name, wanted) for topic in body.topics for wanted in topic.partitions)


def _has_come(partition: Partition, end: int) -> bool:
    return partition.high_watermark >= end or partition.problem is not None


async def _look_up(partition: Partition, timestamp: int, reader: _Reader) -> _Found:
    log = partition.log
    if timestamp == LATEST:
        return _Found(0, _end(partition, reader), leader_epoch=partition.leader_epoch)
    if timestamp in {EARLIEST, EARLIEST_LOCAL}:
        return _Found(0, log.log_start, leader_epoch=log.epochs.at(log.log_start))
    if timestamp in {LATEST_TIERED, EARLIEST_PENDING_UPLOAD}:
        return _Found(0)
    find = log.largest_timestamp if timestamp == LARGEST_TIMESTAMP else partial(log.find_timestamp, timestamp)
    found = await to_thread.run_sync(find)
    if found is None or found.offset >= _end(partition, reader):
        return _Found(0)
    return _Found(0, found.offset, found.timestamp, log.epochs.at(found.offset))


def _end(partition: Partition, reader: _Reader) -> int:
    """Say where a partition ends for whoever asks. Kafka: ``Partition.fetchOffsetForTimestamp``."""
    if reader is _Reader.REPLICA:
        return partition.log.log_end
    if reader is _Reader.COMMITTED:
        return partition.transactions.last_stable_offset(partition.high_watermark)
    return partition.high_watermark


def _result(index: int, found: _Found) -> dict[str, Any]:
    return {
        "partition_index": index,
        "error_code": found.error_code,
        "timestamp": found.timestamp,
        "offset": found.offset,
        "leader_epoch": found.leader_epoch,
    }
