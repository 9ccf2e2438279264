"""Ctrl-C ends a program at once, wherever it waits, and tells of nothing but that."""

import signal
import sys
from collections.abc import AsyncIterator
from subprocess import DEVNULL, PIPE, Popen

import pytest
from anyio import to_thread

from gomq.protocol.api import Api
from tests.support.fake_broker import FakeCluster, fake_cluster, stays_silent
from tests.support.waiting import until

AT_ONCE = 20.0
"""Half a second where nothing else runs; a client that waited for its broker would take 30."""
READY_SECONDS = 30

UNANSWERED = {"connect": Api.API_VERSIONS, "iterate": Api.FETCH, "deliveries": Api.FETCH}
"""What a program waits for at a moment, where it is not that its messages are taken."""

PROGRAM = """
import sys

import anyio
import gomq

address, moment, backend, options = sys.argv[1:]


async def main() -> None:
    if moment == "iterate":
        async with gomq.Consumer(address, "orders") as consumer:
            async for message in consumer:
                print(message)
    async with gomq.Producer(address) as producer:
        if moment == "flush":
            with anyio.move_on_after(0.05):
                await producer.publish("orders", b"x")
        elif moment == "publish many":
            await producer.publish_many("orders", [b"x"] * 10_000)
        else:
            await producer.publish("orders", b"x")


anyio.run(main, backend=backend, backend_options={"use_uvloop": True} if options == "uvloop" else {})
"""


BLOCKING = """
import sys

import gomq.blocking

address, moment = sys.argv[1:]

if moment in ("iterate", "deliveries"):
    with gomq.blocking.Consumer(address, "orders") as consumer:
        messages = consumer.deliveries() if moment == "deliveries" else consumer
        next(messages)
with gomq.blocking.Producer(address) as producer:
    if moment == "leave":
        producer.publish_nowait("orders", b"x")
    elif moment == "publish many":
        producer.publish_many("orders", (b"x" for _ in range(100_000)))
    else:
        producer.publish("orders", b"x")
"""


@pytest.fixture
def anyio_backend() -> str:
    """Of the test; the program has its own."""
    return "asyncio"


@pytest.fixture
async def silent() -> AsyncIterator[FakeCluster]:
    """A broker that has a topic and says nothing more of it."""
    async with fake_cluster() as cluster:
        cluster.answers.make_topic("orders")
        cluster.always(Api.PRODUCE, stays_silent)
        yield cluster


def start(command: list[str]) -> Popen[str]:
    return Popen(command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, text=True)


@pytest.mark.parametrize(
    ("moment", "loop"),
    [
        *(
            pytest.param(moment, loop, marks=pytest.mark.soak if loop == "uvloop" and moment != "publish" else ())
            for moment in ("connect", "publish", "iterate")
            for loop in ("asyncio", "uvloop", "trio")
        ),
        *(
            pytest.param(rare, loop, marks=pytest.mark.soak)
            for rare in ("publish many", "flush")
            for loop in ("asyncio", "uvloop", "trio")
        ),
    ],
)
async def test_ctrl_c_ends_the_program(silent: FakeCluster, moment: str, loop: str):
    if moment == "connect":
        silent.always(Api.API_VERSIONS, stays_silent)
    backend = "trio" if loop == "trio" else "asyncio"
    command = [sys.executable, "-c", PROGRAM, silent.address, moment, backend, loop]
    await is_ended(command, while_it_waits_for=UNANSWERED.get(moment, Api.PRODUCE), of=silent)


@pytest.mark.parametrize(
    "moment",
    [
        *("publish", "iterate", "leave"),
        *(pytest.param(rare, marks=pytest.mark.soak) for rare in ("connect", "publish many", "deliveries")),
    ],
)
async def test_ctrl_c_ends_a_program_without_an_event_loop(silent: FakeCluster, moment: str):
    if moment == "connect":
        silent.always(Api.API_VERSIONS, stays_silent)
    command = [sys.executable, "-c", BLOCKING, silent.address, moment]
    await is_ended(command, while_it_waits_for=UNANSWERED.get(moment, Api.PRODUCE), of=silent)


async def is_ended(command: list[str], *, while_it_waits_for: Api, of: FakeCluster) -> None:
    """Start a program, and have it end by Ctrl-C once the broker owes it an answer."""
    with start(command) as process:
        try:
            await until(lambda: of.asked(while_it_waits_for) or process.poll(), within=READY_SECONDS)
            process.send_signal(signal.SIGINT)
            _, told = await to_thread.run_sync(lambda: process.communicate(timeout=AT_ONCE))
        finally:
            process.kill()

    assert told.splitlines()[-1] == "KeyboardInterrupt", told
    assert process.returncode == -signal.SIGINT
    assert "ExceptionGroup" not in told
    assert "never" not in told
