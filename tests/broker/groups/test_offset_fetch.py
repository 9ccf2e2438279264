"""OffsetFetch: one group or several, some partitions or all, by name or by id, in every version."""

from typing import Any
from uuid import UUID

import pytest

from gomq.protocol.api import Api
from tests.support.offsets import NO_OFFSET, Committed, commit, committed, fetch_offsets_values
from tests.support.topics import create, delete
from tests.support.wire import Wire, metadata_values, versions

UNKNOWN_TOPIC_ID = 100


async def topic_id(wire: Wire, name: str) -> UUID:
    answer = await wire.ask(Api.METADATA, 12, **metadata_values(name))
    found: UUID = answer.topics[0].topic_id
    return found


@pytest.fixture
async def orders(wire: Wire) -> UUID:
    """The id of a topic of which a group has read two partitions of three."""
    (created,) = await create(wire, "orders", partitions=3)
    await commit(wire, "readers", {"orders": {0: 3, 2: 7}}, metadata="m", leader_epoch=4)
    found: UUID = created.topic_id
    return found


async def test_every_version_tells_what_was_committed_and_what_was_not(wire: Wire, orders: UUID):
    none = Committed(NO_OFFSET)
    for version in versions(Api.OFFSET_FETCH):
        topic: Any = orders if version >= 10 else "orders"
        epoch = 4 if version >= 5 else -1

        found = await committed(wire, "readers", {topic: [0, 1, 2, 9, -1]}, version=version)

        first, last = Committed(3, "m", epoch), Committed(7, "m", epoch)
        assert found == {topic: {0: first, 1: none, 2: last, 9: none, -1: none}}


async def test_null_means_all_that_the_group_has_committed(wire: Wire, orders: UUID):
    await create(wire, "bills")
    await commit(wire, "readers", {"bills": {0: 1}})
    bills = await topic_id(wire, "bills")
    for version in versions(Api.OFFSET_FETCH)[1:]:
        found = await committed(wire, "readers", None, version=version)

        by_id = version >= 10
        assert {topic: {index: each.offset for index, each in parts.items()} for topic, parts in found.items()} == {
            (orders if by_id else "orders"): {0: 3, 2: 7},
            (bills if by_id else "bills"): {0: 1},
        }


async def test_of_a_group_that_nobody_knows_nothing_is_committed(wire: Wire):
    for version in versions(Api.OFFSET_FETCH):
        topic: Any = UUID(int=9) if version >= 10 else "orders"
        code = UNKNOWN_TOPIC_ID if version >= 10 else 0
        found = await committed(wire, "nobody", {topic: [0]}, version=version)
        assert found == {topic: {0: Committed(NO_OFFSET, error_code=code)}}
        if version >= 2:
            assert await committed(wire, "nobody", None, version=version) == {}


async def test_several_groups_are_told_at_once(wire: Wire, orders: UUID):
    await commit(wire, "writers", {"orders": {1: 5}})
    for version in (8, 9, 10):
        topic: Any = orders if version >= 10 else "orders"
        asked: tuple[tuple[str, dict[Any, list[int]] | None], ...]
        asked = (("readers", {topic: [0, 1]}), ("writers", None), ("nobody", None), ("readers", {}))
        groups = [group for each in asked for group in fetch_offsets_values(*each)["groups"]]

        answer = await wire.ask(Api.OFFSET_FETCH, version, groups=groups, require_stable=True)

        assert [(group.group_id, int(group.error_code), offsets_of(group)) for group in answer.groups] == [
            ("readers", 0, [[(0, 3), (1, NO_OFFSET)]]),
            ("writers", 0, [[(1, 5)]]),
            ("nobody", 0, []),
            ("readers", 0, []),
        ]


@pytest.mark.usefixtures("orders")
async def test_all_of_a_group_is_told_once_however_often_it_is_asked_for(wire: Wire):
    groups = fetch_offsets_values("readers", None)["groups"] * 1000
    answer = await wire.ask(Api.OFFSET_FETCH, 9, groups=groups, require_stable=False)
    assert [offsets_of(group) for group in answer.groups] == [[[(0, 3), (2, 7)]]]


def offsets_of(group: Any) -> list[list[tuple[int, int]]]:
    return [[(each.partition_index, each.committed_offset) for each in topic.partitions] for topic in group.topics]


async def test_no_groups_asked_for_are_no_groups(wire: Wire):
    assert (await wire.ask(Api.OFFSET_FETCH, 9, groups=(), require_stable=False)).groups == ()


async def test_an_offset_of_a_topic_that_was_made_anew_is_not_the_old_ones(wire: Wire, orders: UUID):
    await delete(wire, "orders")
    await create(wire, "orders")

    anew = await topic_id(wire, "orders")

    assert await committed(wire, "readers", {anew: [0], orders: [0]}, version=10) == {
        anew: {0: Committed(NO_OFFSET)},
        orders: {0: Committed(NO_OFFSET, error_code=UNKNOWN_TOPIC_ID)},
    }


async def test_asking_does_not_make_the_topic_that_offsets_are_kept_in(wire: Wire):
    await committed(wire, "nobody", {"orders": [0]})
    answer = await wire.ask(Api.METADATA, 12, topics=None)
    assert answer.topics == ()
