"""The topics that there are: found by name or id, and what a new one may be called."""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from gomq.broker.configs.topic_configs import apply_topic_configs
from gomq.broker.metadata_log import TOPIC_NAME
from gomq.broker.partition import Partition
from gomq.errors import InvalidTopicError, TopicAlreadyExistsError, UnknownTopicError
from gomq_storage.config import LogConfig
from gomq_storage.directory import NewLog
from gomq_storage.layout import TopicPartition, topic_name_problem
from gomq_storage.log import Log

INTERNAL_TOPICS: Final = frozenset({"__consumer_offsets", "__transaction_state", "__share_group_state"})
"""Topics that only the broker makes and writes; clients may read them. Kafka: ``Topic.INTERNAL_TOPICS``."""
_OF_KAFKA: Final = "__cluster_metadata"
"""Where Kafka keeps what GoMQ keeps in ``__gomq_metadata``: a Kafka that gets the directory must not find another."""
_AT_ONCE: Final = 200
"""Partitions; one topic may have more."""
_TEXT_AT_ONCE: Final = 64 << 10
"""Characters of configs: the records of a group are one batch of the metadata log."""


@dataclass(slots=True, eq=False)
class Topic:
    """One topic and its partitions."""

    name: str
    id: uuid.UUID
    partitions: tuple[Partition, ...]
    configs: Mapping[str, str]
    """Its own, as they were given; ``Topics.alter_configs`` replaces them."""

    @property
    def is_internal(self) -> bool:
        """Whether the broker keeps something of its own in it."""
        return self.name in INTERNAL_TOPICS

    def configure(self, log_config: LogConfig) -> None:
        """Have its logs go by other settings."""
        for partition in self.partitions:
            if not partition.is_offline:
                partition.log.configure(log_config)

    def check_defaults(self, defaults: LogConfig) -> None:
        """Check that what it sets goes with other settings of the broker.

        Raises:
            ValueError: it does not, and it could not be used.
        """
        if not all(partition.is_offline for partition in self.partitions):
            try:
                apply_topic_configs(defaults, self.configs)
            except ValueError as error:
                raise ValueError(f"that does not go with topic {self.name!r}: {error}") from error


class NewTopic(NamedTuple):
    """A topic that is to be made."""

    name: str
    partitions: int
    configs: Mapping[str, str | None]


class NewPartitions(NamedTuple):
    """Partitions that a topic is to have besides those that it has."""

    topic: Topic
    indexes: range
    log_config: LogConfig
    value: dict[str, Any]
    """The topic's record, once they are there."""

    def logs(self) -> Iterator[NewLog]:
        """What has to be made for it."""
        return (
            NewLog(TopicPartition(self.topic.name, index), self.topic.id, self.log_config) for index in self.indexes
        )


def in_groups(wanted: Iterable[NewTopic]) -> Iterator[list[NewTopic]]:
    """Put topics together that may be made at once: not too many, for others wait as long, and no two of one name."""
    group: list[NewTopic] = []
    names: set[str] = set()
    room, text_room = _AT_ONCE, _TEXT_AT_ONCE
    for topic in wanted:
        name, text = _in_metrics(topic.name), sum(len(key) + len(value or "") for key, value in topic.configs.items())
        if group and (topic.partitions > room or text > text_room or name in names):
            yield group
            group, names, room, text_room = [], set(), _AT_ONCE, _TEXT_AT_ONCE
        group.append(topic)
        names.add(name)
        room, text_room = room - topic.partitions, text_room - text
    if group:
        yield group


def check_not_internal(name: str) -> None:
    """Check that clients may create a topic of that name, change and delete it.

    Raises:
        InvalidTopicError: it is for the broker's own.
    """
    if name in INTERNAL_TOPICS:
        raise InvalidTopicError(f"topic {name!r} is the broker's own: it makes it when it needs it")


class Catalogue:
    """All topics of a broker, as they are; ``Topics`` changes them."""

    def __init__(self) -> None:
        self._by_name: dict[str, Topic] = {}
        self._by_id: dict[uuid.UUID, Topic] = {}
        self._by_metric: dict[str, str] = {}  # names, by how metrics have them

    def __iter__(self) -> Iterator[Topic]:
        return iter(tuple(self._by_name.values()))

    def get(self, topic: str | uuid.UUID | None) -> Topic | None:
        """Find a topic by name or by id."""
        return self._by_id.get(topic) if isinstance(topic, uuid.UUID) else self._by_name.get(topic or "")

    def existing(self, name: str) -> Topic:
        """Find a topic that is to be there.

        Raises:
            UnknownTopicError: it is not.
        """
        topic = self._by_name.get(name)
        if topic is None:
            raise UnknownTopicError(f"there is no topic {name!r}")
        return topic

    def partition(self, topic: str | uuid.UUID | None, index: int) -> Partition | None:
        """Find a partition."""
        found = self.get(topic)
        return found.partitions[index] if found is not None and 0 <= index < len(found.partitions) else None

    def all_partitions(self) -> Iterable[Partition]:
        """Every partition of every topic."""
        return (partition for topic in self._by_name.values() for partition in topic.partitions)

    def visible_upto(self, log: Log) -> int:
        """Say up to which offset consumers may see a log."""
        for partition in self.all_partitions():
            if not partition.is_offline and partition.log is log:
                return partition.high_watermark
        return log.log_end

    def check_name(self, name: str) -> None:
        """Check that a topic of that name could be created.

        Raises:
            InvalidTopicError: no topic may have it.
            TopicAlreadyExistsError: one has it.
        """
        problem = topic_name_problem(name)
        if problem is None and name in {TOPIC_NAME, _OF_KAFKA}:
            problem = f"topic name {name!r} is a broker's own"
        if problem is not None:
            raise InvalidTopicError(problem)
        if name in self._by_name:
            raise TopicAlreadyExistsError(f"topic {name!r} already exists")
        if (other := self._by_metric.get(_in_metrics(name))) is not None:
            raise InvalidTopicError(
                f"topic {name!r} collides with {other!r}: '.' and '_' are not told apart in metrics"
            )

    def _add(self, topic: Topic) -> None:
        self._by_name[topic.name] = topic
        self._by_id[topic.id] = topic
        self._by_metric[_in_metrics(topic.name)] = topic.name

    def _remove(self, topic: Topic) -> None:
        del self._by_name[topic.name], self._by_id[topic.id]
        self._by_metric.pop(_in_metrics(topic.name), None)


def _in_metrics(name: str) -> str:
    """Write a name as Kafka's metrics do: ``Topic.unifyCollisionChars``."""
    return name.replace(".", "_")
