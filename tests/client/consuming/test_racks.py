"""A consumer that says where it is reads from the replica that its leader names, and from the leader otherwise."""

import anyio

import gomq
from gomq.client.cluster.settings import ConnectionSettings
from gomq.client.consuming.settings import ConsumerSettings
from gomq.client.groups.subscription import decode_subscription
from gomq.protocol.api import Api
from tests.client.consuming.test_fetching import fill, numbers, take
from tests.support.fake_broker import FakeCluster, fails_with, hangs_up
from tests.support.fake_group import FakeGroup
from tests.support.fake_partition import Partition
from tests.support.waiting import until

LEADER, REPLICA = 1, 2
OUT_OF_RANGE, REPLICA_NOT_AVAILABLE = 1, 9


def here(*, max_age: float = 300.0, rack: str | None = "here") -> ConsumerSettings:
    connection = ConnectionSettings(first_backoff=0.01, max_backoff=0.05, metadata_max_age=max_age)
    return ConsumerSettings(connection=connection, max_wait=0.02, rack=rack)


def replicated(pair: FakeCluster) -> Partition:
    """A topic with three messages whose leader names another node to consumers that are here."""
    (partition,) = pair.answers.make_topic("orders")
    partition.nearer["here"] = REPLICA
    fill(partition, 3)
    return partition


def asked(pair: FakeCluster) -> list[int]:
    """Which nodes were fetched from, in their order."""
    return [each.node for each in pair.asked(Api.FETCH)]


async def test_the_replica_that_the_leader_names_is_read_from(pair: FakeCluster):
    partition = replicated(pair)
    async with gomq.Consumer(pair.address, "orders", replay=True, settings=here()) as consumer:
        assert await take(consumer, 3) == numbers(3)
        fill(partition, 3, first=3)
        assert await take(consumer, 3) == numbers(3, first=3)
    assert asked(pair)[0] == LEADER
    assert set(asked(pair)[1:]) == {REPLICA}
    assert {each.body.rack_id for each in pair.asked(Api.FETCH)} == {"here"}


async def test_the_keyword_says_where_a_consumer_is(pair: FakeCluster):
    replicated(pair)
    async with gomq.Consumer(pair.address, "orders", replay=True, rack="here") as consumer:
        assert await take(consumer, 3) == numbers(3)
    assert REPLICA in asked(pair)


async def test_who_is_nowhere_reads_from_the_leader(pair: FakeCluster):
    replicated(pair)
    async with gomq.Consumer(pair.address, "orders", replay=True, settings=here(rack=None)) as consumer:
        assert await take(consumer, 3) == numbers(3)
    assert set(asked(pair)) == {LEADER}


async def test_after_an_error_of_the_replica_the_leader_is_asked_again(pair: FakeCluster):
    partition = replicated(pair)
    async with gomq.Consumer(pair.address, "orders", replay=True, settings=here()) as consumer:
        assert await take(consumer, 3) == numbers(3)
        for number, fault in enumerate((fails_with(REPLICA_NOT_AVAILABLE), fails_with(OUT_OF_RANGE), hangs_up), 3):
            led = asked(pair).count(LEADER)
            pair.next(Api.FETCH, fault)
            await until(lambda led=led: asked(pair).count(LEADER) > led)  # type: ignore[misc]
            fill(partition, 1, first=number)
            assert await take(consumer, 1) == numbers(1, first=number)


async def test_a_replica_that_is_gone_is_left_for_the_leader(pair: FakeCluster):
    partition = replicated(pair)
    async with gomq.Consumer(pair.address, "orders", replay=True, settings=here()) as consumer:
        assert await take(consumer, 3) == numbers(3)
        partition.nearer.clear()
        pair.stop(REPLICA)
        fill(partition, 3, first=3)
        assert await take(consumer, 3) == numbers(3, first=3)
    assert asked(pair)[-1] == LEADER


async def test_the_leader_is_asked_again_where_metadata_is_old(pair: FakeCluster):
    partition = replicated(pair)
    async with gomq.Consumer(pair.address, "orders", replay=True, settings=here(max_age=0.1)) as consumer:
        assert await take(consumer, 3) == numbers(3)
        await until(lambda: asked(pair).count(LEADER) > 2)
        partition.nearer.clear()
        fill(partition, 3, first=3)
        assert await take(consumer, 3) == numbers(3, first=3)


async def test_a_leader_in_a_new_epoch_confirms_what_a_replica_gave(pair: FakeCluster):
    partition = replicated(pair)
    async with gomq.Consumer(pair.address, "orders", replay=True, settings=here()) as consumer:
        assert await take(consumer, 3) == numbers(3)
        partition.epoch += 1
        fill(partition, 3, first=3)
        with anyio.fail_after(20):
            assert await take(consumer, 3) == numbers(3, first=3)
    assert {each.node for each in pair.asked(Api.OFFSET_FOR_LEADER_EPOCH)} == {LEADER}


async def test_the_leader_of_a_group_is_told_where_a_member_is(pair: FakeCluster):
    FakeGroup(pair)
    replicated(pair)
    async with gomq.Consumer(pair.address, "orders", start="earliest", group="group", settings=here()) as consumer:
        assert await take(consumer, 3) == numbers(3)
    (*_, joined) = pair.asked(Api.JOIN_GROUP)
    assert {decode_subscription(bytes(each.metadata)).rack for each in joined.body.protocols} == {"here"}
