r"""Delimiters as people write them: ``\t``, ``\n``, ``\0``, ``\x1f`` and whatever else stands for itself."""

import os
import re
from typing import Final

import click

_ESCAPES: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"0": b"\0", b"\\": b"\\"}
_ESCAPE: Final = re.compile(rb"\\(x[0-9a-fA-F]{2}|.?)", re.DOTALL)


def parse_delimiter(text: str) -> bytes:
    r"""Make the bytes that a delimiter stands for.

    Raises:
        ValueError: it is empty, or has an escape that there is not.
    """
    if not text:
        raise ValueError("a delimiter must not be empty")

    def unescaped(match: re.Match[bytes]) -> bytes:
        name = match[1]
        if len(name) == 3:
            return bytes.fromhex(name[1:].decode())
        if name not in _ESCAPES:
            shown = os.fsdecode(match[0])
            raise ValueError(rf"there is no escape {shown}; there are \n \r \t \0 \\ \xNN")
        return _ESCAPES[name]

    return _ESCAPE.sub(unescaped, os.fsencode(text))


def delimiter(_: click.Context, parameter: click.Parameter, value: str | None) -> bytes | None:
    """Check an option's delimiter."""
    try:
        return None if value is None else parse_delimiter(value)
    except ValueError as error:
        raise click.BadParameter(str(error), param=parameter) from error
