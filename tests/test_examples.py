"""The programs of examples/ do what they say: on asyncio and trio, where they do not choose, and as one starts them."""

import inspect
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from gomq.testing import BrokerThread
from tests.support.pages import REPOSITORY, links

EXAMPLES = REPOSITORY / "examples"
PRINTED = {
    "embedded.py": ["done: b'resize cat.png'", "done: b'resize dog.png'"],
    "on_trio.py": ["heard: b'tick 0'", "heard: b'tick 1'", "heard: b'tick 2'"],
    "pipeline.py": ["b'a' b'3.0'", "b'b' b'15.0'"],
    "publish_and_replay.py": [
        "acknowledged, and on disk, at offset 0",
        "all: [b'21.5', b'19.0', b'22.0']",
        "from offset 1 on: [b'19.0', b'22.0']",
        "of the last hour: [b'21.5', b'19.0', b'22.0']",
    ],
    "reset_group.py": [
        "read: [b'one', b'two', b'three']",
        "invoices [0] would go on at 1, not at 3",
        "read again: [b'two', b'three']",
    ],
    "with_confluent_kafka.py": [
        "confluent-kafka: [b'message 0', b'message 1', b'message 2']",
        "gomq:            [b'message 0', b'message 1', b'message 2']",
    ],
    "without_event_loop.py": [
        "acknowledged at offset 0",
        "acknowledged at offset 1",
        "0 b'book'",
        "1 b'lamp'",
        "wishes-0 is read up to 2 and has 0 more",
    ],
    "worker.py": [
        "sent: b'book'",
        "sent: b'lamp'",
        "sent: b'chair'",
        "put aside: b'unicorn' because of b'LookupError: there are no unicorns'",
    ],
}


@pytest.fixture(scope="module")
def broker_of() -> Iterator[dict[str, BrokerThread]]:
    """A broker for each event loop, which the examples share: each has topics of its own, and begins without them."""
    with BrokerThread() as of_asyncio, BrokerThread() as of_trio:
        yield {"asyncio": of_asyncio, "trio": of_trio}


def main_of(name: str) -> Any:
    return runpy.run_path(str(EXAMPLES / name))["main"]


ANY_LOOP = [name for name in PRINTED if "anyio.run(" in (EXAMPLES / name).read_text()]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("name", ANY_LOOP)
def test_on_either_event_loop_it_prints_what_it_says(
    name: str, backend: str, broker_of: dict[str, BrokerThread], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    anyio.run(
        main_of(name), tmp_path / "data" if name == "embedded.py" else broker_of[backend].address, backend=backend
    )

    assert capsys.readouterr().out.splitlines() == PRINTED[name]


@pytest.mark.parametrize("name", sorted(PRINTED.keys() - ANY_LOOP))
def test_it_prints_what_it_says(name: str, broker_of: dict[str, BrokerThread], capsys: pytest.CaptureFixture[str]):
    main = main_of(name)
    if inspect.iscoroutinefunction(main):
        trio = pytest.importorskip("trio")
        trio.run(main, broker_of["trio"].address)
    else:
        main(broker_of["asyncio"].address)

    assert capsys.readouterr().out.splitlines() == PRINTED[name]


@pytest.mark.parametrize("name", ["on_trio.py", "reset_group.py"])
def test_it_can_be_started_again_where_its_topic_is_there(
    name: str, broker_of: dict[str, BrokerThread], capsys: pytest.CaptureFixture[str]
):
    trio = pytest.importorskip("trio")
    for _ in range(2):
        trio.run(main_of(name), broker_of["trio"].address)

    assert capsys.readouterr().out.splitlines()[-1] == PRINTED[name][-1]


def test_it_is_started_as_it_says():
    with BrokerThread() as broker:
        command = [sys.executable, str(EXAMPLES / "without_event_loop.py"), broker.address]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (ran.stderr, ran.stdout.splitlines()) == ("", PRINTED["without_event_loop.py"])


def test_all_of_them_are_tested_and_listed():
    names = {path.name for path in EXAMPLES.glob("*.py")}

    assert PRINTED.keys() == names
    assert names == set(links(EXAMPLES / "README.md")) & names
    for name in names:
        started = re.search(r"^python (\S+)", (EXAMPLES / name).read_text(), re.MULTILINE)
        assert started is not None
        assert started[1] == name
