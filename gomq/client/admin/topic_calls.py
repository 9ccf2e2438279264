"""What an admin does with topics: their partitions, configs, records and offsets."""

import time
from collections.abc import Iterable, Mapping

from gomq.client.admin import configs as resource_configs, descriptions, offsets, producers, records, topics
from gomq.client.admin.configs import ConfigEntry, Resource
from gomq.client.admin.descriptions import TopicDescription
from gomq.client.admin.offsets import Moment
from gomq.client.admin.producers import ProducerDescription
from gomq.client.admin.scope import AdminScope
from gomq.client.admin.topics import NewTopic
from gomq.client.cluster.metadata import TopicMetadata


class TopicCalls(AdminScope):
    """An admin's methods for topics."""

    async def list_topics(self, *, internal: bool = False) -> list[TopicMetadata]:
        """List all topics by name, those that brokers keep for themselves only where that is wanted."""
        return await descriptions.list_topics(self._asker, internal=internal)

    async def describe_topic(self, name: str) -> TopicDescription:
        """Describe a topic, offsets included.

        Raises:
            UnknownTopicError: there is none of this name.
        """
        return await descriptions.describe_topic(self._asker, name)

    async def describe_topics(self, names: Iterable[str]) -> dict[str, TopicDescription]:
        """Describe several topics, offsets included, by name.

        Raises:
            UnknownTopicError: there is none of one of these names.
            ExceptionGroup: several of them cannot be described.
        """
        return await descriptions.describe_topics(self._asker, names)

    async def create_topic(
        self,
        name: str,
        *,
        partitions: int = 1,
        replication_factor: int | None = None,
        configs: Mapping[str, object] | None = None,
        if_not_exists: bool = False,
        validate_only: bool = False,
    ) -> bool:
        """Create a topic, wait until it can be used, and return whether it was created now.

        Args:
            name: up to 249 letters, digits, dots, underscores and dashes.
            partitions: how many; messages keep their order within one.
            replication_factor: on how many brokers; None leaves it to the broker.
            configs: Kafka's topic settings, such as ``{"segment.bytes": 1 << 26}``.
            if_not_exists: take one that exists, whatever its partitions and settings are.
            validate_only: only ask whether that could be done.

        Raises:
            TopicAlreadyExistsError: there is one of this name.
            BrokerError: the broker refuses, and says why.
        """
        new = NewTopic(name=name, partitions=partitions, replication_factor=replication_factor, configs=configs or {})
        return bool(await self.create_topics([new], if_not_exists=if_not_exists, validate_only=validate_only))

    async def create_topics(
        self, new: Iterable[NewTopic], *, if_not_exists: bool = False, validate_only: bool = False
    ) -> list[str]:
        """Create several topics in one request, and return the names of those that were created now.

        One that the broker refuses does not keep the others from being created.

        Raises:
            TopicAlreadyExistsError: there is one of a name, and ``if_not_exists`` is not set.
            BrokerError: the broker refuses one, and says why.
            ExceptionGroup: it refuses several.
        """
        return await topics.create_topics(
            self._asker, list(new), if_not_exists=if_not_exists, validate_only=validate_only
        )

    async def delete_topic(self, name: str, *, if_exists: bool = False) -> bool:
        """Delete a topic and all its messages, and return whether it was there.

        Raises:
            UnknownTopicError: there is none of this name, and ``if_exists`` is not set.
            BrokerError: the broker refuses, and says why.
        """
        return bool(await self.delete_topics([name], if_exists=if_exists))

    async def delete_topics(self, names: Iterable[str], *, if_exists: bool = False) -> list[str]:
        """Delete several topics in one request, and return the names of those that were there.

        Raises:
            UnknownTopicError: there is none of a name, and ``if_exists`` is not set.
            BrokerError: the broker refuses one, and says why; the others are gone.
            ExceptionGroup: several of them failed.
        """
        return await topics.delete_topics(self._asker, names, if_exists=if_exists)

    async def create_partitions(self, topic: str, count: int, *, validate_only: bool = False) -> None:
        """Let a topic have more partitions, and wait until they can be used.

        Messages with the same key go to another partition from then on, for most keys.

        Args:
            topic: the topic.
            count: how many it is to have then, with those that it has.
            validate_only: only ask whether that could be done.

        Raises:
            UnknownTopicError: there is no such topic.
            InvalidPartitionsError: it has as many already, or cannot have so many.
            BrokerError: the broker refuses, and says why.
        """
        await topics.create_partitions(self._asker, topic, count, validate_only=validate_only)

    async def describe_configs(self, topic: str) -> dict[str, ConfigEntry]:
        """Return all configs of a topic by name: those that were set for it, and the broker's for the others.

        Raises:
            UnknownTopicError: there is no such topic.
            BrokerError: the broker refuses, and says why.
        """
        return await resource_configs.describe_configs(self._asker, Resource.topic(topic))

    async def alter_configs(
        self,
        topic: str,
        changes: Mapping[str, object] | None = None,
        *,
        unset: Iterable[str] = (),
        validate_only: bool = False,
    ) -> None:
        """Change a topic's configs from now on; those that are not named stay as they are.

        Args:
            topic: the topic.
            changes: new values by name.
            unset: names of those that shall be as the broker has them.
            validate_only: only ask whether that could be done.

        Raises:
            UnknownTopicError: there is no such topic.
            BrokerError: the broker refuses, and says why; then nothing was changed.
        """
        await resource_configs.alter_configs(
            self._asker, Resource.topic(topic), changes or {}, unset, validate_only=validate_only
        )

    async def delete_records(self, topic: str, before: Mapping[int, int]) -> dict[int, int]:
        """Delete the messages before an offset of each partition, for good.

        Args:
            topic: the topic.
            before: offset by partition; -1 stands for the partition's end.

        Returns:
            the first offset that each of the partitions has now.

        Raises:
            UnknownTopicError: there is no such topic, or no such partition.
            OffsetOutOfRangeError: an offset lies behind the partition's end.
            BrokerError: the broker refuses, as it does where the topic's ``cleanup.policy`` does not delete.
            ExceptionGroup: several partitions failed; the messages of others may be deleted.
        """
        return await records.delete_records(self._asker, topic, before)

    async def topic_offsets(self, topic: str, at: Moment) -> dict[int, int | None]:
        """Return the offset of each partition at a moment; None where there is no message so late.

        Args:
            topic: the topic.
            at: "earliest" for the first message kept, "latest" for the end, a datetime for the first message at or
                after it, a timedelta for the first since so long ago.

        Raises:
            UnknownTopicError: there is no such topic.
            LeaderNotAvailableError: a partition has no leader.
        """
        return await offsets.topic_offsets(self._asker, topic, at, now_ms=time.time_ns() // 1_000_000)

    async def describe_producers(
        self, topic: str, partitions: Iterable[int] | None = None
    ) -> dict[int, tuple[ProducerDescription, ...]]:
        """Return who has written to each partition lately, idempotently or in a transaction, by rising producer ids.

        Args:
            topic: the topic.
            partitions: which of its partitions; None for all.

        Raises:
            UnknownTopicError: there is no such topic, or no such partition.
            BrokerError: a broker refuses.
            ExceptionGroup: several partitions failed.
        """
        return await producers.describe_producers(self._asker, topic, partitions)
