"""Members of groups, over connections of their own, that are given partitions as consumers are."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from gomq.client.groups.subscription import Subscription, encode_assignment, encode_subscription
from gomq.protocol.api import Api
from gomq_storage.layout import TopicPartition
from tests.support.membership import join, sync_values
from tests.support.wire import Wire, connect


@asynccontextmanager
async def member(
    address: str,
    group: str,
    partitions: Iterable[TopicPartition],
    *,
    instance: str | None = None,
    protocol_type: str = "consumer",
) -> AsyncIterator[str]:
    """Be the only member of a group, which gives itself partitions; yields the member's id."""
    partitions = list(partitions)
    topics = tuple(dict.fromkeys(partition.topic for partition in partitions))
    metadata = encode_subscription(Subscription(topics=topics), version=1)
    async with connect(address) as wire:
        joined = await join(wire, group, instance=instance, protocols={"range": metadata}, protocol_type=protocol_type)
        assignment = {joined.member_id: encode_assignment(partitions, version=1)}
        values = sync_values(
            group, joined.member_id, joined.generation_id, assignment, instance=instance, protocol_type=protocol_type
        )
        await wire.send(Api.SYNC_GROUP, 5, values)
        answer = await wire.receive(Api.SYNC_GROUP, 5)
        assert answer.error_code == 0
        yield joined.member_id


@asynccontextmanager
async def raw_member(address: str, group: str, metadata: bytes, assignment: bytes) -> AsyncIterator[Wire]:
    """Be the only member of a group, with bytes that nobody understands."""
    async with connect(address) as wire:
        joined = await join(wire, group, protocols={"range": metadata})
        values = sync_values(group, joined.member_id, joined.generation_id, {joined.member_id: assignment})
        await wire.send(Api.SYNC_GROUP, 5, values)
        assert (await wire.receive(Api.SYNC_GROUP, 5)).error_code == 0
        yield wire
