"""What went wrong, in one line that says what to do."""

from collections.abc import Iterator
from typing import Final

import click
from click.core import ParameterSource

from gomq.cli.tables import printable
from gomq.errors import ConnectionFailedError, GomqError

_MOST_LINES: Final = 20
"""Of what went wrong at the same time, so many are told."""
_MOST_LETTERS: Final = 2000
"""A broker's own words are in some of them."""


def explain(error: BaseException) -> list[str]:
    """Say what went wrong: a line for each thing."""
    lines = list(dict.fromkeys(_lines(error)))
    if len(lines) > _MOST_LINES:
        lines[_MOST_LINES:] = [f"... and {len(lines) - _MOST_LINES} more"]
    return [printable(line[:_MOST_LETTERS]) for line in lines]


def usage_line(error: click.UsageError) -> str:
    """Say what is wrong with a command, and which help has more."""
    message = " ".join(error.format_message().split())
    variable = _variable(error) if isinstance(error, click.BadParameter) else None
    if variable is not None and variable not in message:
        message = f"{message.removesuffix('.')} (from {variable})"
    end = "" if message.endswith((".", "?")) else "."
    path = error.ctx.command_path if error.ctx is not None else "gomq"
    return f"gomq: {message}{end} See `{path} --help`"


def _lines(error: BaseException) -> Iterator[str]:
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _lines(each)
    elif isinstance(error, ConnectionFailedError):
        asked = str(error).removesuffix("; is a broker running there?")  # it is asked once
        yield f"{asked}; is a broker running there? `gomq serve` starts one, -b names another"
    elif isinstance(error, GomqError):
        yield from str(error).splitlines() or [type(error).__name__]  # of a file there may be several things to say
    elif isinstance(error, OSError):
        reason = error.strerror or str(error) or type(error).__name__
        yield f"{error.filename}: {reason}" if error.filename else reason
    else:
        what = " ".join(f"{type(error).__name__}: {error}".split())
        yield f"{what}; that is a mistake in GoMQ: GOMQ_TRACEBACK=1 shows where, please report it"


def _variable(error: click.BadParameter) -> str | None:
    """Name the environment variable that gave the value, where one did."""
    context, parameter = error.ctx, error.param
    if context is None or parameter is None or parameter.name is None:
        return None
    if context.get_parameter_source(parameter.name) is not ParameterSource.ENVIRONMENT:
        return None
    if parameter.envvar is not None:
        return parameter.envvar if isinstance(parameter.envvar, str) else " or ".join(parameter.envvar)
    return f"{context.auto_envvar_prefix}_{parameter.name.upper()}"
