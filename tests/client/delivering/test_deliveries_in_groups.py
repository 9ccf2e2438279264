"""Deliveries of a group's members: what is committed, and what becomes of what is in hand when partitions move."""

import functools

import anyio

import gomq
from gomq.client.groups.settings import GroupSettings
from gomq_storage.layout import TopicPartition
from tests.support.waiting import until

SETTINGS = GroupSettings("workers", heartbeat_interval=0.05, commit_interval=0.05)
PARTITIONS = [TopicPartition("orders", 0), TopicPartition("orders", 1)]


async def publish(address: str, *values: bytes) -> None:
    """Publish each value to both partitions."""
    async with gomq.Producer(address) as producer:
        await producer.create_topic("orders", partitions=2, if_not_exists=True)
        for value in values:
            for partition in range(2):
                await producer.publish("orders", value, partition=partition)


async def committed(consumer: gomq.Consumer) -> list[int | None]:
    found = await consumer.committed(*PARTITIONS)
    return [None if each is None else each.offset for each in map(found.get, PARTITIONS)]


def member(address: str) -> gomq.Consumer:
    return gomq.Consumer(address, "orders", group=SETTINGS, start="earliest")


def is_draining(consumer: gomq.Consumer) -> bool:
    return consumer._deliveries is not None and bool(consumer._deliveries._ledger._closing)


async def test_what_is_acknowledged_is_committed_and_nothing_else(broker: gomq.Broker):
    await publish(broker.address, b"a", b"b", b"c")
    async with member(broker.address) as consumer:
        deliveries = consumer.deliveries(concurrency=2)
        held = [await anext(deliveries) for _ in range(2)]
        await held[0].ack()
        async with await anext(deliveries) as delivery:
            assert delivery.message[:2] == held[0].message[:2]
        await consumer.commit()
        points = await committed(consumer)
    async with member(broker.address) as consumer:
        again = [await anext(consumer) for _ in range(4)]

    first = held[0].message.partition
    assert points[first] == 2
    assert points[1 - first] in (None, 0)
    assert sorted((each.partition, each.value) for each in again) == sorted([
        (first, b"c"), (1 - first, b"a"), (1 - first, b"b"), (1 - first, b"c"),
    ])  # fmt: skip


async def test_a_partition_is_given_away_once_what_is_in_hand_of_it_is_finished_and_nothing_is_handled_twice(
    broker: gomq.Broker,
):
    await publish(broker.address, b"0", b"1")
    handled: list[tuple[str, int, int]] = []
    go_on = anyio.Event()

    async def handle(name: str, delivery: gomq.Delivery) -> None:
        if delivery.message.offset == 1 and name == "first":
            await go_on.wait()
        handled.append((name, delivery.message.partition, delivery.message.offset))

    async def come_later() -> None:
        async with member(broker.address) as second:
            members.append(second)
            await second.run(functools.partial(handle, "second"), concurrency=2)

    members: list[gomq.Consumer] = []
    with anyio.fail_after(20):
        async with member(broker.address) as first, anyio.create_task_group() as group:
            group.start_soon(functools.partial(first.run, functools.partial(handle, "first"), concurrency=2))
            await until(lambda: len(handled) == 2)
            group.start_soon(come_later)
            await until(lambda: is_draining(first))
            await anyio.wait_all_tasks_blocked()
            assert (len(handled), members) == (2, [])
            go_on.set()
            await until(lambda: members and len(first.assignment) == len(members[0].assignment) == 1)
            await publish(broker.address, b"2")
            await until(lambda: len(handled) == 6)
            first.stop()
            members[0].stop()

    assert sorted(each[1:] for each in handled) == [
        (partition, offset) for partition in range(2) for offset in range(3)
    ]
    assert {name for name, *_ in handled} == {"first", "second"}
