"""OffsetForLeaderEpoch, versions 2-4.  v2 current leader epoch; v3 replica id; v4 flexible.

Says where a leader epoch ended, as far as consumers may see: a client whose position lies behind that end has read
what is not in the log any more. The answer is of the largest epoch up to the one asked for; -1 and -1 where there is
none.
"""

from typing import Any

from kio.schema.errors import ErrorCode

from gomq.broker.context import Request, Result, State
from gomq.broker.partition import Partition
from gomq_storage.errors import StorageError

_UNDEFINED = -1


async def handle(state: State, request: Request) -> Result:
    """Find where epochs ended, partition by partition."""
    topics = []
    for topic in request.body.topics:
        partitions = []
        for wanted in topic.partitions:
            partition = state.topics.partition(topic.topic, wanted.partition)
            code, epoch, end_offset = _find(partition, wanted)
            partitions.append({
                "error_code": code,
                "partition": wanted.partition,
                "leader_epoch": epoch,
                "end_offset": end_offset,
            })  # fmt: skip
        topics.append({"topic": topic.topic, "partitions": partitions})
    return {"throttle_time": 0, "topics": topics}


def _find(partition: Partition | None, wanted: Any) -> tuple[ErrorCode, int, int]:  # noqa: ANN401 - one class a version
    if partition is None:
        return ErrorCode.unknown_topic_or_partition, _UNDEFINED, _UNDEFINED
    if code := partition.epoch_problem(wanted.current_leader_epoch):
        return code, _UNDEFINED, _UNDEFINED
    try:
        found = partition.log.epochs.end_of(wanted.leader_epoch, log_end=partition.high_watermark)
    except StorageError:
        return ErrorCode.kafka_storage_error, _UNDEFINED, _UNDEFINED
    return ErrorCode.none, found.epoch, found.end_offset
