"""Where deliveries take messages from and put those that are given up, in memory: both behave as the real ones do."""

from collections import deque
from collections.abc import Callable
from typing import Any

import anyio

from gomq.client.delivering.deliveries import Deliveries
from gomq.client.delivering.settings import DeliverySettings
from gomq.client.message import Message
from gomq.errors import GomqError


def message(offset: int, *, partition: int = 0, key: bytes | None = None, value: bytes = b"x") -> Message:
    return Message("orders", partition, offset, 1_000 + offset, key, value, ())


class VirtualSource:
    """A ``Source`` to which a test adds messages.

    As a consumer does it hands out without waiting what is at hand, which is what was looked at once, waits for the
    rest, and loses nothing where a wait is cancelled.
    """

    def __init__(self, *messages: Message, at_once: int = 3) -> None:
        self._coming = deque(messages)
        self._at_hand: deque[Message] = deque()
        self._at_once = at_once
        self._changed = anyio.Event()
        self._failure: GomqError | None = None
        self._is_closed = False
        self.on_wait: Callable[[], None] = lambda: None
        """Called wherever it waits."""
        self.taken: list[Message] = []

    def add(self, *messages: Message) -> None:
        self._coming.extend(messages)
        self._wake()

    def fail(self, error: GomqError) -> None:
        """Raise an error behind what is there."""
        self._failure = error
        self._wake()

    def close(self) -> None:
        """End, and drop what was not taken."""
        self._is_closed = True
        self._at_hand.clear()
        self._wake()

    def take(self) -> Message | None:
        if not self._at_hand:
            return None
        self.taken.append(self._at_hand.popleft())
        return self.taken[-1]

    async def next(self) -> Message:
        while (found := self.take()) is None:
            self.on_wait()
            await anyio.lowlevel.checkpoint()
            while not self._coming and not self._is_closed:
                if self._failure is not None:
                    raise self._failure
                await self._changed.wait()
            if self._is_closed:
                raise StopAsyncIteration
            while self._coming and len(self._at_hand) < self._at_once:
                self._at_hand.append(self._coming.popleft())
        return found

    def reads(self, topic: str) -> bool:
        return topic == "orders"

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


class DeadLetterBox:
    """A ``DeadLetterTopic`` that keeps what it takes."""

    def __init__(self) -> None:
        self.taken: list[tuple[Message, str, int]] = []
        self.failure: GomqError | None = None
        self.is_open = anyio.Event()
        self.is_open.set()
        self.on_wait: Callable[[], None] = lambda: None

    @property
    def offsets(self) -> list[int]:
        return [letter.offset for letter, _, _ in self.taken]

    async def publish(self, message: Message, *, reason: str, attempts: int) -> None:
        self.on_wait()
        await anyio.lowlevel.checkpoint()
        await self.is_open.wait()
        if self.failure is not None:
            raise self.failure
        self.taken.append((message, reason, attempts))


def deliveries_of(source: VirtualSource, box: DeadLetterBox | None = None, **values: Any) -> Deliveries:
    """Make deliveries without pauses; values are those of ``DeliverySettings``."""
    name = None if box is None else "orders.dead"
    return Deliveries(source, DeliverySettings(dead_letter=name, **{"backoff": 0, **values}), box)
