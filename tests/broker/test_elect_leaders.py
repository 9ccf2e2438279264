"""ElectLeaders and ListPartitionReassignments: with one broker there is nothing to elect and nowhere to move."""

from pathlib import Path
from typing import Any

import pytest

from gomq.protocol.api import Api
from tests.support.running import running
from tests.support.topics import create
from tests.support.wire import Wire, versions

UNKNOWN, INVALID, NO_PREFERRED, NO_ELIGIBLE, NOT_NEEDED = 3, 42, 80, 83, 84
PREFERRED, UNCLEAN = 0, 1


async def elect(
    wire: Wire, wanted: dict[str, tuple[int, ...]] | None, *, election: int = PREFERRED, version: int = 2
) -> Any:
    topics = None if wanted is None else [{"topic": name, "partitions": each} for name, each in wanted.items()]
    return await wire.ask(Api.ELECT_LEADERS, version, election_type=election, topic_partitions=topics, timeout=1000)


def codes(answer: Any) -> dict[str, dict[int, int]]:
    results: dict[str, dict[int, int]] = {}
    for topic in answer.replica_election_results:
        assert all(each.error_message for each in topic.partition_result)
        results[topic.topic] = {each.partition_id: int(each.error_code) for each in topic.partition_result}
    return results


@pytest.mark.parametrize("version", versions(Api.ELECT_LEADERS))
@pytest.mark.parametrize("election", [PREFERRED, UNCLEAN])
async def test_no_partition_needs_an_election(wire: Wire, version: int, election: int):
    await create(wire, "orders", partitions=2)
    answer = await elect(wire, {"orders": (0, 1, 2), "nowhere": (0,)}, election=election, version=version)
    assert codes(answer) == {"orders": {0: NOT_NEEDED, 1: NOT_NEEDED, 2: UNKNOWN}, "nowhere": {0: UNKNOWN}}
    if version >= 1:
        assert answer.error_code == 0


@pytest.mark.parametrize("version", versions(Api.ELECT_LEADERS))
async def test_null_asks_for_all_and_nothing_is_told_of_those_that_need_none(wire: Wire, version: int):
    await create(wire, "orders", "bills", partitions=2)
    assert codes(await elect(wire, None, version=version)) == {"orders": {}, "bills": {}}


@pytest.mark.parametrize(("election", "code"), [(PREFERRED, NO_PREFERRED), (UNCLEAN, NO_ELIGIBLE)])
async def test_an_offline_partition_has_nobody_to_elect(data: Path, election: int, code: int):
    async with running(data) as wire:
        await create(wire, "orders", partitions=2)
    (data / "orders-0").rename(data.parent / "taken-away")
    async with running(data) as wire:
        assert codes(await elect(wire, None, election=election)) == {"orders": {0: code}}
        assert codes(await elect(wire, {"orders": (0, 1)}, election=election)) == {"orders": {0: code, 1: NOT_NEEDED}}


@pytest.mark.parametrize("election", [2, -1])
async def test_there_are_two_kinds_of_election(wire: Wire, election: int):
    answer = await elect(wire, None, election=election)
    assert (answer.error_code, answer.replica_election_results) == (INVALID, ())


@pytest.mark.parametrize("topics", [None, [{"name": "orders", "partition_indexes": (0,)}]])
async def test_no_partition_is_moved(wire: Wire, topics: Any):
    await create(wire, "orders")
    answer = await wire.ask(Api.LIST_PARTITION_REASSIGNMENTS, topics=topics, timeout=1000)
    assert (answer.error_code, answer.error_message, answer.topics) == (0, None, ())
