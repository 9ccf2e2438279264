"""How commands are found and what help shows: hints where a name is misspelt, options under titles."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import click

_WHOLE: Final = 1000
"""Letters; click takes the first sentence, where there is room for it."""


class Group(click.Group):
    """A command of commands; of a misspelt one it says which may be meant."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command."""
        names = self.list_commands(ctx)
        if args[0] not in names and not args[0].startswith("-") and not ctx.resilient_parsing:
            near = difflib.get_close_matches(args[0], names)
            hint = f" Did you mean {' or '.join(near)}?" if near else ""
            raise click.UsageError(f"There is no command {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what each is for, whole: click would cut it off."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, each.get_short_help_str(_WHOLE)) for name, each in found if each is not None])


class Sectioned(click.Command):
    """A command with many options, which are shown under titles.

    Args:
        sections: which option stands where, by titles and by options' long names; what is in none comes last.
        attributes: a command's.
    """

    def __init__(self, *, sections: Mapping[str, Sequence[str]], **attributes: Any) -> None:  # noqa: ANN401
        super().__init__(**attributes)
        self._titles = {name: title for title, names in sections.items() for name in names}
        self._order = [*sections, "Options"]

    def sections(self, context: click.Context) -> Iterator[tuple[str, list[click.Option]]]:
        """Yield the options, title by title."""
        options = [each for each in self.get_params(context) if isinstance(each, click.Option)]
        for title in self._order:
            if found := [each for each in options if self._title(each) == title]:
                yield title, found

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options."""
        for title, options in self.sections(ctx):
            records = [record for each in options if (record := each.get_help_record(ctx)) is not None]
            with formatter.section(title):
                formatter.write_dl(records)

    def _title(self, parameter: click.Parameter) -> str:
        return next((self._titles[name] for name in parameter.opts if name in self._titles), "Options")
