"""Leaders move on both sides while messages are carried over: all arrive, once and in order."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from uuid import UUID

import anyio
import pytest

import gomq
from gomq.client.cluster.settings import ConnectionSettings
from gomq.client.mirroring.checkpoints import Checkpoints
from gomq.client.mirroring.copying import Copying
from gomq.client.mirroring.errors import MirrorError
from gomq.client.mirroring.lane import Lane, lane_of
from gomq.client.mirroring.offset_map import OffsetMap, Point
from gomq.client.mirroring.plan import PartitionPlan, TopicPlan
from gomq.client.mirroring.settings import MirrorSettings
from gomq.client.mirroring.source import Source
from gomq.client.mirroring.target import Target
from gomq_storage.record import NewRecord, encode_batch
from tests.support.fake_broker import fake_cluster
from tests.support.fake_partition import Partition
from tests.support.waiting import until

SETTINGS = MirrorSettings(
    source=ConnectionSettings(first_backoff=0.01, max_backoff=0.05),
    target=ConnectionSettings(first_backoff=0.01, max_backoff=0.05),
    patience=10,
)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def planned() -> Lane:
    """Plan to follow a partition from its first offset on."""
    start = Point(0, 0)
    plan = PartitionPlan(
        partition=0,
        start=start,
        source_beginning=0,
        source_end=0,
        writer=None,
        offsets=OffsetMap(start),
        was_checkpointed=False,
    )
    topic = TopicPlan(
        name="orders",
        source_id=UUID(int=1),
        target_id=UUID(int=2),
        is_new=False,
        partitions_there=1,
        configs={},
        partitions=(plan,),
        notices=(),
    )
    return lane_of(topic, plan, follow=True)


@asynccontextmanager
async def sides() -> AsyncIterator[tuple[Partition, Partition, Copying, Lane]]:
    """Have two clusters of two nodes, and what copies a topic's partition from one to the other."""
    async with fake_cluster(nodes=2) as source, fake_cluster(nodes=2) as target:
        (at_source,) = source.answers.make_topic("orders")
        (at_target,) = target.answers.make_topic("orders")
        lane = planned()
        async with (
            Source(source.address, {lane.target: 0}, SETTINGS.reading) as reading,
            Target(target.address, ["orders"], SETTINGS.writing) as writing,
            gomq.Producer(target.address, settings=SETTINGS.writing) as producer,
        ):
            checkpoints = Checkpoints(producer, "source", replication_factor=None)
            copying = Copying(
                [lane], reading, writing, checkpoints, bytes_per_second=None, on_progress=lambda _: None
            )  # fmt: skip
            yield at_source, at_target, copying, lane


def append(partition: Partition, start: int, stop: int) -> None:
    for number in range(start, stop):
        partition.append(encode_batch([NewRecord(b"%d" % number)], now_ms=1_700_000_000_000))


async def test_messages_follow_leaders_that_move_on_both_sides():
    async with sides() as (source, target, copying, lane), anyio.create_task_group() as group:
        append(source, 0, 10)
        group.start_soon(copying.run)
        for count in range(10, 60, 10):
            await until(lambda: lane.copied == count)  # noqa: B023
            for side in (source, target):
                side.leader, side.epoch = 3 - side.leader, side.epoch + 1
            append(source, count, count + 10)
        await until(lambda: lane.copied == 60)
        copying.stop()

        assert [record.value for record in target.records()] == [b"%d" % number for number in range(60)]


async def test_a_leader_of_the_source_that_lacks_what_was_carried_over_ends_the_mirror():
    async with sides() as (source, target, copying, lane):
        append(source, 0, 10)
        async with anyio.create_task_group() as group:
            group.start_soon(partial(expect_failure, copying))
            await until(lambda: lane.copied == 10)
            source.leader, source.epoch = 2, 1
            source.cut(6)
            append(source, 100, 110)

        assert target.end == 10


async def expect_failure(copying: Copying) -> None:
    with pytest.raises(MirrorError, match="from 6 on: its log was cut"):
        await copying.run()
