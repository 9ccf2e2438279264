"""Writes docs/commands.md: what ``--help`` says of every command, as one page.

python -m documentation.commands > docs/commands.md
"""

import argparse
import inspect
import re
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from typing import Final, cast

import click

from gomq.cli.help import Sectioned
from gomq.cli.main import command as gomq_command
from gomq_dump.arguments import make_parser

_INTRODUCTION: Final = """\
# Commands

Written by `make docs` from what `--help` says.

What holds for all of them:

- Data goes to stdout, everything else to stderr. Exit code 0 is done, 1 failed, 2 wrong usage, 130 Ctrl-C, 141 that
  who read the output has closed it. What `gomq-dump` answers with is said there.
- `--format json` prints one object a line.
- Options can be set in the environment, too: the variable is named behind each; those of `gomq-dump` are called
  `GOMQ_DUMP_`, and the option. `GOMQ_BROKER` names the broker for all commands.
- What deletes something asks first, unless `--yes` is given; what changes much only says what it would do, unless
  `--execute` is.
"""
_SERVE: Final = "The other settings of a broker are options too: [configuration.md](configuration.md) has them all."
_DUMP_COMMANDS: Final = {
    "repair": "gomq_dump.repairing.cli",
    "export": "gomq_dump.exporting.cli",
    "import": "gomq_dump.importing.cli",
}


def markdown() -> str:
    """Write the page."""
    sections = [_INTRODUCTION]
    for path, command in all_commands():
        sections.append(_section(path, command))
    for name, parser in dump_parsers().items():
        sections.append(_dump_section(name, parser))
    return "\n".join(sections)


def all_commands() -> Iterator[tuple[str, click.Command]]:
    """Yield the commands and their subcommands, each behind the one that it belongs to, with what is typed for it."""
    root = gomq_command()
    context = click.Context(root, info_name="gomq")
    for name in root.list_commands(context):
        yield from _below(f"gomq {name}", cast(click.Command, root.get_command(context, name)))


def dump_parsers() -> dict[str, argparse.ArgumentParser]:
    """Return the parser of each form of ``gomq-dump``, by what is typed for it."""
    parsers = {"gomq-dump": make_parser({})}
    for name, module in _DUMP_COMMANDS.items():
        parsers[f"gomq-dump {name}"] = import_module(module)._make_parser()  # noqa: SLF001 - it is not made anywhere else
    return parsers


def _below(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from _below(f"{path} {name}", command.commands[name])


def _section(path: str, command: click.Command) -> str:
    context = click.Context(command, info_name=path, auto_envvar_prefix=path.replace(" ", "_").upper())
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    parts = [f"{_heading(path)} {path}", _block([usage])]
    parts += _paragraphs(command.help or "")
    if isinstance(command, click.Group):
        parts.append(_listed(f"`{path} {name}`: {_short(sub)}" for name, sub in sorted(command.commands.items())))
    for title, options in _sections(command, context):
        if listed := _listed(_options(options, context)):
            parts += [title, listed]
    if path == "gomq serve":
        parts.append(_SERVE)
    parts += _examples(command.epilog or "")
    return "\n\n".join(filter(None, parts)) + "\n"


def _short(command: click.Command) -> str:
    return _escape(" ".join(inspect.cleandoc(command.help or "").split("\n\n")[0].split()))


def _sections(command: click.Command, context: click.Context) -> Iterator[tuple[str, Sequence[click.Parameter]]]:
    """Yield the options, with what stands above them."""
    if not isinstance(command, Sectioned):
        yield "", command.get_params(context)
        return
    for title, options in command.sections(context):
        yield f"{title}:", options


def _options(parameters: Iterable[click.Parameter], context: click.Context) -> Iterator[str]:
    for parameter in parameters:
        record = parameter.get_help_record(context)
        if record is not None and record[1] and not record[0].endswith("--help"):
            yield _option(*record)


def _option(names: str, text: str) -> str:
    """Write one: its name, what it is for, and behind a dash what click puts in brackets."""
    purpose, _, extra = text.partition("  [")
    extra = re.sub(r"env var: ([A-Z_, ]+?)(?=;|$)", r"`\1`", extra.removesuffix("]"))
    return f"`{names}`: {_escape(purpose)}" + (f" ({extra})" if extra else "")


def _paragraphs(text: str) -> list[str]:
    return [_escape(" ".join(paragraph.split())) for paragraph in inspect.cleandoc(text).split("\n\n") if paragraph]


def _examples(epilog: str) -> list[str]:
    """Write what stands below the options: lines as they are behind ``Examples:``, paragraphs else."""
    text, _, examples = inspect.cleandoc(epilog).replace("\b\n", "").partition("Examples:\n")
    lines = [line.removeprefix("  ") for line in examples.splitlines()]
    return [*_paragraphs(text), *([_block(lines)] if lines else [])]


def _dump_section(path: str, parser: argparse.ArgumentParser) -> str:
    """Write a parser's own help: its layout is meant to be read."""
    parts = [f"{_heading(path)} {path}", *_paragraphs(parser.description or "")]
    positional = [action for action in parser._actions if not action.option_strings]  # noqa: SLF001
    parts.append(_listed(f"`{_metavar(action)}`: {_escape(_help_of(parser, action))}" for action in positional))
    for group in parser._action_groups:  # noqa: SLF001 - argparse has no other way to its options
        shown = [action for action in group._group_actions if action.option_strings and action.dest != "help"]  # noqa: SLF001
        if shown and group.description:
            parts.append(f"{(group.title or '').capitalize()}: {_escape(group.description)}")
        parts.append(_listed(f"`{_spelling(action)}`: {_escape(_help_of(parser, action))}" for action in shown))
    text, _, examples = (parser.epilog or "").partition("Examples:\n")
    parts += _paragraphs(text)
    parts.append(_block([line.removeprefix("  ") for line in examples.rstrip().splitlines()]))
    return "\n\n".join(filter(None, parts)) + "\n"


def _spelling(action: argparse.Action) -> str:
    value = "" if action.nargs == 0 else f" {_metavar(action)}"
    return ", ".join(action.option_strings) + value


def _metavar(action: argparse.Action) -> str:
    if action.metavar is None and action.choices is not None:
        return "|".join(map(str, action.choices))
    name = action.metavar or action.dest.upper()
    return name if isinstance(name, str) else " ".join(name)


def _help_of(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    return (action.help or "") % {"default": action.default, "prog": parser.prog}


def _heading(path: str) -> str:
    return "###" if len(path.split()) > 2 else "##"


def _listed(entries: Iterable[str]) -> str:
    return "\n".join(f"- {entry}" for entry in entries)


def _block(lines: list[str]) -> str:
    return "\n".join(f"    {line}".rstrip() for line in lines)


def _escape(text: str) -> str:
    """Have Markdown show what stands there."""
    return re.sub(r"[*<\\]|(?<!\w)__?", lambda match: "\\" + "\\".join(match[0]), text)


if __name__ == "__main__":
    print(markdown(), end="")
