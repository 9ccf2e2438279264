"""DescribeLogDirs, versions 1-5.  v2 flexible; v3 error code; v4 size of the volume (KIP-827); v5 cordoned directories.

Kafka: ``ReplicaManager.describeLogDirs``. There is one directory, and none is cordoned. Partitions that are not there,
or are offline, are passed over.
"""

from pathlib import Path
from typing import Any

from anyio import to_thread
from kio.schema.errors import ErrorCode

from gomq.broker.context import Request, Result, State
from gomq.broker.partition import Partition
from gomq.broker.topic_logs import volume_of


async def handle(state: State, request: Request) -> Result:
    """Say how much the logs take of the data directory, and what room there is."""
    path = state.config.data
    try:
        result = await _describe(state, path, _wanted(state, request.body.topics))
    except OSError:
        result = _result(path, ErrorCode.kafka_storage_error)
    return {"throttle_time": 0, "error_code": ErrorCode.none, "results": (result,)}


def _wanted(state: State, topics: Any) -> dict[str, dict[int, Partition]]:  # noqa: ANN401 - one class a version
    """The partitions that are asked for, each once; null asks for all."""
    if topics is None:
        return {topic.name: dict(enumerate(topic.partitions)) for topic in state.topics}
    wanted: dict[str, dict[int, Partition]] = {}
    for topic in topics:
        for index in topic.partitions:
            if (partition := state.topics.partition(topic.topic, index)) is not None:
                wanted.setdefault(topic.topic, {})[index] = partition
    return wanted


async def _describe(state: State, path: Path, wanted: dict[str, dict[int, Partition]]) -> dict[str, Any]:
    if state.topics.failure is not None:
        return _result(path, ErrorCode.kafka_storage_error)
    volume = await to_thread.run_sync(volume_of, path)
    topics = []
    for name, partitions in wanted.items():
        told = [_partition(index, partition) for index, partition in partitions.items() if not partition.is_offline]
        if told:
            topics.append({"name": name, "partitions": told})
    room = {"total_bytes": volume.total_bytes, "usable_bytes": volume.usable_bytes}
    return _result(path, ErrorCode.none) | {"topics": topics} | room


def _partition(index: int, partition: Partition) -> dict[str, Any]:
    return {
        "partition_index": index,
        "partition_size": partition.log.size,
        "offset_lag": 0,
        "is_future_key": False,
    }


def _result(path: Path, error_code: ErrorCode) -> dict[str, Any]:
    return {"error_code": error_code, "log_dir": str(path.absolute()), "topics": (), "is_cordoned": False}
