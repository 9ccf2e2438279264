"""OffsetCommit: checked in Kafka's order, durable before it is answered, and found again."""

from pathlib import Path
from typing import Any
from uuid import UUID

import anyio

import gomq
from gomq.broker.groups.topic import OFFSETS_TOPIC
from gomq.protocol.api import Api
from gomq_storage.config import LogConfig
from tests.broker.conftest import Disk
from tests.support.offsets import Committed, codes_of, commit, commit_values, committed
from tests.support.running import running
from tests.support.topics import create, delete
from tests.support.waiting import until
from tests.support.wire import Wire, connect, metadata_values, versions

UNKNOWN, TOO_LARGE, NOT_AVAILABLE, NOT_COORDINATOR, ILLEGAL_GENERATION, UNKNOWN_MEMBER = 3, 12, 15, 16, 22, 25
UNKNOWN_SERVER_ERROR, GROUP_ID_NOT_FOUND, UNKNOWN_TOPIC_ID = -1, 69, 100


async def topic_id(wire: Wire, name: str) -> UUID:
    answer = await wire.ask(Api.METADATA, 12, **metadata_values(name))
    found: UUID = answer.topics[0].topic_id
    return found


async def test_every_version_commits(wire: Wire):
    (created,) = await create(wire, "orders", partitions=2)
    for version in versions(Api.OFFSET_COMMIT):
        topic: Any = created.topic_id if version >= 10 else "orders"
        group = f"readers-{version}"

        codes = await commit(wire, group, {topic: {0: 3, 1: 7}}, version=version, metadata="m", leader_epoch=4)

        assert codes == {topic: {0: 0, 1: 0}}
        epoch = 4 if version >= 6 else -1
        assert await committed(wire, group) == {"orders": {0: Committed(3, "m", epoch), 1: Committed(7, "m", epoch)}}


async def test_the_last_commit_counts_whether_it_is_behind_or_not(wire: Wire):
    await create(wire, "orders")
    for offset in (3, 7, 5, 0):
        await commit(wire, "readers", {"orders": {0: offset}})
        assert await committed(wire, "readers") == {"orders": {0: Committed(offset)}}


async def test_partitions_that_are_not_there_do_not_keep_the_others_from_it(wire: Wire):
    await create(wire, "orders")
    wanted = {"orders": {-1: 1, 0: 1, 1: 1}, "bills": {0: 1}, "": {0: 1}}

    codes = await commit(wire, "readers", wanted)

    assert codes == {"orders": {-1: UNKNOWN, 0: 0, 1: UNKNOWN}, "bills": {0: UNKNOWN}, "": {0: UNKNOWN}}
    assert await committed(wire, "readers") == {"orders": {0: Committed(1)}}


async def test_a_topic_id_that_is_not_there_is_told(wire: Wire):
    await create(wire, "orders")
    known, unknown = await topic_id(wire, "orders"), UUID(int=9)

    codes = await commit(wire, "readers", {known: {0: 1, 1: 1}, unknown: {0: 1}}, version=10)

    assert codes == {known: {0: 0, 1: UNKNOWN}, unknown: {0: UNKNOWN_TOPIC_ID}}


async def test_metadata_comes_back_up_to_a_size(wire: Wire):
    await create(wire, "orders")
    for metadata in (None, "x" * 4096, "é" * 4096, "😀" * 2048):
        assert await commit(wire, "readers", {"orders": {0: 3}}, metadata=metadata) == {"orders": {0: 0}}
        assert await committed(wire, "readers") == {"orders": {0: Committed(3, metadata or "")}}
    for metadata in ("x" * 4097, "😀" * 2049):
        assert await commit(wire, "readers", {"orders": {0: 4}}, metadata=metadata) == {"orders": {0: TOO_LARGE}}
        assert await committed(wire, "readers") == {"orders": {0: Committed(3, "😀" * 2048)}}


async def test_a_generation_of_a_group_that_is_not_there_is_refused(wire: Wire):
    await create(wire, "orders")
    for version, code in ((2, ILLEGAL_GENERATION), (8, ILLEGAL_GENERATION), (9, GROUP_ID_NOT_FOUND)):
        codes = await commit(wire, "readers", {"orders": {0: 3}}, version=version, generation=1, member_id="m")
        assert codes == {"orders": {0: code}}
    assert await committed(wire, "readers") == {}


async def test_topics_are_looked_for_before_the_group(wire: Wire):
    await create(wire, "orders")
    wanted = {"orders": {0: 3}, "bills": {0: 3}}
    codes = await commit(wire, "readers", wanted, generation=1, member_id="m")
    assert codes == {"orders": {0: GROUP_ID_NOT_FOUND}, "bills": {0: UNKNOWN}}
    assert await commit(wire, "readers", {"bills": {0: 3}}, generation=1, member_id="m") == {"bills": {0: UNKNOWN}}


async def test_a_generation_of_a_group_without_members_is_refused(wire: Wire):
    await create(wire, "orders")
    await commit(wire, "readers", {"orders": {0: 3}})
    codes = await commit(wire, "readers", {"orders": {0: 4}}, generation=0, member_id="m")
    assert codes == {"orders": {0: UNKNOWN_MEMBER}}
    assert await committed(wire, "readers") == {"orders": {0: Committed(3)}}


async def test_a_group_without_a_name_may_commit(wire: Wire):
    await create(wire, "orders")
    assert await commit(wire, "", {"orders": {0: 3}}) == {"orders": {0: 0}}
    assert await committed(wire, "") == {"orders": {0: Committed(3)}}


async def test_nothing_to_commit_is_no_error(wire: Wire):
    assert await commit(wire, "readers", {}) == {}


async def test_a_commit_of_more_than_a_batch_holds_is_refused_whole(data: Path):
    async with running(data, log=LogConfig(max_message_bytes=5000)) as wire:
        await create(wire, "orders", partitions=2)
        codes = await commit(wire, "readers", {"orders": {0: 1, 1: 1}}, metadata="x" * 4000)
        assert codes == {"orders": {0: UNKNOWN_SERVER_ERROR, 1: UNKNOWN_SERVER_ERROR}}
        assert await committed(wire, "readers") == {}
        assert await commit(wire, "readers", {"orders": {0: 1}}) == {"orders": {0: 0}}


async def test_a_commit_is_answered_once_it_is_durable_and_seen_then(broker: gomq.Broker, wire: Wire, disk: Disk):
    await create(wire, "orders")
    await commit(wire, "readers", {"orders": {0: 3}})
    async with connect(broker.address) as other:
        disk.hold()
        await wire.send(Api.OFFSET_COMMIT, 9, commit_values("readers", {"orders": {0: 4}}))
        await anyio.to_thread.run_sync(disk.started.wait)
        assert not await wire.has_answer(within=0.05)
        assert await committed(other, "readers") == {"orders": {0: Committed(3)}}
        disk.release()
        assert codes_of(await wire.receive(Api.OFFSET_COMMIT, 9), 9) == {"orders": {0: 0}}
        assert await committed(other, "readers") == {"orders": {0: Committed(4)}}


async def test_who_asks_for_stable_offsets_waits_for_a_commit_that_is_on_its_way(
    broker: gomq.Broker, wire: Wire, disk: Disk
):
    await create(wire, "orders")
    await commit(wire, "readers", {"orders": {0: 3}})
    found: list[Any] = []
    async with connect(broker.address) as other, anyio.create_task_group() as group:
        disk.hold()
        await wire.send(Api.OFFSET_COMMIT, 9, commit_values("readers", {"orders": {0: 4}}))
        await anyio.to_thread.run_sync(disk.started.wait)

        async def ask() -> None:
            found.append(await committed(other, "readers", stable=True))

        group.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        assert found == []
        disk.release()
    assert found == [{"orders": {0: Committed(4)}}]


async def test_commits_of_many_groups_share_a_sync(broker: gomq.Broker, wire: Wire, disk: Disk):
    await create(wire, "orders")
    await commit(wire, "first", {"orders": {0: 0}})
    names = [f"group-{number}" for number in range(20)]

    async def ask(name: str) -> None:
        async with connect(broker.address) as other:
            assert await commit(other, name, {"orders": {0: 3}}) == {"orders": {0: 0}}

    disk.hold()
    before = disk.syncs
    async with anyio.create_task_group() as group:
        await wire.send(Api.OFFSET_COMMIT, 9, commit_values("first", {"orders": {0: 1}}))
        await anyio.to_thread.run_sync(disk.started.wait)
        assert broker._state is not None
        partition = broker._state.topics.partition(OFFSETS_TOPIC, 0)
        assert partition is not None
        appended = partition.log.log_end + len(names)
        for name in names:
            group.start_soon(ask, name)
        await until(lambda: partition.log.log_end == appended)
        disk.release()
    await wire.receive(Api.OFFSET_COMMIT, 9)
    assert disk.syncs - before <= 4


async def test_of_two_commits_at_once_the_later_in_the_log_counts(broker: gomq.Broker, wire: Wire, disk: Disk):
    await create(wire, "orders")
    await commit(wire, "readers", {"orders": {0: 0}})
    async with connect(broker.address) as other:
        for round_ in range(10):
            disk.hold()
            disk.started.clear()
            await wire.send(Api.OFFSET_COMMIT, 9, commit_values("readers", {"orders": {0: 2 * round_}}))
            await anyio.to_thread.run_sync(disk.started.wait)
            await other.send(Api.OFFSET_COMMIT, 9, commit_values("readers", {"orders": {0: 2 * round_ + 1}}))
            await anyio.wait_all_tasks_blocked()
            disk.release()
            await wire.receive(Api.OFFSET_COMMIT, 9)
            await other.receive(Api.OFFSET_COMMIT, 9)
            assert await committed(wire, "readers") == {"orders": {0: Committed(2 * round_ + 1)}}


async def test_a_commit_that_takes_too_long_is_told_to_come_again_and_may_count_later(data: Path, disk: Disk):
    async with running(data, offset_commit_timeout=0.05) as wire:
        await create(wire, "orders")
        await commit(wire, "readers", {"orders": {0: 3}})
        disk.hold()
        assert await commit(wire, "readers", {"orders": {0: 4}}) == {"orders": {0: NOT_AVAILABLE}}
        assert await committed(wire, "readers") == {"orders": {0: Committed(3)}}
        disk.release()
        with anyio.fail_after(10):
            while await committed(wire, "readers") != {"orders": {0: Committed(4)}}:
                await anyio.lowlevel.checkpoint()


async def test_a_commit_that_could_not_be_made_durable_fails_and_does_not_count(wire: Wire, disk: Disk):
    await create(wire, "orders")
    await commit(wire, "readers", {"orders": {0: 3}})
    disk.is_broken = True
    for _ in range(2):
        assert await commit(wire, "readers", {"orders": {0: 4}}) == {"orders": {0: NOT_COORDINATOR}}
        assert await committed(wire, "readers") == {"orders": {0: Committed(3)}}


async def test_a_topic_that_is_deleted_takes_its_offsets_along(wire: Wire):
    await create(wire, "orders", "bills", partitions=2)
    for name in ("readers", "writers"):
        await commit(wire, name, {"orders": {0: 3, 1: 4}, "bills": {0: 5}})

    assert await delete(wire, "orders") == 0

    for name in ("readers", "writers"):
        assert await committed(wire, name) == {"bills": {0: Committed(5)}}
    await create(wire, "orders", partitions=2)
    assert await committed(wire, "readers", {"orders": [0]}) == {"orders": {0: Committed(-1)}}
