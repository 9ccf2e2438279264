"""Shells that complete a command: what click does not know of them."""

from typing import Final

import click
from click.shell_completion import BashComplete, add_completion_class, shell_complete

_BREAKS: Final = (":", "=")


class WholeWordsBash(BashComplete):
    """Bash takes words apart at colons and equals signs: ``--broker=HOST:PORT`` is put together again."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one that is completed, and this."""
        words, incomplete = super().get_completion_args()
        joined: list[str] = []
        for word in (*words, incomplete):
            if joined and (word in _BREAKS or joined[-1].endswith(_BREAKS)):
                joined[-1] += word
            else:
                joined.append(word)
        return joined[:-1], joined[-1]


def complete(command: click.Group, program: str, variable: str, instruction: str) -> int:
    """Answer a shell, as ``variable`` asks in the environment; the exit code is returned."""
    add_completion_class(WholeWordsBash, "bash")
    return shell_complete(command, {}, program, variable, instruction)
