"""DeleteRecords, versions 0-2.  v2 flexible.

The log's start moves up to an offset: what lies before it is gone, for good and from every replica, of which there is
one. An offset that is already gone changes nothing. What was just appended may be deleted as well: an answer waits,
for as long as the request says, for the sync that lets it be seen.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from kio.schema.errors import ErrorCode

from gomq.broker.catalogue import Topic
from gomq.broker.context import Request, Result, State
from gomq.broker.partition import Partition, wait_until
from gomq_storage.errors import LogOfflineError, OffsetOutOfRangeError, StorageError

HIGH_WATERMARK: Final = -1
"""An offset that stands for the end of what consumers may see."""
_UNKNOWN: Final = -1
_MAX_PATIENCE: Final = timedelta(seconds=10)


async def handle(state: State, request: Request) -> Result:
    """Delete records before an offset of each partition, each for itself."""
    topics = []
    for topic in request.body.topics:
        partitions = []
        for wanted in topic.partitions:
            code, low_watermark = await _delete(state, topic.name, wanted, request.body.timeout)
            partitions.append({
                "partition_index": wanted.partition_index,
                "low_watermark": low_watermark,
                "error_code": code,
            })  # fmt: skip
        topics.append({"name": topic.name, "partitions": partitions})
    return {"throttle_time": 0, "topics": topics}


async def _delete(state: State, name: str, wanted: Any, timeout: timedelta) -> tuple[ErrorCode, int]:  # noqa: ANN401, ASYNC109
    topic = state.topics.get(name)
    partition = state.topics.partition(name, wanted.partition_index)
    if topic is None or partition is None:
        return ErrorCode.unknown_topic_or_partition, _UNKNOWN
    if (code := _why_not(state, topic)) is not None:
        return code, _UNKNOWN
    try:
        await _wait_for(partition, wanted.offset, min(timeout, _MAX_PATIENCE))
        offset = partition.high_watermark if wanted.offset == HIGH_WATERMARK else wanted.offset
        if not 0 <= offset <= partition.high_watermark:
            return ErrorCode.offset_out_of_range, _UNKNOWN
        return ErrorCode.none, await partition.delete_records(offset)
    except OffsetOutOfRangeError:
        return ErrorCode.offset_out_of_range, _UNKNOWN
    except (OSError, StorageError):
        is_gone = partition.is_deleted  # while it waited
        return ErrorCode.unknown_topic_or_partition if is_gone else ErrorCode.kafka_storage_error, _UNKNOWN


def _why_not(state: State, topic: Topic) -> ErrorCode | None:
    """Say why nothing is deleted from a topic: its messages are the broker's, or go by compaction only."""
    if topic.is_internal:
        return ErrorCode.invalid_topic_exception
    return None if state.topics.log_config(topic.configs).deletes else ErrorCode.policy_violation


async def _wait_for(partition: Partition, offset: int, patience: timedelta) -> None:
    """Wait until what is to be deleted, as far as it is in the log, can be seen.

    Raises:
        LogOfflineError: it will never be: the topic was deleted meanwhile, a sync failed, or the broker stops.
    """
    log_end = partition.log.log_end
    goal = log_end if offset == HIGH_WATERMARK else min(offset, log_end)
    await wait_until(
        lambda: partition.high_watermark >= goal or partition.problem is not None,
        [partition],
        seconds=max(patience.total_seconds(), 0),
    )
    if partition.high_watermark < goal and partition.problem is not None:
        raise LogOfflineError(Path(str(partition.name)), partition.problem)
