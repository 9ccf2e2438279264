"""Which addresses are not to be connected to just now, because it failed a moment ago, and why it did.

However many tasks want the same broker, it is tried once, and they share the reason for as long as the pause lasts:
Kafka's ``ClusterConnectionStates``, ``reconnect.backoff.ms`` to ``reconnect.backoff.max.ms``.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from math import inf

from gomq.client.cluster.backoff import Backoff
from gomq.client.raising import own_copy
from gomq.errors import GomqError
from gomq.net.address import Address


@dataclass(slots=True)
class _Pause:
    backoff: Backoff
    until: float
    error: GomqError


class Pauses:
    """The addresses that failed.

    Args:
        new_backoff: makes the backoff of one address.
    """

    def __init__(self, new_backoff: Callable[[], Backoff]) -> None:
        self._new_backoff = new_backoff
        self._pauses: dict[Address, _Pause] = {}

    def failed(self, address: Address, error: GomqError, now: float) -> None:
        """Let an address be for a while, longer each time in a row."""
        known = self._pauses.get(address)
        backoff = self._new_backoff() if known is None else known.backoff
        self._pauses[address] = _Pause(backoff, now + backoff.next(), own_copy(error))

    def succeeded(self, address: Address) -> None:
        """Forget what went wrong."""
        self._pauses.pop(address, None)

    def reason(self, address: Address, now: float) -> GomqError | None:
        """Return why an address failed while its pause lasts, for the caller to raise; None where it may be tried."""
        known = self._pauses.get(address)
        return own_copy(known.error) if known is not None and now < known.until else None

    def end(self, addresses: Iterable[Address]) -> float:
        """Return when the first of some addresses may be tried again."""
        return min((self._pauses[each].until for each in addresses if each in self._pauses), default=inf)

    def keep_only(self, addresses: Collection[Address]) -> None:
        """Forget all others: brokers come and go, and what is known of them must not pile up."""
        for gone in self._pauses.keys() - set(addresses):
            del self._pauses[gone]
