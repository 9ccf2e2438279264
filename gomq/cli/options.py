"""What several commands have in common: options, addresses, and running a client."""

import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from math import isfinite
from typing import Any, Final

import anyio
import click

from gomq.errors import ConfigurationError
from gomq.net.address import parse_address, parse_addresses
from gomq.net.scope import first_failure
from gomq_storage.layout import topic_name_problem

FAILED: Final = 1
"""The exit code of whatever did not work; wrong usage is 2."""
_MOST_BYTES: Final = 0x7FFF
"""Of a text in a request."""

option: Final = partial(click.option, show_envvar=True, show_default=True)
"""An option whose help names its environment variable and its default."""


def address(_: click.Context, parameter: click.Parameter, value: str) -> str:
    """Check HOST:PORT."""
    try:
        return str(parse_address(value))
    except ConfigurationError as error:
        raise click.BadParameter(str(error), param=parameter) from error


def utf8(_: click.Context, parameter: click.Parameter, value: Any) -> Any:  # noqa: ANN401 - a text or several
    """Refuse what the shell passed and is no UTF-8: topics and header names are texts."""
    if value is None or isinstance(value, str):
        return None if value is None else _as_utf8(value, parameter)
    return tuple(_as_utf8(text, parameter) for text in value)


def topic_name(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Refuse what no topic may be called, and say what may be: what a broker says of it is a number."""
    name: str | None = utf8(context, parameter, value)
    problem = None if name is None else topic_name_problem(name)
    if problem is not None:
        raise click.BadParameter(problem, param=parameter)
    return name


def _as_utf8(text: str, parameter: click.Parameter) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        try:
            text = os.fsencode(text).decode()  # it is, and the locale says something else
        except UnicodeError:
            raise click.BadParameter(f"{text!r} is not UTF-8", param=parameter) from None
    if len(text.encode()) > _MOST_BYTES:
        raise click.BadParameter(f"Kafka's protocol has room for {_MOST_BYTES} bytes, not more", param=parameter)
    return text


def addresses(_: click.Context, parameter: click.Parameter, value: str) -> str:
    """Check HOST:PORT, or several of them, comma-separated; the port may be left out."""
    try:
        parse_addresses(value, default_port=9092)
    except ConfigurationError as error:
        raise click.BadParameter(str(error), param=parameter) from error
    return value


def pairs(_: click.Context, parameter: click.Parameter, values: Sequence[str]) -> list[tuple[str, str]]:
    """Take each NAME=VALUE apart at its first equals sign."""
    found = [value.partition("=") for value in utf8(_, parameter, values)]
    for name, equals, rest in found:
        if not name or not equals:
            raise click.BadParameter(f"{name + equals + rest!r} is not of the form NAME=VALUE", param=parameter)
    return [(name, rest) for name, _, rest in found]


broker_option: Final = option(
    "-b",
    "--broker",
    envvar="GOMQ_BROKER",
    default="localhost:9092",
    callback=addresses,
    metavar="HOST:PORT",
    help="Broker to talk to; of a cluster several, comma-separated.",
)
format_option: Final = option(
    "--format",
    "output_format",
    envvar="GOMQ_FORMAT",
    type=click.Choice(["text", "json"]),
    default="text",
    help="json: one object a line.",
)


class Number(click.FloatRange):
    """A number in a range, which "nan" is not."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401
        """Read it."""
        number = super().convert(value, param, ctx)
        if not isfinite(number):
            self.fail(f"{value!r} is no number", param, ctx)
        return number


yes_option: Final = option("--yes", "-y", is_flag=True, envvar="GOMQ_YES", help="Do it without asking.")


def examples(*lines: str) -> str:
    """Write the end of a command's help: ``epilog=examples("gomq topic list", ...)``, one command a line."""
    return "\n".join(("\b", "Examples:", *(f"  {line}" for line in lines)))


def confirm(question: str, *, yes: bool) -> None:
    """Ask on a terminal whether something that cannot be undone shall be done, unless ``--yes`` has said so.

    Raises:
        click.UsageError: nobody is there who could be asked.
        click.ClickException: the answer is no.
    """
    if yes:
        return
    if sys.stdin is None or not sys.stdin.isatty():
        raise click.UsageError(f"{question} Nobody is there to be asked: say --yes")
    if not click.confirm(question, err=True):
        raise click.ClickException("nothing was done")


BACKENDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "asyncio": {"backend": "asyncio"},
    "uvloop": {"backend": "asyncio", "backend_options": {"use_uvloop": True}},
    "trio": {"backend": "trio"},
}
backend_option: Final = option(
    "--backend", type=click.Choice(list(BACKENDS)), default="asyncio", help="Event loop to run the broker on."
)


def run(work: Callable[[], Awaitable[Any]], *, backend: str = "asyncio") -> Any:  # noqa: ANN401 - what the work returns
    """Run asynchronous work to its end and return what it returns; what a task group raises comes out of its group.

    Raises:
        ConfigurationError: the event loop's package is not installed.
    """
    try:
        return anyio.run(work, **BACKENDS[backend])
    except BaseExceptionGroup as failures:
        raise first_failure(failures) from failures
    except (LookupError, ImportError) as error:
        if backend == "asyncio" or backend not in str(error):
            raise
        raise ConfigurationError(f"{backend} is not installed: pip install 'gomq[{backend}]'") from error
