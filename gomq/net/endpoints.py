"""What a broker listens on and what it tells its clients, as text: Kafka's ``listeners``, ``advertised.listeners``.

    127.0.0.1:9092                                   one listener, called PLAINTEXT
    INTERNAL://0.0.0.0:9092,EXTERNAL://:19092        two, with names by which each is advertised

``0.0.0.0`` is every interface, over IPv4. ``[::]`` and no host at all are every interface over IPv6 and IPv4, as far
as the machine has them; a name is every address of this machine that it stands for.
"""

import re
from collections.abc import Sequence
from itertools import combinations
from typing import Final, NamedTuple

from gomq.errors import ConfigurationError
from gomq.net.address import Address, parse_address

ANY_HOSTS: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - to tell them from a host that clients can reach
_EVERYWHERE: Final = frozenset({"", "::"})
_PLAIN: Final = "PLAINTEXT"
_SECURE: Final = frozenset({"SSL", "SASL_PLAINTEXT", "SASL_SSL"})
"""Names that promise what is not there."""
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,100}", re.ASCII)
_MOST: Final = 64


class Endpoint(NamedTuple):
    """One listener."""

    name: str
    """In capitals, as Kafka has it."""
    address: Address
    """Where it listens; the host may be empty, port 0 is any free one."""
    advertised: Address | None
    """What its clients are told; port 0 is the one that it listens on. None: the address that they have used."""


def parse_endpoints(listen: str, advertise: str | None = None) -> list[Endpoint]:
    """Take listeners apart, and find what is advertised for each.

    Raises:
        ConfigurationError: they are not of that form, or do not go together.
    """
    listeners = _name_all(listen)
    for (name, address), (other_name, other) in combinations(listeners, 2):
        if name == other_name:
            raise ConfigurationError(f"two listeners are called {name}: give each a name of its own")
        if _collide(address, other):
            raise ConfigurationError(f"listeners {name} and {other_name} both want port {address.port}: change one")
    advertised = _advertised(advertise, [name for name, _ in listeners]) if advertise else {}
    return [Endpoint(name, address, advertised.get(name)) for name, address in listeners]


def _name_all(listen: str) -> list[tuple[str, Address]]:
    found: list[tuple[str, Address]] = []
    plain = 0
    parts = listen.split(",")
    if len(parts) > _MOST:
        raise ConfigurationError(f"there may be {_MOST} listeners, not {len(parts)}")
    for part in parts:
        name, text = _split(part)
        if name is None:
            plain += 1
            name = _PLAIN if plain == 1 else f"{_PLAIN}_{plain}"
        found.append((name, parse_listen_address(text)))
    return found


def _split(part: str) -> tuple[str | None, str]:
    """Part the name from the address."""
    name, separator, text = part.strip().partition("://")
    if not separator:
        return None, name
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"{part.strip()!r}: a listener's name has letters, digits, '.', '_' and '-'")
    name = name.upper()
    if name in _SECURE:
        raise ConfigurationError(f"listener {name}: there is neither TLS nor authentication here; call it otherwise")
    return name, text


def parse_listen_address(text: str) -> Address:
    """Take HOST:PORT apart, where the host may be left out.

    Raises:
        ConfigurationError: it is not of that form.
    """
    if text.startswith(":") and not text.startswith("::"):
        return Address("", parse_address(f"any{text}").port)
    return parse_address(text)


def _collide(address: Address, other: Address) -> bool:
    """Whether two listeners can be told not to work before it is tried."""
    if address.port != other.port or address.port == 0:
        return False
    hosts = {address.host, other.host}
    if hosts & _EVERYWHERE or len(hosts) == 1:
        return True
    return "0.0.0.0" in hosts and not any(":" in host for host in hosts)  # noqa: S104 - only compared


def _advertised(advertise: str, names: Sequence[str]) -> dict[str, Address]:
    advertised: dict[str, Address] = {}
    for part in advertise.split(","):
        name, text = _split(part)
        if name is None:
            if len(names) > 1:
                raise ConfigurationError(
                    f"advertised address {text!r}: say for which of several listeners: {names[0]}://{text}"
                )
            name = names[0]
        elif name not in names:
            raise ConfigurationError(f"{name} is advertised, but the listeners are {', '.join(names)}")
        if name in advertised:
            raise ConfigurationError(f"listener {name} is advertised twice: one address is what its clients are told")
        address = parse_address(text, default_port=0)
        if address.host in ANY_HOSTS:
            raise ConfigurationError(f"no client can connect to {address}: advertise a host that clients reach")
        advertised[name] = address
    return advertised
