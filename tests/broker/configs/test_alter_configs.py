"""AlterConfigs and IncrementalAlterConfigs: topics change while they are used, as a whole or not at all."""

from pathlib import Path

import anyio
import pytest

import gomq
from gomq.broker import BrokerConfig
from gomq.broker.configs.running_config import RunningConfig
from gomq.broker.topics import Topics
from gomq.protocol.api import Api
from gomq.protocol.configs import ConfigOperation, ResourceType
from gomq_storage.directory import LogDirectory
from tests.broker.conftest import Disk
from tests.support.configs import alter, alter_incrementally, describe, own_configs, value_of
from tests.support.topics import create, produce
from tests.support.wire import Wire, connect, versions

UNKNOWN, TOO_LARGE, INVALID_TOPIC, CONFIG, INVALID, STORAGE = 3, 10, 17, 40, 42, 56
SET, DELETE, APPEND, SUBTRACT = ConfigOperation


@pytest.mark.parametrize("version", versions(Api.ALTER_CONFIGS))
async def test_every_version_replaces_all_configs_of_a_topic(wire: Wire, version: int):
    await create(wire, "orders", configs={"segment.bytes": "1048576", "retention.ms": "1000"})
    assert await alter(wire, "orders", {"retention.ms": "2000", "segment.ms": "9"}, version=version) == (0, None)
    assert await own_configs(wire, "orders") == {"retention.ms": "2000", "segment.ms": "9"}
    assert await alter(wire, "orders", {}, version=version) == (0, None)
    assert await own_configs(wire, "orders") == {}


@pytest.mark.parametrize("version", versions(Api.INCREMENTAL_ALTER_CONFIGS))
async def test_every_version_changes_what_it_names_and_nothing_else(wire: Wire, version: int):
    await create(wire, "orders", configs={"segment.bytes": "1048576", "retention.ms": "1000"})
    operations = [("retention.ms", DELETE, None), ("segment.ms", SET, "9"), ("max.message.bytes", DELETE, "ignored")]
    assert await alter_incrementally(wire, "orders", *operations, version=version) == (0, None)
    assert await own_configs(wire, "orders") == {"segment.bytes": "1048576", "segment.ms": "9"}


async def test_a_change_counts_from_the_next_message_on(wire: Wire):
    await create(wire, "orders", partitions=2)
    assert await produce(wire, "orders", bytes(2000)) == 0
    assert await alter_incrementally(wire, "orders", ("max.message.bytes", SET, "1000")) == (0, None)
    assert await produce(wire, "orders", bytes(2000)) == TOO_LARGE
    assert await alter_incrementally(wire, "orders", ("max.message.bytes", DELETE, None)) == (0, None)
    assert await produce(wire, "orders", bytes(2000)) == 0


async def test_a_change_counts_after_a_restart(data: Path):
    async with gomq.Broker(data=data, listen="127.0.0.1:0") as broker, connect(broker.address) as wire:
        await create(wire, "orders")
        await alter_incrementally(wire, "orders", ("max.message.bytes", SET, "1000"))
    async with gomq.Broker(data=data, listen="127.0.0.1:0") as broker, connect(broker.address) as wire:
        assert await produce(wire, "orders", bytes(2000)) == TOO_LARGE


async def test_lists_are_appended_to_and_subtracted_from(wire: Wire):
    await create(wire, "orders")
    for operation, operand, expected in [
        (APPEND, "compact", "delete,compact"),
        (APPEND, "compact, delete", "delete,compact"),
        (SUBTRACT, "delete", "compact"),
        (SUBTRACT, "delete", "compact"),
        (APPEND, "delete", "compact,delete"),
        (SUBTRACT, "compact,delete", ""),
        (APPEND, "delete", "delete"),
    ]:
        assert await alter_incrementally(wire, "orders", ("cleanup.policy", operation, operand)) == (0, None)
        assert await value_of(wire, "orders", "cleanup.policy") == expected


@pytest.mark.parametrize(
    ("operation", "told"),
    [
        (("retention.ms", SET, "x"), "retention.ms must be an integer"),
        (("retention.ms", APPEND, "1"), "it is no list"),
        (("no.such", SUBTRACT, "1"), "it is no list"),
        (("no.such", SET, "1"), "no topic config 'no.such'"),
        (("cleanup.policy", APPEND, "compress"), "cleanup.policy must be"),
        (("cleanup.policy", APPEND, ""), None),
        (("compression.type", SET, "zstd"), "compression.type must be producer"),
        (("min.compaction.lag.ms", SET, "6"), "must not be more than max.compaction.lag.ms=5"),
        (("\x1b" * 30_000, SET, "\x1b" * 30_000), "no topic config"),
        (("no.such", DELETE, None), None),
    ],
)
@pytest.mark.parametrize("validate_only", [False, True])
async def test_a_topic_is_changed_as_a_whole_or_not_at_all(
    wire: Wire, operation: tuple[str, int, str | None], told: str | None, validate_only: bool
):
    configs = {"retention.ms": "1000", "max.compaction.lag.ms": "5"}
    await create(wire, "orders", configs=configs)
    code, message = await alter_incrementally(
        wire, "orders", ("segment.ms", SET, "9"), operation, validate_only=validate_only
    )
    if told is None:
        assert (code, message) == (0, None)
    else:
        assert code == CONFIG
        assert told in (message or "")
    if told is not None or validate_only:
        assert await own_configs(wire, "orders") == configs


@pytest.mark.parametrize("value", ["1", "x"])
async def test_a_replacement_is_only_checked_where_the_request_says_so(wire: Wire, value: str):
    await create(wire, "orders", configs={"retention.ms": "1000"})
    code, _ = await alter(wire, "orders", {"retention.ms": value}, validate_only=True)
    assert code == (0 if value == "1" else CONFIG)
    assert await own_configs(wire, "orders") == {"retention.ms": "1000"}


@pytest.mark.parametrize("validate_only", [False, True])
@pytest.mark.parametrize(
    ("resource_type", "name", "code"),
    [
        (ResourceType.TOPIC, "nowhere", UNKNOWN),
        (ResourceType.TOPIC, "a/b", INVALID_TOPIC),
        (ResourceType.TOPIC, "__gomq_metadata", INVALID_TOPIC),
        (ResourceType.TOPIC, "\x1b" * 30_000, INVALID_TOPIC),
        (ResourceType.BROKER, "1", INVALID),
        (ResourceType.BROKER, "", INVALID),
        (ResourceType.BROKER, "2", INVALID),
        (8, "1", INVALID),
        (16, "x", INVALID),
        (0, "x", INVALID),
    ],
)
async def test_what_cannot_be_changed_is_told_so(
    wire: Wire, resource_type: int, name: str, code: int, validate_only: bool
):
    operation = ("retention.ms", SET, "1000")
    found, message = await alter_incrementally(
        wire, name, operation, resource_type=resource_type, validate_only=validate_only
    )
    assert found == code
    assert message
    assert len(message) <= 1000


@pytest.mark.parametrize("operation", [4, -1])
async def test_there_are_four_operations(wire: Wire, operation: int):
    await create(wire, "orders")
    code, message = await alter_incrementally(wire, "orders", ("retention.ms", operation, "1"))
    assert (code, f"no operation {operation}" in (message or "")) == (INVALID, True)
    assert await own_configs(wire, "orders") == {}


async def test_nothing_is_named_twice(wire: Wire):
    await create(wire, "orders", "bills")
    code, message = await alter_incrementally(wire, "orders", ("segment.ms", SET, "1"), ("segment.ms", DELETE, None))
    assert (code, message) == (INVALID, "the request names a config more than once")
    configs = [{"name": "segment.ms", "config_operation": SET, "value": "9"}]
    resources = [
        {"resource_type": ResourceType.TOPIC, "resource_name": name, "configs": configs}
        for name in ("orders", "bills", "orders")
    ]
    for api in (Api.ALTER_CONFIGS, Api.INCREMENTAL_ALTER_CONFIGS):
        answer = await wire.ask(api, resources=resources, validate_only=False)
        assert [(each.resource_name, each.error_code) for each in answer.responses] == [
            ("orders", INVALID), ("bills", 0), ("orders", INVALID),
        ]  # fmt: skip
    assert await own_configs(wire, "orders") == {}
    assert await own_configs(wire, "bills") == {"segment.ms": "9"}


@pytest.mark.parametrize("operation", [SET, APPEND, SUBTRACT])
async def test_null_is_no_value(wire: Wire, operation: int):
    await create(wire, "orders")
    code, message = await alter_incrementally(wire, "orders", ("cleanup.policy", operation, None))
    assert (code, message) == (INVALID, "a config is set to a value, not to null: cleanup.policy")
    code, _ = await alter(wire, "orders", {"cleanup.policy": None})
    assert code == INVALID


async def test_changes_made_at_the_same_time_are_all_made(broker: gomq.Broker, wire: Wire):
    await create(wire, "orders")
    names = {"segment.ms": "11", "retention.ms": "12", "retention.bytes": "13", "delete.retention.ms": "14"}

    async def change(name: str, value: str) -> None:
        async with connect(broker.address) as other:
            assert await alter_incrementally(other, "orders", (name, SET, value)) == (0, None)

    async with anyio.create_task_group() as group:
        for name, value in names.items():
            group.start_soon(change, name, value)
    assert await own_configs(wire, "orders") == names


async def test_a_topic_can_be_deleted_once_it_was_changed(wire: Wire):
    await create(wire, "orders")
    await alter_incrementally(wire, "orders", ("segment.ms", SET, "9"))
    answer = await wire.ask(Api.DELETE_TOPICS, 5, topic_names=("orders",))
    assert [result.error_code for result in answer.responses] == [0]
    assert (await describe(wire, "orders")).error_code == UNKNOWN


async def test_a_change_that_cannot_be_written_is_not_made(wire: Wire, disk: Disk):
    await create(wire, "orders")
    disk.is_broken = True
    code, message = await alter_incrementally(wire, "orders", ("segment.ms", SET, "9"))
    assert code == STORAGE
    assert message
    assert await own_configs(wire, "orders") == {}


async def test_a_cancellation_leaves_a_topic_as_it_was_or_changes_it_everywhere(data: Path, disk: Disk):
    directory = LogDirectory.open(data, node_id=1)
    topics = Topics.open(directory, RunningConfig(BrokerConfig(data=data)))
    topic = await topics.create("orders", partitions=1, configs={})
    disk.hold()
    async with anyio.create_task_group() as group:
        group.start_soon(topics.alter_configs, "orders", lambda _: {"segment.ms": "9"})
        await anyio.to_thread.run_sync(disk.started.wait)
        group.cancel_scope.cancel()
        disk.release()
    assert topic.configs == topics.metadata.values["topic/orders"]["configs"] == {"segment.ms": "9"}
    assert topic.partitions[0].log.config.segment_ms == 9
    assert topics.close() == []
