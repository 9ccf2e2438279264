"""The producer: ``async with Producer(address) as producer: await producer.publish(topic, value)``."""

from collections.abc import AsyncIterable, Iterable, Mapping

import anyio
from anyio.abc import TaskGroup

from gomq.client.admin import topics
from gomq.client.cluster.cluster import Cluster
from gomq.client.cluster.security import Security
from gomq.client.cluster.settings import ConnectionSettings
from gomq.client.message import HeadersInput, NewMessage, Published, Receipt
from gomq.client.producing.accumulator import Accumulator
from gomq.client.producing.choosing import checked_partition
from gomq.client.producing.finding import TopicFinder
from gomq.client.producing.intake import Intake, new_record
from gomq.client.producing.publication import Losses, Publication
from gomq.client.producing.publishing import Publishing
from gomq.client.producing.sender import Sender
from gomq.client.producing.settings import Acks, ProducerSettings, parse_acks, parse_codec
from gomq.errors import ClosedError
from gomq.net.scope import Scope
from gomq_storage.compression import Codec
from gomq_storage.record import NewRecord


class Producer(Scope):
    """Publishes messages; ``publish`` and ``publish_many`` return when the broker has acknowledged them.

    A message that could not be delivered is sent again, in the order of its partition, until ``delivery_timeout`` is
    over. An idempotent producer stores none twice by that, and none behind a later one; another one may do both where
    a connection is lost. A topic that does not exist is created where the broker allows that.

    Args:
        address: HOST:PORT of a broker, or several, comma-separated, of one cluster.
        acks: ``"all"`` waits until messages are safe (GoMQ: on disk; Kafka: on all replicas in sync), 1 until the
            leader has them, 0 for nothing: then messages may be lost unnoticed.
        idempotent: whether brokers are to know each batch again, which lets several be on their way at once as well;
            None: yes, unless ``acks`` is less than all (Kafka's ``enable.idempotence``, KIP-679).
        codec: ``none``, ``gzip``, ``snappy``, ``lz4`` or ``zstd``.
        linger: seconds that a message waits for others to share its batch; those that arrive while another batch is
            on its way share one anyhow.
        max_batch_bytes: the most that several messages in a batch take, before compression.
        buffer_bytes: messages not yet acknowledged take about so much memory; whoever publishes more waits.
        request_timeout: seconds for one answer; the connection is given up then.
        delivery_timeout: seconds from handing a message over to its acknowledgement.
        client_id: what brokers call this client.
        security: how connections are protected; None for plaintext.
        settings: all settings at once, instead of the others.
    """

    def __init__(  # noqa: PLR0913 - each has a default and is named at the call
        self,
        address: str = "localhost:9092",
        *,
        acks: Acks = "all",
        idempotent: bool | None = None,
        codec: Codec | str = Codec.NONE,
        linger: float = 0.0,
        max_batch_bytes: int = 1_000_000,
        buffer_bytes: int = 32 << 20,
        request_timeout: float = 30.0,
        delivery_timeout: float = 120.0,
        client_id: str = "gomq",
        security: Security | None = None,
        settings: ProducerSettings | None = None,
    ) -> None:
        super().__init__()
        self._address = address
        self._settings = settings or ProducerSettings(
            connection=ConnectionSettings(
                client_id=client_id, request_timeout=request_timeout, security=security or Security()
            ),
            acks=parse_acks(acks),
            idempotent=idempotent,
            codec=parse_codec(codec),
            linger=linger,
            max_batch_bytes=max_batch_bytes,
            buffer_bytes=buffer_bytes,
            delivery_timeout=delivery_timeout,
        )
        self._losses = Losses(most_bytes=self._settings.buffer_bytes)
        self._accumulator = Accumulator(
            max_batch_bytes=self._settings.max_batch_bytes,
            buffer_bytes=self._settings.buffer_bytes,
            is_idempotent=self._settings.is_idempotent,
        )
        self._cluster: Cluster | None = None
        self._finder: TopicFinder | None = None
        self._sender: Sender | None = None
        self._intake: Intake | None = None

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
            DeliveryFailedError: it was not acknowledged in time; it may be stored all the same, or a while later.
            UnknownTopicError: the topic does not exist and the broker creates none, or it has no such partition.
            BrokerError: the broker refused it, and says why.
        """
        intake = self._open_intake()
        record = new_record(value, key, headers, timestamp)
        partition = checked_partition(partition)
        while not self._accumulator.has_room:
            await self._accumulator.wait_for_room()
        placed = intake.add(topic, record, partition)
        if placed is None:
            return await self._publish_once_known(intake, topic, record, partition)
        batch, position = placed
        await batch.done.wait()
        return batch.receipt(position)

    def publish_nowait(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: bytes | None = None,
        headers: HeadersInput = (),
        partition: int | None = None,
        timestamp: int | None = None,
    ) -> Publication:
        """Hand one message over without waiting, behind all that were handed over before.

        The topic need not be known yet. Wait for what is returned to learn what became of the message; where nobody
        does, ``flush`` or leaving the block raises the failure.

        Args:
            topic: see ``publish``, as for the others.
            value: the message.
            key: decides the partition.
            headers: a mapping, or pairs.
            partition: overrides the choice by key.
            timestamp: milliseconds since the epoch.

        Raises:
            WouldBlock: the buffer is full: anyio's. Wait for an earlier message, or use ``publish``.
            UnknownTopicError: the topic has no such partition, as far as that is known now.
        """
        intake = self._open_intake()
        record = new_record(value, key, headers, timestamp)
        partition = checked_partition(partition)
        if not self._accumulator.has_room:
            raise anyio.WouldBlock
        return intake.hand_over(topic, record, partition, self._losses)

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
            DeliveryFailedError: some were not delivered: ``undelivered`` names them, and says why. Those before them
                in their partition were, those behind them were not sent.
            UnknownTopicError: see ``publish``.
        """
        intake = self._open_intake()
        assert self._sender is not None
        publishing = Publishing(
            topic=await intake.find(topic),
            partition=partition,
            intake=intake,
            accumulator=self._accumulator,
            sender=self._sender,
            settings=self._settings,
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
        self._open_intake()
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
        """Wait until all that was handed over is acknowledged or given up; leaving the block does so too.

        Raises:
            DeliveryFailedError: messages of ``publish_nowait`` for which nobody waited were not delivered; it names
                them. Each is raised once.
        """
        intake = self._open_intake()
        assert self._sender is not None
        await intake.wait_for_places()
        await self._sender.flush()
        self._losses.raise_all()

    async def _open(self, group: TaskGroup) -> None:
        self._cluster = Cluster(self._address, self._settings.connection, group, owner="producer")
        await self._cluster.refresh([])
        self._finder = TopicFinder(self._cluster, group)
        self._sender = Sender(self._cluster, self._settings, self._accumulator, group)
        self._intake = Intake(self._cluster, self._finder, self._accumulator, self._sender, self._settings)
        group.start_soon(self._sender.run)
        group.start_soon(self._cluster.keep_fresh, self._accumulator.topics)

    async def _flush(self) -> None:
        while self._intake is not None and (self._intake.parked() or self._accumulator.unfinished()):
            await self._intake.wait_for_places()
            if self._sender is not None:
                await self._sender.flush()
        self._losses.raise_all()

    def _close(self) -> None:
        self._intake = self._sender = None
        if self._finder is not None:
            self._finder.close()
        self._accumulator.close()
        if self._cluster is not None:
            self._cluster.close()

    def _open_intake(self) -> Intake:
        if self._intake is None:
            raise ClosedError("producer")
        return self._intake

    async def _publish_once_known(
        self, intake: Intake, topic: str, record: NewRecord, partition: int | None
    ) -> Receipt:
        """Wait for the topic and then for the acknowledgement; who is cancelled before it is known sends nothing."""
        publication = intake.hand_over(topic, record, partition, None)
        try:
            return await publication.wait()
        except BaseException:
            intake.withdraw(topic, publication, record)
            raise
