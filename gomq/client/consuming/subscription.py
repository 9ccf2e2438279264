"""What a consumer reads: topics by name or pattern, or partitions one by one."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from gomq.client.cluster.metadata import TopicMetadata
from gomq.errors import ConfigurationError, UnknownTopicError
from gomq_storage.layout import TopicPartition, topic_name_problem

Topics: TypeAlias = str | Iterable[str] | re.Pattern[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """One of topics, pattern and partitions; the others are empty."""

    topics: tuple[str, ...] = ()
    pattern: re.Pattern[str] | None = None
    """Must match a topic's whole name. What brokers keep for themselves does not count."""
    partitions: frozenset[TopicPartition] = frozenset()

    @property
    def names(self) -> list[str] | None:
        """The topics to ask metadata of; None for all there are."""
        if self.pattern is not None:
            return None
        return list(dict.fromkeys((*self.topics, *sorted({each.topic for each in self.partitions}))))

    def matching(self, known: Mapping[str, TopicMetadata]) -> list[TopicMetadata]:
        """Pick the topics that are subscribed to and exist."""
        if self.pattern is not None:
            match = self.pattern.fullmatch
            named = [name for name, topic in known.items() if not topic.is_internal and match(name)]
        else:
            named = [name for name in self.names or () if name in known]
        return [known[name] for name in named if not known[name].error_code]

    def wanted(self, known: Mapping[str, TopicMetadata]) -> list[TopicPartition]:
        """List the partitions that are to be read, by topic and index."""
        if self.partitions:
            return sorted(self.partitions)
        return [
            TopicPartition(topic.name, partition.index)
            for topic in sorted(self.matching(known), key=lambda topic: topic.name)
            for partition in topic.partitions
        ]

    def check_partitions(self, known: Mapping[str, TopicMetadata]) -> None:
        """Refuse partitions that do not exist.

        Raises:
            UnknownTopicError: names the first of them.
        """
        for target in sorted(self.partitions):
            topic = known.get(target.topic)
            if topic is None or target.partition >= len(topic.partitions):
                count = 0 if topic is None else len(topic.partitions)
                raise UnknownTopicError(
                    f"topic {target.topic!r} has no partition {target.partition}: "
                    + (f"it has {count}, from 0 to {count - 1}" if count else "it has none")
                )


def chosen_subscription(topics: Topics | None, partitions: Iterable[TopicPartition] | None) -> Subscription:
    """Take topics or partitions, whichever is given.

    Raises:
        ConfigurationError: both, or neither, or what can be no topic or partition.
    """
    if (topics is None) == (partitions is None):
        raise ConfigurationError("a consumer reads either topics or partitions: give one of the two")
    if partitions is not None:
        chosen = frozenset(map(_checked_partition, partitions))
        if not chosen:
            raise ConfigurationError("partitions is empty: there is nothing to read")
        return Subscription(partitions=chosen)
    if isinstance(topics, re.Pattern):
        if not isinstance(topics.pattern, str):
            raise ConfigurationError("the pattern for topics is of text, not of bytes")
        return Subscription(pattern=topics)
    names = (topics,) if isinstance(topics, str) else topics or ()
    named = tuple(dict.fromkeys(map(_checked_name, names)))
    if not named:
        raise ConfigurationError("topics is empty: there is nothing to read")
    return Subscription(topics=named)


def _checked_name(name: object) -> str:
    if not isinstance(name, str):
        raise ConfigurationError(f"topics are names, a list of names or a compiled pattern, not {name!r}")
    if problem := topic_name_problem(name):
        raise ConfigurationError(problem)
    return name


def _checked_partition(partition: object) -> TopicPartition:
    match partition:
        case (str() as topic, int() as index) if index >= 0:
            return TopicPartition(_checked_name(topic), index)
    raise ConfigurationError(f"partitions are pairs such as TopicPartition('orders', 0), not {partition!r}")
