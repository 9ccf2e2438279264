"""Asking brokers for a command: an admin for the time of it, and several things of which some may fail."""

import sys
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Final, TypeVar

import gomq
from gomq.cli.options import FAILED, Number, option, run
from gomq.cli.wording import explain
from gomq.errors import ConnectionFailedError, GomqError, RequestTimeoutError

if TYPE_CHECKING:
    from gomq.client.cluster.settings import ConnectionSettings

_Key = TypeVar("_Key")
_Result = TypeVar("_Result")
_MOST_TO_CONNECT: Final = 10.0

timeout_option: Final = option(
    "--timeout",
    envvar="GOMQ_TIMEOUT",
    type=Number(min=0, min_open=True, max=86400),
    default=30.0,
    metavar="SECONDS",
    help="For how long brokers are waited for.",
)


def ask_admin(broker: str, timeout: float, work: Callable[["gomq.Admin"], Awaitable[_Result]]) -> _Result:
    """Connect to brokers, have work done with them, and return what it returns.

    Args:
        broker: their addresses.
        timeout: seconds for one answer, and for which what may pass is tried again.
        work: is given the admin.
    """
    settings = patient(timeout)

    async def connected() -> _Result:
        async with gomq.Admin(broker, settings=settings, retry_timeout=timeout) as admin:
            return await work(admin)

    result: _Result = run(connected)
    return result


def patient(timeout: float) -> "ConnectionSettings":
    """Have a client wait for each answer for so many seconds."""
    from gomq.client.cluster.settings import ConnectionSettings  # noqa: PLC0415 - help is not to wait for the client

    return ConnectionSettings(connect_timeout=min(timeout, _MOST_TO_CONNECT), request_timeout=timeout)


async def for_each(things: Iterable[_Key], action: Callable[[_Key], Awaitable[object]]) -> int:
    """Do something with each; one that fails is reported and does not keep the others from it.

    Returns:
        the exit code.

    Raises:
        ConnectionFailedError: the broker is gone, for the others too.
        RequestTimeoutError: it says nothing, and would not for the others either.
    """
    code = 0
    for thing in things:
        try:
            await action(thing)
        except (ConnectionFailedError, RequestTimeoutError):
            raise
        except (GomqError, ExceptionGroup) as error:
            tell_failure(error)
            code = FAILED
    return code


def tell_failure(error: BaseException) -> None:
    """Say on stderr what went wrong."""
    for line in explain(error):
        notice(f"gomq: {line}")


def notice(text: str) -> None:
    """Say on stderr what is no data; it comes behind the data before it, where both go to the same file."""
    sys.stdout.flush()
    print(text, file=sys.stderr)
