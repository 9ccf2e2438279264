"""Looking up names: what is found, what is not, and that nobody waits for a system that does not answer."""

import socket
import threading
import time
from typing import Any

import anyio
import pytest

from gomq.net.resolving import resolve


async def test_a_name_has_its_addresses():
    assert ("127.0.0.1", 9092) in [address for *_, address in await resolve("localhost", 9092)]


async def test_a_name_that_there_is_not_is_an_error(monkeypatch: pytest.MonkeyPatch):
    def unknown(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(socket.gaierror, match="not known"):
        await resolve("nowhere", 1)


async def test_what_cannot_be_a_name_is_an_error():
    with pytest.raises(UnicodeError):
        await resolve("a" * 64 + "ä", 1)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_system_that_does_not_answer_holds_up_no_end(monkeypatch: pytest.MonkeyPatch, backend: str):
    answered = threading.Event()

    def silent(*_: Any, **__: Any) -> list[Any]:
        answered.wait(60)
        return []

    async def work() -> None:
        with anyio.move_on_after(0.05):
            await resolve("slow.host", 1)

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    started = time.monotonic()
    anyio.run(work, backend=backend)

    assert time.monotonic() - started < 30
    (thread,) = [each for each in threading.enumerate() if each.name == "gomq-resolve"]
    assert thread.daemon
    answered.set()
    thread.join(20)
    assert not thread.is_alive()
