"""Our client on three real Kafka brokers: leaders that die, logs that are cut, replicas that are near.

What one broker, or a scripted one, cannot show. Starting three takes half a minute, and electing leaders seconds.
"""

from collections import defaultdict
from collections.abc import Iterator

import anyio
import pytest
from anyio import to_thread

import gomq
from gomq.client.admin.descriptions import PartitionDescription
from gomq.client.groups.settings import GroupSettings
from gomq.errors import LogTruncatedError
from tests.support.kafka import require_kafka
from tests.support.kafka_cluster import NODES, KafkaCluster, run_kafka_cluster

pytestmark = [
    pytest.mark.soak,
    pytest.mark.timeout(300),
    pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"]),
]

SECONDS = 120
TASKS = 20
NUMBERS = 300
UNCLEAN = {"min.insync.replicas": "1", "unclean.leader.election.enable": "true"}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    require_kafka()
    with run_kafka_cluster(tmp_path_factory.mktemp("kafka-cluster")) as cluster:
        yield cluster


async def replicas_in_sync(admin: gomq.Admin, topic: str, count: int) -> list[PartitionDescription]:
    """Wait until so many replicas of each partition are in sync."""
    while True:
        partitions = (await admin.describe_topic(topic)).partitions
        if all(len(each.in_sync) == count for each in partitions):
            return list(partitions)
        await anyio.sleep(0.2)


class Traffic:
    """Tasks that publish numbers, and members of a group that read them.

    Args:
        address: of the brokers.
        topic: which each of them uses.
    """

    def __init__(self, address: str, topic: str) -> None:
        self._address = address
        self._topic = topic
        self.received: dict[int, list[int]] = defaultdict(list)
        """The numbers of each task, as they came."""
        self.is_read = anyio.Event()

    async def publish(self, producer: gomq.Producer, task: int) -> None:
        for number in range(NUMBERS):
            await producer.publish(self._topic, b"%d %d" % (task, number), key=b"%d" % task)
            await anyio.sleep(0.02)

    async def consume(self) -> None:
        group = GroupSettings(self._topic, session_timeout=20.0, heartbeat_interval=1.0)
        async with gomq.Consumer(self._address, self._topic, replay=True, group=group) as consumer:
            async for message in consumer:
                task, number = map(int, (message.value or b"").split())
                self.received[task].append(number)
                if sum(len(set(numbers)) for numbers in self.received.values()) == TASKS * NUMBERS:
                    self.is_read.set()


async def kill_a_leader(cluster: KafkaCluster, admin: gomq.Admin, topic: str) -> int:
    (first, *_) = await replicas_in_sync(admin, topic, 3)
    assert first.leader is not None
    await to_thread.run_sync(cluster.kill, first.leader)
    return first.leader


async def test_a_leader_that_dies_costs_no_message_no_order_and_doubles_none(cluster: KafkaCluster, topic: str):
    traffic = Traffic(cluster.address, topic)
    async with gomq.Producer(cluster.address) as producer, gomq.Admin(cluster.address) as admin:
        await admin.create_topic(topic, partitions=4)
        with anyio.fail_after(SECONDS):
            async with anyio.create_task_group() as consuming:
                for _ in range(2):
                    consuming.start_soon(traffic.consume)
                async with anyio.create_task_group() as publishing:
                    for task in range(TASKS):
                        publishing.start_soon(traffic.publish, producer, task)
                    killed = await kill_a_leader(cluster, admin, topic)
                await traffic.is_read.wait()
                consuming.cancel_scope.cancel()
            await to_thread.run_sync(cluster.start, killed)
            stored = sum(each.end_offset or 0 for each in await replicas_in_sync(admin, topic, 3))

    assert stored == TASKS * NUMBERS  # nothing is there twice
    for numbers in traffic.received.values():  # a rebalance may have some handed out again
        assert list(dict.fromkeys(numbers)) == list(range(NUMBERS))


async def test_messages_that_a_new_leader_lacks_are_told_to_who_reads_and_to_who_comes_later(
    cluster: KafkaCluster, topic: str
):
    with anyio.fail_after(SECONDS):
        async with gomq.Admin(cluster.address) as admin, gomq.Producer(cluster.address) as producer:
            await admin.create_topic(topic, replication_factor=2, configs=UNCLEAN)
            (partition,) = await replicas_in_sync(admin, topic, 2)
            assert partition.leader is not None
            leader = partition.leader
            (follower,) = set(partition.replicas) - {leader}
            await producer.publish_many(topic, [b"old %d" % number for number in range(10)])
            await to_thread.run_sync(cluster.kill, follower)
            await replicas_in_sync(admin, topic, 1)
            await producer.publish_many(topic, [b"lost %d" % number for number in range(10)])
            async with gomq.Consumer(cluster.address, topic, replay=True, group=topic) as member:
                assert len([await anext(member) for _ in range(20)]) == 20
            async with gomq.Consumer(cluster.address, topic, replay=True) as reader:
                assert len([await anext(reader) for _ in range(20)]) == 20
                await to_thread.run_sync(cluster.kill, leader)
                await to_thread.run_sync(cluster.start, follower)
                await producer.publish_many(topic, [b"new %d" % number for number in range(20)])
                with pytest.raises(LogTruncatedError, match="cut off at offset 10"):
                    await anext(reader)
            with pytest.raises(LogTruncatedError, match="cut off at offset 10"):
                async with gomq.Consumer(cluster.address, topic, group=topic) as member:
                    await anext(member)
            async with gomq.Consumer(cluster.address, topic, group=topic, out_of_range="earliest") as member:
                assert (await anext(member)).value == b"new 0"
            await to_thread.run_sync(cluster.start, leader)


async def test_a_consumer_reads_from_the_replica_in_its_rack(cluster: KafkaCluster, topic: str):
    with anyio.fail_after(SECONDS):
        async with gomq.Producer(cluster.address) as producer, gomq.Admin(cluster.address) as admin:
            await admin.create_topic(topic)
            (partition,) = await replicas_in_sync(admin, topic, 3)
            await producer.publish_many(topic, [b"x"] * 100)
            for node in NODES:
                async with gomq.Consumer(cluster.address, topic, replay=True, rack=f"rack{node}") as consumer:
                    assert len([await anext(consumer) for _ in range(100)]) == 100
                    assert consumer._intake._fetcher is not None
                    (progress,) = consumer._intake._fetcher._fetching.values()
                    assert progress.replica == (None if node == partition.leader else node)


async def test_a_topic_that_is_made_anew_is_not_taken_for_the_one_before(cluster: KafkaCluster, topic: str):
    with anyio.fail_after(SECONDS):
        async with gomq.Producer(cluster.address) as producer, gomq.Admin(cluster.address) as admin:
            await admin.create_topic(topic)
            await producer.publish_many(topic, [b"old"] * 10)
            async with gomq.Consumer(cluster.address, topic, replay=True) as consumer:
                assert len([await anext(consumer) for _ in range(10)]) == 10
                await admin.delete_topic(topic)
                await admin.create_topic(topic)
                await producer.publish_many(topic, [b"new"] * 20)
                with pytest.raises(LogTruncatedError, match="cut off at offset 0"):
                    await anext(consumer)
                await consumer.seek(0, 0)
                assert [(await anext(consumer)).value for _ in range(20)] == [b"new"] * 20
