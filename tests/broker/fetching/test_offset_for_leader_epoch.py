"""OffsetForLeaderEpoch: where an epoch ended, for clients that want to know whether what they read is still there."""

from typing import Any

import pytest

from gomq.protocol.api import Api
from tests.broker.conftest import Disk
from tests.support.topics import create, produce
from tests.support.wire import Wire, batch, produce_values, versions

UNKNOWN, FENCED, UNKNOWN_EPOCH = 3, 74, 75
UNDEFINED = (0, -1, -1)


async def current_epoch(wire: Wire, topic: str) -> int:
    answer = await wire.ask(Api.METADATA, 12, topics=[{"name": topic, "topic_id": None}])
    epoch: int = answer.topics[0].partitions[0].leader_epoch
    return epoch


async def end_of(
    wire: Wire, topic: str, epoch: int, *, current: int = -1, partition: int = 0, version: int = 4
) -> tuple[int, int, int]:
    """Error code, epoch and end offset."""
    wanted = {"partition": partition, "current_leader_epoch": current, "leader_epoch": epoch}
    answer = await wire.ask(
        Api.OFFSET_FOR_LEADER_EPOCH, version, topics=[{"topic": topic, "partitions": [wanted]}], replica_id=-1
    )
    (found,) = answer.topics[0].partitions
    assert (answer.topics[0].topic, found.partition) == (topic, partition)
    return int(found.error_code), found.leader_epoch, found.end_offset


@pytest.mark.parametrize("version", versions(Api.OFFSET_FOR_LEADER_EPOCH))
async def test_every_version_tells_that_the_current_epoch_ends_where_the_log_does(wire: Wire, version: int):
    await create(wire, "orders")
    await produce(wire, "orders", b"a", b"b", b"c")
    epoch = await current_epoch(wire, "orders")
    for current in (-1, epoch):
        assert await end_of(wire, "orders", epoch, current=current, version=version) == (0, epoch, 3)


async def test_an_epoch_ends_where_consumers_may_see_to(wire: Wire, disk: Disk):
    await create(wire, "orders")
    await produce(wire, "orders", b"a")
    disk.hold()
    await wire.ask(Api.PRODUCE, 9, **produce_values({"orders": {0: batch(b"b")}}, acks=1))
    epoch = await current_epoch(wire, "orders")
    assert await end_of(wire, "orders", epoch) == (0, epoch, 1)


async def test_an_epoch_that_was_never_is_undefined(wire: Wire):
    await create(wire, "orders")
    await produce(wire, "orders", b"a")
    epoch = await current_epoch(wire, "orders")
    assert await end_of(wire, "orders", epoch + 1) == UNDEFINED
    assert await end_of(wire, "orders", 2**31 - 1) == UNDEFINED
    assert await end_of(wire, "orders", -1) == UNDEFINED


async def test_a_client_with_another_idea_of_the_leader_is_told(wire: Wire):
    await create(wire, "orders")
    await produce(wire, "orders", b"a")
    epoch = await current_epoch(wire, "orders")
    assert await end_of(wire, "orders", epoch, current=epoch + 1) == (UNKNOWN_EPOCH, -1, -1)
    assert await end_of(wire, "orders", epoch, current=-2) == (FENCED, -1, -1)


@pytest.mark.parametrize(("topic", "partition"), [("nowhere", 0), ("orders", 1), ("orders", -1), ("", 0)])
async def test_what_is_not_there_has_no_epochs(wire: Wire, topic: str, partition: int):
    await create(wire, "orders")
    assert await end_of(wire, topic, 0, partition=partition) == (UNKNOWN, -1, -1)


async def test_every_partition_is_answered(wire: Wire):
    await create(wire, "orders", partitions=2)
    partitions: list[dict[str, Any]] = [
        {"partition": index, "current_leader_epoch": -1, "leader_epoch": 0} for index in (1, 5, 0)
    ]
    answer = await wire.ask(
        Api.OFFSET_FOR_LEADER_EPOCH, topics=[{"topic": "orders", "partitions": partitions}], replica_id=-1
    )
    assert [(each.partition, each.error_code) for each in answer.topics[0].partitions] == [(1, 0), (5, UNKNOWN), (0, 0)]
