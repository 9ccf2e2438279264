"""``gomq.blocking`` beside other event loops, and in processes that fork."""

import os
import sys
from subprocess import PIPE, Popen

import anyio
import pytest

import gomq.blocking
from gomq.blocking.portal import ForkedError
from tests.client.blocking.broker import fill, some

SECONDS = 50

FORKING = """
import os, sys
import gomq.blocking
from gomq.errors import ClosedError

with gomq.blocking.Producer(sys.argv[1]) as producer:
    producer.publish("orders", b"parent")
    child = os.fork()
    if not child:
        try:
            producer.publish("orders", b"child")
        except ClosedError as error:
            print(error)
        with gomq.blocking.Producer(sys.argv[1]) as own:
            own.publish("orders", b"own")
        sys.exit(7)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    print(producer.publish("orders", b"parent").offset)
"""


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_client_works_where_an_event_loop_runs(address: str, backend: str):
    async def main() -> None:
        fill(address, 3)
        with (
            gomq.blocking.Consumer(address, "orders", replay=True) as outer,
            gomq.blocking.Consumer(address, "orders", replay=True) as inner,
        ):
            assert some(inner, 3) == some(outer, 3) == [0, 1, 2]

    anyio.run(main, backend=backend)


def test_a_forked_process_is_told_to_open_its_own(address: str):
    with Popen([sys.executable, "-c", FORKING, address], stdout=PIPE, text=True) as process:
        told, _ = process.communicate(timeout=SECONDS)
    assert told.splitlines() == [
        "the producer belongs to the process that this one was forked from: open one in each process",
        "7",
        "2",
    ]
    assert process.returncode == 0


def test_what_belongs_to_the_parent_is_left_alone(address: str, monkeypatch: pytest.MonkeyPatch):
    with gomq.blocking.Producer(address) as producer:
        with monkeypatch.context() as child:
            child.setattr(os, "getpid", lambda: -1)
            with pytest.raises(ForkedError):
                producer.flush()
            assert producer.__exit__(None, None, None) is None
        assert producer.publish("orders", b"x").offset == 0
