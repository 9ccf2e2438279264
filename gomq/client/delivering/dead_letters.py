"""Where messages go that are given up: another topic, with what is known of them in headers.

=============================== ==========================================
``gomq.dead-letter.topic``      where the message comes from
``gomq.dead-letter.partition``  decimal, as the other numbers are
``gomq.dead-letter.offset``
``gomq.dead-letter.timestamp``  its own, milliseconds since the epoch
``gomq.dead-letter.attempts``   how often it was delivered
``gomq.dead-letter.reason``     why the last attempt failed, UTF-8
=============================== ==========================================

They stand behind the message's own headers; key and value are the message's.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, TypeVar

import anyio
from anyio.abc import TaskGroup, TaskStatus

from gomq.client.cluster.backoff import Backoff
from gomq.client.cluster.settings import ConnectionSettings
from gomq.client.message import Message
from gomq.client.producing.producer import Producer
from gomq.client.producing.settings import ProducerSettings
from gomq.errors import BrokerError, ClosedError, GomqError
from gomq_storage.record_fields import Headers

_PREFIX: Final = "gomq.dead-letter."
T = TypeVar("T")


def dead_letter_headers(message: Message, *, reason: str, attempts: int) -> Headers:
    """Make the headers of a message that is given up."""
    known = {
        "topic": message.topic,
        "partition": str(message.partition),
        "offset": str(message.offset),
        "timestamp": str(message.timestamp),
        "attempts": str(attempts),
        "reason": reason,
    }
    return (*message.headers, *((_PREFIX + name, value.encode(errors="replace")) for name, value in known.items()))


class DeadLetters:
    """Publishes messages that are given up, with a producer that is opened for the first of them.

    Args:
        topic: where to; made, with one partition, when it does not exist.
        address: HOST:PORT of brokers, comma-separated.
        connection: how to reach them.
        patience: seconds to try for, while what is in the way may pass.
        group: where the producer's task runs, until it is cancelled.
    """

    def __init__(
        self, topic: str, address: str, *, connection: ConnectionSettings, patience: float, group: TaskGroup
    ) -> None:
        self._topic = topic
        self._address = address
        self._settings = ProducerSettings(connection=connection, delivery_timeout=patience)
        self._patience = patience
        self._group = group
        self._producer: Producer | None = None
        self._is_made = False
        self._opening = anyio.Lock()

    async def publish(self, message: Message, *, reason: str, attempts: int) -> None:
        """Return once the message is safe there.

        Raises:
            GomqError: it was not taken within ``patience``, or will never be.
        """
        headers = dead_letter_headers(message, reason=reason, attempts=attempts)
        deadline = anyio.current_time() + self._patience
        producer = await self._open(deadline)
        if not self._is_made:
            with suppress(BrokerError):  # who may not make a topic may use one that is there
                await self._persist(lambda: producer.create_topic(self._topic, if_not_exists=True), deadline)
            self._is_made = True
        await producer.publish(self._topic, message.value, key=message.key, headers=headers)

    async def _open(self, deadline: float) -> Producer:
        """Return the producer, opening it where there is none."""
        async with self._opening:
            if self._producer is None:
                self._producer = await self._persist(self._start, deadline)
            return self._producer

    async def _start(self) -> Producer:
        if self._group.cancel_scope.cancel_called:
            raise ClosedError("consumer")
        producer: Producer = await self._group.start(self._run)
        return producer

    async def _persist(self, attempt: Callable[[], Awaitable[T]], deadline: float) -> T:
        """Try again what may pass, until the deadline."""
        backoff = Backoff(first=self._settings.connection.first_backoff, most=self._settings.connection.max_backoff)
        while True:
            try:
                return await attempt()
            except GomqError as error:
                pause = backoff.next()
                if not error.retriable or anyio.current_time() + pause >= deadline:
                    raise
            await anyio.sleep(pause)

    async def _run(self, *, task_status: TaskStatus[Producer]) -> None:
        """Keep the producer open: a task of its own enters and leaves its block, whoever publishes."""
        async with Producer(self._address, settings=self._settings) as producer:
            task_status.started(producer)
            await anyio.sleep_forever()
