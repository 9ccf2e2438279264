"""Asking the leaders of a topic's partitions, again where they have moved."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

import anyio

from gomq.client.cluster.cluster import Cluster
from gomq.errors import GomqError, LeaderNotAvailableError, ProtocolError, UnknownTopicError, error_for
from gomq_storage.layout import TopicPartition

_UNKNOWN_TOPIC_PATIENCE: Final = 5.0
"""Seconds until a topic that a broker does not know is taken for deleted: it may be too new for this broker."""

Ask: TypeAlias = Callable[[int, list[int]], Awaitable[Mapping[int, Any]]]
"""Asks one leader about its partitions: from a node and indexes to what it says of each."""


async def ask_leaders(
    cluster: Cluster, topic: str, partitions: Iterable[int], ask: Ask, *, patience: float
) -> dict[int, Any]:
    """Ask the leader of each partition, and return what it says, which is no error.

    Args:
        cluster: the brokers; they must know the topic.
        topic: whose partitions.
        partitions: which of them.
        ask: asks one leader; its results have an ``error_code``.
        patience: seconds for which to ask again while leaders move; less for a topic that is gone.

    Raises:
        GomqError: the last that went wrong with any of them.
    """
    started = anyio.current_time()
    backoff = cluster.new_backoff()
    found: dict[int, Any] = {}
    missing = set(partitions)
    while True:
        trouble = await _ask_each(cluster, topic, missing, ask, found)
        missing -= found.keys()
        if trouble is None:
            return found
        allowed = min(patience, _UNKNOWN_TOPIC_PATIENCE) if isinstance(trouble, UnknownTopicError) else patience
        if not trouble.retriable or anyio.current_time() >= started + allowed:
            raise trouble
        await anyio.sleep(backoff.next())
        try:
            await cluster.refresh([topic])
        except GomqError as error:
            if not error.retriable:
                raise


async def _ask_each(
    cluster: Cluster, topic: str, partitions: set[int], ask: Ask, found: dict[int, Any]
) -> GomqError | None:
    """Ask each leader about its partitions; return the last trouble met, if any."""
    by_leader: dict[int, list[int]] = {}
    trouble: GomqError | None = None
    for partition in sorted(partitions):
        leader = cluster.leader(topic, partition)
        if cluster.topic(topic) is None:
            trouble = UnknownTopicError(f"topic {topic!r} does not exist")
        elif leader is None:
            trouble = LeaderNotAvailableError(f"{TopicPartition(topic, partition)} has no leader")
        else:
            by_leader.setdefault(leader, []).append(partition)
    for leader, led in by_leader.items():
        try:
            results = await ask(leader, led)
        except GomqError as error:
            trouble = error
            continue
        for partition in led:
            problem = _problem(TopicPartition(topic, partition), results.get(partition))
            if problem is None:
                found[partition] = results[partition]
            trouble = problem or trouble
    return trouble


def _problem(partition: TopicPartition, result: Any) -> GomqError | None:  # noqa: ANN401 - one class a version
    if result is None:
        return ProtocolError(f"the answer does not mention {partition}")
    if result.error_code:
        return error_for(int(result.error_code), f"{partition}: {result.error_code.name.replace('_', ' ')}")
    return None
