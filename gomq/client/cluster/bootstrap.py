"""In which order addresses are tried, and what is said when none of them leads to a broker."""

import random
from collections.abc import Iterable, Mapping

from gomq.errors import ConnectionFailedError, GomqError
from gomq.net.address import Address


def shuffled(addresses: Iterable[Address]) -> list[Address]:
    """Order addresses at random, as Kafka's clients do: or the first named would have all of them."""
    distinct = list(dict.fromkeys(addresses))
    random.shuffle(distinct)
    return distinct


def nobody_answered(failures: Mapping[Address, GomqError]) -> GomqError:
    """Make one error of all: of each address, why it failed, and what to do.

    Args:
        failures: one at least. Where there is one, and it is that of a peer which is no broker, it says enough.
    """
    (first, *others) = failures.values()
    if not others and not isinstance(first, ConnectionFailedError):
        return first
    reasons = {address: _reason(failures[address]) for address in sorted(failures)}
    told = dict.fromkeys(reasons.values())
    if len(told) == 1:
        reason = next(iter(told))
    else:
        reason = ", ".join(f"{reason} ({address})" for address, reason in reasons.items())
    return ConnectionFailedError(", ".join(map(str, reasons)), f"{reason}; is a broker running there?")


def _reason(error: GomqError) -> str:
    return error.reason if isinstance(error, ConnectionFailedError) else str(error)
