"""The parser of a command line whose errors are one line, as those of ``gomq`` are."""

import argparse
import os
from typing import Final, NoReturn

from gomq_dump.exit_codes import UNUSABLE

_FORMATS: Final = ("text", "json")


class CommandParser(argparse.ArgumentParser):
    """Says what is wrong and where to read on; argparse would put all options there are in front of it."""

    def error(self, message: str) -> NoReturn:
        """End with a line that says what is wrong."""
        self.exit(UNUSABLE, f"{self.prog}: {message}; see {self.prog} --help\n")

    def add_format(self, purpose: str) -> None:
        """Add ``--format``, which the environment may set too."""
        default = os.environ.get("GOMQ_DUMP_FORMAT", "text")
        self.add_argument("--format", choices=_FORMATS, default=default, help=purpose)

    def check_format(self, found: str) -> None:
        """End if the environment names no format there is: argparse looks at what is given only."""
        if found not in _FORMATS:
            self.error(f"GOMQ_DUMP_FORMAT is {found!r}, choose from {', '.join(_FORMATS)}")


class Repeated(argparse.Action):
    """What may be given more than once, and then takes the place of the default; argparse would add it to that."""

    def __call__(
        self, _parser: object, namespace: argparse.Namespace, values: object, _option: str | None = None
    ) -> None:
        """Take what was given once more."""
        held = getattr(namespace, self.dest)
        setattr(namespace, self.dest, [values] if held is self.default else [*held, values])
