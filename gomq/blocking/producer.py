"""The producer without an event loop."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Final

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from gomq.blocking.chunks import Chunk, chunks, joined, renumbered
from gomq.blocking.portal import Blocking, blocking, wait_for
from gomq.client.cluster.security import Security
from gomq.client.message import HeadersInput, NewMessage, Published, Receipt
from gomq.client.producing.producer import Producer as AsyncProducer
from gomq.client.producing.publication import Publication as AsyncPublication
from gomq.client.producing.settings import Acks, ProducerSettings
from gomq.errors import DeliveryFailedError
from gomq_storage.compression import Codec


class Producer(Blocking[AsyncProducer]):
    """Publishes messages; ``publish`` and ``publish_many`` return when the broker has acknowledged them.

    ``gomq.Producer`` says more.

    Args:
        address: HOST:PORT of a broker, or several, comma-separated, of one cluster.
        acks: ``"all"``, 1 or 0.
        idempotent: whether brokers are to know each batch again; None: yes, unless ``acks`` is less than all.
        codec: ``none``, ``gzip``, ``snappy``, ``lz4`` or ``zstd``.
        linger: seconds that a message waits for others to share its batch.
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
        super().__init__(
            AsyncProducer(
                address,
                acks=acks,
                idempotent=idempotent,
                codec=codec,
                linger=linger,
                max_batch_bytes=max_batch_bytes,
                buffer_bytes=buffer_bytes,
                request_timeout=request_timeout,
                delivery_timeout=delivery_timeout,
                client_id=client_id,
                security=security,
                settings=settings,
            )
        )

    publish: Final = blocking(AsyncProducer.publish)
    create_topic: Final = blocking(AsyncProducer.create_topic)
    flush: Final = blocking(AsyncProducer.flush)

    def publish_nowait(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: bytes | None = None,
        headers: HeadersInput = (),
        partition: int | None = None,
        timestamp: int | None = None,
    ) -> "Publication":
        """Hand one message over without waiting for its acknowledgement.

        Args:
            topic: where to.
            value: the message; None is a tombstone.
            key: decides the partition.
            headers: a mapping, or pairs.
            partition: overrides the choice by key.
            timestamp: milliseconds since the epoch.

        Raises:
            WouldBlock: the buffer is full: anyio's. Wait for an earlier message, or use ``publish``.
        """
        published = self._call_now(
            self._client.publish_nowait,
            topic,
            value,
            key=key,
            headers=headers,
            partition=partition,
            timestamp=timestamp,
        )
        return Publication(self, published)

    def publish_many(
        self, topic: str, messages: Iterable[bytes | NewMessage], *, partition: int | None = None
    ) -> Published:
        """Publish messages in their order and wait until all are acknowledged.

        Messages are taken in this thread, and no more of them than the broker keeps up with.

        Args:
            topic: where to.
            messages: values, or messages with keys, headers or timestamps; mixed where that is wanted.
            partition: for all that do not choose one themselves.

        Raises:
            DeliveryFailedError: some were not delivered: ``undelivered`` names them, and says why.
            UnknownTopicError: the topic does not exist and the broker creates none, or it has no such partition.
        """
        if isinstance(messages, (list, tuple)):
            return self._call(self._client.publish_many, topic, messages, partition=partition)
        send, receive = anyio.create_memory_object_stream[Chunk](0)
        publishing = self._opened.start_task_soon(self._publish_chunks, topic, receive, partition)
        try:
            for chunk in chunks(messages):
                if publishing.done():
                    break
                self._call(_feed, send, chunk)
        except BaseException:
            publishing.cancel()
            raise
        finally:
            self._call_now(send.close)
        return wait_for(publishing)

    async def _publish_chunks(
        self, topic: str, chunks: MemoryObjectReceiveStream[Chunk], partition: int | None
    ) -> Published:
        """Publish one after the other, while the next one is taken from the user."""
        published = Published(topic=topic, count=0, offsets={})
        with chunks:
            async for chunk in chunks:
                try:
                    more = await self._client.publish_many(topic, chunk, partition=partition)
                except DeliveryFailedError as error:
                    raise renumbered(error, by=published.count) from error.__cause__
                published = joined(published, more)
        return published


class Publication:
    """One message on its way, as ``publish_nowait`` returns it; see ``gomq.Producer.publish_nowait``."""

    def __init__(self, producer: Producer, publication: AsyncPublication) -> None:
        self._producer = producer
        self._publication = publication

    @property
    def done(self) -> bool:
        """Whether the message is acknowledged or given up, so that ``wait`` returns or raises at once."""
        return self._publication.done

    def wait(self) -> Receipt:
        """Wait until the message is acknowledged, and say where it is.

        Raises:
            GomqError: what ``Producer.publish`` raises.
        """
        return self._producer._call(self._publication.wait)  # noqa: SLF001 - a part of it


async def _feed(stream: MemoryObjectSendStream[Chunk], chunk: Chunk) -> None:
    """Hand messages on, unless nobody takes any more."""
    with suppress(anyio.BrokenResourceError):
        await stream.send(chunk)
