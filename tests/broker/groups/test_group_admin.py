"""DescribeGroups, ListGroups and DeleteGroups."""

from pathlib import Path
from typing import Any

import pytest

from gomq.protocol.api import Api
from tests.support.membership import join, stable, subscription
from tests.support.offsets import commit_values
from tests.support.running import running
from tests.support.wire import Wire, create_values, versions

GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP = 69, 68
NOT_ASKED = -(2**31)


async def describe(wire: Wire, *groups: str, version: int = 6, operations: bool = False) -> Any:
    answer = await wire.ask(Api.DESCRIBE_GROUPS, version, groups=groups, include_authorized_operations=operations)
    return answer.groups


async def listed(wire: Wire, *, version: int = 5, states: tuple[str, ...] = (), types: tuple[str, ...] = ()) -> Any:
    answer = await wire.ask(Api.LIST_GROUPS, version, states_filter=states, types_filter=types)
    assert answer.error_code == 0
    return answer.groups


async def delete(wire: Wire, *groups: str, version: int = 2) -> dict[str, int]:
    answer = await wire.ask(Api.DELETE_GROUPS, version, groups_names=groups)
    return {result.group_id: int(result.error_code) for result in answer.results}


async def leave(wire: Wire, group: str, member_id: str) -> None:
    member = {"member_id": member_id, "group_instance_id": None, "reason": None}
    assert (await wire.ask(Api.LEAVE_GROUP, 5, group_id=group, members=[member])).error_code == 0


async def commit(wire: Wire, group: str) -> None:
    await wire.ask(Api.CREATE_TOPICS, 7, **create_values("orders"))
    answer = await wire.ask(Api.OFFSET_COMMIT, 8, **commit_values(group, {"orders": {0: 5}}))
    assert answer.topics[0].partitions[0].error_code == 0


@pytest.mark.parametrize("version", versions(Api.DESCRIBE_GROUPS))
async def test_a_stable_group_is_described(wire: Wire, other: Wire, version: int):
    ids = await stable("group", wire, other, instances=("named",))
    (group,) = await describe(wire, "group", version=version, operations=True)
    assert (group.error_code, group.group_id, group.group_state) == (0, "group", "Stable")
    assert (group.protocol_type, group.protocol_data) == ("consumer", "range")
    assert [member.member_id for member in group.members] == ids
    first = group.members[0]
    assert (first.client_id, first.client_host) == ("wire", "/127.0.0.1")
    assert (first.member_metadata, first.member_assignment) == (b"topics", ids[0].encode())
    if version >= 3:
        assert group.authorized_operations == 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11
    if version >= 4:
        assert [member.group_instance_id for member in group.members] == ["named", None]


async def test_a_group_is_described_once_however_often_it_is_named(wire: Wire, other: Wire):
    await stable("group", wire, other)
    assert [group.group_id for group in await describe(wire, "group", "nowhere", *["group"] * 1000)] == [
        "group",
        "nowhere",
    ]


async def test_a_group_that_is_not_stable_has_no_protocol(wire: Wire):
    await join(wire, "group")
    (group,) = await describe(wire, "group")
    assert (group.group_state, group.protocol_data) == ("CompletingRebalance", "")
    assert [member.member_metadata for member in group.members] == [b""]
    assert group.authorized_operations == NOT_ASKED


@pytest.mark.parametrize("version", versions(Api.DESCRIBE_GROUPS))
async def test_a_group_that_is_not_there_is_dead(wire: Wire, version: int):
    (group,) = await describe(wire, "nowhere", version=version)
    assert (group.group_id, group.group_state, group.members) == ("nowhere", "Dead", ())
    if version >= 6:
        assert (group.error_code, group.error_message) == (GROUP_ID_NOT_FOUND, "Group nowhere not found.")
    else:
        assert group.error_code == 0


async def test_what_only_commits_offsets_is_a_group_without_members(wire: Wire):
    await commit(wire, "simple")
    (group,) = await describe(wire, "simple")
    assert (group.error_code, group.group_state, group.protocol_type, group.members) == (0, "Empty", "", ())
    assert [(each.group_id, each.protocol_type, each.group_state) for each in await listed(wire)] == [
        ("simple", "", "Empty")
    ]


@pytest.mark.parametrize("version", versions(Api.LIST_GROUPS))
async def test_all_groups_are_listed(wire: Wire, other: Wire, version: int):
    await stable("one", wire)
    await stable("two", other)
    groups = await listed(wire, version=version)
    assert [(group.group_id, group.protocol_type) for group in groups] == [("one", "consumer"), ("two", "consumer")]
    if version >= 4:
        assert [group.group_state for group in groups] == ["Stable", "Stable"]
    if version >= 5:
        assert [group.group_type for group in groups] == ["classic", "classic"]


@pytest.mark.parametrize(
    ("states", "types", "names"),
    [
        ((), (), {"stable", "empty"}),
        (("Stable",), (), {"stable"}),
        (("stable", " EMPTY "), (), {"stable", "empty"}),
        (("Dead", "nonsense"), (), set()),
        ((), ("Classic",), {"stable", "empty"}),
        ((), ("consumer",), set()),
        ((), ("consumer", "classic"), {"stable", "empty"}),
        ((), ("nonsense",), set()),
        (("Empty",), ("classic",), {"empty"}),
    ],
)
async def test_groups_are_listed_by_state_and_type(wire: Wire, states: tuple, types: tuple, names: set):
    (member_id,) = await stable("empty", wire)
    await leave(wire, "empty", member_id)
    await stable("stable", wire)
    assert {group.group_id for group in await listed(wire, states=states, types=types)} == names


@pytest.mark.parametrize("version", versions(Api.DELETE_GROUPS))
async def test_a_group_without_members_is_deleted_with_its_offsets(data: Path, version: int):
    async with running(data) as wire:
        (member_id,) = await stable("group", wire)
        assert await delete(wire, "group", "nowhere", version=version) == {
            "group": NON_EMPTY_GROUP, "nowhere": GROUP_ID_NOT_FOUND,
        }  # fmt: skip
        await leave(wire, "group", member_id)
        await commit(wire, "group")
        assert await delete(wire, "group", "group", version=version) == {"group": 0}
        assert await delete(wire, "group", version=version) == {"group": GROUP_ID_NOT_FOUND}
        assert await listed(wire) == ()
    async with running(data) as wire:
        assert await listed(wire) == ()


async def test_a_deleted_group_starts_anew(wire: Wire):
    (member_id,) = await stable("group", wire)
    await leave(wire, "group", member_id)
    await delete(wire, "group")
    assert (await join(wire, "group")).generation_id == 1


async def test_offsets_of_a_topic_that_members_consume_are_not_deleted(wire: Wire):
    await commit(wire, "group")
    await join(wire, "group", protocols={"range": subscription("orders")})
    topics = [{"name": "orders", "partitions": [{"partition_index": 0}]}]
    answer = await wire.ask(Api.OFFSET_DELETE, 0, group_id="group", topics=topics)
    assert answer.topics[0].partitions[0].error_code == 86
