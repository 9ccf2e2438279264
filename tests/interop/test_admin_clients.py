"""Topics, partitions, configs and what is told of the broker, by other people's admin clients against ours."""

import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions as AIONewPartitions, NewTopic as AIONewTopic
from aiokafka.admin.config_resource import ConfigResource as AIOConfigResource, ConfigResourceType as AIOResourceType
from aiokafka.errors import InvalidPartitionsError as AIOInvalidPartitionsError
from confluent_kafka import Consumer, ElectionType, KafkaException, Producer, TopicCollection, TopicPartition
from confluent_kafka.admin import (
    AclOperation,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    NewPartitions,
    NewTopic,
)

from tests.interop.clients import ServedBroker

with warnings.catch_warnings():  # it reads its schemas, as it is imported, in a way that Python has deprecated
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import KafkaAdminClient, TopicPartition as PythonTopicPartition
    from kafka.admin import (
        AlterConfigOp,
        ConfigResource as PythonConfigResource,
        NewPartitions as PythonNewPartitions,
        NewTopic as PythonNewTopic,
    )
    from kafka.errors import InvalidPartitionsError, TopicAlreadyExistsError

SECONDS = 40
BROKER = ConfigResource.Type.BROKER


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """The one that aiokafka knows."""
    return "asyncio"


@pytest.fixture
def confluent(served: ServedBroker) -> AdminClient:
    return AdminClient({"bootstrap.servers": served.address})


@pytest.fixture
def python(served: ServedBroker) -> Iterator[Any]:
    with closing(KafkaAdminClient(bootstrap_servers=served.address)) as client:
        yield client


@pytest.fixture
async def aio(served: ServedBroker) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=served.address)
    await client.start()
    yield client
    await client.close()


def refusal(future: Any) -> str:
    """The name of the error that an answer of confluent-kafka holds."""
    with pytest.raises(KafkaException) as refused:
        future.result(SECONDS)
    name: str = refused.value.args[0].name()
    return name


def partitions_of(client: AdminClient, topic: str) -> list[int]:
    return sorted(client.list_topics(topic, timeout=SECONDS).topics[topic].partitions)


# ---- topics and partitions


def test_confluent_kafka_creates_and_deletes_topics(confluent: AdminClient, topic: str):
    def create(**fields: Any) -> Any:
        options = {key: fields.pop(key) for key in ("validate_only",) if key in fields}
        (future,) = confluent.create_topics([NewTopic(topic, **fields)], **options).values()
        return future

    create(num_partitions=2, validate_only=True).result(SECONDS)
    assert topic not in confluent.list_topics(timeout=SECONDS).topics
    assert refusal(create(num_partitions=1, replication_factor=2)) == "INVALID_REPLICATION_FACTOR"
    assert refusal(create(num_partitions=2, replica_assignment=[[1], [2]])) == "INVALID_REPLICA_ASSIGNMENT"
    assert refusal(create(num_partitions=1, config={"no.such": "1"})) == "INVALID_CONFIG"
    create(num_partitions=2, replica_assignment=[[1], [1]], config={"retention.ms": "1000"}).result(SECONDS)
    assert refusal(create(num_partitions=1)) == "TOPIC_ALREADY_EXISTS"
    assert partitions_of(confluent, topic) == [0, 1]
    confluent.delete_topics([topic])[topic].result(SECONDS)
    assert refusal(confluent.delete_topics([topic])[topic]) == "UNKNOWN_TOPIC_OR_PART"


def test_confluent_kafka_adds_partitions_and_a_producer_uses_them(
    confluent: AdminClient, served: ServedBroker, topic: str
):
    def grow(count: int, **fields: Any) -> Any:
        options = {key: fields.pop(key) for key in ("validate_only",) if key in fields}
        return confluent.create_partitions([NewPartitions(topic, count, **fields)], **options)[topic]

    confluent.create_topics([NewTopic(topic, num_partitions=1)])[topic].result(SECONDS)
    producer = Producer({"bootstrap.servers": served.address, "topic.metadata.refresh.interval.ms": 100})
    grow(3, validate_only=True).result(SECONDS)
    assert partitions_of(confluent, topic) == [0]
    grow(3, replica_assignment=[[1], [1]]).result(SECONDS)
    assert partitions_of(confluent, topic) == [0, 1, 2]
    assert refusal(grow(3)) == refusal(grow(2)) == "INVALID_PARTITIONS"
    assert refusal(grow(4, replica_assignment=[[9]])) == "INVALID_REPLICA_ASSIGNMENT"
    failures: list[Any] = []
    producer.produce(topic, b"x", partition=2, on_delivery=lambda error, _: failures.append(error))
    assert producer.flush(SECONDS) == 0
    assert failures == [None]


def test_a_consumer_that_has_subscribed_reads_partitions_that_are_added(
    confluent: AdminClient, served: ServedBroker, topic: str
):
    confluent.create_topics([NewTopic(topic, num_partitions=1)])[topic].result(SECONDS)
    settings = {"bootstrap.servers": served.address, "topic.metadata.refresh.interval.ms": 100}
    consumer = Consumer(settings | {"group.id": topic, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    with closing(consumer):
        read: list[tuple[int | None, bytes | None]] = []
        for partition in (0, 1):
            if partition:
                confluent.create_partitions([NewPartitions(topic, 2)])[topic].result(SECONDS)
            producer = Producer(settings)  # one that has produced before would have to look again first
            producer.produce(topic, b"%d" % partition, partition=partition)
            assert producer.flush(SECONDS) == 0
            message = consumer.poll(SECONDS)
            assert message is not None
            assert message.error() is None
            read.append((message.partition(), message.value()))
    assert read == [(0, b"0"), (1, b"1")]


def test_kafka_python_creates_topics_and_adds_partitions(python: Any, topic: str):
    python.create_topics([PythonNewTopic(topic, 1, 1)], validate_only=True)
    assert topic not in python.list_topics()
    python.create_topics([PythonNewTopic(topic, 1, 1)])
    with pytest.raises(TopicAlreadyExistsError):
        python.create_topics([PythonNewTopic(topic, 1, 1)])
    python.create_partitions({topic: PythonNewPartitions(3)})
    with pytest.raises(InvalidPartitionsError):
        python.create_partitions({topic: PythonNewPartitions(3)})
    (described,) = python.describe_topics([topic])
    assert len(described["partitions"]) == 3
    python.delete_topics([topic])
    assert topic not in python.list_topics()


async def test_aiokafka_creates_topics_and_adds_partitions(aio: AIOKafkaAdminClient, topic: str):
    await aio.create_topics([AIONewTopic(topic, 1, 1)], validate_only=True)
    assert topic not in await aio.list_topics()
    await aio.create_topics([AIONewTopic(topic, 1, 1)])
    added = await aio.create_partitions({topic: AIONewPartitions(3)})
    assert [error for _, error, _ in added.topic_errors] == [0]
    with pytest.raises(AIOInvalidPartitionsError, match=r"Topic already has 3 partition\(s\)\."):
        await aio.create_partitions({topic: AIONewPartitions(3)})
    (described,) = await aio.describe_topics([topic])
    assert len(described["partitions"]) == 3
    await aio.delete_topics([topic])
    assert topic not in await aio.list_topics()


# ---- what is told of the broker


def test_confluent_kafka_describes_the_cluster_and_topics(confluent: AdminClient, served: ServedBroker, topic: str):
    confluent.create_topics([NewTopic(topic, num_partitions=2)])[topic].result(SECONDS)
    cluster = confluent.describe_cluster(include_authorized_operations=True).result(SECONDS)
    assert [(node.id, f"{node.host}:{node.port}") for node in cluster.nodes] == [(1, served.address)]
    assert (cluster.controller.id, len(cluster.cluster_id)) == (1, 22)
    assert AclOperation.CREATE in cluster.authorized_operations
    (future,) = confluent.describe_topics(TopicCollection([topic]), include_authorized_operations=True).values()
    described = future.result(SECONDS)
    assert [(each.id, each.leader.id, [node.id for node in each.isr]) for each in described.partitions] == [
        (0, 1, [1]),
        (1, 1, [1]),
    ]
    assert {AclOperation.READ, AclOperation.WRITE} <= set(described.authorized_operations)
    assert not described.is_internal


def test_confluent_kafka_elects_leaders_where_none_is_needed(confluent: AdminClient, topic: str):
    confluent.create_topics([NewTopic(topic, num_partitions=1)])[topic].result(SECONDS)
    for election in ElectionType:
        found = confluent.elect_leaders(election, [TopicPartition(topic, 0)]).result(SECONDS)
        assert [error.name() for error in found.values()] == ["ELECTION_NOT_NEEDED"]
        assert confluent.elect_leaders(election).result(SECONDS) == {}


def test_kafka_python_describes_everything(python: Any, served: ServedBroker, topic: str):
    python.create_topics([PythonNewTopic(topic, 2, 1)])
    producer = Producer({"bootstrap.servers": served.address, "enable.idempotence": True})
    producer.produce(topic, b"x", partition=0)
    assert producer.flush(SECONDS) == 0

    (found,) = python.describe_log_dirs()
    (log_dir,) = found["log_dirs"]
    (state,) = python.describe_producers([PythonTopicPartition(topic, 0)]).values()
    page = python.describe_topic_partitions([topic], response_partition_limit=1)
    elected = python.elect_leaders(0, {topic: [0]}, raise_errors=False)

    assert python.describe_cluster()["controller_id"] == 1
    assert (log_dir["error_code"], log_dir["log_dir"]) == (0, str(served.data))
    assert 0 < log_dir["usable_bytes"] < log_dir["total_bytes"]
    sizes = {each["name"]: [part["partition_size"] for part in each["partitions"]] for each in log_dir["topics"]}
    assert [size > 0 for size in sizes[topic]] == [True, False]
    assert [(each.producer_epoch, each.last_sequence) for each in state.active_producers] == [(0, 0)]
    assert [part["partition_index"] for part in page["topics"][0]["partitions"]] == [0]
    assert page["next_cursor"] == {"topic_name": topic, "partition_index": 1}
    assert [part.error_code for part in elected.replica_election_results[0].partition_result] == [84]
    assert python.list_partition_reassignments() == {}
    assert python.list_config_resources()["broker"] == ["1"]
    assert topic in python.list_config_resources()["topic"]


async def test_aiokafka_describes_the_cluster(aio: AIOKafkaAdminClient):
    cluster = await aio.describe_cluster()
    assert [broker["node_id"] for broker in cluster["brokers"]] == [1]


# ---- the broker's settings


def configure(client: AdminClient, name: str, *changes: tuple[str, AlterConfigOpType, str | None]) -> Any:
    entries = [ConfigEntry(key, value, incremental_operation=operation) for key, operation, value in changes]
    resource = ConfigResource(BROKER, name, incremental_configs=entries)
    (future,) = client.incremental_alter_configs([resource]).values()
    return future


def settings(client: AdminClient, name: str) -> dict[str, ConfigEntry]:
    (future,) = client.describe_configs([ConfigResource(BROKER, name)]).values()
    entries: dict[str, ConfigEntry] = future.result(SECONDS)
    return entries


def test_confluent_kafka_changes_the_brokers_settings(confluent: AdminClient, topic: str):
    confluent.create_topics([NewTopic(topic, num_partitions=1)])[topic].result(SECONDS)
    set_, delete = AlterConfigOpType.SET, AlterConfigOpType.DELETE
    configure(confluent, "1", ("log.retention.bytes", set_, "1000")).result(SECONDS)
    try:
        entry = settings(confluent, "1")["log.retention.bytes"]
        assert (entry.value, ConfigSource(entry.source)) == ("1000", ConfigSource.DYNAMIC_BROKER_CONFIG)
        (future,) = confluent.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, topic)]).values()
        own = future.result(SECONDS)["retention.bytes"]
        assert (own.value, ConfigSource(own.source)) == ("1000", ConfigSource.DYNAMIC_BROKER_CONFIG)
        assert [synonym.value for synonym in own.synonyms.values()]
    finally:
        configure(confluent, "1", ("log.retention.bytes", delete, None)).result(SECONDS)
    assert settings(confluent, "1")["log.retention.bytes"].value == "-1"
    assert refusal(configure(confluent, "1", ("log.dirs", set_, "x"))) == "INVALID_REQUEST"


def test_kafka_python_changes_the_brokers_settings(python: Any):
    def change(value: Any) -> Any:
        return python.alter_configs([PythonConfigResource("broker", "1", {"log.roll.ms": value})])

    assert change("1234567") == {"broker": {"1": "OK"}}
    described = python.describe_configs([PythonConfigResource("broker", "1")])["broker"]["1"]["log.roll.ms"]
    assert change((AlterConfigOp.DELETE, None)) == {"broker": {"1": "OK"}}
    assert (described["value"], described["config_source"]) == ("1234567", "DYNAMIC_BROKER_CONFIG")
    assert "log.roll.ms must be" in change("soon")["broker"]["1"]


async def test_aiokafka_changes_the_brokers_settings(aio: AIOKafkaAdminClient):
    def resource(**configs: str) -> AIOConfigResource:
        return AIOConfigResource(AIOResourceType.BROKER, "1", {key.replace("_", "."): configs[key] for key in configs})

    altered = await aio.alter_configs([resource(log_roll_ms="7654321")])
    described = await aio.describe_configs([AIOConfigResource(AIOResourceType.BROKER, "1")])
    await aio.alter_configs([resource()])
    assert [code for answer in altered for code, *_ in answer.resources] == [0]
    ((code, _, _, _, entries),) = [each for answer in described for each in answer.resources]
    assert code == 0
    assert {entry[0]: entry[1] for entry in entries}["log.roll.ms"] == "7654321"
