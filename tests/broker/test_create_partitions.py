"""CreatePartitions: topics get more partitions and never fewer, wholly or not at all, and a restart finds them."""

import os
from pathlib import Path
from typing import Any

import anyio
import pytest

import gomq
from gomq.protocol.api import SERVED, Api
from gomq_storage.files import OsFile
from tests.broker.conftest import Disk
from tests.support.brokers import broker_process
from tests.support.running import running
from tests.support.topics import create, folders
from tests.support.wire import Wire, batch, connect, metadata_values, produce_values, versions

UNKNOWN, TIMED_OUT, INVALID_TOPIC, PARTITIONS, ASSIGNMENT, INVALID, STORAGE = 3, 7, 17, 37, 39, 42, 56


def growth(name: str, count: int, assignments: list[Any] | None = None) -> dict[str, Any]:
    entries = None if assignments is None else [{"broker_ids": ids} for ids in assignments]
    return {"name": name, "count": count, "assignments": entries}


async def grow(
    wire: Wire, name: str, count: int, assignments: list[Any] | None = None, **fields: Any
) -> tuple[int, str | None]:
    """Ask for so many partitions of a topic; error code and message."""
    values = {"topics": [growth(name, count, assignments)], "timeout": 10_000, "validate_only": False, **fields}
    (result,) = (await wire.ask(Api.CREATE_PARTITIONS, **values)).results
    assert result.name == name
    return int(result.error_code), result.error_message


async def partitions(wire: Wire, name: str) -> list[int]:
    """The partitions that a client sees."""
    (topic,) = (await wire.ask(Api.METADATA, 12, **metadata_values(name))).topics
    assert all(partition.error_code == 0 for partition in topic.partitions)
    return [partition.partition_index for partition in topic.partitions]


async def produce_to(wire: Wire, name: str, partition: int) -> int:
    answer = await wire.ask(Api.PRODUCE, 9, **produce_values({name: {partition: batch(b"x")}}))
    return int(answer.responses[0].partition_responses[0].error_code)


async def test_every_version_adds_partitions_that_clients_see_and_use(wire: Wire, data: Path):
    await create(wire, "orders")
    for version in versions(Api.CREATE_PARTITIONS):
        count = version + 2
        values = {"topics": [growth("orders", count)], "timeout": 1000, "validate_only": False}
        (result,) = (await wire.ask(Api.CREATE_PARTITIONS, version, **values)).results
        assert (result.name, result.error_code, result.error_message) == ("orders", 0, None)
        assert await partitions(wire, "orders") == list(range(count))
        assert await produce_to(wire, "orders", count - 1) == 0
    assert folders(data) == {f"orders-{index}" for index in range(SERVED[Api.CREATE_PARTITIONS].newest + 2)}


async def test_a_restart_finds_them_with_their_messages_and_configs(data: Path):
    async with running(data) as wire:
        await create(wire, "orders", configs={"max.message.bytes": "1000"})
        assert await grow(wire, "orders", 3) == (0, None)
        assert await produce_to(wire, "orders", 2) == 0
    async with running(data) as wire:
        assert await partitions(wire, "orders") == [0, 1, 2]
        answer = await wire.ask(Api.PRODUCE, 9, **produce_values({"orders": {2: batch(bytes(2000)), 1: batch(b"y")}}))
        codes = {each.index: int(each.error_code) for each in answer.responses[0].partition_responses}
        assert codes == {2: 10, 1: 0}


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_kill_right_after_the_answer_loses_none_of_them(data: Path):
    with broker_process(data) as process:
        async with connect(process.address) as wire:
            await create(wire, "orders")
            assert await grow(wire, "orders", 5) == (0, None)
            process.kill()
    async with running(data) as wire:
        assert await partitions(wire, "orders") == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("count", "told"),
    [
        (3, "Topic already has 3 partition(s)."),
        (2, "currently has 3 partition(s); 2 would not be an increase"),
        (0, "0 would not be an increase"),
        (-(2**31), "would not be an increase"),
        (10_001, "a topic has 1 to 10000 partitions"),
        (2**31 - 1, "a topic has 1 to 10000 partitions"),
    ],
)
@pytest.mark.parametrize("validate_only", [False, True])
async def test_a_number_that_is_no_increase_or_too_large_is_refused(
    wire: Wire, data: Path, count: int, told: str, validate_only: bool
):
    await create(wire, "orders", partitions=3)
    code, message = await grow(wire, "orders", count, validate_only=validate_only)
    assert code == PARTITIONS
    assert told in (message or "")
    assert len(folders(data)) == 3


@pytest.mark.parametrize(
    ("assignments", "told"),
    [
        ([(1,), (1,)], None),
        ([], "2 partitions are added, and 0 are assigned"),
        ([(1,)], "2 partitions are added, and 1 are assigned"),
        ([(1,), ()], "to no broker"),
        ([(1,), (2,)], "the only one is 1"),
        ([(1,), (1, 1)], "more than once"),
        ([(1,), (1, 2)], "the only one is 1"),
    ],
)
async def test_new_partitions_may_be_assigned_to_the_only_broker(wire: Wire, assignments: list[Any], told: str | None):
    await create(wire, "orders")
    code, message = await grow(wire, "orders", 3, assignments)
    if told is None:
        assert (code, message) == (0, None)
        assert await partitions(wire, "orders") == [0, 1, 2]
    else:
        assert code == ASSIGNMENT
        assert told in (message or "")
        assert await partitions(wire, "orders") == [0]


async def test_a_request_that_only_checks_adds_nothing(wire: Wire, data: Path):
    await create(wire, "orders")
    assert await grow(wire, "orders", 2, validate_only=True) == (0, None)
    assert folders(data) == {"orders-0"}


@pytest.mark.parametrize("name", ["nowhere", "", "a/b", "\x1b" * 30_000, "__gomq_metadata"])
async def test_a_topic_that_is_not_there_is_unknown(wire: Wire, name: str):
    code, message = await grow(wire, name, 2)
    assert code == UNKNOWN
    assert 0 < len(message or "") <= 1000


async def test_each_topic_is_answered_for_itself_and_none_is_named_twice(wire: Wire):
    await create(wire, "a", "b")
    topics = [growth("a", 2), growth("b", 2), growth("nowhere", 2), growth("a", 3)]
    answer = await wire.ask(Api.CREATE_PARTITIONS, topics=topics, timeout=1000, validate_only=False)
    assert {each.name: int(each.error_code) for each in answer.results} == {"a": INVALID, "b": 0, "nowhere": UNKNOWN}
    assert (await partitions(wire, "a"), await partitions(wire, "b")) == ([0], [0, 1])


async def test_partitions_that_cannot_be_written_leave_nothing_behind(
    wire: Wire, data: Path, monkeypatch: pytest.MonkeyPatch
):
    await create(wire, "orders")
    calls, whole = 0, OsFile.sync

    def fail_the_fifth(file: OsFile) -> None:
        nonlocal calls
        calls += 1
        if calls == 5:
            raise OSError(28, os.strerror(28))
        whole(file)

    monkeypatch.setattr(OsFile, "sync", fail_the_fifth)
    assert (await grow(wire, "orders", 10))[0] == STORAGE
    assert folders(data) == {"orders-0"}
    assert await partitions(wire, "orders") == [0]
    assert await grow(wire, "orders", 10) == (0, None)


async def test_a_broker_that_stops_meanwhile_has_added_them_all_or_none(data: Path, disk: Disk):
    async def release_once_the_broker_waits() -> None:
        await anyio.wait_all_tasks_blocked()
        disk.release()

    async with anyio.create_task_group() as group, running(data) as wire:
        await create(wire, "orders")
        disk.hold()
        values = {"topics": [growth("orders", 3)], "timeout": 10_000, "validate_only": False}
        await wire.send(Api.CREATE_PARTITIONS, 3, values)
        assert await anyio.to_thread.run_sync(disk.started.wait, 10)
        group.start_soon(release_once_the_broker_waits)
    async with running(data) as wire:
        found = await partitions(wire, "orders")
        assert folders(data) == {f"orders-{index}" for index in found}


async def test_what_a_crash_left_of_new_partitions_is_put_aside(wire: Wire, data: Path):
    await create(wire, "orders")
    (data / "orders-1").mkdir()
    (data / "orders-1" / "notes.txt").write_text("mine")
    assert await grow(wire, "orders", 2) == (0, None)
    assert await produce_to(wire, "orders", 1) == 0
    (stray,) = folders(data) - {"orders-0", "orders-1"}
    assert (data / stray / "notes.txt").read_text() == "mine"


async def test_many_who_want_the_same_number_get_it_once(broker: gomq.Broker, wire: Wire):
    await create(wire, "orders")
    codes: list[int] = []

    async def ask() -> None:
        async with connect(broker.address) as other:
            codes.append((await grow(other, "orders", 4))[0])

    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(ask)
    assert sorted(codes) == [0, *[PARTITIONS] * 7]
    assert await partitions(wire, "orders") == [0, 1, 2, 3]


async def test_a_request_whose_time_is_up_before_its_turn_changes_nothing(
    broker: gomq.Broker, wire: Wire, disk: Disk, data: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("gomq.broker.refusals._LEAST_PATIENCE", 0.05)
    await create(wire, "orders")
    disk.hold()
    async with connect(broker.address) as other:
        await other.send(Api.CREATE_PARTITIONS, 3, {"topics": [growth("orders", 2)], "timeout": 1,
                                                    "validate_only": False})  # fmt: skip
        assert await anyio.to_thread.run_sync(disk.started.wait, 10)
        assert (await grow(wire, "orders", 3, timeout=1))[0] == TIMED_OUT
        disk.release()
        assert (await other.receive(Api.CREATE_PARTITIONS, 3)).results[0].error_code == 0
    assert folders(data) == {"orders-0", "orders-1"}
