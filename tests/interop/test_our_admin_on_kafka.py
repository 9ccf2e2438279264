"""Our admin against a real Apache Kafka: groups of other people's members, their offsets, brokers and logs."""

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import anyio
import pytest
from aiokafka import AIOKafkaConsumer
from anyio import to_thread
from confluent_kafka import Consumer, ConsumerGroupState, ConsumerGroupTopicPartitions, TopicPartition as TheirPartition
from confluent_kafka.admin import AdminClient

import gomq
from gomq.client.admin.group_descriptions import GroupState, GroupType
from gomq.client.admin.topics import NewTopic
from gomq.errors import (
    GroupIdNotFoundError,
    GroupSubscribedToTopicError,
    InvalidPartitionsError,
    NonEmptyGroupError,
    TopicAlreadyExistsError,
    UnknownMemberIdError,
)
from gomq_storage.layout import TopicPartition
from tests.support.kafka import CONSUMER_GROUPS, Kafka, run_tool

pytestmark = pytest.mark.timeout(120)

SECONDS: Final = 40
START: Final = datetime(2026, 1, 1, tzinfo=UTC)


async def fill(kafka: Kafka, topic: str) -> list[TopicPartition]:
    """Make a topic: 10 messages in partition 0, an hour apart, the first 2 deleted; 4 in 1; none in 2."""
    async with gomq.Admin(kafka.address) as admin, gomq.Producer(kafka.address) as producer:
        await admin.create_topic(topic, partitions=3)
        for hour in range(10):
            timestamp = int((START + timedelta(hours=hour)).timestamp() * 1000)
            await producer.publish(topic, b"x", partition=0, timestamp=timestamp)
        for _ in range(4):
            await producer.publish(topic, b"x", partition=1)
        await admin.delete_records(topic, {0: 2})
    return [TopicPartition(topic, index) for index in range(3)]


def commit(kafka: Kafka, group: str, offsets: dict[TopicPartition, int], *, metadata: str = "") -> None:
    """Commit as librdkafka does, without a membership."""
    consumer = Consumer({"bootstrap.servers": kafka.address, "group.id": group})
    wanted = [TheirPartition(*each, offset, metadata) for each, offset in offsets.items()]
    try:
        for committed in consumer.commit(offsets=wanted, asynchronous=False):
            assert committed.error is None
    finally:
        consumer.close()


@contextmanager
def their_member(kafka: Kafka, topic: str, group: str, **settings: Any) -> Iterator[Consumer]:
    """Be a member of librdkafka's, which has its partitions."""
    consumer = Consumer({
        "bootstrap.servers": kafka.address,
        "group.id": group,
        "client.id": "theirs",
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        **settings,
    })  # fmt: skip
    consumer.subscribe([topic])
    while not consumer.assignment():
        consumer.poll(0.1)
    try:
        yield consumer
    finally:
        consumer.close()


async def in_thread(work: Any, *arguments: Any) -> Any:
    return await to_thread.run_sync(work, *arguments)


async def test_several_topics_are_created_grown_described_and_deleted(kafka_broker: Kafka, topic: str):
    names = [f"{topic}-{letter}" for letter in "ab"]
    with anyio.fail_after(SECONDS):
        async with gomq.Admin(kafka_broker.address) as admin:
            assert await admin.create_topics([NewTopic(name=name, partitions=2) for name in names]) == names
            assert await admin.create_topic(f"{topic}-c", validate_only=True)
            with pytest.raises(ExceptionGroup) as caught:
                await admin.create_topics([NewTopic(name=name) for name in names])
            assert [type(each) for each in caught.value.exceptions] == [TopicAlreadyExistsError] * 2
            await admin.create_partitions(names[0], 4)
            with pytest.raises(InvalidPartitionsError, match="cannot be given 3 partitions"):
                await admin.create_partitions(names[0], 3)
            described = await admin.describe_topics(names)
            assert [len(each.partitions) for each in described.values()] == [4, 2]
            assert await admin.delete_topics([*names, f"{topic}-c"], if_exists=True) == names


async def test_offsets_at_a_time_are_what_kafka_says(kafka_broker: Kafka, topic: str):
    await fill(kafka_broker, topic)
    with anyio.fail_after(SECONDS):
        async with gomq.Admin(kafka_broker.address) as admin:
            assert await admin.topic_offsets(topic, "earliest") == {0: 2, 1: 0, 2: 0}
            assert await admin.topic_offsets(topic, "latest") == {0: 10, 1: 4, 2: 0}
            assert await admin.topic_offsets(topic, START + timedelta(hours=4, minutes=1)) == {0: 5, 1: 0, 2: None}


async def test_brokers_are_described_with_their_configs_and_logs(kafka_broker: Kafka, topic: str):
    partitions = await fill(kafka_broker, topic)
    with anyio.fail_after(SECONDS):
        async with gomq.Admin(kafka_broker.address) as admin:
            cluster = await admin.describe_cluster()
            assert [(each.node_id, str(each.address)) for each in cluster.brokers] == [(1, kafka_broker.address)]
            (directory,) = await admin.log_dirs({topic: [0, 1, 2]})
            assert (directory.path, directory.error) == (str(kafka_broker.data), None)
            assert list(directory.logs) == partitions
            log = kafka_broker.data / str(partitions[1]) / "00000000000000000000.log"
            assert directory.logs[partitions[1]].size_bytes == log.stat().st_size > 0
            assert len((await admin.log_dirs())[0].logs) >= 3
            assert (await admin.describe_broker_configs(1))["log.index.size.max.bytes"].value == "65536"
            await admin.alter_broker_configs({"log.cleaner.threads": 2}, node=1, validate_only=True)
            await admin.alter_broker_configs({"log.cleaner.threads": 2})
            while (own := (await admin.describe_broker_configs()).get("log.cleaner.threads")) is None:  # noqa: ASYNC110
                await anyio.sleep(0.02)  # the controller has it; the broker hears of it
            assert (own.value, own.is_own) == ("2", True)
            await admin.alter_broker_configs(unset=["log.cleaner.threads"])
            while "log.cleaner.threads" in await admin.describe_broker_configs():  # noqa: ASYNC110 - as before
                await anyio.sleep(0.02)
            assert await admin.describe_producers(topic, [2]) == {2: ()}


async def test_a_group_of_librdkafkas_members_is_described_as_it_describes_it(kafka_broker: Kafka, topic: str):
    partitions = await fill(kafka_broker, topic)
    theirs = AdminClient({"bootstrap.servers": kafka_broker.address})
    settings = {"group.instance.id": "static-1", "partition.assignment.strategy": "range"}
    with their_member(kafka_broker, topic, topic, **settings) as consumer, anyio.fail_after(SECONDS):
        async with gomq.Admin(kafka_broker.address) as admin:
            found = await admin.describe_group(topic)
            told = theirs.describe_consumer_groups([topic])[topic].result()
            (ours,), (other,) = found.members, told.members
            assert (ours.member_id, ours.client_id, ours.host) == (other.member_id, other.client_id, other.host)
            assert (ours.instance_id, other.group_instance_id) == ("static-1", "static-1")
            assert ours.topics == frozenset({topic})
            assert ours.assignment == frozenset(partitions)
            assert ours.assignment == {
                TopicPartition(each.topic, each.partition) for each in other.assignment.topic_partitions
            }
            assert (found.state, told.state) == (GroupState.STABLE, ConsumerGroupState.STABLE)
            assert (found.assignor, found.coordinator) == (told.partition_assignor, told.coordinator.id)
            listed = await admin.list_groups(states=[GroupState.STABLE], types=[GroupType.CLASSIC])
            assert (topic, "consumer") in [(each.group_id, each.protocol_type) for each in listed]
            assert topic not in [each.group_id for each in await admin.list_groups(states=[GroupState.EMPTY])]
            await check_that_members_are_respected(admin, topic, partitions)
            await admin.remove_members(topic, ["static-1"])
            assert (await admin.describe_group(topic)).state is GroupState.EMPTY
        consumer.unsubscribe()


async def check_that_members_are_respected(admin: gomq.Admin, group: str, partitions: list[TopicPartition]) -> None:
    with pytest.raises(NonEmptyGroupError, match="cannot be reset while it has 1 member, state Stable"):
        await admin.plan_reset(group, [partitions[0].topic], to="latest")
    with pytest.raises(NonEmptyGroupError, match="cannot be deleted"):
        await admin.delete_group(group)
    with pytest.raises(GroupSubscribedToTopicError, match=f"in {partitions[0]} cannot be deleted"):
        await admin.delete_group_offsets(group, partitions[:1])
    with pytest.raises(UnknownMemberIdError, match="no static member 'static-2'"):
        await admin.remove_members(group, ["static-2"])


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_group_of_aiokafkas_members_is_described(kafka_broker: Kafka, topic: str):
    partitions = await fill(kafka_broker, topic)
    with anyio.fail_after(SECONDS):
        consumers = [
            AIOKafkaConsumer(topic, bootstrap_servers=kafka_broker.address, group_id=topic, client_id=f"c{number}")
            for number in range(2)
        ]
        for consumer in consumers:
            await consumer.start()
        async with gomq.Admin(kafka_broker.address) as admin:
            found = await admin.describe_group(topic)
            while len(found.members) < 2 or found.state is not GroupState.STABLE:
                await anyio.sleep(0.1)
                found = await admin.describe_group(topic)
            assert {each.client_id: each.assignment for each in found.members} == {
                consumer._client._client_id: frozenset(TopicPartition(*each) for each in consumer.assignment())
                for consumer in consumers
            }
            assert sorted(each for member in found.members for each in member.assignment or ()) == partitions
            offsets = await admin.group_offsets(topic)
            assert {each: offset.member_id for each, offset in offsets.items()} == {
                each: member.member_id for member in found.members for each in member.assignment or ()
            }
            for consumer in consumers:
                await consumer.stop()
            assert (await admin.describe_group(topic)).members == ()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # a Java program takes its time
async def test_lag_is_what_kafkas_own_tool_says(kafka_broker: Kafka, topic: str):
    partitions = await fill(kafka_broker, topic)
    await in_thread(lambda: commit(kafka_broker, topic, {partitions[0]: 7, partitions[1]: 1}, metadata="note"))
    with anyio.fail_after(SECONDS):
        async with gomq.Admin(kafka_broker.address) as admin:
            found = await admin.group_offsets(topic)
        tool = await in_thread(
            lambda: run_tool(
                CONSUMER_GROUPS, "--bootstrap-server", kafka_broker.address, "--describe", "--group", topic
            )
        )
    rows = [line.split() for line in tool.stdout.splitlines() if line.startswith(topic)]
    theirs = {(row[1], int(row[2])): tuple(map(int, row[3:6])) for row in rows}
    assert {each: (offset.committed, offset.end_offset, offset.lag) for each, offset in found.items()} == theirs
    notes = {
        offset.metadata.rstrip("\0") for offset in found.values()
    }  # confluent-kafka commits a C string, NUL and all
    assert notes == {"note"}


@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # a Java program takes its time
async def test_a_reset_is_planned_as_kafkas_own_tool_plans_it_and_then_done(kafka_broker: Kafka, topic: str):
    partitions = await fill(kafka_broker, topic)
    await in_thread(lambda: commit(kafka_broker, topic, {partitions[0]: 7, partitions[1]: 1}))
    moment = START + timedelta(hours=4, minutes=1)
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({"shift": -2}, ["--shift-by", "-2", "--all-topics"]),
        ({"topics": [topic], "to": moment}, ["--to-datetime", f"{moment:%Y-%m-%dT%H:%M:%S.000}", "--topic", topic]),
    ]
    address = ("--bootstrap-server", kafka_broker.address)
    with anyio.fail_after(2 * SECONDS):
        async with gomq.Admin(kafka_broker.address) as admin:
            for arguments, options in cases:
                plan = await admin.plan_reset(topic, **arguments)
                command = [*address, "--group", topic, "--reset-offsets", *options, "--dry-run", "--export"]
                tool = await in_thread(lambda command=command: run_tool(CONSUMER_GROUPS, *command))
                lines = [row for row in csv.reader(io.StringIO(tool.stdout)) if row and row[0].strip('"') == topic]
                theirs = {TopicPartition(row[0], int(row[1])): int(row[2]) for row in lines}
                assert {row.topic_partition: row.new for row in plan.rows} == theirs
            await admin.reset_offsets(await admin.plan_reset(topic, [topic], to=8))
            after = await admin.group_offsets(topic)
    assert {each: offset.committed for each, offset in after.items()} == dict(zip(partitions, (8, 4, 0), strict=True))
    client = AdminClient({"bootstrap.servers": kafka_broker.address})
    request = client.list_consumer_group_offsets([ConsumerGroupTopicPartitions(topic)])
    told = await in_thread(request[topic].result)
    assert {(each.topic, each.partition): each.offset for each in told.topic_partitions} == dict(
        zip(partitions, (8, 4, 0), strict=True)
    )


async def test_groups_and_their_offsets_are_deleted(kafka_broker: Kafka, topic: str):
    partitions = await fill(kafka_broker, topic)
    await in_thread(lambda: commit(kafka_broker, topic, {partitions[0]: 7, partitions[1]: 1}))
    with anyio.fail_after(SECONDS):
        async with gomq.Admin(kafka_broker.address) as admin:
            await admin.delete_group_offsets(topic, partitions[:1])
            assert list(await admin.group_offsets(topic)) == partitions[1:2]
            assert await admin.delete_groups([topic, "nobody"], if_exists=True) == [topic]
            with pytest.raises(GroupIdNotFoundError, match="cannot be deleted"):
                await admin.delete_group(topic)
            with pytest.raises(GroupIdNotFoundError, match="cannot be described"):
                await admin.describe_group(topic)
            with pytest.raises(GroupIdNotFoundError, match="does not exist"):
                await admin.group_offsets(topic)


async def test_a_group_that_nobody_has_joined_is_given_offsets(kafka_broker: Kafka, topic: str):
    await fill(kafka_broker, topic)
    with anyio.fail_after(SECONDS):
        async with gomq.Admin(kafka_broker.address) as admin:
            await admin.reset_offsets(await admin.plan_reset(topic, [topic], to="earliest"))
            assert [each.committed for each in (await admin.group_offsets(topic)).values()] == [2, 0, 0]
