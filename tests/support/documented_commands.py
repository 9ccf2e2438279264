"""Whether a command line of ours could be run as it stands: its commands, options and values are there."""

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from documentation.commands import dump_parsers
from gomq.cli.main import command as gomq_command

_OPENED = (click.File, click.Path)
"""Types whose values are files, which are not here."""


class NotACommandError(Exception):
    """It would be refused; the message says why."""


def check_command(words: Sequence[str], *, is_whole: bool) -> None:
    """Parse a command line, and run nothing.

    Args:
        words: the program and its arguments.
        is_whole: whether arguments that it needs must be there.

    Raises:
        NotACommandError: no such command or option, a value that cannot be, too few or too many arguments.
    """
    program, *arguments = words
    try:
        if program == "gomq":
            _check_gomq(arguments, is_whole=is_whole)
        else:
            _check_dump(arguments, is_whole=is_whole)
    except (click.UsageError, argparse.ArgumentError) as error:
        raise NotACommandError(str(error)) from error


def _check_gomq(arguments: Sequence[str], *, is_whole: bool) -> None:
    command: click.Command = gomq_command()
    path, rest = "gomq", list(arguments)
    if rest[:1] == ["help"]:
        rest, is_whole = rest[1:], False
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        context = click.Context(command, info_name=path)
        found = command.get_command(context, rest[0])
        if found is None:
            raise NotACommandError(f"{path} has no command {rest[0]!r}")
        command, path, rest = found, f"{path} {rest[0]}", rest[1:]
    context = click.Context(command, info_name=path)
    values, left, _ = command.make_parser(context).parse_args(rest)
    if left and not isinstance(command, click.Group):
        raise NotACommandError(f"too many arguments: {left}")
    for parameter in command.get_params(context):
        _check_value(context, parameter, values.get(parameter.name or ""), is_whole=is_whole)


def _check_value(context: click.Context, parameter: click.Parameter, value: Any, *, is_whole: bool) -> None:
    is_missing = not isinstance(value, str | int | list | tuple) or (not value and value != 0)
    if is_missing:
        if is_whole and parameter.required:
            raise NotACommandError(f"{parameter.get_error_hint(context)} is missing")
    elif not isinstance(parameter.type, _OPENED):
        parameter.type_cast_value(context, value)


def _check_dump(arguments: Sequence[str], *, is_whole: bool) -> None:
    parsers = dump_parsers()
    program, rest = "gomq-dump", list(arguments)
    if rest and f"gomq-dump {rest[0]}" in parsers:
        program, rest = f"gomq-dump {rest[0]}", rest[1:]
    parser = parsers[program]
    if not is_whole:
        for action in parser._actions:
            action.required = False
            action.nargs = "*" if not action.option_strings else action.nargs

    def refuse(message: str) -> NoReturn:
        raise NotACommandError(message)

    parser.error = refuse  # type: ignore[method-assign]
    if not {"-h", "--help"} & set(rest):
        parser.parse_args(rest)
