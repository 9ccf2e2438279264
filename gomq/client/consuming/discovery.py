"""Finding what is subscribed to: the topics and their partitions, where each is to begin, and what is new of them."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import anyio

from gomq.client.cluster.cluster import Cluster
from gomq.client.cluster.metadata import ClusterMetadata, TopicMetadata
from gomq.client.cluster.topic_errors import UNKNOWN_TOPIC, topic_error
from gomq.client.consuming.offsets import NO_OFFSET, look_up
from gomq.client.consuming.settings import ConsumerSettings, ReadPolicy
from gomq.client.consuming.start import LATEST, Start, fixed_offset, timestamp_of
from gomq.client.consuming.subscription import Subscription
from gomq.errors import GomqError, ProtocolError
from gomq_storage.layout import TopicPartition

_LEADERLESS_PATIENCE: Final = 5.0
"""Seconds to wait, at the start, for partitions without a leader."""


class Discovery:
    """What there is of a subscription, as brokers say.

    Args:
        cluster: the brokers.
        subscription: what is wanted.
        settings: how often to look, and how long for.
        policy: what counts as the end of a partition.
    """

    def __init__(
        self, cluster: Cluster, subscription: Subscription, settings: ConsumerSettings, policy: ReadPolicy
    ) -> None:
        self._cluster = cluster
        self._subscription = subscription
        self._connection = settings.connection
        self._policy = policy
        self.partitions: list[TopicPartition] = []
        """What is wanted and exists, as of the last look."""
        self.topics: dict[str, int] = {}
        """Each topic that is wanted and exists, and how many partitions it has."""

    async def open(self) -> None:
        """Find everything, once what is wanted has leaders; a pattern may match nothing yet.

        Raises:
            UnknownTopicError: a topic or partition does not exist.
            BrokerError: one cannot be used.
        """
        deadline = anyio.current_time() + _LEADERLESS_PATIENCE
        backoff = self._cluster.new_backoff()
        while problem := await self._look():
            if not problem.retriable or anyio.current_time() >= deadline:
                raise problem
            await anyio.sleep(backoff.next())

    async def keep_looking(self, on_look: Callable[[bool], None]) -> None:
        """Look again every ``metadata_max_age`` seconds, and say whether there is more, or less, of what is wanted."""

        def told(answer: ClusterMetadata) -> None:
            before = self.topics
            self._take_in(answer.topics)
            on_look(self.topics != before)

        await self._cluster.keep_fresh(lambda: self._subscription.names, told)

    async def starts(
        self, partitions: Iterable[TopicPartition], start: Start, *, now_ms: int
    ) -> dict[TopicPartition, int]:
        """Find the offset at which each partition is to begin.

        Args:
            partitions: which.
            start: as the user said; a time later than the last message means the end.
            now_ms: since the epoch, from which a time ago is counted.
        """
        partitions = list(partitions)
        if (offset := fixed_offset(start)) is not None:
            return dict.fromkeys(partitions, offset)
        timestamp = timestamp_of(start, now_ms=now_ms)
        found = await self.look_up(dict.fromkeys(partitions, timestamp))
        late = [target for target, offset in found.items() if offset == NO_OFFSET]
        return found | await self.look_up(dict.fromkeys(late, LATEST))

    async def look_up(self, wanted: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        """Ask for offsets as the isolation level has them; see ``offsets.look_up``."""
        if not wanted:
            return {}
        return await look_up(
            self._cluster,
            wanted,
            isolation=self._policy.isolation_level,
            patience=self._connection.request_timeout,
        )

    async def _look(self) -> GomqError | None:
        """Ask once; return why not all of it can be used, if so."""
        names = self._subscription.names
        known = (await self._cluster.refresh(names)).topics
        for name in names or ():
            if (problem := _problem(name, known.get(name))) is not None:
                return problem
        self._subscription.check_partitions(known)
        self._take_in(known)
        for topic, partition in self.partitions:
            if known[topic].partitions[partition].leader is None:
                return topic_error(known[topic])
        return None

    def _take_in(self, known: Mapping[str, TopicMetadata]) -> None:
        self.partitions = self._subscription.wanted(known)
        self.topics = {topic.name: len(topic.partitions) for topic in self._subscription.matching(known)}


def _problem(name: str, topic: TopicMetadata | None) -> GomqError | None:
    if topic is None:
        return ProtocolError(f"the answer to a request for topic {name!r} does not mention it")
    if topic.error_code == UNKNOWN_TOPIC:  # it passes where a topic is new; whoever reads one does not wait for it
        raise topic_error(topic)
    return topic_error(topic) if topic.error_code else None
