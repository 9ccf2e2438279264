"""What groups have committed is there after a stop, after a kill, and beside damage; until it expires."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

import gomq
from gomq.broker.groups import loading
from gomq.broker.groups.replay import Replayed, replay_groups
from gomq.broker.groups.topic import OFFSETS_TOPIC, partition_of
from gomq.protocol.api import Api
from gomq_storage.layout import segment_file_name
from gomq_storage.log import Log
from tests.broker.conftest import Disk
from tests.support.brokers import broker_process
from tests.support.offsets import NO_OFFSET, Committed, Topic, commit, commit_values, committed, fetch_offsets_values
from tests.support.running import now_ms, read_records, running
from tests.support.topics import create, produce
from tests.support.waiting import until
from tests.support.wire import Wire, connect

LOADING, NOT_AVAILABLE, NOT_COORDINATOR = 14, 15, 16
INVALID_TOPIC = 17
FIRST, SECOND = "readers", "a"
"""Groups of the first and the second of two partitions."""


async def coordinator_code(wire: Wire, group: str) -> int:
    answer = await wire.ask(Api.FIND_COORDINATOR, 4, key_type=0, coordinator_keys=(group,))
    return int(answer.coordinators[0].error_code)


async def fetch_code(wire: Wire, group: str) -> int:
    answer = await wire.ask(Api.OFFSET_FETCH, 9, **fetch_offsets_values(group, None))
    return int(answer.groups[0].error_code)


async def until_committed(wire: Wire, expected: dict[Topic, dict[int, Committed]]) -> None:
    with anyio.fail_after(10):
        while await committed(wire, "readers") != expected:
            await anyio.lowlevel.checkpoint()


def log_file(data: Path, partition: int = 0) -> Path:
    return data / f"{OFFSETS_TOPIC}-{partition}" / segment_file_name(0)


def damage(data: Path, partition: int, *, killed: bool) -> None:
    """Change a byte of the first batch, behind which others follow."""
    for path in data.glob("*clean*"):
        if killed:
            path.unlink()
    with log_file(data, partition).open("r+b") as file:
        file.seek(90)
        file.write(b"\xff\xff\xff")


def test_the_groups_of_these_tests_are_in_two_partitions():
    assert (partition_of(FIRST, 2), partition_of(SECOND, 2)) == (0, 1)


async def test_looking_for_a_coordinator_makes_the_topic(data: Path):
    async with running(data, offsets_topic_partitions=3, default_partitions=2) as wire:
        assert await coordinator_code(wire, "readers") == 0
        (topic,) = (await wire.ask(Api.METADATA, 12, topics=None)).topics
        assert (topic.name, topic.is_internal, len(topic.partitions)) == (OFFSETS_TOPIC, True, 3)
        resource = {
            "resource_type": 2,
            "resource_name": OFFSETS_TOPIC,
            "configuration_keys": ("cleanup.policy", "segment.bytes"),
        }
        answer = await wire.ask(
            Api.DESCRIBE_CONFIGS, 4, resources=[resource], include_synonyms=False, include_documentation=False
        )
        assert {config.name: config.value for config in answer.results[0].configs} == {
            "cleanup.policy": "compact",
            "segment.bytes": "16777216",
        }


async def test_many_who_look_for_a_coordinator_at_once_make_one_topic(broker: gomq.Broker):
    codes: list[int] = []

    async def look() -> None:
        async with connect(broker.address) as wire:
            codes.append(await coordinator_code(wire, "readers"))

    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(look)
    assert codes == [0] * 10


async def test_clients_read_the_topic_and_neither_write_nor_make_nor_delete_it(wire: Wire):
    (created,) = await create(wire, OFFSETS_TOPIC)
    assert created.error_code == INVALID_TOPIC
    await create(wire, "orders")
    await commit(wire, "readers", {"orders": {0: 3}})
    (deleted,) = (await wire.ask(Api.DELETE_TOPICS, 5, topic_names=(OFFSETS_TOPIC,))).responses
    assert deleted.error_code == INVALID_TOPIC
    assert await produce(wire, OFFSETS_TOPIC, b"x") == INVALID_TOPIC
    (record,) = await read_records(wire, OFFSETS_TOPIC)
    assert record.key == b"\0\1\0\7readers\0\6orders\0\0\0\0"


@pytest.mark.parametrize("killed", [True, False], ids=["killed", "stopped"])
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_offsets_are_there_again(data: Path, *, killed: bool):
    for start in range(3):
        with broker_process(data) as process:
            async with connect(process.address) as wire:
                await create(wire, "orders")
                none = {"orders": {0: Committed(NO_OFFSET)}}
                expected = {"orders": {0: Committed(start - 1, "m", 2)}} if start else none
                assert await committed(wire, "readers", {"orders": [0]}) == expected
                await commit(wire, "readers", {"orders": {0: start}}, metadata="m", leader_epoch=2)
            process.kill() if killed else process.terminate()


async def test_a_time_to_expire_at_outlives_a_restart(data: Path):
    async with running(data) as wire:
        await create(wire, "orders", partitions=2)
        await commit(wire, "readers", {"orders": {0: 3}}, version=4, retention_time=1)
        await commit(wire, "readers", {"orders": {1: 3}}, version=4, retention_time=3_600_000)
    async with running(data, offsets_retention_check_interval=0.01) as wire:
        await until_committed(wire, {"orders": {1: Committed(3)}})


async def test_expired_offsets_and_then_their_group_are_gone_for_good(data: Path):
    before_ms = now_ms()
    async with running(data, offsets_retention_ms=200, offsets_retention_check_interval=0.01) as wire:
        await create(wire, "orders")
        await commit(wire, "readers", {"orders": {0: 3}})
        await until_committed(wire, {})
        assert now_ms() - before_ms >= 200
        assert [record.value is None for record in await read_records(wire, OFFSETS_TOPIC)] == [False, True]
    async with running(data) as wire:
        assert await committed(wire, "readers") == {}


async def test_an_offset_does_not_expire_while_a_later_one_is_on_its_way(broker: gomq.Broker, wire: Wire, disk: Disk):
    assert broker._state is not None
    offsets = broker._state.offsets
    await create(wire, "orders")
    await commit(wire, "readers", {"orders": {0: 3}})
    disk.hold()
    await wire.send(Api.OFFSET_COMMIT, 9, commit_values("readers", {"orders": {0: 4}}))
    await until(disk.started.is_set)
    with anyio.move_on_after(0.1):
        await offsets.expire(now_ms=now_ms() + 1_000_000_000)
    disk.release()
    await wire.receive(Api.OFFSET_COMMIT, 9)
    assert await committed(wire, "readers") == {"orders": {0: Committed(4)}}


@pytest.mark.parametrize("killed", [True, False], ids=["killed", "stopped"])
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_damage_keeps_the_groups_of_its_partition_out_and_no_others(
    data: Path, caplog: pytest.LogCaptureFixture, *, killed: bool
):
    async with running(data, offsets_topic_partitions=2) as wire:
        await create(wire, "orders")
        for offset in range(3):
            for group in (FIRST, SECOND):
                await commit(wire, group, {"orders": {0: offset}})
    damage(data, 0, killed=killed)
    before = log_file(data, 0).read_bytes()

    async with running(data) as wire:
        assert await coordinator_code(wire, FIRST) == NOT_AVAILABLE
        assert await fetch_code(wire, FIRST) == NOT_COORDINATOR
        assert await commit(wire, FIRST, {"orders": {0: 9}}) == {"orders": {0: NOT_COORDINATOR}}
        assert await coordinator_code(wire, SECOND) == 0
        assert await committed(wire, SECOND) == {"orders": {0: Committed(2)}}
        assert await commit(wire, SECOND, {"orders": {0: 9}}) == {"orders": {0: 0}}
        assert await produce(wire, "orders", b"x") == 0

    assert log_file(data, 0).read_bytes() == before
    told = {record.msg for record in caplog.records if record.levelno == logging.ERROR}
    assert told & {"partition.offline", "groups.unreadable"}


async def test_until_its_partition_is_read_a_group_is_told_to_come_again(data: Path, monkeypatch: pytest.MonkeyPatch):
    async with running(data) as wire:
        await create(wire, "orders")
        await commit(wire, "readers", {"orders": {0: 3}})
    gate = threading.Event()

    def read_later(log: Log, *, should_stop: Callable[[], bool]) -> Replayed:
        gate.wait(10)
        return replay_groups(log, should_stop=should_stop)

    monkeypatch.setattr(loading, "replay_groups", read_later)
    monkeypatch.setattr(loading, "PATIENCE_SECONDS", 0.01)
    async with running(data) as wire:
        assert await coordinator_code(wire, "readers") == 0
        assert await fetch_code(wire, "readers") == LOADING
        assert await commit(wire, "readers", {"orders": {0: 9}}) == {"orders": {0: LOADING}}
        assert await listed(wire) == (LOADING, [])
        assert await produce(wire, "orders", b"x") == 0
        gate.set()
        with anyio.fail_after(10):
            while await fetch_code(wire, "readers") == LOADING:
                await anyio.lowlevel.checkpoint()
        assert await committed(wire, "readers") == {"orders": {0: Committed(3)}}
        assert await listed(wire) == (0, ["readers"])


async def listed(wire: Wire) -> tuple[int, list[str]]:
    """What ListGroups answers: an error code, and the groups' ids."""
    answer = await wire.ask(Api.LIST_GROUPS, 5, states_filter=(), types_filter=())
    return int(answer.error_code), [group.group_id for group in answer.groups]


async def test_a_broker_that_is_still_reading_its_groups_stops_at_once(data: Path, monkeypatch: pytest.MonkeyPatch):
    async with running(data) as wire:
        await create(wire, "orders")
        await commit(wire, "readers", {"orders": {0: 3}})
    started, stopped = threading.Event(), threading.Event()

    def read_for_ever(log: Log, *, should_stop: Callable[[], bool]) -> Replayed:
        started.set()
        while not should_stop():
            stopped.wait(0.001)
        stopped.set()
        return replay_groups(log, should_stop=should_stop)

    monkeypatch.setattr(loading, "replay_groups", read_for_ever)
    monkeypatch.setattr(loading, "PATIENCE_SECONDS", 0.01)
    with anyio.fail_after(10):
        async with running(data):
            assert started.is_set()
        await until(stopped.is_set)
