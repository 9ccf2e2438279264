"""The producer: ``async with Producer(address) as producer: await producer.publish(topic, value)``."""

import time
from collections.abc import AsyncIterable, Iterable, Mapping
from math import inf

import anyio
from anyio.abc import TaskGroup

from gomq.client.admin import topics
from gomq.client.cluster.cluster import Cluster
from gomq.client.cluster.metadata import TopicMetadata
from gomq.client.cluster.settings import ConnectionSettings
from gomq.client.message import (
    HeadersInput,
    NewMessage,
    Published,
    Receipt,
    checked,
    checked_timestamp,
    normalize_headers,
)
from gomq.client.producing.accumulator import Accumulator
from gomq.client.producing.partitioner import partition_of_key
from gomq.client.producing.publishing import Publishing
from gomq.client.producing.sender import Sender
from gomq.client.producing.settings import Acks, ProducerSettings, parse_acks, parse_codec
from gomq.client.raising import own_copy
from gomq.errors import ClosedError, DeliveryFailedError, GomqError, UnknownTopicError
from gomq.net.scope import Scope
from gomq_storage.compression import Codec
from gomq_storage.layout import TopicPartition
from gomq_storage.record import NewRecord

_NEW_TOPIC_PATIENCE = 5.0
"""Seconds that a topic may stay unknown while the broker creates it."""


class Producer(Scope):
    """Publishes messages; ``publish`` and ``publish_many`` return when the broker has acknowledged them.

    A message that could not be delivered is sent again, in the order of its partition, until ``delivery_timeout`` is
    over. Where only an acknowledgement was lost this stores it twice. A topic that does not exist is created where
    the broker allows that.

    Args:
        address: HOST:PORT of a broker, or several, comma-separated, of one cluster.
        acks: ``"all"`` waits until messages are safe (GoMQ: on disk; Kafka: on all replicas in sync), 1 until the
            leader has them, 0 for nothing: then messages may be lost unnoticed.
        codec: ``none``, ``gzip``, ``snappy``, ``lz4`` or ``zstd``.
        linger: seconds that a message waits for others to share its batch; those that arrive while another batch is
            on its way share one anyhow.
        max_batch_bytes: the most that several messages in a batch take, before compression.
        request_timeout: seconds for one answer; the connection is given up then.
        delivery_timeout: seconds from handing a message over to its acknowledgement.
        client_id: what brokers call this client.
        settings: all settings at once, instead of the others.
    """

    def __init__(  # noqa: PLR0913 - each has a default and is named at the call
        self,
        address: str = "localhost:9092",
        *,
        acks: Acks = "all",
        codec: Codec | str = Codec.NONE,
        linger: float = 0.0,
        max_batch_bytes: int = 1_000_000,
        request_timeout: float = 30.0,
        delivery_timeout: float = 120.0,
        client_id: str = "gomq",
        settings: ProducerSettings | None = None,
    ) -> None:
        super().__init__()
        self._address = address
        self._settings = settings or ProducerSettings(
            connection=ConnectionSettings(client_id=client_id, request_timeout=request_timeout),
            acks=parse_acks(acks),
            codec=parse_codec(codec),
            linger=linger,
            max_batch_bytes=max_batch_bytes,
            delivery_timeout=delivery_timeout,
        )
        self._accumulator = Accumulator(
            max_batch_bytes=self._settings.max_batch_bytes, buffer_bytes=self._settings.buffer_bytes
        )
        self._cluster: Cluster | None = None
        self._sender: Sender | None = None
        self._finding: dict[str, anyio.Lock] = {}
        self._not_found: dict[str, tuple[float, GomqError]] = {}
        """When a search for a topic failed last, and why."""
        self._sticky: dict[str, int] = {}

    async def publish(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: bytes | None = None,
        headers: HeadersInput = (),
        partition: int | None = None,
        timestamp: int | None = None,
    ) -> Receipt:
        """Publish one message and wait until it is acknowledged.

        Many tasks may do so at the same time; their messages share batches. Who is cancelled while waiting does not
        know whether the message is stored.

        Args:
            topic: where to.
            value: the message; None is a tombstone.
            key: messages of one key go to one partition, the same as with Kafka's clients.
            headers: a mapping, or pairs where a name comes more than once.
            partition: overrides the choice by key.
            timestamp: milliseconds since the epoch; None takes the current time.

        Raises:
            DeliveryFailedError: it was not acknowledged in time; it may have been stored all the same.
            UnknownTopicError: the topic does not exist and the broker creates none, or it has no such partition.
            BrokerError: the broker refused it, and says why.
        """
        sender = self._open_sender()
        stamp = time.time_ns() // 1_000_000 if timestamp is None else checked_timestamp(timestamp)
        record = NewRecord(checked(value, "value"), checked(key, "key"), normalize_headers(headers), stamp)
        found = self._cluster_topic(topic) or await self._find_topic(topic)
        while not self._accumulator.has_room:
            await self._accumulator.wait_for_change()
        target = self._choose(found, record.key, partition)
        now = anyio.current_time()
        deadline = now + self._settings.delivery_timeout
        batch, position = self._accumulator.add_record(target, record, now=now, deadline=deadline)
        sender.kick(target)
        await batch.done.wait()
        return batch.receipt(position)

    async def publish_many(
        self,
        topic: str,
        messages: Iterable[bytes | NewMessage] | AsyncIterable[bytes | NewMessage],
        *,
        partition: int | None = None,
    ) -> Published:
        """Publish messages in their order and wait until all are acknowledged.

        No more is taken from ``messages`` than the broker keeps up with. Plain values are the fastest. Values without
        a key go, a batch at a time, to one partition after the other.

        Args:
            topic: where to.
            messages: values, or messages with keys, headers or timestamps; mixed where that is wanted.
            partition: for all that do not choose one themselves.

        Raises:
            DeliveryFailedError: some were not acknowledged in time, ``count`` says how many; those before them in
                their partition were, those behind them were not sent.
            UnknownTopicError: see ``publish``.
            BrokerError: see ``publish``.
        """
        sender = self._open_sender()
        found = self._cluster_topic(topic) or await self._find_topic(topic)
        publishing = Publishing(
            found,
            self._accumulator,
            sender,
            self._settings,
            choose=lambda key, own: self._choose(found, key, partition if own is None else own),
        )
        return await publishing.run(messages)

    async def create_topic(
        self,
        name: str,
        *,
        partitions: int = 1,
        replication_factor: int | None = None,
        configs: Mapping[str, object] | None = None,
        if_not_exists: bool = False,
    ) -> bool:
        """Create a topic, wait until it can be used, and return whether it was created now.

        Args:
            name: up to 249 letters, digits, dots, underscores and dashes.
            partitions: how many; messages keep their order within one.
            replication_factor: on how many brokers; None leaves it to the broker.
            configs: Kafka's topic settings, such as ``{"segment.bytes": 1 << 26}``.
            if_not_exists: take one that exists, whatever its partitions and settings are.

        Raises:
            TopicAlreadyExistsError: there is one of this name.
            BrokerError: the broker refuses, and says why.
        """
        self._open_sender()
        assert self._cluster is not None
        return await topics.create_topic(
            self._cluster,
            topics.NewTopic(
                name=name, partitions=partitions, replication_factor=replication_factor, configs=configs or {}
            ),
            if_not_exists=if_not_exists,
            timeout=self._settings.connection.request_timeout,
        )

    async def flush(self) -> None:
        """Wait until all that was handed over is acknowledged or given up; leaving the block does so too."""
        await self._open_sender().flush()

    async def _open(self, group: TaskGroup) -> None:
        self._cluster = Cluster(self._address, self._settings.connection, group, owner="producer")
        await self._cluster.refresh([])
        self._sender = Sender(self._cluster, self._settings, self._accumulator, group)
        group.start_soon(self._sender.run)

    async def _flush(self) -> None:
        while self._sender is not None and self._accumulator.unfinished():
            await self._sender.flush()

    def _close(self) -> None:
        self._sender = None
        self._accumulator.close()
        if self._cluster is not None:
            self._cluster.close()

    def _open_sender(self) -> Sender:
        if self._sender is None:
            raise ClosedError("producer")
        return self._sender

    def _cluster_topic(self, name: str) -> TopicMetadata | None:
        assert self._cluster is not None
        return self._cluster.topic(name)

    async def _find_topic(self, name: str) -> TopicMetadata:
        """Ask for a topic that is not known yet; tasks that want the same share the answer."""
        assert self._cluster is not None
        deadline = anyio.current_time() + self._settings.delivery_timeout
        backoff = self._cluster.new_backoff()
        asked_at = anyio.current_time()
        async with self._finding.setdefault(name, anyio.Lock()):
            failed_at, failure = self._not_found.get(name, (-inf, None))
            if failure is not None and failed_at >= asked_at:
                raise own_copy(failure)
            while (found := self._cluster.topic(name)) is None:
                try:
                    return await self._cluster.find_topic(name, may_create=True, patience=_NEW_TOPIC_PATIENCE)
                except GomqError as error:
                    pause = backoff.next()
                    if not error.retriable:
                        self._not_found[name] = (anyio.current_time(), error)
                        raise
                    if anyio.current_time() + pause >= deadline:
                        raise DeliveryFailedError(name, 1, str(error)) from error
                    await anyio.sleep(pause)
            return found

    def _choose(self, topic: TopicMetadata, key: bytes | None, partition: int | None) -> TopicPartition:
        """Decide which partition a message goes to."""
        count = len(topic.partitions)
        if partition is not None:
            if not 0 <= partition < count:
                raise UnknownTopicError(f"topic {topic.name!r} has no partition {partition}, only 0 to {count - 1}")
            partition = topic.partitions[partition].index  # which takes nothing that only looks like an int
        elif count == 1:
            partition = 0
        elif key is not None:
            partition = partition_of_key(key, count)
        else:
            partition = self._sticky.get(topic.name, -1)
            if partition < 0 or self._accumulator.queue(TopicPartition(topic.name, partition)).open_batch is None:
                partition = self._sticky[topic.name] = (partition + 1) % count
        return TopicPartition(topic.name, partition)
