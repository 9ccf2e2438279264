"""Asking the leaders of a topic's partitions, again where they have moved."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

import anyio

from gomq.client.cluster.cluster import Cluster
from gomq.errors import GomqError, LeaderNotAvailableError, ProtocolError, UnknownTopicError, error_for
from gomq_storage.layout import TopicPartition

_UNKNOWN_TOPIC_PATIENCE: Final = 5.0
"""Seconds until a topic that a broker does not know is taken for deleted: it may be too new for this broker."""

_AT_ONCE: Final = 32
"""How many leaders are asked at the same time."""

Ask: TypeAlias = Callable[[int, list[int]], Awaitable[Mapping[int, Any]]]
"""Asks one leader about its partitions: from a node and indexes to what it says of each."""


async def ask_leaders(
    cluster: Cluster, topic: str, partitions: Iterable[int], ask: Ask, *, patience: float, what: str = "{}"
) -> dict[int, Any]:
    """Ask the leader of each partition, and return what it says, which is no error.

    Args:
        cluster: the brokers; they must know the topic.
        topic: whose partitions.
        partitions: which of them.
        ask: asks one leader; its results have an ``error_code``.
        patience: seconds for which to ask again while leaders move; less for a topic that is gone.
        what: what is not to be had, with {} where the partition stands.

    Raises:
        GomqError: what went wrong with one of them and will not pass.
        ExceptionGroup: that went wrong with several of them; it holds GomqErrors.
    """
    started = anyio.current_time()
    backoff = cluster.new_backoff()
    found: dict[int, Any] = {}
    missing = set(partitions)
    while True:
        trouble = await _ask_each(cluster, topic, missing, ask, found, what)
        missing -= found.keys()
        if not trouble:
            return found
        waited = anyio.current_time() - started
        left = {error: _patience(error, patience) - waited for error in trouble}
        _raise([error for error in trouble if left[error] <= 0])
        await anyio.sleep(min(backoff.next(), *left.values()))
        try:
            await cluster.refresh([topic])
        except GomqError as error:
            if not error.retriable:
                raise


def _patience(error: GomqError, patience: float) -> float:
    if not error.retriable:
        return 0
    return min(patience, _UNKNOWN_TOPIC_PATIENCE) if isinstance(error, UnknownTopicError) else patience


def _raise(errors: list[GomqError]) -> None:
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise ExceptionGroup(f"{len(errors)} of several things failed", errors)


async def _ask_each(
    cluster: Cluster, topic: str, partitions: set[int], ask: Ask, found: dict[int, Any], what: str
) -> list[GomqError]:
    """Ask all leaders about their partitions, at the same time; return the trouble met, if any."""
    if partitions and cluster.topic(topic) is None:
        return [UnknownTopicError(f"topic {topic!r} does not exist")]
    by_leader: dict[int, list[int]] = {}
    trouble: list[GomqError] = []
    for partition in sorted(partitions):
        if (leader := cluster.leader(topic, partition)) is not None:
            by_leader.setdefault(leader, []).append(partition)
        else:
            trouble.append(LeaderNotAvailableError(f"{TopicPartition(topic, partition)} has no leader"))
    limiter = anyio.CapacityLimiter(_AT_ONCE)

    async def ask_one(leader: int, led: list[int]) -> None:
        try:
            async with limiter:
                results = await ask(leader, led)
        except GomqError as error:
            trouble.append(error)
            return
        problems = {each: _problem(what, TopicPartition(topic, each), results.get(each)) for each in led}
        found.update((each, results[each]) for each, problem in problems.items() if problem is None)
        trouble.extend(problem for problem in problems.values() if problem is not None)

    async with anyio.create_task_group() as group:
        for leader, led in by_leader.items():
            group.start_soon(ask_one, leader, led)
    return trouble


def _problem(what: str, target: TopicPartition, result: Any) -> GomqError | None:  # noqa: ANN401 - one class a version
    what = what.replace("{}", str(target))
    if result is None:
        return ProtocolError(f"{what}: the answer does not mention it")
    if result.error_code:
        return error_for(int(result.error_code), f"{what}: {result.error_code.name.replace('_', ' ')}")
    return None
