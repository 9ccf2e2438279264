"""OffsetDelete forgets what a group committed, for good, and says of each partition why not."""

import pytest

from tests.broker.conftest import Disk
from tests.support.offsets import Committed, commit, committed, delete_offsets
from tests.support.topics import create
from tests.support.wire import Wire

UNKNOWN, NOT_COORDINATOR, INVALID_GROUP_ID, GROUP_ID_NOT_FOUND = 3, 16, 24, 69


async def test_offsets_are_forgotten_and_the_others_kept(wire: Wire):
    await create(wire, "orders", "bills", partitions=2)
    await commit(wire, "readers", {"orders": {0: 3, 1: 4}, "bills": {0: 5}})
    await commit(wire, "others", {"orders": {0: 9}})

    code, codes = await delete_offsets(wire, "readers", {"orders": [0, 5], "bills": [0, 1], "gone": [0]})

    assert (code, codes) == (0, {"orders": {0: 0, 5: UNKNOWN}, "bills": {0: 0, 1: 0}, "gone": {0: UNKNOWN}})
    assert await committed(wire, "readers") == {"orders": {1: Committed(4)}}
    assert await committed(wire, "others") == {"orders": {0: Committed(9)}}


@pytest.mark.parametrize(("group", "code"), [("", INVALID_GROUP_ID), ("nobody", GROUP_ID_NOT_FOUND)])
async def test_a_group_that_cannot_be_or_is_not_there_is_told(wire: Wire, group: str, code: int):
    await create(wire, "orders")
    assert await delete_offsets(wire, group, {"orders": [0]}) == (code, {})


async def test_a_group_of_which_all_is_forgotten_can_commit_again(wire: Wire):
    await create(wire, "orders")
    for offset in (3, 4):
        await commit(wire, "readers", {"orders": {0: offset}})
        assert await delete_offsets(wire, "readers", {"orders": [0]}) == (0, {"orders": {0: 0}})
        assert await delete_offsets(wire, "readers", {"orders": [0]}) == (0, {"orders": {0: 0}})
        assert await committed(wire, "readers") == {}


async def test_what_could_not_be_written_down_is_not_forgotten(wire: Wire, disk: Disk):
    await create(wire, "orders")
    await commit(wire, "readers", {"orders": {0: 3}})
    disk.is_broken = True
    assert await delete_offsets(wire, "readers", {"orders": [0]}) == (NOT_COORDINATOR, {})
    assert await committed(wire, "readers") == {"orders": {0: Committed(3)}}
