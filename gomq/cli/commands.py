"""All commands: each is imported when it is needed, and listed by what it is for."""

from collections.abc import Mapping
from importlib import import_module
from typing import Final

import click

from gomq.cli.help import Group

SECTIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "The broker": {
        "serve": "Run a broker until SIGTERM or Ctrl-C.",
        "demo": "Try it all on a broker of its own.",
        "config": "Show the settings, and change those of a running broker.",
        "cluster": "Show the brokers of a cluster, and what they hold.",
    },
    "Messages": {
        "publish": "Publish lines as messages.",
        "subscribe": "Print topics' messages.",
        "bench": "Measure a broker: how much it takes and gives, and how long a message takes.",
    },
    "Topics and groups": {
        "topic": "List, create, describe, alter and delete topics.",
        "group": "List and describe consumer groups, reset their offsets, delete them.",
        "mirror": "Copy topics from one cluster to another.",
        "backup": "Copy a data directory, while a broker serves from it or not.",
        "restore": "Make a data directory of a backup.",
    },
    "The shell": {
        "completion": "Print what makes a shell complete commands, topics and groups.",
    },
}
"""What each is for, by name: a module of this package, and the command in it of the same name."""
COMMANDS: Final = {name: purpose for commands in SECTIONS.values() for name, purpose in commands.items()}


class Commands(Group):
    """Imports a subcommand when it is needed: what it does not use does not slow it down."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's form
        """Name them all."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's form
        """Import one, or return None where there is none of this name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"gomq.cli.{cmd_name}"), cmd_name)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the arguments apart; where there are none, help is wanted, as it is with ``help`` in front."""
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help())
            ctx.exit()
        if args[:1] == ["help"]:
            args = [*args[1:], "--help"]
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            what = f"No such option {error.option_name!r} in front of a command: its options stand behind it"
            raise click.UsageError(f"{what}, as in `gomq topic list -b localhost:9092`.", ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write what each is for, without importing any."""
        width = max(map(len, COMMANDS))
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), purpose) for name, purpose in commands.items()])
