"""DescribeConfigs: every config of a topic and of the broker, with whatever gives it its value."""

from pathlib import Path

import pytest

import gomq
from gomq.broker import BrokerConfig
from gomq.broker.configs.dynamic_configs import DYNAMIC
from gomq.broker.configs.settings import SETTINGS
from gomq.broker.configs.topic_config_table import TOPIC_CONFIGS
from gomq.protocol.api import Api
from gomq.protocol.configs import ResourceType
from gomq_storage.config import LogConfig
from tests.support.configs import describe, own_configs, set_config
from tests.support.topics import create
from tests.support.wire import Wire, connect, versions

UNKNOWN, INVALID_TOPIC, INVALID = 3, 17, 42
TOPIC, STATIC_BROKER, DEFAULT = 1, 4, 5
LONG, LIST = 5, 7


@pytest.mark.parametrize("version", versions(Api.DESCRIBE_CONFIGS))
async def test_every_version_tells_all_configs_of_a_topic(wire: Wire, version: int):
    await create(wire, "orders", configs={"segment.bytes": "1048576"})
    result = await describe(wire, "orders", version=version)
    assert (result.error_code, result.error_message) == (0, None)
    assert [config.name for config in result.configs] == list(TOPIC_CONFIGS)
    sources = {config.name: (config.value, config.config_source) for config in result.configs}
    assert sources["segment.bytes"] == ("1048576", TOPIC)
    assert sources["retention.ms"] == ("-1", DEFAULT)
    assert sources["compression.type"] == ("producer", DEFAULT)
    assert not any(config.read_only or config.is_sensitive for config in result.configs)
    assert not any(config.synonyms for config in result.configs)
    if version >= 3:
        assert {config.name: config.config_type for config in result.configs}["retention.ms"] == LONG
        assert {config.documentation for config in result.configs} == {None}


async def test_synonyms_and_documentation_are_told_where_they_are_asked_for(wire: Wire):
    await create(wire, "orders", configs={"cleanup.policy": "compact"})
    (config,) = (await describe(wire, "orders", "cleanup.policy", synonyms=True, documentation=True)).configs
    assert [(each.name, each.value, each.source) for each in config.synonyms] == [
        ("cleanup.policy", "compact", TOPIC),
        ("log.cleanup.policy", "delete", DEFAULT),
    ]
    assert config.config_type == LIST
    assert config.documentation


async def test_only_what_is_named_is_told(wire: Wire):
    await create(wire, "orders")
    result = await describe(wire, "orders", "segment.ms", "no.such", "retention.ms")
    assert [config.name for config in result.configs] == ["retention.ms", "segment.ms"]


async def test_topics_that_one_request_names_have_each_its_own_configs_told(wire: Wire):
    await create(wire, "plain", "simple")
    await create(wire, "small", configs={"segment.bytes": "1000"})
    await create(wire, "short", configs={"retention.ms": "7"})
    wanted = {
        "plain": ("segment.bytes",),
        "small": ("segment.bytes",),
        "simple": ("segment.bytes", "retention.ms"),
        "short": None,
    }
    resources = [
        {"resource_type": ResourceType.TOPIC, "resource_name": name, "configuration_keys": keys}
        for name, keys in wanted.items()
    ]
    answer = await wire.ask(
        Api.DESCRIBE_CONFIGS, 4, resources=resources, include_synonyms=False, include_documentation=False
    )
    told = {each.resource_name: {config.name: config.value for config in each.configs} for each in answer.results}
    default = str(LogConfig().segment_bytes)
    assert (told["plain"], told["small"]) == ({"segment.bytes": default}, {"segment.bytes": "1000"})
    assert told["simple"] == {"retention.ms": "-1", "segment.bytes": default}
    assert set(told["short"]) == set(TOPIC_CONFIGS)
    assert told["short"]["retention.ms"] == "7"


async def test_what_was_set_when_the_broker_was_started_is_told_to_be_so(data: Path):
    settings = BrokerConfig(data=data, listen="127.0.0.1:0", log=LogConfig(retention_ms=5000), default_partitions=3)
    async with gomq.Broker(config=settings) as broker, connect(broker.address) as wire:
        await create(wire, "orders")
        (config,) = (await describe(wire, "orders", "retention.ms", synonyms=True)).configs
        assert (config.value, config.config_source) == ("5000", STATIC_BROKER)
        assert [(each.name, each.value, each.source) for each in config.synonyms] == [
            ("log.retention.ms", "5000", STATIC_BROKER),
            ("log.retention.ms", "-1", DEFAULT),
        ]
        told = {each.name: each for each in (await describe(wire, "1", resource_type=ResourceType.BROKER)).configs}
        assert (told["num.partitions"].value, told["num.partitions"].config_source) == ("3", STATIC_BROKER)
        assert (told["log.retention.ms"].value, told["log.retention.ms"].config_source) == ("5000", STATIC_BROKER)


@pytest.mark.parametrize("version", versions(Api.DESCRIBE_CONFIGS))
async def test_the_brokers_settings_are_told_and_which_of_them_can_be_changed(wire: Wire, data: Path, version: int):
    result = await describe(wire, "1", version=version, resource_type=ResourceType.BROKER)
    assert result.error_code == 0
    names = [config.name for config in result.configs]
    assert names == sorted(set(names))
    assert {config.name for config in result.configs if not config.read_only} == DYNAMIC
    assert {setting.wire_name for setting in SETTINGS} <= set(names)
    assert not any(config.is_sensitive for config in result.configs)
    values = {config.name: config.value for config in result.configs}
    assert {config.broker_name for config in TOPIC_CONFIGS.values()} <= values.keys()
    assert values["log.dirs"] == str(data)
    assert values["auto.create.topics.enable"] == "true"
    assert values["message.max.bytes"] == "1048588"


@pytest.mark.parametrize(
    ("resource_type", "name", "code"),
    [
        (ResourceType.TOPIC, "nowhere", UNKNOWN),
        (ResourceType.TOPIC, "__gomq_metadata", UNKNOWN),
        (ResourceType.TOPIC, "a/b", INVALID_TOPIC),
        (ResourceType.TOPIC, "", INVALID_TOPIC),
        (ResourceType.TOPIC, "\x1b" * 30_000, INVALID_TOPIC),
        (ResourceType.BROKER, "2", INVALID),
        (ResourceType.BROKER, "x" * 30_000, INVALID),
        (8, "1", INVALID),
        (32, "", INVALID),
        (0, "", INVALID),
        (-128, "", INVALID),
    ],
)
async def test_what_has_no_configs_is_told_so(wire: Wire, resource_type: int, name: str, code: int):
    result = await describe(wire, name, resource_type=resource_type)
    assert (result.error_code, result.configs) == (code, ())
    assert result.error_message
    assert len(result.error_message) <= 1000


async def test_nothing_is_set_for_all_brokers(wire: Wire):
    result = await describe(wire, "", resource_type=ResourceType.BROKER)
    assert (result.error_code, result.configs) == (0, ())


@pytest.mark.parametrize("kind", [ResourceType.CLIENT_METRICS, ResourceType.GROUP])
async def test_subscriptions_to_clients_metrics_and_groups_have_no_configs(wire: Wire, kind: ResourceType):
    result = await describe(wire, "mine", resource_type=kind)
    assert (result.error_code, result.configs) == (0, ())
    assert (await describe(wire, "", resource_type=kind)).error_code == INVALID


@pytest.mark.parametrize("name", ["1", "+1", "01"])
async def test_a_broker_is_named_by_its_number(wire: Wire, name: str):
    assert (await describe(wire, name, "node.id", resource_type=ResourceType.BROKER)).configs[0].value == "1"


async def test_each_resource_is_answered_for_itself(wire: Wire):
    await create(wire, "orders")
    resources = [
        {"resource_type": ResourceType.TOPIC, "resource_name": name, "configuration_keys": ("segment.ms",)}
        for name in ("orders", "nowhere", "orders")
    ]
    answer = await wire.ask(
        Api.DESCRIBE_CONFIGS, resources=resources, include_synonyms=False, include_documentation=False
    )
    assert [(result.resource_name, result.error_code, len(result.configs)) for result in answer.results] == [
        ("orders", 0, 1),
        ("nowhere", UNKNOWN, 0),
        ("orders", INVALID, 0),  # a second time
    ]


@pytest.mark.parametrize("version", [5, 6, 7])
async def test_a_new_topic_is_answered_with_all_its_configs(wire: Wire, version: int):
    (topic,) = await create(wire, "orders", version=version, configs={"segment.bytes": " 1048576"})
    told = {config.name: (config.value, config.config_source, config.read_only) for config in topic.configs}
    assert list(told) == list(TOPIC_CONFIGS)
    assert told["segment.bytes"] == ("1048576", TOPIC, False)
    assert told["retention.ms"] == ("-1", DEFAULT, False)


async def test_what_is_set_is_there_after_a_restart(data: Path):
    async with gomq.Broker(data=data, listen="127.0.0.1:0") as broker, connect(broker.address) as wire:
        await create(wire, "orders", configs={"segment.bytes": "1048576"})
        await set_config(wire, "orders", "cleanup.policy", "delete,compact")
    async with gomq.Broker(data=data, listen="127.0.0.1:0") as broker, connect(broker.address) as wire:
        assert await own_configs(wire, "orders") == {"segment.bytes": "1048576", "cleanup.policy": "delete,compact"}
