"""What ``acks=all`` promises: nothing is acknowledged or shown before it is on the device; one sync does for many."""

import errno
import logging
import os
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import to_thread

import gomq
from gomq.broker import BrokerConfig, FlushMode
from gomq.protocol.api import Api
from gomq_storage.files import OsFile
from gomq_storage.layout import segment_file_name
from tests.broker.conftest import Disk
from tests.support.waiting import until
from tests.support.wire import DEADLINE, Wire, batch, connect, create_values, fetch_values, produce_values

NO_ERROR, CORRUPT, TIMED_OUT, STORAGE = 0, 2, 7, 56


@pytest.fixture
async def wire(wire: Wire) -> Wire:
    await wire.ask(Api.CREATE_TOPICS, **create_values("orders"))
    return wire


async def send(wire: Wire, *, acks: int = -1, timeout_ms: int = 10_000) -> int:
    values = produce_values({"orders": {0: batch(b"x")}}, acks=acks, timeout=timeout_ms)
    return await wire.send(Api.PRODUCE, 9, values)


async def receive(wire: Wire, correlation_id: int) -> Any:
    answer = await wire.receive(Api.PRODUCE, 9, correlation_id)
    return answer.responses[0].partition_responses[0]


async def visible(wire: Wire) -> int:
    """How far consumers see."""
    answer = await wire.ask(Api.FETCH, 11, **fetch_values({"orders": [(0, 0)]}))
    offset: int = answer.responses[0].partitions[0].high_watermark
    return offset


async def held(disk: Disk) -> None:
    """Wait until a sync is under way."""
    assert await to_thread.run_sync(disk.started.wait, DEADLINE)


async def test_acks_all_is_answered_and_shown_only_after_the_sync(broker: gomq.Broker, wire: Wire, disk: Disk):
    disk.hold()
    sent = await send(wire)
    await held(disk)
    async with connect(broker.address) as other:
        assert await visible(other) == 0
        answer = await other.ask(Api.FETCH, 11, **fetch_values({"orders": [(0, 0)]}))
        assert answer.responses[0].partitions[0].records == b""
        assert not await wire.has_answer(within=0.05)
        disk.release()
        assert (await receive(wire, sent)).error_code == NO_ERROR
        assert await visible(other) == 1


async def test_acks_1_is_answered_before_the_sync_but_not_shown(broker: gomq.Broker, wire: Wire, disk: Disk):
    disk.hold()
    assert (await receive(wire, await send(wire, acks=1))).base_offset == 0
    await held(disk)
    async with connect(broker.address) as other:
        assert await visible(other) == 0
        disk.release()
        await other.ask(Api.FETCH, 11, **fetch_values({"orders": [(0, 0)]}, max_wait=10_000))
        assert await visible(other) == 1


async def test_one_sync_acknowledges_all_that_was_appended_before_it(wire: Wire, disk: Disk, data: Path):
    log_file = data / "orders-0" / segment_file_name(0)
    disk.hold()
    sent = [await send(wire)]
    await held(disk)
    before = disk.syncs
    sent += [await send(wire) for _ in range(40)]
    await until(lambda: log_file.stat().st_size == 41 * len(batch(b"x")))
    disk.release()
    answers = [await receive(wire, correlation_id) for correlation_id in sent]
    assert [answer.base_offset for answer in answers] == list(range(41))
    assert disk.syncs - before == 1


async def test_a_sync_that_takes_longer_than_the_request_allows_is_a_timeout(wire: Wire, disk: Disk):
    disk.hold()
    assert (await receive(wire, await send(wire, timeout_ms=20))).error_code == TIMED_OUT
    assert (await receive(wire, await send(wire, timeout_ms=-1))).error_code == TIMED_OUT
    disk.release()
    assert (await receive(wire, await send(wire))).error_code == NO_ERROR


async def test_a_failed_sync_is_told_and_never_tried_again(wire: Wire, disk: Disk):
    assert (await receive(wire, await send(wire))).error_code == NO_ERROR
    disk.is_broken = True
    failed = await receive(wire, await send(wire))
    assert (failed.error_code, failed.base_offset) == (STORAGE, -1)
    syncs = disk.syncs
    disk.is_broken = False
    for acks in (-1, 1):
        assert (await receive(wire, await send(wire, acks=acks))).error_code == STORAGE
    assert disk.syncs == syncs
    assert await visible(wire) == 1, "what was safe before is still served, and nothing more"


async def test_after_a_failed_sync_no_topic_takes_messages_or_is_created(wire: Wire, disk: Disk):
    await wire.ask(Api.CREATE_TOPICS, **create_values("bills"))
    disk.is_broken = True
    await receive(wire, await send(wire))
    disk.is_broken = False
    answer = await wire.ask(Api.PRODUCE, 9, **produce_values({"bills": {0: batch(b"x")}}))
    assert answer.responses[0].partition_responses[0].error_code == STORAGE
    answer = await wire.ask(Api.CREATE_TOPICS, **create_values("more"))
    assert answer.topics[0].error_code == STORAGE


async def test_all_who_wait_for_the_sync_that_fails_are_told(broker: gomq.Broker, wire: Wire, disk: Disk):
    disk.hold()
    async with connect(broker.address) as other:
        sent = await send(wire)
        await held(disk)
        also = await send(other)
        await anyio.wait_all_tasks_blocked()
        disk.is_broken = True
        disk.release()
        assert (await receive(wire, sent)).error_code == STORAGE
        assert (await receive(other, also)).error_code == STORAGE


@pytest.mark.parametrize("mode", [FlushMode.NEVER, FlushMode.INTERVAL])
async def test_without_flush_always_an_append_is_acknowledged_and_shown_at_once(
    data: Path, disk: Disk, mode: FlushMode
):
    config = BrokerConfig(data=data, listen="127.0.0.1:0", flush=mode, flush_interval=3600)
    async with gomq.Broker(config=config) as broker, connect(broker.address) as wire:
        await wire.ask(Api.CREATE_TOPICS, **create_values("orders"))
        before = disk.syncs
        assert (await receive(wire, await send(wire))).error_code == NO_ERROR
        assert await visible(wire) == 1
        assert disk.syncs == before
    assert disk.syncs > before, "a clean stop syncs"


async def test_with_flush_interval_an_append_is_synced_after_it(data: Path, disk: Disk):
    config = BrokerConfig(data=data, listen="127.0.0.1:0", flush=FlushMode.INTERVAL, flush_interval=0.01)
    async with gomq.Broker(config=config) as broker, connect(broker.address) as wire:
        await wire.ask(Api.CREATE_TOPICS, **create_values("orders"))
        before = disk.syncs
        await receive(wire, await send(wire, acks=1))
        await until(lambda: disk.syncs > before)


async def test_a_full_disk_refuses_messages_is_logged_once_and_takes_them_again_when_there_is_room(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def no_space(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    caplog.set_level(logging.INFO, "gomq.broker")
    assert (await receive(wire, await send(wire))).error_code == NO_ERROR
    with monkeypatch.context() as patch:
        patch.setattr(OsFile, "write", no_space)
        for acks in (-1, 1, -1):
            refused = await receive(wire, await send(wire, acks=acks))
            assert (refused.error_code, refused.error_message) == (STORAGE, "[Errno 28] No space left on device")
    assert (await receive(wire, await send(wire))).base_offset == 1
    assert [record.msg for record in caplog.records if record.msg.startswith("partition.")] == [
        "partition.write_failed",
        "partition.writes_again",
    ]


async def test_a_failed_sync_of_what_the_broker_remembers_ends_writing_everywhere(wire: Wire, disk: Disk):
    await wire.ask(Api.CREATE_TOPICS, **create_values("bills"))
    disk.is_broken = True
    answer = await wire.ask(Api.DELETE_TOPICS, 5, topic_names=["bills"], timeout=10_000)
    assert answer.responses[0].error_code == STORAGE
    disk.is_broken = False
    assert (await receive(wire, await send(wire))).error_code == STORAGE


async def test_a_log_that_cannot_be_read_is_logged_once(wire: Wire, data: Path, caplog: pytest.LogCaptureFixture):
    await receive(wire, await send(wire))
    log_file = data / "orders-0" / segment_file_name(0)
    with log_file.open("r+b") as file:
        file.seek(16)
        file.write(b"\x01")
    for _ in range(3):
        answer = await wire.ask(Api.FETCH, 11, **fetch_values({"orders": [(0, 0)]}))
        assert answer.responses[0].partitions[0].error_code == CORRUPT
    assert [record.msg for record in caplog.records].count("partition.read_failed") == 1
