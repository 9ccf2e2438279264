"""Members of groups over raw connections: JoinGroup, SyncGroup, Heartbeat and LeaveGroup, in every version."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import gomq
from gomq.protocol.api import Api
from gomq.protocol.requests import encode_request
from tests.support.membership import (
    end_join,
    heartbeat,
    join,
    join_values,
    stable,
    start_join,
    sync_values,
)
from tests.support.running import running
from tests.support.wire import Wire, connect, versions

INVALID_GROUP_ID, UNKNOWN_MEMBER_ID, INVALID_SESSION_TIMEOUT = 24, 25, 26
ILLEGAL_GENERATION, INCONSISTENT_PROTOCOL, REBALANCE_IN_PROGRESS = 22, 23, 27
INVALID_REQUEST, GROUP_MAX_SIZE_REACHED, FENCED_INSTANCE_ID = 42, 81, 82


@pytest.mark.parametrize("version", versions(Api.JOIN_GROUP))
async def test_a_member_joins_alone_and_leads(wire: Wire, version: int):
    answer = await join(wire, "group", version=version)
    assert (answer.generation_id, answer.protocol_name, answer.leader) == (1, "range", answer.member_id)
    assert answer.member_id.startswith("wire-")
    assert [(member.member_id, member.metadata) for member in answer.members] == [(answer.member_id, b"topics")]
    if version >= 7:
        assert answer.protocol_type == "consumer"


@pytest.mark.parametrize("version", versions(Api.SYNC_GROUP))
async def test_a_member_gets_what_the_leader_assigns(wire: Wire, version: int):
    member_id = (await join(wire, "group")).member_id
    values = sync_values("group", member_id, 1, {member_id: b"all"})
    answer = await wire.ask(Api.SYNC_GROUP, version, **values)
    assert (answer.error_code, answer.assignment) == (0, b"all")
    if version >= 5:
        assert (answer.protocol_type, answer.protocol_name) == ("consumer", "range")
    assert await heartbeat(wire, "group", member_id, 1) == 0


async def test_two_members_share(wire: Wire, other: Wire):
    one, two = await stable("group", wire, other)
    assert one != two
    assert await heartbeat(wire, "group", one, 2) == 0
    assert await heartbeat(other, "group", two, 1) == ILLEGAL_GENERATION
    assert await heartbeat(other, "group", "nobody", 2) == UNKNOWN_MEMBER_ID


@pytest.mark.parametrize("version", versions(Api.HEARTBEAT))
async def test_a_heartbeat_says_that_others_join(wire: Wire, other: Wire, version: int):
    (one,) = await stable("group", wire)
    await start_join(other, "group")
    assert await heartbeat(wire, "group", one, 1, version=version) == REBALANCE_IN_PROGRESS
    await start_join(wire, "group", member_id=one)
    assert (await end_join(wire)).generation_id == (await end_join(other)).generation_id == 2


@pytest.mark.parametrize("version", versions(Api.LEAVE_GROUP))
async def test_who_leaves_is_out_at_once(wire: Wire, other: Wire, version: int):
    one, two = await stable("group", wire, other)
    member = {"member_id": one, "group_instance_id": None, "reason": "done"}
    answer = await wire.ask(Api.LEAVE_GROUP, version, group_id="group", members=[member], member_id=one)
    assert answer.error_code == 0
    if version >= 3:
        assert [(each.member_id, each.error_code) for each in answer.members] == [(one, 0)]
    assert (await join(other, "group", member_id=two)).generation_id == 3
    again = await wire.ask(Api.LEAVE_GROUP, version, group_id="group", members=[member], member_id=one)
    if version >= 3:
        assert (again.error_code, again.members[0].error_code) == (0, UNKNOWN_MEMBER_ID)
    else:
        assert again.error_code == UNKNOWN_MEMBER_ID


@pytest.mark.parametrize(("version", "code"), [(2, UNKNOWN_MEMBER_ID), (5, 0)])
async def test_nobody_leaves_a_group_that_is_not_there(wire: Wire, version: int, code: int):
    member = {"member_id": "one", "group_instance_id": None, "reason": None}
    answer = await wire.ask(Api.LEAVE_GROUP, version, group_id="nowhere", members=[member], member_id="one")
    assert answer.error_code == code
    assert code or answer.members[0].error_code == UNKNOWN_MEMBER_ID


async def test_a_group_that_is_not_there_has_no_members(wire: Wire):
    assert await heartbeat(wire, "nowhere", "one", 1) == UNKNOWN_MEMBER_ID
    answer = await wire.ask(Api.SYNC_GROUP, 5, **sync_values("nowhere", "one", 1))
    assert answer.error_code == UNKNOWN_MEMBER_ID
    answer = await wire.ask(Api.JOIN_GROUP, 9, **join_values("nowhere", member_id="one"))
    assert (answer.error_code, answer.member_id) == (UNKNOWN_MEMBER_ID, "one")


async def test_an_empty_name_is_no_group(wire: Wire):
    assert (await wire.ask(Api.JOIN_GROUP, 9, **join_values(""))).error_code == INVALID_GROUP_ID
    assert (await wire.ask(Api.SYNC_GROUP, 5, **sync_values("", "one", 1))).error_code == INVALID_GROUP_ID
    assert await heartbeat(wire, "", "one", 1) == INVALID_GROUP_ID
    assert (await wire.ask(Api.LEAVE_GROUP, 5, group_id="", members=[])).error_code == INVALID_GROUP_ID


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"session_timeout": 5999}, INVALID_SESSION_TIMEOUT),
        ({"session_timeout": 1_800_001}, INVALID_SESSION_TIMEOUT),
        ({"session_timeout": -(2**31)}, INVALID_SESSION_TIMEOUT),
        ({"protocols": {}}, INCONSISTENT_PROTOCOL),
        ({"protocol_type": ""}, INCONSISTENT_PROTOCOL),
        ({"protocols": {str(count): b"" for count in range(100)}}, INVALID_REQUEST),
        ({"protocols": {"range": bytes(5 << 20)}}, INVALID_REQUEST),
    ],
)
async def test_a_request_that_cannot_be_is_refused(wire: Wire, fields: Mapping[str, Any], code: int):
    answer = await wire.ask(Api.JOIN_GROUP, 9, **join_values("group", **fields))
    assert (answer.error_code, answer.generation_id, answer.protocol_name, answer.members) == (code, -1, None, ())


@pytest.mark.parametrize("timeout_ms", [0, -1, -(2**31)])
async def test_a_rebalance_timeout_that_is_over_at_once_waits_for_nobody(wire: Wire, other: Wire, timeout_ms: int):
    one = (await join(wire, "group", rebalance_timeout=timeout_ms)).member_id
    two = await join(other, "group", rebalance_timeout=timeout_ms)
    assert two.leader == two.member_id
    assert await heartbeat(wire, "group", one, two.generation_id) == UNKNOWN_MEMBER_ID


async def test_the_protocol_must_be_named_from_version_5_on(wire: Wire):
    member_id = (await join(wire, "group")).member_id
    for nothing in ("protocol_type", "protocol_name"):
        values = sync_values("group", member_id, 1, **{nothing: None})
        assert (await wire.ask(Api.SYNC_GROUP, 5, **values)).error_code == INCONSISTENT_PROTOCOL
    values = sync_values("group", member_id, 1, protocol_type=None, protocol_name=None)
    assert (await wire.ask(Api.SYNC_GROUP, 4, **values)).error_code == 0


async def test_a_static_member_comes_back_without_a_rebalance(broker: gomq.Broker, wire: Wire, other: Wire):
    one, two = await stable("group", wire, other, instances=("one", "two"))
    async with connect(broker.address) as third:
        answer = await join(third, "group", instance="two")
        assert (answer.generation_id, answer.leader, answer.skip_assignment) == (2, one, False)
        values = sync_values("group", answer.member_id, 2, instance="two")
        assert (await third.ask(Api.SYNC_GROUP, 5, **values)).assignment == two.encode()
        leader = await join(third, "group", instance="one")
        assert (leader.skip_assignment, leader.leader) == (True, leader.member_id)
        assert [member.group_instance_id for member in leader.members] == ["two", "one"]
    values = {"group_id": "group", "generation_id": 2, "member_id": two, "group_instance_id": "two"}
    assert (await other.ask(Api.HEARTBEAT, 4, **values)).error_code == FENCED_INSTANCE_ID
    assert (await other.ask(Api.HEARTBEAT, 2, **values)).error_code == UNKNOWN_MEMBER_ID


async def test_an_admin_removes_static_members_by_their_names(wire: Wire, other: Wire):
    await stable("group", wire, other, instances=("one", "two"))
    members = [{"member_id": "", "group_instance_id": name, "reason": None} for name in ("one", "two", "three")]
    answer = await wire.ask(Api.LEAVE_GROUP, 5, group_id="group", members=members)
    assert [member.error_code for member in answer.members] == [0, 0, UNKNOWN_MEMBER_ID]
    described = await wire.ask(Api.DESCRIBE_GROUPS, 6, groups=("group",), include_authorized_operations=False)
    assert described.groups[0].group_state == "Empty"


async def test_a_full_group_takes_nobody_else(data: Path):
    async with running(data, group_max_size=1) as wire:
        await stable("group", wire)
        answer = await wire.ask(Api.JOIN_GROUP, 3, **join_values("group"))
        assert answer.error_code == GROUP_MAX_SIZE_REACHED


async def test_a_client_that_calls_itself_at_length_has_a_shorter_id(wire: Wire):
    values = join_values("group")
    await wire.send_bytes(encode_request(Api.JOIN_GROUP, 9, 0, "x" * 30_000, values))
    answer = await wire.receive(Api.JOIN_GROUP, 9, 0)
    assert answer.member_id.startswith("x" * 255 + "-")
    assert len(answer.member_id) < 300
