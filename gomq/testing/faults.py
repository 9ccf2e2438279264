"""Faults on demand: errors, delays, lost answers and silence, for the requests that a test names.

broker.faults.fail("Produce", NotEnoughReplicasError, topic="orders").times(2)
broker.faults.disconnect("Produce", after=True).once()      # it was written, and the answer is lost
with broker.faults.delay("Fetch", 0.2):
    ...
assert [asked.api for asked in broker.faults.seen].count("Produce") == 3
"""

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeAlias

from kio.schema.errors import ErrorCode

from gomq.errors import BrokerError, ConfigurationError
from gomq.testing.asked import ANY, Asked, checked_api
from gomq.testing.rules import Fault, Kind, Rule, Rules

Refusal: TypeAlias = type[BrokerError] | BrokerError | int | str
"""An error: a class of ``gomq.errors``, or one of these; Kafka's number; Kafka's name, such as ``"NOT_CONTROLLER"``."""
_MOST_SEEN: Final = 10_000
_MOST_SECONDS: Final = 3600.0


class Faults(Rules):
    """What goes wrong between clients and a broker; it outlives the broker's restarts.

    Each method makes a rule, which is in force at once and for every request that it concerns, until it is told to be
    for some (``Rule.once``, ``times``, ``every``) or is removed. Rules are asked in the order in which they were made:
    delays add up, and the first that does something else counts. A request that names several topics, of which one is
    meant, is treated as a whole. Any thread may call anything.
    """

    def __init__(self) -> None:
        super().__init__()
        self._seen: deque[Asked] = deque(maxlen=_MOST_SEEN)
        self._listeners: list[Callable[[], object]] = []

    def fail(self, api: str, error: Refusal, *, topic: str | None = None, client_id: str | None = None) -> Rule:
        """Answer with an error, for everything that a request names, in the place of handling it.

        Args:
            api: as Kafka calls it, ``"Produce"``; ``"*"`` for all of them.
            error: what to answer.
            topic: only requests that name this topic.
            client_id: only requests of this client.

        Raises:
            ConfigurationError: there is no such API or error.
        """
        code, message = _named(error)
        name = checked_api(api)
        return self.add(Fault(kind=Kind.FAIL, api=name, topic=topic, client_id=client_id, code=code, message=message))

    def delay(self, api: str, seconds: float, *, topic: str | None = None, client_id: str | None = None) -> Rule:
        """Handle requests a while later; others of the same connection wait behind them.

        Args:
            api: as Kafka calls it, ``"Fetch"``; ``"*"`` for all of them.
            seconds: how much later.
            topic: only requests that name this topic.
            client_id: only requests of this client.
        """
        if not 0 < seconds <= _MOST_SECONDS:
            raise ConfigurationError(f"a delay is more than 0 and at most {_MOST_SECONDS:g} seconds, not {seconds}")
        return self.add(Fault(kind=Kind.DELAY, api=checked_api(api), topic=topic, client_id=client_id, seconds=seconds))

    def disconnect(
        self, api: str, *, after: bool = False, topic: str | None = None, client_id: str | None = None
    ) -> Rule:
        """Close the connection that a request comes by.

        Args:
            api: as Kafka calls it, ``"Produce"``; ``"*"`` for all of them.
            after: handle the request first: what it asks for is done, and the client does not hear of it.
            topic: only requests that name this topic.
            client_id: only requests of this client.
        """
        kind = Kind.DISCONNECT_AFTER if after else Kind.DISCONNECT
        return self.add(Fault(kind=kind, api=checked_api(api), topic=topic, client_id=client_id))

    def blackhole(self, client_id: str | None = None, *, api: str = ANY) -> Rule:
        """Take requests and never answer, as where packets are lost: the connection stays, and nothing comes.

        Once the rule is removed, connections that it has silenced are closed, as their clients wait for an answer that
        is lost.

        Args:
            client_id: requests of this client; None for those of all.
            api: requests of this API; those behind them, on the same connection, wait too.
        """
        return self.add(Fault(kind=Kind.BLACKHOLE, api=checked_api(api), client_id=client_id))

    def clear(self) -> None:
        """Remove all rules, and forget what was seen."""
        super().clear()
        self._seen.clear()

    @property
    def seen(self) -> list[Asked]:
        """The requests that came, the oldest first; the last ten thousand since ``clear``."""
        return [*self._seen]

    def note(self, asked: Asked) -> None:
        """Take note of a request."""
        self._seen.append(asked)

    def subscribe(self, listener: Callable[[], object]) -> None:
        """Have somebody told, in whatever thread it is, when rules are removed."""
        self._listeners.append(listener)

    def unsubscribe(self, listener: Callable[[], object]) -> None:
        """Tell somebody no more."""
        with suppress(ValueError):
            self._listeners.remove(listener)

    def _changed(self) -> None:
        for listener in [*self._listeners]:
            listener()


def _named(error: Refusal) -> tuple[int, str]:
    """Find an error's code, and what to say."""
    if isinstance(error, BrokerError):
        return int(error.code), str(error)
    if isinstance(error, type) and issubclass(error, BrokerError):
        return int(error.code), f"a fault that a test asked for: {error.__name__}"
    try:
        found = ErrorCode[error.lower()] if isinstance(error, str) else ErrorCode(error)
    except (KeyError, ValueError):
        raise ConfigurationError(
            f"Kafka has no error {error!r}: give a class of gomq.errors, a number, or a name such as 'NOT_CONTROLLER'"
        ) from None
    return int(found), f"a fault that a test asked for: {found.name.upper()}"
