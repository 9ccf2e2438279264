"""What all tests share: both event loops, and a broker of their own; and in which order workers take them."""

import gc
import os
import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import hypothesis
import pytest

import gomq
from gomq.testing.reserved_port import ReservedPort

MEMORY: Path = Path("/dev/shm")
MEMORY_BYTES = 4 << 30
TESTS = Path(__file__).parent
KAFKA = "kafka_broker"
"""The fixture that starts Apache Kafka."""
SLOW_FOLDERS = ("interop", "typing", ".", "cli")
"""What begins in them takes long: at the end one worker would be at it, and the others idle."""
ENDED = count(1)
TESTS_A_PASS = 250

# An example may wait for its turn for longer than the 200 ms of wall time that Hypothesis gives it.
hypothesis.settings.register_profile("shared", hypothesis.settings.default, deadline=None)
hypothesis.settings.load_profile("shared")


def pytest_configure(config: pytest.Config) -> None:
    """Take Ctrl-C, and keep the tests' files in memory where there is enough of it.

    They sync a lot, and a sync costs nothing there. What is lost with the power is found out over ``MemoryFiles``; a
    kill leaves files in memory as it does those on a disk. The long tests write too much for that.
    PYTEST_DEBUG_TEMPROOT names another place.

    A script's shell has what it starts behind & ignore Ctrl-C, and so would whatever the tests start to interrupt it.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    has_room = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= MEMORY_BYTES
    if has_room and "soak" not in config.option.markexpr.replace("not soak", ""):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest."""
    order = {TESTS / folder: number for number, folder in enumerate(SLOW_FOLDERS)}
    items.sort(key=lambda item: order.get(item.path.parent, len(order)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give all files that need the real Kafka to one worker: each worker that needs one starts its own."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]  # noqa: PLC0415 - may not be there

    scheduler = LoadFileScheduling(config, log)
    scheduler._split_scope = lambda node_id: share_of(config.rootpath / node_id.partition("::")[0])
    return scheduler


@cache
def share_of(file: Path) -> str:
    """Name what one worker takes as a whole: a file, or all those that share a fixture of the whole session."""
    return KAFKA if KAFKA in file.read_text() else str(file)


def pytest_collection_finish() -> None:
    """Have the garbage collector pass over ten thousand tests: it takes half a second to look at them, each time."""
    pass_over_what_is_here()


def pytest_runtest_logfinish() -> None:
    """Now and then do so with what ended tests leave with pytest, and with modules that were imported by need."""
    if next(ENDED) % TESTS_A_PASS == 0:
        pass_over_what_is_here()


def pass_over_what_is_here() -> None:
    """Free what is garbage, and let the collector never look at the rest again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(params=[pytest.param(("asyncio", {}), id="asyncio"), pytest.param(("trio", {}), id="trio")])
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Every asynchronous test runs on both; with PYTHONASYNCIODEBUG=1 in asyncio's slow and watchful way."""
    return request.param


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory that is not there yet."""
    return tmp_path / "data"


@pytest.fixture
def kept_address() -> Iterator[str]:
    """Where a broker may listen, stop, and listen again: nobody else is given the port meanwhile."""
    port = ReservedPort()
    yield port.address
    port.close()


@pytest.fixture
async def broker(data: Path) -> AsyncIterator[gomq.Broker]:
    """An embedded broker on the test's event loop, with the default settings, on a free port."""
    async with gomq.Broker(data=data, listen="127.0.0.1:0") as running:
        yield running
