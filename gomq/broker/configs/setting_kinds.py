"""How the values of settings are written: on the command line, in the environment, in a file, in Kafka's requests.

A kind reads text and writes it. Where text cannot be read it says what would do, as the end of the sentence
"NAME must be ...".
"""

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from gomq.errors import ConfigurationError
from gomq.net.address import parse_address
from gomq.net.endpoints import parse_endpoints, parse_listen_address
from gomq.net.limits import parse_overrides
from gomq.protocol.configs import ConfigType

_MAX_LONG: Final = 2**63 - 1
_MAX_DIGITS: Final = 40
_NO_LIMIT: Final = "1.7976931348623157E308"
"""Java's largest number, as Kafka writes it."""
_TRUE: Final = frozenset({"true", "1", "yes", "on"})
_FALSE: Final = frozenset({"false", "0", "no", "off"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How values of one sort are written."""

    word: str
    """What stands for a value in help."""
    config_type: ConfigType
    """What Kafka calls it."""
    wanted: str
    """What may be written, for a message and the documentation."""
    read: Callable[[str], Any]
    """Makes a value of text; ``ValueError`` where that cannot be."""
    write: Callable[[Any], str]
    """Makes text of a value; None among the values is "" unless the kind has a number for it."""
    toml: tuple[type, ...] = (str,)
    """What a value may be in a TOML file."""

    def parse(self, text: str) -> Any:  # noqa: ANN401 - a value of whatever kind
        """Make a value of text.

        Raises:
            ValueError: it is none; the message is what would do.
        """
        try:
            return self.read(text)
        except (ValueError, ConfigurationError):
            raise ValueError(self.wanted) from None


def path() -> Kind:
    """The path of a file or directory, relative to where the broker is started."""

    def read(given: str) -> Path:
        if not given or "\0" in given:
            raise ValueError
        return Path(given)

    return Kind(word="PATH", config_type=ConfigType.STRING, wanted="a path", read=read, write=str)


def addresses(*, optional: bool = False, default_port: int | None = None) -> Kind:
    """Several addresses, comma-separated; with ``optional`` no text at all is None.

    Only their form is looked at here: what they have to do with each other is for ``gomq.net.endpoints``.
    """

    def read(given: str) -> str | None:
        if optional and not given.strip():
            return None
        parts = [part.strip() for part in given.split(",")]
        for part in parts:
            text = part.rpartition("://")[2]
            if default_port is None:
                parse_listen_address(text)
            else:
                parse_address(text, default_port=default_port)
        return ",".join(parts)

    wanted = "HOST:PORT or NAME://HOST:PORT, or several of them, comma-separated"
    return Kind(
        word="HOST:PORT",
        config_type=ConfigType.LIST,
        wanted=wanted,
        read=read,
        write=lambda value: value or "",
        toml=(str, list),
    )


def named_listeners() -> Kind:
    """Listeners as Kafka shows them: each with its name."""
    plain = addresses()
    return replace(
        plain,
        write=lambda value: ",".join(f"{name}://{address}" for name, address, _ in parse_endpoints(value)),
    )


def address() -> Kind:
    """One HOST:PORT, or none at all."""

    def read(given: str) -> str | None:
        return str(parse_listen_address(given)) if given.strip() else None

    return Kind(
        word="HOST:PORT",
        config_type=ConfigType.STRING,
        wanted="HOST:PORT",
        read=read,
        write=lambda value: value or "",
    )


def boolean() -> Kind:
    """True or false."""

    def read(given: str) -> bool:
        word = given.strip().lower()
        if word not in _TRUE | _FALSE:
            raise ValueError
        return word in _TRUE

    return Kind(
        word="BOOLEAN",
        config_type=ConfigType.BOOLEAN,
        wanted="true or false",
        read=read,
        write=lambda value: "true" if value else "false",
        toml=(bool,),
    )


def choice(choices: type[StrEnum]) -> Kind:
    """One of a few words."""
    words = [each.value for each in choices]
    wanted = f"{', '.join(words[:-1])} or {words[-1]}"

    def read(given: str) -> StrEnum:
        return choices(given.strip().lower())

    return Kind(word="|".join(words), config_type=ConfigType.STRING, wanted=wanted, read=read, write=str)


def integer(
    least: int = 0, most: int = _MAX_LONG, *, none: int | None = None, word: str = "COUNT", unit: str = ""
) -> Kind:
    """A whole number.

    Args:
        least: the smallest.
        most: the largest.
        none: the number that stands for None, as Kafka's -1 for "no limit".
        word: what stands for it in help.
        unit: of what.
    """
    of = f" of {unit}" if unit else ""
    span = f"from {least} on" if most == _MAX_LONG else f"from {least} to {most}"
    wanted = f"a whole number{of} {span}" + (f", or {none} for no limit" if none is not None else "")

    def read(given: str) -> int | None:
        number = int(_digits(given))
        if number == none:
            return None
        if not least <= number <= most:
            raise ValueError
        return number

    return Kind(
        word=word,
        config_type=ConfigType.INT if most < 2**31 else ConfigType.LONG,
        wanted=wanted,
        read=read,
        write=lambda value: str(none if value is None else value),
        toml=(int,),
    )


def number(least: float, most: float = math.inf, *, word: str = "NUMBER", unit: str = "", none: bool = False) -> Kind:
    """A number that need not be whole; with ``none`` the largest that there is stands for no limit, as in Kafka."""
    of = f" of {unit}" if unit else ""
    span = f"from {least:g} to {most:g}" if most < math.inf else f"from {least:g} on"

    def read(given: str) -> float | None:
        found = float(_digits(given))
        if none and found == sys.float_info.max:
            return None
        if not least <= found <= most or math.isinf(found):
            raise ValueError
        return found

    return Kind(
        word=word,
        config_type=ConfigType.DOUBLE,
        wanted=f"a number{of} {span}" + (f", or {_NO_LIMIT} for no limit" if none else ""),
        read=read,
        write=lambda value: _NO_LIMIT if value is None else f"{value:.15g}",
        toml=(int, float),
    )


def seconds() -> Kind:
    """A length of time, more than none."""
    return number(0.001, word="SECONDS", unit="seconds")


def seconds_as_ms(*, least: int = 1, none: int | None = None) -> Kind:
    """A length of time that is written in milliseconds, as Kafka has it, and kept in seconds."""
    whole = integer(least, none=none, word="MS", unit="milliseconds")

    def read(given: str) -> float | None:
        found = whole.read(given)
        return None if found is None else found / 1000

    return Kind(
        word="MS",
        config_type=ConfigType.LONG,
        wanted=whole.wanted,
        read=read,
        write=lambda value: whole.write(None if value is None else round(value * 1000)),
        toml=(int,),
    )


def minutes_as_ms() -> Kind:
    """A length of time that is written in minutes and kept in milliseconds."""
    whole = integer(1, 2**31 - 1, word="MINUTES", unit="minutes")
    return Kind(
        word="MINUTES",
        config_type=whole.config_type,
        wanted=whole.wanted,
        read=lambda given: whole.read(given) * 60_000,
        write=lambda value: f"{value / 60_000:.15g}",
        toml=(int,),
    )


def address_counts() -> Kind:
    """Numbers for addresses, comma-separated: ``192.0.2.1:100``."""

    def read(given: str) -> str:
        parse_overrides(given)
        return given.strip()

    return Kind(
        word="ADDRESS:COUNT",
        config_type=ConfigType.STRING,
        wanted="ADDRESS:COUNT, such as 192.0.2.1:100, or several of them, comma-separated",
        read=read,
        write=str,
    )


def _digits(given: str) -> str:
    """Refuse what only Python takes for a number: underscores, other scripts' digits, endless text."""
    found = given.strip()
    if not found.isascii() or "_" in found or len(found) > _MAX_DIGITS:
        raise ValueError
    return found
