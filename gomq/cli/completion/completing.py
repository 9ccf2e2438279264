"""What a shell is told when it completes the name of a topic or group: asked of the broker, for a second at most."""

from collections.abc import Awaitable, Callable
from typing import Final

import anyio
import click

import gomq
from gomq.cli.options import run

_PATIENCE: Final = 1.0
_DEFAULT: Final = "localhost:9092"
_SPECIAL: Final = frozenset(" '\"\\$`!&|;<>()[]{}*?#~^")
"""What means something to a shell: a name with it, which anybody may give a group, is not put into a command."""


def complete_topics(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Name the topics that begin so."""

    async def ask(admin: "gomq.Admin") -> list[str]:
        found = await admin.list_topics(internal=incomplete.startswith("_"))
        return [topic.name for topic in found]

    return _complete(context, incomplete, ask)


def complete_groups(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Name the groups that begin so."""

    async def ask(admin: "gomq.Admin") -> list[str]:
        return [group.group_id for group in await admin.list_groups()]

    return _complete(context, incomplete, ask)


def _complete(
    context: click.Context, incomplete: str, ask: Callable[["gomq.Admin"], Awaitable[list[str]]]
) -> list[str]:
    """Ask; whatever goes wrong, nothing is completed, since whoever presses Tab does not want to read about it."""
    broker = str(context.params.get("broker") or _DEFAULT)
    client = gomq.Admin  # imported here, which takes a while of its own

    async def work() -> list[str]:
        with anyio.move_on_after(_PATIENCE):
            async with client(broker) as admin:
                return await ask(admin)
        return []

    try:
        names = run(work)
    except Exception:  # noqa: BLE001 - see above
        return []
    return [name for name in names if name.startswith(incomplete) and name.isprintable() and not _SPECIAL & set(name)]
