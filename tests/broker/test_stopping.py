"""A stop answers what is under way and no more, waits for nobody for long, and says that all is well only if it is."""

import signal
import socket
import subprocess
import sys
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import anyio
import pytest
from anyio import to_thread
from anyio.abc import TaskStatus

import gomq
from gomq.broker import BrokerConfig
from gomq.net.address import parse_address
from gomq.protocol.api import Api
from tests.broker.conftest import Disk
from tests.support.brokers import broker_process
from tests.support.corpus import sample_request
from tests.support.waiting import until
from tests.support.wire import Wire, batch, connect, create_values, fetch_values, produce_values

_RECOVERING = """
import sys, threading
sys.modules["hypothesis"] = None
from gomq.cli.main import main
from gomq_storage.directory import LogDirectory

def take_for_ever(*_, **__):
    print("RECOVERING", flush=True)
    threading.Event().wait()

LogDirectory.open = take_for_ever
sys.exit(main())
"""
"""The command ``gomq`` where recovery never ends."""


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_sigterm_ends_the_process_and_waits_for_no_client_that_is_parked(data: Path, backend: str):
    with broker_process(data, "--backend", backend) as process:
        async with connect(process.address) as wire, connect(process.address), connect(process.address) as busy:
            await wire.ask(Api.CREATE_TOPICS, **create_values("orders"))
            await wire.send(Api.FETCH, 11, fetch_values({"orders": [(0, 0)]}, max_wait=3_600_000))
            await busy.ask(Api.PRODUCE, 9, **produce_values({"orders": {0: batch(b"x")}}))
            await wire.receive(Api.FETCH, 11)
            await wire.send(Api.FETCH, 11, fetch_values({"orders": [(0, 1)]}, max_wait=3_600_000))
            code = await to_thread.run_sync(process.terminate)
            assert (code, was_cut_off(data)) == (0, False)
            answer = await wire.receive(Api.FETCH, 11)
            assert answer.responses[0].partitions[0].error_code == 0, "it is answered with what there is"
            assert await wire.is_closed()
    async with gomq.Broker(data=data, listen="127.0.0.1:0") as broker, connect(broker.address) as wire:
        answer = await wire.ask(Api.FETCH, 11, **fetch_values({"orders": [(0, 0)]}))
        assert answer.responses[0].partitions[0].high_watermark == 1


def was_cut_off(data: Path) -> bool:
    """Whether a broker that was a process of its own waited in vain for connections to end."""
    return "connections.cut_off" in data.with_name(data.name + ".stderr").read_text()


def is_clean(data: Path) -> bool:
    """Whether the last stop was one after which nothing has to be recovered."""
    return (data / ".kafka_cleanshutdown").exists()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_sigterm_under_load_loses_nothing_that_was_acknowledged(data: Path, backend: str):
    acknowledged: list[int] = []

    async def publish() -> None:
        async with connect(process.address) as wire:
            while True:
                try:
                    answer = await wire.ask(Api.PRODUCE, 9, **produce_values({"orders": {0: batch(b"x" * 2000)}}))
                except (anyio.EndOfStream, anyio.BrokenResourceError):
                    return
                acknowledged.append(answer.responses[0].partition_responses[0].base_offset)

    with broker_process(data, "--backend", backend) as process:
        async with connect(process.address) as wire:
            await wire.ask(Api.CREATE_TOPICS, **create_values("orders"))
        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(publish)
            await until(lambda: len(acknowledged) > 50)
            assert await to_thread.run_sync(process.terminate) == 0
    assert is_clean(data)
    async with gomq.Broker(data=data, listen="127.0.0.1:0") as broker, connect(broker.address) as wire:
        answer = await wire.ask(Api.FETCH, 11, **fetch_values({"orders": [(0, 0)]}))
        assert answer.responses[0].partitions[0].high_watermark > max(acknowledged)
        assert sorted(acknowledged) == sorted(set(acknowledged))


async def leave_an_answer_unread(wire: Wire, deaf: Wire) -> None:
    """Have more sent to one client than its socket takes, and see that the broker has begun to."""
    await wire.ask(Api.CREATE_TOPICS, **create_values("orders"))
    for _ in range(12):
        await wire.ask(Api.PRODUCE, 9, **produce_values({"orders": {0: batch(bytes(1_000_000))}}))
    await deaf.send(Api.FETCH, 11, fetch_values({"orders": [(0, 0)]}, max_bytes=50 << 20, partition_max_bytes=50 << 20))
    await wire.ask(Api.METADATA, 12, topics=None)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_sigterm_does_not_wait_for_a_client_that_does_not_read(data: Path, backend: str):
    with broker_process(data, "--backend", backend) as process:
        async with connect(process.address) as wire, connect(process.address) as deaf:
            await leave_an_answer_unread(wire, deaf)
            assert await to_thread.run_sync(process.terminate) == 0
            assert not was_cut_off(data)
    assert is_clean(data)


async def state_of_group(wire: Wire) -> str:
    answer = await wire.ask(Api.DESCRIBE_GROUPS, 5, groups=("team",), include_authorized_operations=False)
    return str(answer.groups[0].group_state)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_sigterm_answers_members_that_wait_for_their_group(data: Path, backend: str):
    values = {
        "group_id": "team",
        "session_timeout": 30_000,
        "rebalance_timeout": 300_000,
        "member_id": "",
        "protocol_type": "consumer",
        "protocols": [{"name": "range", "metadata": b"x"}],
    }
    with broker_process(data, "--backend", backend) as process:
        async with connect(process.address) as first, connect(process.address) as second:
            joined = await first.ask(Api.JOIN_GROUP, 2, **values)
            assert joined.error_code == 0
            await second.send(Api.JOIN_GROUP, 2, values)
            with anyio.fail_after(20):
                while await state_of_group(first) != "PreparingRebalance":  # noqa: ASYNC110 - a process has no event
                    await anyio.sleep(0.005)
            assert await to_thread.run_sync(process.terminate) == 0
            assert not was_cut_off(data)
            answer = await second.receive(Api.JOIN_GROUP, 2)
            assert answer.error_code == 16, "not coordinator: it looks for the broker anew"


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_second_signal_ends_it_at_once_and_leaves_no_word_that_all_is_well(data: Path, backend: str):
    with broker_process(data, "--backend", backend) as process:
        async with connect(process.address) as wire, connect(process.address) as deaf:
            await leave_an_answer_unread(wire, deaf)
            process.process.send_signal(signal.SIGTERM)
            assert await wire.is_closed(), "it is stopping, and waits for the client that does not read"
            process.process.send_signal(signal.SIGINT)
            assert await to_thread.run_sync(process.process.wait, 20) == 128 + signal.SIGINT
    assert not is_clean(data)


def test_sigterm_during_recovery_ends_it_at_once_and_the_next_start_recovers(data: Path):
    with broker_process(data) as process, socket.create_connection(parse_address(process.address)) as client:
        client.sendall(sample_request(Api.CREATE_TOPICS, 5))
        client.recv(4)
        process.kill()
    arguments = [sys.executable, "-c", _RECOVERING, "serve", "--data", str(data), "--listen", "127.0.0.1:0"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as starting:
        assert starting.stdout is not None
        assert starting.stdout.readline() == b"RECOVERING\n"
        starting.send_signal(signal.SIGTERM)
        assert starting.wait(20) == 128 + signal.SIGTERM
        assert starting.stdout.read() == b""
    assert not is_clean(data)
    with broker_process(data) as process:
        assert process.terminate() == 0
    assert is_clean(data)


async def until_refused(address: str) -> None:
    """Wait until nobody is accepted any more."""
    with anyio.fail_after(20), suppress(OSError):
        while True:
            await (await anyio.connect_tcp(*parse_address(address))).aclose()


async def test_a_stop_waits_until_what_was_published_is_synced_and_acknowledged(data: Path, disk: Disk):
    leave, stopped = anyio.Event(), anyio.Event()

    async def serve(*, task_status: TaskStatus[str]) -> None:
        async with gomq.Broker(data=data, listen="127.0.0.1:0") as broker:
            task_status.started(broker.address)
            await leave.wait()
        stopped.set()

    async with anyio.create_task_group() as group:
        address = await group.start(serve)
        async with connect(address) as wire:
            await wire.ask(Api.CREATE_TOPICS, **create_values("orders"))
            disk.hold()
            await wire.send(Api.PRODUCE, 9, produce_values({"orders": {0: batch(b"x")}}))
            await to_thread.run_sync(disk.started.wait)
            leave.set()
            await until_refused(address)
            assert not await wire.has_answer(within=0.1)
            assert not stopped.is_set()
            disk.release()
            answer = await wire.receive(Api.PRODUCE, 9)
            assert answer.responses[0].partition_responses[0].error_code == 0
            assert await wire.is_closed()
    assert stopped.is_set()
    assert is_clean(data)


async def test_a_stop_cuts_off_what_takes_longer_than_it_gives(
    data: Path, disk: Disk, caplog: pytest.LogCaptureFixture
):
    config = BrokerConfig(data=data, listen="127.0.0.1:0", stop_timeout=0.1)

    def told() -> list[str]:
        return [record.msg for record in caplog.records if record.msg.startswith("connections.")]

    async def release_once_it_is_told() -> None:
        await until(told)
        disk.release()

    async with AsyncExitStack() as clients, anyio.create_task_group() as group:
        async with gomq.Broker(config=config) as broker:
            wire = await clients.enter_async_context(connect(broker.address))
            await wire.ask(Api.CREATE_TOPICS, **create_values("orders"))
            disk.hold()
            await wire.send(Api.PRODUCE, 9, produce_values({"orders": {0: batch(b"x")}}))
            await to_thread.run_sync(disk.started.wait)
            group.start_soon(release_once_it_is_told)
        assert await wire.is_closed()
    assert told() == ["connections.cut_off"]
