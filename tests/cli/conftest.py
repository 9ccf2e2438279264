"""The command line, run inside the test's process against a broker on a thread."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pytest

from gomq.cli.main import main
from tests.support.brokers import broker_in_thread


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended."""

    code: int
    out: bytes
    err: str


RunGomq: TypeAlias = Callable[..., Ran]


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker that all tests of the command line share: each uses topics of its own."""
    with broker_in_thread(tmp_path_factory.mktemp("cli") / "data") as broker:
        yield broker.address


@pytest.fixture
def topic(request: pytest.FixtureRequest) -> str:
    """A topic name that no other test uses."""
    name: str = request.node.name
    return name.replace("[", "-").replace("]", "")[:200]


@pytest.fixture
def run_gomq(
    address: str,
    tmp_path: Path,
    capfdbinary: pytest.CaptureFixture[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> RunGomq:
    """Run ``gomq`` with the shared broker as its default."""
    monkeypatch.setenv("GOMQ_BROKER", address)

    def run(*arguments: str, stdin: bytes = b"") -> Ran:
        source = tmp_path / "stdin"
        source.write_bytes(stdin)
        capfdbinary.readouterr()
        with source.open() as file, monkeypatch.context() as patch:
            patch.setattr("sys.stdin", file)
            code = main(arguments)
        out, err = capfdbinary.readouterr()
        return Ran(code, out, err.decode())

    return run


@pytest.fixture
def silent() -> Iterator[str]:
    """A port that takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield "{}:{}".format(*server.getsockname())
