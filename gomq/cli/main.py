"""The command itself: runs the subcommand, and turns every way of ending into a message and an exit code.

0  done          1  failed: one line on stderr says why          2  wrong usage
130  Ctrl-C      141  whoever read the output has closed it
"""

import codecs
import json
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import click

from gomq._version import __version__
from gomq.cli.commands import Commands
from gomq.cli.options import FAILED
from gomq.cli.wording import explain, usage_line

INTERRUPTED: Final = 128 + 2
PIPE_CLOSED: Final = 128 + 13
PROGRAM: Final = "gomq"
COMPLETES: Final = "_GOMQ_COMPLETE"
"""Set by a shell that completes a command (``gomq completion``)."""
_TRACEBACK: Final = "GOMQ_TRACEBACK"
_AS_JSON: Final = "gomq-as-json"

_NO_ARGUMENTS: Final[tuple[type[click.ClickException], ...]] = tuple(
    getattr(click.exceptions, name) for name in ("NoArgsIsHelpError",) if hasattr(click.exceptions, name)
)
"""What click raises since 8.2 where a group of commands is named, and none of them."""

_EPILOG: Final = """\
`gomq help COMMAND...` says more of a command, and so does --help behind it.

Every option can be set in the environment: help shows the names. GOMQ_BROKER names the broker for all commands.

Data goes to stdout, everything else to stderr. Exit code: 0 done, 1 failed, 2 wrong usage.

\b
Examples:
  gomq demo
  gomq serve --data ./data
  echo hello | gomq publish greetings
  gomq subscribe greetings --replay --exit
"""


@click.command(
    cls=Commands,
    epilog=_EPILOG,
    context_settings={"auto_envvar_prefix": "GOMQ", "help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, package_name="gomq", message="%(prog)s %(version)s")
def _gomq() -> None:
    """A message queue that is a log: broker, producer and consumer that speak Kafka's protocol."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    _prepare_streams()
    try:
        code = _run(list(sys.argv[1:] if arguments is None else arguments))
        sys.stdout.flush()
    except click.exceptions.Exit as ended:
        return _leave(ended.exit_code)
    except (click.Abort, KeyboardInterrupt, EOFError):
        return _leave(INTERRUPTED)
    except BrokenPipeError:
        return _leave(PIPE_CLOSED)
    except click.ClickException as error:
        return _refuse(error)
    except Exception as error:  # noqa: BLE001 - whatever it is, a person gets a line that says what to do
        return _fail(error)
    return code if isinstance(code, int) else 0


def command() -> click.Group:
    """Return the command with all its subcommands."""
    return _gomq


def _run(arguments: list[str]) -> Any:  # noqa: ANN401 - an exit code, or whatever a command returns
    """Do what click's ``main`` does, which would make 1 of every way of ending."""
    if instruction := os.environ.get(COMPLETES):
        from gomq.cli.completion.shells import complete  # noqa: PLC0415 - only where a shell asks

        with suppress(LookupError, ValueError):  # it is no shell that asks so
            return complete(_gomq, PROGRAM, COMPLETES, instruction)
        return FAILED
    try:
        with _gomq.make_context(PROGRAM, arguments) as context:
            return _gomq.invoke(context)
    except _NO_ARGUMENTS as wanted:
        print(wanted.format_message())  # the help
        return 0


def _prepare_streams() -> None:
    """See to it that writing fails in no way that nobody expects: stdout may be closed, or too narrow for a name."""
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w")
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - until the process ends
    codecs.register_error(_AS_JSON, _escape)
    with suppress(AttributeError, ValueError):  # a test's stream
        sys.stdout.reconfigure(errors=_AS_JSON)  # type: ignore[union-attr]


def _escape(error: UnicodeError) -> tuple[str, int]:
    """Write what the locale has no letters for as JSON does, so that JSON stays JSON."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


def _refuse(error: click.ClickException) -> int:
    if isinstance(error, click.UsageError):
        print(usage_line(error), file=sys.stderr)
    else:
        print(f"gomq: {error.format_message()}", file=sys.stderr)
    return _leave(error.exit_code)


def _fail(error: Exception) -> int:
    for line in explain(error):
        print(f"gomq: {line}", file=sys.stderr)
    if os.environ.get(_TRACEBACK):
        traceback.print_exception(error)
    return _leave(FAILED)


def _leave(code: int) -> int:
    """End without output: what is still buffered must not be tried again when the interpreter goes down."""
    with suppress(OSError, ValueError):  # stdout is no file: then there is nothing to prevent
        sys.stdout.flush()
        return code
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code
