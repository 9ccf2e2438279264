"""A real broker in a thread of the test's process, with its data in a temporary directory."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

from anyio import to_thread

from gomq.broker.config import BrokerConfig
from gomq.broker.topics import Topics
from gomq.client.message import Message, NewMessage
from gomq.testing import topic_reading, waiting
from gomq.testing.expecting import Expectation
from gomq.testing.hosting import BrokerHost
from gomq.testing.settings import broker_config
from gomq.testing.topic_filling import fill
from gomq_storage.layout import TopicPartition

Seeds: TypeAlias = Mapping[str, int | Iterable[bytes | NewMessage]]
"""Topics, and how many partitions each has, or what is in it."""
_TIMEOUT: Final = 5.0


class BrokerThread(BrokerHost):
    """A broker that runs while its ``with`` block does, on an event loop of its own: for sync and async tests alike.

    Its methods may be called by any thread. They wait for the broker, an instant as a rule; those that wait for what
    clients do, ``expect`` and ``wait_for_group``, have a form for tests that run on an event loop themselves.

    Args:
        data: the data directory, which stays; None makes one that is removed at the end.
        config: all settings but the data directory; None takes what suits tests: a free port, nothing synced.
        topics: what there is from the start: ``{"orders": 3}`` with partitions, ``{"orders": [b"a", b"b"]}`` with
            messages.
        settings: other settings, by the names that they have with ``gomq serve`` or Kafka.
        fields: other settings, by the names that they have in ``BrokerConfig``.

    Raises:
        ConfigurationError: a setting cannot be.
        BrokerStartError: on entering, when the data directory or the port cannot be used.
    """

    def __init__(
        self,
        data: str | Path | None = None,
        *,
        config: BrokerConfig | None = None,
        topics: Seeds | None = None,
        settings: Mapping[str, object] | None = None,
        **fields: object,
    ) -> None:
        where = Path(data) if data is not None else Path("data")
        super().__init__(broker_config(where, config, {**(settings or {}), **fields}), owns_data=data is None)
        self._seeds = dict(topics or {})

    def topics(self) -> list[str]:
        """Name the topics, but for the broker's own."""
        return sorted(each.name for each in self._running.state.topics if not each.is_internal)

    def create_topic(
        self, name: str, *, partitions: int | None = None, configs: Mapping[str, object] | None = None
    ) -> None:
        """Create a topic.

        Args:
            name: what it is called.
            partitions: how many it has; None leaves that to the broker's settings.
            configs: Kafka's topic configs.

        Raises:
            TopicAlreadyExistsError: there is one of this name.
            InvalidTopicError, ValueError: no topic can be called that, or have these configs.
        """
        state = self._running.state
        count = state.config.default_partitions if partitions is None else partitions
        texts = {key: str(value) for key, value in (configs or {}).items()}
        self._call(state.topics.create, name, partitions=count, configs=texts)

    def delete_topic(self, name: str) -> None:
        """Delete a topic and all its messages; ``UnknownTopicError`` where there is none."""
        topics = self._running.state.topics
        self._call(topics.delete, topics.existing(name))

    def publish(self, topic: str, messages: Iterable[bytes | NewMessage]) -> None:
        """Put messages into a topic, which is made where it is missing, without a client, and whatever the faults.

        Args:
            topic: where to.
            messages: values, or messages with keys, headers, partitions or timestamps.
        """
        self._call(fill, self._running.state, topic, list(messages))

    def records(self, topic: str) -> list[Message]:
        """Read all messages of a topic that were acknowledged, by partition and offset, as they are in its log.

        Raises:
            UnknownTopicError: there is no such topic.
        """
        return self._look(lambda topics: topic_reading.read_topic(topics, topic))

    def committed(self, group: str) -> dict[TopicPartition, int]:
        """Say how far a group got: the next offset to read of each partition; empty where it has committed nothing."""
        life = self._running
        found = self._call_now(lambda: dict(life.state.offsets.committed(group)))
        return {where: value.offset for where, value in sorted(found.items())}

    def expect(self, topic: str, count: int = 1, *, timeout: float = _TIMEOUT) -> Expectation:
        """Expect messages while a block runs: ``with broker.expect("orders", 2) as new: ...``, or ``async with``.

        The block's end waits until so many have come to the topic, which need not exist before, and puts them into
        ``new``. ``AssertionError`` shows what came where these are fewer or more; what comes later is not looked at.

        Args:
            topic: where.
            count: how many; 0 for none, which waits for nothing.
            timeout: seconds to wait for them.
        """

        def wait(marks: Mapping[int, int]) -> float:
            state = self._running.state
            self._call(waiting.wait_for_messages, state, topic, marks, count=count, seconds=timeout)
            return timeout

        return Expectation(
            topic,
            count,
            ends=lambda: topic_reading.ends(self._running.state.topics, topic),
            wait=wait,
            read=partial(self._read_behind, topic),
        )

    def wait_for_group(self, group: str, *, members: int = 1, timeout: float = _TIMEOUT) -> None:
        """Wait until a group has so many members, and all of them their partitions.

        A test that runs on an event loop lets others work meanwhile with ``wait_for_group_async``.

        Args:
            group: which.
            members: how many.
            timeout: seconds to wait for them.

        Raises:
            TimeoutError: it did not come to that; the message says to what it came.
        """
        state = self._running.state
        if not self._call(waiting.wait_for_members, state, group, members, seconds=timeout):
            found = self._call_now(lambda: waiting.describe_group(state, group))
            raise TimeoutError(f"{found}; {members} with their partitions were expected within {timeout:g} s")

    async def wait_for_group_async(self, group: str, *, members: int = 1, timeout: float = _TIMEOUT) -> None:  # noqa: ASYNC109
        """Wait as ``wait_for_group`` does, on any event loop."""
        wait = partial(self.wait_for_group, group, members=members, timeout=timeout)
        await to_thread.run_sync(wait, abandon_on_cancel=True)

    def _fill(self) -> None:
        for name, seed in self._seeds.items():
            self.create_topic(name, partitions=seed if isinstance(seed, int) else None)
            if not isinstance(seed, int):
                self.publish(name, seed)

    def _read_behind(self, topic: str, marks: Mapping[int, int]) -> list[Message]:
        def read(topics: Topics) -> list[Message]:
            return topic_reading.read_topic(topics, topic, start=marks) if topics.get(topic) is not None else []

        return self._look(read)

    def _look(self, read: Callable[[Topics], list[Message]]) -> list[Message]:
        """Look into logs where nobody cuts them meanwhile: on the event loop, or in here while that stands still."""
        life = self._running
        return read(life.state.topics) if life.is_paused else life.portal.call(read, life.state.topics)
