"""Looking up the name of a host, for no longer than somebody waits for it.

A system takes many seconds to say that it knows no name, where nobody answers it. On asyncio a thread that looks one up
holds up the end of the event loop, and that of the process: here it is one that nothing waits for.
"""

import socket
from contextlib import suppress
from threading import Thread
from typing import TypeAlias

import anyio
from anyio import from_thread
from anyio.lowlevel import current_token

Found: TypeAlias = tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[str, int] | tuple[str, int, int, int]]


async def resolve(host: str, port: int) -> list[Found]:
    """Return what ``socket.getaddrinfo`` does for TCP.

    Raises:
        OSError: the name is unknown, or nobody says.
        UnicodeError: it cannot be a name.
    """
    found: list[Found] = []
    failures: list[OSError | UnicodeError] = []
    done, token = anyio.Event(), current_token()

    def look_up() -> None:
        try:
            found.extend(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))  # type: ignore[arg-type]
        except (OSError, UnicodeError) as error:
            failures.append(error)
        with suppress(anyio.RunFinishedError, RuntimeError):  # the event loop is over, and nobody waits
            from_thread.run_sync(done.set, token=token)

    Thread(target=look_up, daemon=True, name="gomq-resolve").start()
    await done.wait()
    if failures:
        raise failures[0]
    return found
