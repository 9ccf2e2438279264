"""What the pages show at a terminal, and the tests and programs that they show, are run; that is what one gets."""

import datetime
import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

import gomq
import gomq.blocking
from gomq.testing import BrokerThread
from tests.support.console import replay, steps
from tests.support.documented import run_example
from tests.support.pages import PAGES, REPOSITORY, name_of, python_blocks

DOCS = REPOSITORY / "docs"
WITH_SESSIONS = [page for page in PAGES if steps(page.read_text())]


@pytest.mark.timeout(180)  # some are a dozen processes, on a machine that may be busy
@pytest.mark.parametrize("page", WITH_SESSIONS, ids=name_of)
def test_a_session_is_what_one_sees(page: Path, tmp_path: Path):
    directory = tmp_path / "here"
    directory.mkdir()

    replay(page.read_text(), directory)


@pytest.mark.parametrize("printed", ["two\n", "one\ntwo\n", ""])
def test_what_one_does_not_see_is_found_out(printed: str, tmp_path: Path):
    directory = tmp_path / "here"
    directory.mkdir()

    with pytest.raises(AssertionError, match=r"\$ echo one"):
        replay(f"```console\n$ echo one\n{printed}```\n", directory)


def publish_order(item: str, *, servers: str, topic: str) -> None:
    """What is tested in the README: a user's program."""
    with gomq.blocking.Producer(servers) as producer:
        producer.publish(topic, item.encode())


@pytest.fixture(scope="module")
def broker() -> Any:
    with BrokerThread() as running:
        yield running


def written_in(page: Path) -> list[Callable[..., None]]:
    tests: list[Callable[..., None]] = []
    for block in python_blocks(page):
        if "def test_" in block:
            space: dict[str, Any] = {"publish_order": publish_order}
            exec(block, space)
            tests += [value for name, value in space.items() if name.startswith("test_")]
    return tests


@pytest.mark.parametrize(
    "test",
    [test for page in ("README.md", "docs/how-to/test-with-pytest.md") for test in written_in(REPOSITORY / page)],
    ids=lambda test: test.__name__,
)
def test_a_test_passes(test: Callable[..., None], broker: BrokerThread):
    broker.create_topic(test.__name__)
    fixtures = {
        "gomq_broker": broker,
        "gomq_topic": test.__name__,
        "gomq_blocking_producer": partial(gomq.blocking.Producer, broker.address),
    }

    test(**{name: fixtures[name] for name in inspect.signature(test).parameters})

    broker.faults.clear()


async def test_a_time_span_is_replayed(capsys: pytest.CaptureFixture[str]):
    (example,) = python_blocks(DOCS / "how-to" / "replay-a-time-span.md")
    ten = int(datetime.datetime(2025, 11, 26, 10, tzinfo=datetime.UTC).timestamp()) * 1000
    at = {b"before": ten - 1, b"first": ten, b"last": ten + 3_599_999, b"behind": ten + 3_600_000}
    messages = [gomq.NewMessage(value, timestamp=timestamp) for value, timestamp in at.items()]

    with BrokerThread(topics={"orders": messages}) as broker:
        await run_example(example, broker.address)

    assert capsys.readouterr().out == f"{ten} b'first'\n{ten + 3_599_999} b'last'\n"


@pytest.mark.parametrize("block", python_blocks(DOCS / "how-to" / "dead-letters.md"))
async def test_what_cannot_be_handled_is_put_aside(block: str):
    with BrokerThread(topics={"orders": [b"unicorn"]}) as broker:

        async def bill(message: gomq.Message) -> None:
            raise LookupError(message.value)

        soon = block.replace('group="billing"', 'start="earliest", group="billing"').replace(
            "max_attempts=5", "max_attempts=1"
        )
        async with anyio.create_task_group() as tasks:
            with_bill = partial(run_example, soon, broker.address, bill=bill)
            tasks.start_soon(with_bill)
            async with broker.expect("orders.dead", 1, timeout=20):
                pass
            tasks.cancel_scope.cancel()
