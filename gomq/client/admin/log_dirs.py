"""How much brokers' data directories hold, and of which partitions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gomq.client.admin.asking import Asker
from gomq.client.admin.refusals import refusal
from gomq.errors import GomqError
from gomq.protocol.api import Api
from gomq_storage.layout import TopicPartition


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSize:
    """What one broker's log of a partition takes."""

    size_bytes: int
    """Of its segments, without their indexes."""
    offset_lag: int
    """How many offsets it lacks of what is replicated; what moves here lacks that much of the log it replaces."""
    is_moving_here: bool
    """Whether it will replace the one in another directory once it has all (KIP-113)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogDir:
    """A broker's data directory."""

    node_id: int
    path: str
    logs: Mapping[TopicPartition, LogSize]
    """By topic and partition."""
    total_bytes: int | None
    """Of its volume; None where the broker is too old to say (KIP-827)."""
    usable_bytes: int | None
    """Of its volume; None where the broker is too old to say."""
    error: GomqError | None
    """Why it cannot be used; it has no logs then."""

    @property
    def size_bytes(self) -> int:
        """What all logs take that were asked for."""
        return sum(log.size_bytes for log in self.logs.values())


async def log_dirs(
    asker: Asker, partitions: Mapping[str, Iterable[int]] | None, nodes: Iterable[int] | None
) -> list[LogDir]:
    """Describe the data directories of some brokers or all, by node id and path.

    Args:
        asker: who asks.
        partitions: which logs are to be told of, by topic; None for all.
        nodes: ids of the brokers; None for all.

    Raises:
        BrokerError: a broker refuses.
        ConnectionFailedError: a broker cannot be reached.
        ExceptionGroup: several of them failed.
    """
    topics = (
        None
        if partitions is None
        else [{"topic": topic, "partitions": tuple(indexes)} for topic, indexes in partitions.items()]
    )

    async def ask(node: int | None) -> list[LogDir]:
        assert node is not None  # brokers are asked by their ids
        response = await asker.cluster.ask(Api.DESCRIBE_LOG_DIRS, {"topics": topics}, node=node)
        if getattr(response, "error_code", 0):
            raise refusal(f"data directories of broker {node} cannot be described", response)
        return [_log_dir(node, result) for result in response.results]

    by_node = await asker.ask_brokers(nodes, ask)
    return sorted((each for found in by_node.values() for each in found), key=lambda each: (each.node_id, each.path))


def _log_dir(node: int, result: Any) -> LogDir:  # noqa: ANN401 - one class a version
    logs = {
        TopicPartition(topic.name, int(each.partition_index)): LogSize(
            size_bytes=int(each.partition_size), offset_lag=int(each.offset_lag), is_moving_here=each.is_future_key
        )
        for topic in result.topics
        for each in topic.partitions
    }
    what = f"data directory {result.log_dir} of broker {node} cannot be used"
    return LogDir(
        node_id=node,
        path=result.log_dir,
        logs=dict(sorted(logs.items())),
        total_bytes=_bytes(getattr(result, "total_bytes", -1)),
        usable_bytes=_bytes(getattr(result, "usable_bytes", -1)),
        error=refusal(what, result) if result.error_code else None,
    )


def _bytes(count: int) -> int | None:
    return int(count) if count >= 0 else None
