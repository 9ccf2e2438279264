"""The command itself: finds the subcommand, and turns every way of ending into a message and an exit code.

0  done          1  failed: one line on stderr says why          2  wrong usage
130  Ctrl-C      141  whoever read the output has closed it
"""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any, Final

import click

from gomq._version import __version__
from gomq.cli.options import FAILED
from gomq.errors import ConnectionFailedError, GomqError

INTERRUPTED: Final = 128 + 2
PIPE_CLOSED: Final = 128 + 13
_COMMANDS: Final = ("serve", "config", "demo", "topic", "publish", "subscribe")
"""Each is a module of this package and the command in it of the same name."""

_EPILOG: Final = """\
Every option can be set in the environment: help shows the names. GOMQ_BROKER names the broker for all commands.

Data goes to stdout, everything else to stderr. Exit code: 0 done, 1 failed, 2 wrong usage.
"""


class _Commands(click.Group):
    """Imports a subcommand when it is needed: what it does not use does not slow it down."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's form
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's form
        if cmd_name not in _COMMANDS:
            return None
        _leave_rich_out_of_structlog()
        command: click.Command = getattr(import_module(f"gomq.cli.{cmd_name}"), cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's form
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # click would make 1 of it
            return _leave(PIPE_CLOSED)


@click.command(
    cls=_Commands,
    epilog=_EPILOG,
    context_settings={"auto_envvar_prefix": "GOMQ", "help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, package_name="gomq", message="%(prog)s %(version)s")
def _gomq() -> None:
    """A message queue that is a log: broker, producer and consumer that speak Kafka's protocol."""


def _leave_rich_out_of_structlog() -> None:
    """Import structlog as if rich were not there, which it would import for tracebacks in colour.

    That is a tenth of a second and 8 MB for a broker that draws none. Commands that draw import it themselves.
    """
    if "structlog" not in sys.modules and "rich" not in sys.modules:
        sys.modules["rich"] = None  # type: ignore[assignment]  # so Python says that there is none
        try:
            import_module("structlog")
        finally:
            del sys.modules["rich"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    if sys.stdout is None:  # it was closed: then writing to it shall fail, and not raise what nobody expects
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w")
    try:
        code = _gomq.main(args=arguments, prog_name="gomq", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _leave(INTERRUPTED)
    except BrokenPipeError:
        return _leave(PIPE_CLOSED)
    except GomqError as error:
        return _fail(_explain(error))
    except OSError as error:
        return _fail(f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error))
    return code if isinstance(code, int) else 0


def _explain(error: GomqError) -> str:
    if isinstance(error, ConnectionFailedError):
        asked = str(error).removesuffix("; is a broker running there?")  # it is asked once
        return f"{asked}; is a broker running there? `gomq serve` starts one, -b names another"
    return str(error)


def _fail(message: str) -> int:
    for line in message.splitlines() or [message]:  # of a file there may be several things to say
        print(f"gomq: {line}", file=sys.stderr)
    return _leave(FAILED)


def _leave(code: int) -> int:
    """End without output: what is still buffered must not be tried again when the interpreter goes down."""
    with suppress(OSError, ValueError):  # stdout is no file: then there is nothing to prevent
        sys.stdout.flush()
        return code
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code
