"""Deliveries without an event loop."""

from collections import deque
from collections.abc import Awaitable, Callable
from threading import local
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from gomq.client.delivering.deliveries import Deliveries as AsyncDeliveries
from gomq.client.delivering.delivery import Delivery as AsyncDelivery
from gomq.client.message import Message
from gomq.errors import ConfigurationError

_T = TypeVar("_T")


class Call(Protocol):
    """Has a coroutine function run on the event loop, and waits for it."""

    def __call__(self, ask: Callable[..., Awaitable[_T]], /, *args: Any, **kwargs: Any) -> _T:  # noqa: ANN401
        """Return what it returns."""


class Delivery:
    """A message in hand, to be acknowledged or given back, once.

    ``with delivery:`` does it: leaving the block acknowledges. What an ``Exception`` does that leaves it is to have the
    message delivered again; it goes no further, and is the next attempt's ``failure``. A block that takes longer than
    ``ack_timeout`` goes on, for nothing can end a thread's work, and has no say any more: the message is delivered
    again meanwhile. What is no ``Exception``, such as Ctrl-C, passes through, and that attempt does not count.

    Args:
        delivery: the asynchronous one.
        call: has it called.
    """

    __slots__ = ("_call", "_delivery", "is_entered")

    def __init__(self, delivery: AsyncDelivery, call: Call) -> None:
        self._delivery = delivery
        self._call = call
        self.is_entered: bool = False
        """Whether it has a block that says what becomes of it."""

    def __repr__(self) -> str:
        return repr(self._delivery)

    @property
    def message(self) -> Message:
        """What is to be handled."""
        return self._delivery.message

    @property
    def attempt(self) -> int:
        """1 for the first time that the message is delivered."""
        return self._delivery.attempt

    @property
    def failure(self) -> Exception | None:
        """What left the block of the attempt before this one; None where it took too long, or gave the message back."""
        return self._delivery.failure

    @property
    def is_current(self) -> bool:
        """Whether it still matters what becomes of it."""
        return self._delivery.is_current

    def ack(self) -> bool:
        """Say that the message was handled; return whether it mattered."""
        return self._call(self._delivery.ack)

    def retry(self, *, after: float | None = None) -> bool:
        """Have the message delivered again, unless this was the last attempt; return whether it mattered.

        Args:
            after: seconds to wait before; None takes the backoff.
        """
        return self._call(self._delivery.retry, after=after)

    def reject(self, reason: str = "it was rejected") -> bool:
        """Give the message up at once: it goes to the dead letter topic, and without one it ends the deliveries."""
        return self._call(self._delivery.reject, reason)

    def __enter__(self) -> Self:
        if self.is_entered:
            raise RuntimeError("the block of a delivery can be entered once")
        self.is_entered = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        return self._call(self._delivery._leave, error, is_over=False)  # noqa: SLF001 - its block, of which this is one


class Deliveries:
    """An iteration over deliveries, made by ``Consumer.deliveries``; several threads may iterate.

    Args:
        deliveries: the asynchronous ones.
        call: has them called.
        wants_blocks: whether a delivery that was dropped would hold up all others for ever.
    """

    def __init__(self, deliveries: AsyncDeliveries, call: Call, *, wants_blocks: bool) -> None:
        self._deliveries = deliveries
        self._call = call
        self._wants_blocks = wants_blocks
        self._ready: deque[AsyncDelivery] = deque()
        """What came for a thread that was interrupted meanwhile."""
        self._of_thread = local()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Delivery:
        """Return what is next: a message that is to be delivered again, before one that was not delivered yet.

        Raises:
            MessageNotHandledError: a message was given up, and no dead letter topic took it.
            ConfigurationError: this thread has dropped the one before, for which all others would wait.
        """
        last: Delivery | None = getattr(self._of_thread, "last", None)
        if self._wants_blocks and last is not None and last.is_current and not last.is_entered:
            raise ConfigurationError(
                f"{last!r} was neither acknowledged nor given back when the next one was asked for: "
                "work on it in `with delivery`, or set ack_timeout, after which it is delivered again"
            )
        while True:
            try:
                delivery = Delivery(self._ready.popleft(), self._call)
            except IndexError:
                if not self._call(self._fetch):
                    raise StopIteration from None
            else:
                self._of_thread.last = delivery
                return delivery

    async def _fetch(self) -> bool:
        delivery = await anext(self._deliveries, None)
        if delivery is not None:
            delivery._entry.is_entered = True  # noqa: SLF001 - other threads need not see to it that it is
            self._ready.append(delivery)
        return delivery is not None
