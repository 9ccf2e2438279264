"""Committed offsets of groups that have members: who may commit, what may be deleted, what expires."""

import errno
import os
from collections import defaultdict
from pathlib import Path
from random import Random

import anyio
import pytest

import gomq
from gomq.broker.config import FlushMode
from gomq.broker.groups.topic import OFFSETS_TOPIC
from gomq.protocol.api import Api
from gomq_storage.files import OsFile
from tests.broker.conftest import Disk
from tests.support.brokers import BrokerProcess, broker_process
from tests.support.membership import heartbeat, join, stable, start_join, subscription, sync_values
from tests.support.offsets import Committed, codes_of, commit, commit_values, committed, delete_offsets
from tests.support.running import read_records, running
from tests.support.topics import create
from tests.support.waiting import WITHIN_SECONDS
from tests.support.wire import Wire, connect

LOADING, NOT_COORDINATOR, ILLEGAL_GENERATION, UNKNOWN_MEMBER, REBALANCING = 14, 16, 22, 25, 27
NON_EMPTY_GROUP, FENCED, SUBSCRIBED = 68, 82, 86
GROUPS = 4


async def test_a_member_commits_with_its_id_and_its_generation_and_nobody_else(wire: Wire):
    await create(wire, "orders")
    (member,) = await stable("readers", wire)
    for member_id, generation, code in (
        (member, 1, 0),
        (member, 0, ILLEGAL_GENERATION),
        (member, 2, ILLEGAL_GENERATION),
        ("other", 1, UNKNOWN_MEMBER),
        ("", 1, UNKNOWN_MEMBER),
        ("", -1, UNKNOWN_MEMBER),
        (member, -1, ILLEGAL_GENERATION),
    ):
        codes = await commit(wire, "readers", {"orders": {0: 5}}, member_id=member_id, generation=generation)
        assert codes == {"orders": {0: code}}, (member_id, generation)


async def test_a_member_that_another_of_its_name_has_replaced_is_fenced(wire: Wire):
    await create(wire, "orders")
    await stable("readers", wire, instances=("first",))
    for name, code in (("first", FENCED), ("second", UNKNOWN_MEMBER)):
        codes = await commit(
            wire, "readers", {"orders": {0: 5}}, group_instance_id=name, member_id="other", generation=1
        )
        assert codes == {"orders": {0: code}}


async def test_who_has_joined_and_has_no_assignment_yet_must_not_commit(wire: Wire):
    await create(wire, "orders")
    joined = await join(wire, "readers")
    fields = {"member_id": joined.member_id, "generation": joined.generation_id}
    assert await commit(wire, "readers", {"orders": {0: 5}}, **fields) == {"orders": {0: REBALANCING}}
    await wire.ask(Api.SYNC_GROUP, 5, **sync_values("readers", joined.member_id, 1, {joined.member_id: b""}))
    assert await commit(wire, "readers", {"orders": {0: 5}}, **fields) == {"orders": {0: 0}}


async def test_members_commit_what_they_have_done_while_others_are_joining(broker: gomq.Broker, wire: Wire):
    await create(wire, "orders")
    (member,) = await stable("readers", wire)
    async with connect(broker.address) as other:
        await start_join(other, "readers")
        assert await heartbeat(wire, "readers", member, 1) == REBALANCING
        codes = await commit(wire, "readers", {"orders": {0: 5}}, member_id=member, generation=1)
        assert codes == {"orders": {0: 0}}


async def test_offsets_of_topics_that_members_read_stay(broker: gomq.Broker, wire: Wire):
    await create(wire, "orders", "bills")
    await commit(wire, "readers", {"orders": {0: 3}, "bills": {0: 4}})
    async with connect(broker.address) as other:
        joined = await join(other, "readers", protocols={"range": subscription("orders")})
        values = sync_values("readers", joined.member_id, joined.generation_id, {joined.member_id: b""})
        await other.ask(Api.SYNC_GROUP, 5, **values)
        expected = {"orders": {0: SUBSCRIBED}, "bills": {0: 0}}
        assert await delete_offsets(wire, "readers", {"orders": [0], "bills": [0]}) == (0, expected)
        assert await committed(wire, "readers") == {"orders": {0: Committed(3)}}


async def test_offsets_of_a_group_of_another_kind_stay_while_it_has_members(wire: Wire, broker: gomq.Broker):
    await create(wire, "orders")
    await commit(wire, "workers", {"orders": {0: 3}})
    async with connect(broker.address) as other:
        await join(other, "workers", protocol_type="connect")
        assert await delete_offsets(wire, "workers", {"orders": [0]}) == (NON_EMPTY_GROUP, {})


async def test_offsets_stay_while_their_group_has_members_and_expire_with_it(data: Path):
    async with running(data, offsets_retention_ms=1, offsets_retention_check_interval=0.01) as wire:
        await create(wire, "orders", "bills")
        joined = await join(wire, "readers", protocols={"range": subscription("orders")})
        fields = {"member_id": joined.member_id, "generation": joined.generation_id}
        values = sync_values("readers", joined.member_id, joined.generation_id, {joined.member_id: b""})
        await wire.ask(Api.SYNC_GROUP, 5, **values)
        await commit(wire, "readers", {"orders": {0: 3}, "bills": {0: 3}}, **fields)
        with anyio.fail_after(10):
            while "bills" in await committed(wire, "readers"):  # which nobody reads
                await anyio.lowlevel.checkpoint()
        assert await committed(wire, "readers") == {"orders": {0: Committed(3)}}
        members = [{"member_id": joined.member_id, "group_instance_id": None, "reason": None}]
        await wire.ask(Api.LEAVE_GROUP, 5, group_id="readers", members=members)
        with anyio.fail_after(10):
            while (await wire.ask(Api.LIST_GROUPS, 4, states_filter=())).groups:
                await anyio.lowlevel.checkpoint()
        assert await committed(wire, "readers") == {}
        last = {record.key: record.value for record in await read_records(wire, OFFSETS_TOPIC)}
        assert set(last.values()) == {None}, "nothing of it is left"


@pytest.mark.parametrize("flush", [FlushMode.INTERVAL, FlushMode.NEVER])
async def test_where_nothing_waits_for_the_device_a_commit_counts_at_once(data: Path, flush: FlushMode):
    async with running(data, flush=flush, flush_interval=3600) as wire:
        await create(wire, "orders")
        for offset in range(3):
            assert await commit(wire, "readers", {"orders": {0: offset}}) == {"orders": {0: 0}}
            assert await committed(wire, "readers") == {"orders": {0: Committed(offset)}}


async def test_a_full_disk_fails_a_commit_and_not_the_next_one(wire: Wire, monkeypatch: pytest.MonkeyPatch):
    await create(wire, "orders")
    await commit(wire, "readers", {"orders": {0: 3}})

    def no_space(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(OsFile, "write", no_space)
        assert await commit(wire, "readers", {"orders": {0: 4}}) == {"orders": {0: NOT_COORDINATOR}}
        assert await delete_offsets(wire, "readers", {"orders": [0]}) == (NOT_COORDINATOR, {})
    assert await committed(wire, "readers", stable=True) == {"orders": {0: Committed(3)}}
    assert await commit(wire, "readers", {"orders": {0: 4}}) == {"orders": {0: 0}}
    assert await committed(wire, "readers") == {"orders": {0: Committed(4)}}


async def test_deleting_a_group_takes_its_offsets_along_for_good(data: Path):
    async with running(data) as wire:
        await create(wire, "orders")
        for group in ("readers", "writers"):
            await commit(wire, group, {"orders": {0: 3}})
        (deleted,) = (await wire.ask(Api.DELETE_GROUPS, 2, groups_names=("readers",))).results
        assert deleted.error_code == 0
        assert await committed(wire, "readers") == {}
    async with running(data) as wire:
        assert await committed(wire, "readers") == {}
        assert await committed(wire, "writers") == {"orders": {0: Committed(3)}}


async def test_a_commit_behind_a_deletion_makes_the_group_anew(broker: gomq.Broker, wire: Wire, disk: Disk):
    await create(wire, "orders")
    await commit(wire, "readers", {"orders": {0: 3}})
    async with connect(broker.address) as other:
        disk.hold()
        await wire.send(Api.DELETE_GROUPS, 2, {"groups_names": ("readers",)})
        await anyio.to_thread.run_sync(disk.started.wait)
        await other.send(Api.OFFSET_COMMIT, 9, commit_values("readers", {"orders": {0: 4}}))
        await anyio.wait_all_tasks_blocked()
        disk.release()
        assert (await wire.receive(Api.DELETE_GROUPS, 2)).results[0].error_code == 0
        assert codes_of(await other.receive(Api.OFFSET_COMMIT, 9), 9) == {"orders": {0: 0}}
    assert await committed(wire, "readers") == {"orders": {0: Committed(4)}}
    listed = await wire.ask(Api.LIST_GROUPS, 4, states_filter=())
    assert [group.group_id for group in listed.groups] == ["readers"]


async def commit_until_killed(
    process: BrokerProcess, sent: dict[int, int], acknowledged: dict[int, int], count: int
) -> None:
    """Let groups commit one offset after the other, and kill the broker after some acknowledgements."""
    left = count

    async def keep_committing(number: int) -> None:
        nonlocal left
        async with connect(process.address) as wire:
            try:
                while True:
                    sent[number] += 1
                    codes = await commit(wire, f"group-{number}", {"orders": {0: sent[number]}})
                    assert codes == {"orders": {0: 0}}
                    acknowledged[number] = sent[number]
                    left -= 1
                    if left == 0:
                        process.kill()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                return

    async with anyio.create_task_group() as group:
        for number in range(GROUPS):
            group.start_soon(keep_committing, number)


async def loaded(wire: Wire) -> None:
    """Wait until the groups are there: where reading them takes longer than a second, a broker serves before."""
    with anyio.fail_after(WITHIN_SECONDS):
        while (await wire.ask(Api.LIST_GROUPS, 4, states_filter=[])).error_code == LOADING:  # noqa: ASYNC110 - as a client
            await anyio.sleep(0.01)


async def kill_again_and_again(data: Path, *, cycles: int, seed: int) -> None:
    random = Random(seed)
    sent: dict[int, int] = defaultdict(int)
    acknowledged: dict[int, int] = defaultdict(int)
    for cycle in range(cycles + 1):
        with broker_process(data, "--backend", ("asyncio", "trio")[cycle % 2]) as process:
            async with connect(process.address) as wire:
                await create(wire, "orders")
                await loaded(wire)
                for number in range(GROUPS if cycle else 0):
                    found = (await committed(wire, f"group-{number}"))["orders"][0].offset
                    assert acknowledged[number] <= found <= sent[number]
            if cycle < cycles:
                await commit_until_killed(process, sent, acknowledged, random.randrange(GROUPS * 5, 200))


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_commit_that_was_acknowledged_survives_the_kill(data: Path):
    await kill_again_and_again(data, cycles=2, seed=1)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_commits_that_were_acknowledged_survive_a_hundred_kills(data: Path):
    await kill_again_and_again(data, cycles=100, seed=2)
