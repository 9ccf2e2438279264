"""Starting on what cannot be used is one clear error that changes nothing; stopping leaves nothing behind."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import gomq
from gomq.broker import BrokerConfig
from gomq.errors import BrokerStartError, ConfigurationError
from gomq.protocol.api import Api
from tests.support.brokers import broker_process
from tests.support.wire import Wire, batch, connect, create_values, fetch_values, produce_values

NOBODY = 65534


def content(directory: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(directory)): path.read_bytes() if path.is_file() else None
        for path in sorted(directory.rglob("*"))
    }


def make_file(path: Path, text: str) -> None:
    path.write_text(text)


def make_directory(path: Path, files: Mapping[str, str]) -> None:
    path.mkdir()
    for name, text in files.items():
        make_file(path / name, text)


@contextmanager
def locked_by_another_process(path: Path) -> Iterator[None]:
    """Have a process hold the kind of lock that Java's file locks are."""
    program = (
        "import fcntl, sys; f = open(sys.argv[1], 'r+'); fcntl.lockf(f, fcntl.LOCK_EX); print('.', flush=True);"
        "sys.stdin.read()"
    )
    arguments = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline()
        yield
        holder.stdin.close()


async def start_error(data: Path, *, listen: str = "127.0.0.1:0") -> str:
    """Start a broker that cannot start, and return what it says."""
    before = content(data.parent)
    with pytest.raises(BrokerStartError) as caught:
        async with gomq.Broker(data=data, listen=listen):
            pytest.fail("the broker started")
    assert content(data.parent) == before, "nothing was changed"
    assert "\n" not in str(caught.value)
    return str(caught.value)


async def test_a_port_in_use_is_one_clear_error(data: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = "{}:{}".format(*taken.getsockname())
        assert await start_error(data, listen=address) == f"cannot listen on {address}: the port is in use"


async def test_a_directory_in_use_by_another_broker_is_one_clear_error(wire: Wire, data: Path):
    assert await start_error(data) == f"data directory {data} is in use by another broker"
    assert (await wire.ask(Api.CREATE_TOPICS, **create_values("orders"))).topics[0].error_code == 0


async def test_a_directory_locked_the_way_kafka_does_is_in_use(data: Path):
    make_directory(data, {".lock": ""})
    with locked_by_another_process(data / ".lock"):
        assert await start_error(data) == f"data directory {data} is in use by another broker"
    async with gomq.Broker(data=data, listen="127.0.0.1:0"):
        pass


async def test_a_file_is_no_data_directory(data: Path):
    make_file(data, "precious")
    assert await start_error(data) == f"data directory {data}: it is not a directory"


async def test_a_directory_whose_parent_is_missing_is_not_made(tmp_path: Path):
    data = tmp_path / "missing" / "data"
    with pytest.raises(BrokerStartError, match="cannot be made: No such file or directory"):
        async with gomq.Broker(data=data, listen="127.0.0.1:0"):
            pytest.fail("the broker started")
    assert content(tmp_path) == {}


async def test_a_symbolic_link_to_itself_is_no_data_directory(data: Path):
    os.symlink(data, data)
    assert str(data) in await start_error(data)


async def test_a_file_in_it_that_cannot_be_used_is_named(data: Path):
    (data / ".lock").mkdir(parents=True)
    assert await start_error(data) == f"data directory {data}: .lock: Is a directory"


@contextmanager
def without_privileges() -> Iterator[Path]:
    """Be nobody for the length of the block where the user is root, in a directory that may be read, not written."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "data").mkdir()
        (directory / "data").chmod(0o555)
        directory.chmod(0o555)
        user = os.geteuid()
        if user == 0:
            os.seteuid(NOBODY)
        try:
            yield directory
        finally:
            os.seteuid(user)
            directory.chmod(0o755)


@pytest.mark.parametrize("name", ["data", "new"])
async def test_a_directory_that_is_not_writable_is_one_clear_error(name: str):
    with without_privileges() as directory:
        message = await start_error(directory / name)
    assert "not writable" in message or "Permission denied" in message


async def test_a_directory_of_an_unknown_version_is_left_alone(data: Path):
    make_directory(data, {".lock": "", "meta.properties": "version=99\ncluster.id=x\n"})
    assert "meta.properties" in await start_error(data)


async def test_a_broker_starts_once_what_kept_it_from_it_is_gone(data: Path):
    make_file(data, "")
    await start_error(data)
    os.unlink(data)
    async with gomq.Broker(data=data, listen="127.0.0.1:0") as broker:
        assert broker.address.startswith("127.0.0.1:")


async def test_what_goes_wrong_in_the_block_comes_out_of_it_as_it_is(data: Path):
    failure = ValueError("mine")
    with pytest.raises(ValueError, match="mine") as raised:
        async with gomq.Broker(data=data, listen="127.0.0.1:0"):
            raise failure
    assert raised.value is failure
    async with gomq.Broker(data=data, listen="127.0.0.1:0"):
        """The directory was let go of."""


async def test_the_address_of_a_broker_that_does_not_run_is_an_error(data: Path):
    with pytest.raises(RuntimeError, match="async with"):
        _ = gomq.Broker(data=data).address


async def test_a_broker_without_a_data_directory_is_a_mistake():
    with pytest.raises(TypeError, match="data="):
        gomq.Broker()


@pytest.mark.parametrize(
    "settings",
    [{"flush_interval": 0}, {"flush_interval": -1}, {"default_partitions": 0}, {"default_partitions": 10_001}],
)
async def test_settings_that_cannot_work_are_refused_when_they_are_made(data: Path, settings: dict[str, Any]):
    with pytest.raises(ConfigurationError):
        BrokerConfig(data=data, **settings)


async def test_nothing_is_left_of_a_broker_that_stopped(data: Path):
    descriptors = len(os.listdir("/proc/self/fd"))
    async with gomq.Broker(data=data, listen="127.0.0.1:0") as broker, connect(broker.address) as wire:
        await wire.ask(Api.CREATE_TOPICS, **create_values("orders", partitions=5))
        await wire.ask(Api.PRODUCE, 9, **produce_values({"orders": {0: batch(b"x" * 100_000)}}))
        await wire.ask(Api.FETCH, 11, **fetch_values({"orders": [(0, 0)]}))
    assert len(os.listdir("/proc/self/fd")) <= descriptors + 1, "at most the event loop's own"


async def test_a_broker_goes_on_when_descriptors_have_run_out(data: Path):
    limit = ["bash", "-c", 'ulimit -n 64; exec "$@"', "bash"]
    with broker_process(data, command=limit) as process:
        async with connect(process.address) as wire:
            await wire.ask(Api.CREATE_TOPICS, **create_values("orders"))
            await wire.ask(Api.PRODUCE, 9, **produce_values({"orders": {0: batch(b"x")}}))
            host, _, port = process.address.rpartition(":")
            crowd = [socket.create_connection((host, int(port))) for _ in range(100)]
            answer = await wire.ask(Api.CREATE_TOPICS, **create_values("many", partitions=50))
            assert answer.topics[0].error_code == 0, "files share the descriptors that there are"
            answer = await wire.ask(Api.PRODUCE, 9, **produce_values({"orders": {0: batch(b"x")}}))
            assert answer.responses[0].partition_responses[0].error_code == 0
            for connection in crowd:
                connection.close()
        async with connect(process.address) as wire:
            answer = await wire.ask(Api.FETCH, 11, **fetch_values({"orders": [(0, 0)]}))
            assert answer.responses[0].partitions[0].high_watermark == 2
        assert process.terminate() == 0


async def test_two_brokers_of_one_program_do_not_disturb_each_other(tmp_path: Path):
    async with (
        gomq.Broker(data=tmp_path / "a", listen="127.0.0.1:0") as first,
        gomq.Broker(data=tmp_path / "b", listen="127.0.0.1:0") as second,
        connect(first.address) as to_first,
        connect(second.address) as to_second,
    ):
        await to_first.ask(Api.CREATE_TOPICS, **create_values("orders"))
        assert (await to_second.ask(Api.METADATA, 12, topics=None)).topics == ()
