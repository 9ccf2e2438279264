"""HOST:PORT, both ways: ``127.0.0.1:9092``, ``localhost:0``, ``[::1]:9092``."""

from typing import NamedTuple

from gomq.errors import ConfigurationError


class Address(NamedTuple):
    """Where something listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str, *, default_port: int | None = None) -> Address:
    """Take HOST:PORT apart.

    Raises:
        ConfigurationError: it is not of that form.
    """
    text = text.strip()
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        port = rest[1:] if rest.startswith(":") else ("" if not rest else "?")
        if not bracket:
            port = "?"
    else:
        host, _, port = text.partition(":")
    if not port and default_port is not None:
        port = str(default_port)
    if not host or not port.isascii() or not port.isdecimal() or int(port) > 65535:
        raise ConfigurationError(f"{text!r} is not an address: HOST:PORT is wanted, such as 127.0.0.1:9092")
    return Address(host, int(port))


def parse_addresses(text: str, *, default_port: int | None = None) -> list[Address]:
    """Take a comma-separated list of HOST:PORT apart; there must be at least one."""
    return [parse_address(part, default_port=default_port) for part in text.split(",")]
