"""Configs of other clients, taken over as they are."""

import pytest

import gomq
from gomq.client.dotted import consumer_options, producer_options
from gomq.client.groups.settings import GroupSettings
from gomq.errors import ConfigurationError
from gomq_storage.compression import Codec


@pytest.mark.parametrize(
    "configs",
    [
        {"bootstrap.servers": "a:9092,b:9092", "linger.ms": 5, "compression.type": "zstd", "acks": "all"},
        {"bootstrap.servers": "a:9092,b:9092", "linger.ms": "5", "compression.codec": "zstd", "acks": "-1"},
        {"bootstrap_servers": ["a:9092", "b:9092"], "linger_ms": 5, "compression_type": "zstd", "acks": "all"},
    ],
    ids=["java", "librdkafka", "aiokafka"],
)
def test_a_producer_is_told_in_any_clients_words(configs: dict[str, object]):
    options = producer_options(configs)

    assert options["address"] == "a:9092,b:9092"
    settings = options["settings"]
    assert (settings.linger, settings.codec, settings.acks, settings.is_idempotent) == (0.005, Codec.ZSTD, -1, True)


def test_a_consumer_is_told_in_other_clients_words():
    options = consumer_options(
        {
            "bootstrap.servers": "a:9092",
            "group.id": "billing",
            "group.instance.id": "one",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": "false",
            "isolation.level": "read_committed",
            "max.poll.interval.ms": 60000,
            "session.timeout.ms": 10000,
            "partition.assignment.strategy": "org.apache.kafka.clients.consumer.CooperativeStickyAssignor,range",
            "fetch.wait.max.ms": 100,
            "client.id": "mine",
        }
    )

    assert options["group"] == GroupSettings(
        "billing",
        instance_id="one",
        session_timeout=10,
        rebalance_timeout=60,
        assignors=("cooperative-sticky", "range"),
    )
    assert (options["replay"], options["out_of_range"]) == (True, "earliest")
    assert (options["isolation"], options["auto_commit"]) == ("read_committed", False)
    assert (options["settings"].max_wait, options["settings"].connection.client_id) == (0.1, "mine")


def test_a_consumer_that_is_told_nothing_is_as_kafkas():
    options = consumer_options({})

    assert (options["address"], options["replay"], options["out_of_range"]) == ("localhost:9092", False, "latest")
    assert (options["group"], options["auto_commit"]) == (None, True)


@pytest.mark.parametrize(
    ("configs", "what"),
    [
        ({"linger": 5}, "linger is no config.*did you mean linger.ms"),
        ({"value_serializer": str}, "value_serializer is no config.*migration"),
        ({"linger.ms": "soon"}, "linger.ms cannot be 'soon'"),
        ({"acks": 2}, "acks cannot be 2"),
        ({"security.protocol": "SSL"}, "security.protocol cannot be 'SSL'"),
        ({"linger.ms": 5, "queue.buffering.max.ms": 6}, "queue.buffering.max.ms says again"),
        ({"linger.ms": -1}, "linger must be 0 or more"),
        ({"bootstrap.servers": 9092}, "bootstrap.servers cannot be 9092"),
        ({"group.id": "billing"}, "group.id is no config"),
    ],
)
def test_what_means_nothing_to_a_producer_is_refused(configs: dict[str, object], what: str):
    with pytest.raises(ConfigurationError, match=what):
        producer_options(configs)


@pytest.mark.parametrize(
    ("configs", "what"),
    [
        ({"session.timeout.ms": 1000}, "group.id is missing"),
        ({"group.id": "a", "partition.assignment.strategy": "mine"}, "partition.assignment.strategy cannot be 'mine'"),
        ({"auto.offset.reset": "middle"}, "auto.offset.reset cannot be 'middle'"),
        ({"enable.auto.commit": "perhaps"}, "enable.auto.commit cannot be 'perhaps'"),
    ],
)
def test_what_means_nothing_to_a_consumer_is_refused(configs: dict[str, object], what: str):
    with pytest.raises(ConfigurationError, match=what):
        consumer_options(configs)


async def test_clients_are_made_of_them(broker: gomq.Broker):
    async with gomq.Producer(**producer_options({"bootstrap.servers": broker.address})) as producer:
        await producer.publish("orders", b"one")

    configs = {"bootstrap.servers": broker.address, "group.id": "billing", "auto.offset.reset": "earliest"}
    async with gomq.Consumer(topics="orders", **consumer_options(configs)) as consumer:
        async for message in consumer:
            assert message.value == b"one"
            break
