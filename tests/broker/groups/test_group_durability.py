"""What is written down of a group, and what a restart brings back."""

from contextlib import AsyncExitStack
from pathlib import Path

import gomq
from gomq.broker.groups.coordinator import GroupCoordinator
from gomq.broker.groups.records import GroupMetadataKey, GroupMetadataValue, decode_group_metadata, decode_key
from gomq.protocol.api import Api
from tests.broker.conftest import Disk
from tests.broker.groups.conftest import Hands
from tests.support.membership import heartbeat, join, stable, sync_values
from tests.support.running import read_records, running
from tests.support.waiting import until
from tests.support.wire import Wire, connect

NOT_COORDINATOR, UNKNOWN_MEMBER_ID, REBALANCE_IN_PROGRESS = 16, 25, 27


async def records(wire: Wire, group: str) -> list[GroupMetadataValue | None]:
    """What was written down of a group, oldest first."""
    key = GroupMetadataKey(group=group)
    return [
        None if record.value is None else decode_group_metadata(bytes(record.value))
        for record in await read_records(wire, "__consumer_offsets")
        if record.key is not None and decode_key(bytes(record.key)) == key
    ]


async def test_an_assignment_waits_for_the_disk(disk: Disk, groups: GroupCoordinator, wire: Wire):
    member_id = (await join(wire, "group")).member_id
    disk.hold()
    await wire.send(Api.SYNC_GROUP, 5, sync_values("group", member_id, 1, {member_id: b"all"}))
    assert not await wire.has_answer(within=0.05)
    assert not groups.is_stable("group")
    disk.release()
    answer = await wire.receive(Api.SYNC_GROUP, 5)
    assert (answer.error_code, answer.assignment) == (0, b"all")
    assert groups.is_stable("group")


async def test_an_assignment_that_the_disk_does_not_take_is_refused(disk: Disk, wire: Wire):
    member_id = (await join(wire, "group")).member_id
    disk.is_broken = True
    answer = await wire.ask(Api.SYNC_GROUP, 5, **sync_values("group", member_id, 1, {member_id: b"all"}))
    assert (answer.error_code, answer.assignment) == (NOT_COORDINATOR, b"")
    again = await join(wire, "group", member_id=member_id)
    answer = await wire.ask(Api.SYNC_GROUP, 5, **sync_values("group", member_id, again.generation_id))
    assert answer.error_code == NOT_COORDINATOR


async def test_who_leaves_last_waits_for_the_disk(disk: Disk, groups: GroupCoordinator, wire: Wire, other: Wire):
    (one,) = await stable("group", wire)
    member = {"member_id": one, "group_instance_id": None, "reason": None}
    disk.hold()
    await wire.send(Api.LEAVE_GROUP, 5, {"group_id": "group", "members": [member]})
    await until(disk.started.is_set)
    assert not await wire.has_answer(within=0.05)
    assert await heartbeat(other, "group", one, 1) == UNKNOWN_MEMBER_ID
    disk.release()
    assert (await wire.receive(Api.LEAVE_GROUP, 5)).members[0].error_code == 0
    assert groups.empty_since_ms("group") is not None


async def test_who_leaves_last_is_told_that_the_disk_did_not_take_it(disk: Disk, wire: Wire):
    (one,) = await stable("group", wire)
    member = {"member_id": one, "group_instance_id": None, "reason": None}
    disk.is_broken = True
    answer = await wire.ask(Api.LEAVE_GROUP, 5, group_id="group", members=[member])
    assert (answer.error_code, answer.members) == (NOT_COORDINATOR, ())


async def test_what_is_written_down_can_be_read_by_all(wire: Wire, other: Wire):
    one, two = await stable("group", wire, other)
    member = {"member_id": two, "group_instance_id": None, "reason": None}
    await wire.ask(Api.LEAVE_GROUP, 5, group_id="group", members=[member])
    (first,) = await records(wire, "group")
    assert first is not None
    assert (first.generation, first.leader, first.protocol) == (2, one, "range")
    assert {member.member_id: member.assignment for member in first.members} == {
        one: b"" + one.encode(),
        two: two.encode(),
    }
    member["member_id"] = one
    await wire.ask(Api.LEAVE_GROUP, 5, group_id="group", members=[member])
    (_, second) = await records(wire, "group")
    assert second is not None
    assert (second.generation, second.members) == (3, ())


async def test_a_restart_disturbs_no_member(data: Path, hands: Hands):
    async with gomq.Broker(data=data, listen="127.0.0.1:0") as broker, connect(broker.address) as wire:
        (one,) = await stable("group", wire)
    async with gomq.Broker(data=data, listen="127.0.0.1:0") as broker, connect(broker.address) as wire:
        assert broker._state is not None
        assert await heartbeat(wire, "group", one, 1) == 0
        answer = await wire.ask(Api.SYNC_GROUP, 5, **sync_values("group", one, 1))
        assert (answer.error_code, answer.assignment) == (0, one.encode())
        hands.forward(broker._state.groups, 10_000)
        assert await heartbeat(wire, "group", one, 1) == UNKNOWN_MEMBER_ID


async def test_a_group_that_is_too_large_for_new_settings_has_its_members_join_again(data: Path):
    async with gomq.Broker(data=data, listen="127.0.0.1:0") as broker, AsyncExitStack() as clients:
        wires = [await clients.enter_async_context(connect(broker.address)) for _ in range(2)]
        one, two = await stable("group", *wires)
    async with running(data, group_max_size=1) as wire:
        assert await heartbeat(wire, "group", two, 2) == REBALANCE_IN_PROGRESS
    async with running(data, group_max_size=2) as wire:
        assert await heartbeat(wire, "group", one, 2) == 0


async def test_a_group_that_was_empty_is_so_after_a_restart(data: Path):
    async with gomq.Broker(data=data, listen="127.0.0.1:0") as broker, connect(broker.address) as wire:
        (one,) = await stable("group", wire)
        member = {"member_id": one, "group_instance_id": None, "reason": None}
        await wire.ask(Api.LEAVE_GROUP, 5, group_id="group", members=[member])
    async with gomq.Broker(data=data, listen="127.0.0.1:0") as broker, connect(broker.address) as wire:
        assert (await join(wire, "group")).generation_id == 3


async def test_an_empty_group_without_offsets_is_taken_back(groups: GroupCoordinator, wire: Wire):
    (one,) = await stable("group", wire)
    await groups.forget_if_empty("group")
    assert groups.is_active("group")
    member = {"member_id": one, "group_instance_id": None, "reason": None}
    await wire.ask(Api.LEAVE_GROUP, 5, group_id="group", members=[member])
    await groups.forget_if_empty("group")
    await groups.forget_if_empty("group")
    assert not groups.known("group")
    assert (await records(wire, "group"))[-1] is None
