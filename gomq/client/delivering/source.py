"""What deliveries need of others: where messages come from, and where those go that are given up."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from gomq.client.message import Message


class Source(Protocol):
    """Messages that come once each, those of a partition by rising offsets."""

    def take(self) -> Message | None:
        """Return the next message if it is at hand; None says nothing of whether more comes."""

    def next(self) -> Awaitable[Message]:
        """Wait for the next message; whoever is cancelled meanwhile has lost none.

        Raises:
            StopAsyncIteration: no more comes.
            GomqError: what went wrong in reading.
        """

    def reads(self, topic: str) -> bool:
        """Whether messages of this topic come, or would if there were any."""


class DeadLetterTopic(Protocol):
    """Takes messages that are given up."""

    async def publish(self, message: Message, *, reason: str, attempts: int) -> None:
        """Return once the message is safe there.

        Raises:
            GomqError: it was not taken, whatever was tried.
        """


class MessageSource:
    """Makes a ``Source`` of functions.

    Args:
        following: waits for the next message; whoever is cancelled meanwhile has lost nothing.
        take: returns the next message where that is at hand.
        reads: says whether messages of a topic come.
    """

    def __init__(
        self,
        following: Callable[[], Awaitable[Message]],
        *,
        take: Callable[[], Message | None],
        reads: Callable[[str], bool],
    ) -> None:
        self.next = following
        self.take = take
        self.reads = reads
