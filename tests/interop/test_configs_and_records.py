"""Configs and deleted records, by other people's admin clients and Apache Kafka's own programs, against our broker."""

import json
import warnings
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest
from aiokafka import TopicPartition as AIOTopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource as AIOConfigResource, ConfigResourceType as AIOResourceType
from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ConfigSource

import gomq
from tests.interop.clients import ServedBroker
from tests.support.kafka import Ran, require_kafka
from tests.support.kafka_tools import run_in_one_jvm

with warnings.catch_warnings():  # it reads its schemas, as it is imported, in a way that Python has deprecated
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import KafkaAdminClient, TopicPartition as PythonTopicPartition
    from kafka.admin import AlterConfigOp, ConfigResource as PythonConfigResource

SECONDS = 40
CONFIGS = "kafka.admin.ConfigCommand"
DELETE_RECORDS = "org.apache.kafka.tools.DeleteRecordsCommand"
TOPICS = "org.apache.kafka.tools.TopicCommand"
TOPIC = ConfigResource.Type.TOPIC


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """The one that aiokafka knows."""
    return "asyncio"


async def make(address: str, topic: str, *, messages: int = 0, **configs: object) -> None:
    """Create a topic with messages in it."""
    async with gomq.Admin(address) as admin, gomq.Producer(address) as producer:
        await admin.create_topic(topic, configs={name.replace("_", "."): value for name, value in configs.items()})
        if messages:
            await producer.publish_many(topic, [b"%d" % number for number in range(messages)])


async def own(address: str, topic: str) -> dict[str, str | None]:
    """What was set for a topic."""
    async with gomq.Admin(address) as admin:
        return {name: entry.value for name, entry in (await admin.describe_configs(topic)).items() if entry.is_own}


def of_confluent(address: str, topic: str) -> dict[str, ConfigEntry]:
    client = AdminClient({"bootstrap.servers": address})
    (future,) = client.describe_configs([ConfigResource(TOPIC, topic)]).values()
    entries: dict[str, ConfigEntry] = future.result(SECONDS)
    return entries


def change(address: str, topic: str, *changes: tuple[str, AlterConfigOpType, str | None]) -> None:
    """Change a topic's configs with confluent-kafka."""
    entries = [ConfigEntry(name, value, incremental_operation=operation) for name, operation, value in changes]
    resource = ConfigResource(TOPIC, topic, incremental_configs=entries)
    client = AdminClient({"bootstrap.servers": address})
    (future,) = client.incremental_alter_configs([resource]).values()
    future.result(SECONDS)


async def test_confluent_kafka_describes_and_changes_configs(served: ServedBroker, topic: str):
    await make(served.address, topic, segment_bytes=1 << 20)
    set_, delete, append, subtract = (AlterConfigOpType[name] for name in ("SET", "DELETE", "APPEND", "SUBTRACT"))

    change(served.address, topic, ("retention.ms", set_, "1000"), ("segment.bytes", delete, None))
    change(served.address, topic, ("cleanup.policy", append, "compact"))
    change(served.address, topic, ("cleanup.policy", subtract, "delete"))
    with pytest.raises(KafkaException) as refused:
        change(served.address, topic, ("compression.type", set_, "zstd"))

    entries = of_confluent(served.address, topic)
    assert await own(served.address, topic) == {"cleanup.policy": "compact", "retention.ms": "1000"}
    assert {name: entry.value for name, entry in entries.items() if not entry.is_default} == {
        "cleanup.policy": "compact",
        "retention.ms": "1000",
    }
    assert ConfigSource(entries["retention.ms"].source) is ConfigSource.DYNAMIC_TOPIC_CONFIG
    assert "compression.type must be producer" in refused.value.args[0].str()


@pytest.mark.filterwarnings("ignore:alter_configs:DeprecationWarning")
async def test_confluent_kafka_replaces_configs(served: ServedBroker, topic: str):
    await make(served.address, topic, segment_bytes=1 << 20)
    resource = ConfigResource(TOPIC, topic, set_config={"retention.ms": "1000"})

    client = AdminClient({"bootstrap.servers": served.address})
    (future,) = client.alter_configs([resource]).values()
    future.result(SECONDS)

    assert await own(served.address, topic) == {"retention.ms": "1000"}


def test_confluent_kafka_describes_the_broker(served: ServedBroker):
    client = AdminClient({"bootstrap.servers": served.address})
    (future,) = client.describe_configs([ConfigResource(ConfigResource.Type.BROKER, "1")]).values()
    entries = future.result(SECONDS)

    assert entries["log.dirs"].value == str(served.data)
    assert (entries["log.dirs"].is_read_only, entries["log.retention.ms"].is_read_only) == (True, False)


async def test_confluent_kafka_deletes_records(served: ServedBroker, topic: str):
    await make(served.address, topic, messages=10)
    client = AdminClient({"bootstrap.servers": served.address})

    deleted = client.delete_records([TopicPartition(topic, 0, 4)])[TopicPartition(topic, 0, 4)].result(SECONDS)
    with pytest.raises(KafkaException, match="OFFSET_OUT_OF_RANGE"):
        client.delete_records([TopicPartition(topic, 0, 11)])[TopicPartition(topic, 0, 11)].result(SECONDS)

    assert deleted.low_watermark == 4


async def test_kafka_python_describes_and_changes_configs(served: ServedBroker, topic: str):
    await make(served.address, topic, segment_bytes=1 << 20)

    def work() -> dict[str, Any]:
        with closing(KafkaAdminClient(bootstrap_servers=served.address)) as client:
            changes = {"retention.ms": "1000", "segment.bytes": (AlterConfigOp.DELETE, None)}
            client.alter_configs([PythonConfigResource("topic", topic, changes)])
            refused = client.alter_configs([PythonConfigResource("topic", topic, {"retention.ms": "soon"})])
            assert "InvalidConfigurationError: retention.ms must be" in refused["topic"][topic]
            described: dict[str, Any] = client.describe_configs([PythonConfigResource("topic", topic)])
            return described

    described = await anyio.to_thread.run_sync(work)
    assert {name: entry["value"] for name, entry in described["topic"][topic].items()} == {"retention.ms": "1000"}
    assert await own(served.address, topic) == {"retention.ms": "1000"}


async def test_kafka_python_deletes_records(served: ServedBroker, topic: str):
    await make(served.address, topic, messages=10)

    def work() -> Any:
        with closing(KafkaAdminClient(bootstrap_servers=served.address)) as client:
            return client.delete_records({PythonTopicPartition(topic, 0): 4})

    deleted = await anyio.to_thread.run_sync(work)
    assert deleted[PythonTopicPartition(topic, 0)]["low_watermark"] == 4


async def test_aiokafka_describes_and_replaces_configs_and_deletes_records(served: ServedBroker, topic: str):
    await make(served.address, topic, messages=10, segment_bytes=1 << 20)
    client = AIOKafkaAdminClient(bootstrap_servers=served.address)
    await client.start()
    try:
        resource = AIOConfigResource(AIOResourceType.TOPIC, topic, {"retention.ms": "1000"})
        (altered,) = await client.alter_configs([resource])
        (described,) = await client.describe_configs([AIOConfigResource(AIOResourceType.TOPIC, topic)])
        partition = AIOTopicPartition(topic, 0)
        deleted = await client.delete_records({partition: RecordsToDelete(4)})
    finally:
        await client.close()

    assert [code for code, *_ in altered.resources] == [0]
    ((code, _, _, name, entries),) = described.resources
    assert (code, name) == (0, topic)
    assert {entry[0]: entry[1] for entry in entries}["retention.ms"] == "1000"
    assert await own(served.address, topic) == {"retention.ms": "1000"}
    assert deleted == {partition: 4}


async def kafka(program: str, address: str, *arguments: str, check: bool = True) -> Ran:
    """Run one of Kafka's programs."""
    require_kafka()
    done = await anyio.to_thread.run_sync(run_in_one_jvm, program, "--bootstrap-server", address, *arguments)
    if check:
        assert done.code == 0, done.stdout + done.stderr
    return done


@pytest.mark.timeout(120)
async def test_kafka_configs_changes_and_describes_a_topic(served: ServedBroker, topic: str):
    await make(served.address, topic, segment_bytes=1 << 20)
    entity = ("--entity-type", "topics", "--entity-name", topic)

    await kafka(
        CONFIGS, served.address, "--alter", *entity, "--add-config", "retention.ms=1000,cleanup.policy=[compact,delete]"
    )
    await kafka(CONFIGS, served.address, "--alter", *entity, "--delete-config", "segment.bytes")
    refused = await kafka(CONFIGS, served.address, "--alter", *entity, "--add-config", "retention.ms=-5", check=False)
    described = await kafka(CONFIGS, served.address, "--describe", *entity)

    assert await own(served.address, topic) == {"retention.ms": "1000", "cleanup.policy": "compact,delete"}
    assert "retention.ms must be an integer from -1" in refused.stdout + refused.stderr
    synonyms = {
        "cleanup.policy=compact,delete": "DEFAULT_CONFIG:log.cleanup.policy=delete",
        "retention.ms=1000": "DEFAULT_CONFIG:log.retention.ms=-1",
    }
    assert [line.strip() for line in described.stdout.splitlines()][1:] == [
        f"{own_value} sensitive=false synonyms={{DYNAMIC_TOPIC_CONFIG:{own_value}, {default}}}"
        for own_value, default in synonyms.items()
    ]


@pytest.mark.timeout(120)
async def test_kafka_configs_describes_and_changes_the_broker(served: ServedBroker):
    entity = ("--entity-type", "brokers", "--entity-name", "1")
    of_all = ("--entity-type", "brokers", "--entity-default")

    described = await kafka(CONFIGS, served.address, "--describe", *entity, "--all")
    await kafka(CONFIGS, served.address, "--alter", *of_all, "--add-config", "log.roll.ms=7777777")
    set_for_all = await kafka(CONFIGS, served.address, "--describe", *of_all)
    await kafka(CONFIGS, served.address, "--alter", *of_all, "--delete-config", "log.roll.ms")
    unchangeable = ("--add-config", "log.dirs=elsewhere")
    refused = await kafka(CONFIGS, served.address, "--alter", *entity, *unchangeable, check=False)

    assert (
        f"  log.dirs={served.data} sensitive=false synonyms={{STATIC_BROKER_CONFIG:log.dirs={served.data}}}"
        in described.stdout.splitlines()
    )
    assert (
        "  log.roll.ms=7777777 sensitive=false synonyms={DYNAMIC_DEFAULT_BROKER_CONFIG:log.roll.ms=7777777}"
        in set_for_all.stdout.splitlines()
    )
    assert refused.code == 1
    assert "log.dirs cannot be changed while the broker runs" in refused.stdout + refused.stderr


@pytest.mark.timeout(120)
async def test_kafka_topics_shows_what_was_set(served: ServedBroker, topic: str):
    await make(served.address, topic, retention_ms=1000)

    described = await kafka(TOPICS, served.address, "--describe", "--topic", topic)

    assert "Configs: retention.ms=1000" in described.stdout


@pytest.mark.timeout(120)
async def test_kafka_delete_records_deletes_records(served: ServedBroker, topic: str, tmp_path: Path):
    await make(served.address, topic, messages=10)
    wanted = {"partitions": [{"topic": topic, "partition": 0, "offset": 4}], "version": 1}
    file = tmp_path / "offsets.json"
    file.write_text(json.dumps(wanted))

    done = await kafka(DELETE_RECORDS, served.address, "--offset-json-file", str(file))

    assert f"partition: {topic}-0\tlow_watermark: 4" in done.stdout
