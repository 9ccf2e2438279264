"""AlterConfigs and IncrementalAlterConfigs for the broker: what is set counts at once, for all topics, and is kept."""

from pathlib import Path
from typing import Any

import anyio
import pytest

import gomq
from gomq.broker import BrokerConfig
from gomq.protocol.api import Api
from gomq.protocol.configs import ConfigOperation, ResourceType
from gomq_storage.config import LogConfig
from tests.broker.conftest import Disk
from tests.support.configs import alter_incrementally, describe, set_config
from tests.support.running import bounds, running, send, sequenced
from tests.support.topics import create, produce
from tests.support.wire import DEADLINE, Wire, connect, versions

TOO_LARGE, CONFIG, INVALID, STORAGE = 10, 40, 42, 56
TOPIC_SET, OF_BROKER, OF_ALL, STATIC, DEFAULT = 1, 2, 3, 4, 5
SET, DELETE, APPEND, SUBTRACT = ConfigOperation
BROKER, ALL = "1", ""


async def change(wire: Wire, name: str, *operations: tuple[str, int, str | None], **fields: Any) -> Any:
    return await alter_incrementally(wire, name, *operations, resource_type=ResourceType.BROKER, **fields)


async def configs(wire: Wire, name: str, *keys: str) -> dict[str, tuple[str, int]]:
    """Value and source of settings."""
    result = await describe(wire, name, *keys, resource_type=ResourceType.BROKER)
    assert result.error_code == 0
    return {each.name: (each.value, each.config_source) for each in result.configs}


@pytest.mark.parametrize("version", versions(Api.INCREMENTAL_ALTER_CONFIGS))
@pytest.mark.parametrize("name", [BROKER, ALL])
async def test_topics_without_a_config_of_their_own_go_by_what_is_set_at_once(wire: Wire, version: int, name: str):
    await create(wire, "orders", "bills", partitions=2)
    await set_config(wire, "bills", "max.message.bytes", "5000")
    assert await produce(wire, "orders", bytes(2000)) == 0
    assert await change(wire, name, ("message.max.bytes", SET, "1000"), version=version) == (0, None)
    assert await produce(wire, "orders", bytes(2000)) == TOO_LARGE
    assert await produce(wire, "bills", bytes(2000)) == 0
    await create(wire, "new")
    assert await produce(wire, "new", bytes(2000)) == TOO_LARGE
    assert await change(wire, name, ("message.max.bytes", DELETE, None), version=version) == (0, None)
    assert await produce(wire, "orders", bytes(2000)) == 0


@pytest.mark.parametrize("version", versions(Api.ALTER_CONFIGS))
async def test_all_that_was_set_is_replaced_at_once(wire: Wire, version: int):
    await change(wire, BROKER, ("log.retention.bytes", SET, "1"), ("log.roll.ms", SET, "9"))
    resource = {"resource_type": ResourceType.BROKER, "resource_name": BROKER,
                "configs": [{"name": "log.retention.ms", "value": "7"}]}  # fmt: skip
    answer = await wire.ask(Api.ALTER_CONFIGS, version, resources=[resource], validate_only=False)
    assert [(int(each.error_code), each.error_message) for each in answer.responses] == [(0, None)]
    found = await configs(wire, BROKER)
    assert {name: value for name, (value, source) in found.items() if source == OF_BROKER} == {"log.retention.ms": "7"}


async def test_every_place_that_gives_a_value_is_told_what_counts_most_first(data: Path):
    config = BrokerConfig(data=data, listen="127.0.0.1:0", log=LogConfig(retention_ms=5))
    async with gomq.Broker(config=config) as broker, connect(broker.address) as wire:
        await create(wire, "orders", configs={"retention.ms": "2"})
        await change(wire, BROKER, ("log.retention.ms", SET, "3"))
        await change(wire, ALL, ("log.retention.ms", SET, "4"))
        (own,) = (await describe(wire, "orders", "retention.ms", synonyms=True)).configs
        places = [
            ("log.retention.ms", "3", OF_BROKER),
            ("log.retention.ms", "4", OF_ALL),
            ("log.retention.ms", "5", STATIC),
            ("log.retention.ms", "-1", DEFAULT),
        ]
        assert [(each.name, each.value, each.source) for each in own.synonyms] == [
            ("retention.ms", "2", TOPIC_SET), *places,
        ]  # fmt: skip
        for name, expected in ((BROKER, places), (ALL, places[1:2])):
            (entry,) = (
                await describe(wire, name, "log.retention.ms", synonyms=True, resource_type=ResourceType.BROKER)
            ).configs
            assert [(each.name, each.value, each.source) for each in entry.synonyms] == expected
            assert (entry.value, entry.read_only) == (expected[0][1], False)


async def test_all_brokers_have_what_was_set_for_them_and_nothing_else(wire: Wire):
    await change(wire, BROKER, ("log.retention.ms", SET, "3"))
    assert await configs(wire, ALL) == {}
    await change(wire, ALL, ("log.roll.ms", SET, "9"), ("log.cleaner.backoff.ms", SET, "250"))
    assert await configs(wire, ALL) == {"log.cleaner.backoff.ms": ("250", OF_ALL), "log.roll.ms": ("9", OF_ALL)}
    assert await configs(wire, BROKER, "log.roll.ms") == {"log.roll.ms": ("9", OF_ALL)}


async def test_what_is_set_is_there_after_a_restart(data: Path):
    async with running(data) as wire:
        await create(wire, "orders")
        await change(wire, BROKER, ("message.max.bytes", SET, "1000"))
        await change(wire, ALL, ("log.retention.ms", SET, "3"), ("log.roll.ms", SET, "9"))
        await change(wire, ALL, ("log.roll.ms", DELETE, None))
    for _ in range(2):
        async with running(data) as wire:
            assert await produce(wire, "orders", bytes(2000)) == TOO_LARGE
            assert await configs(wire, ALL) == {"log.retention.ms": ("3", OF_ALL)}
            assert await configs(wire, BROKER, "message.max.bytes") == {"message.max.bytes": ("1000", OF_BROKER)}


async def test_lists_are_appended_to_and_subtracted_from(wire: Wire):
    await create(wire, "orders")
    for operation, operand, expected in [
        (APPEND, "compact", "delete,compact"),
        (SUBTRACT, "delete", "compact"),
        (SUBTRACT, "compact", ""),
    ]:
        assert await change(wire, BROKER, ("log.cleanup.policy", operation, operand)) == (0, None)
        assert await configs(wire, BROKER, "log.cleanup.policy") == {"log.cleanup.policy": (expected, OF_BROKER)}
    (policy,) = (await describe(wire, "orders", "cleanup.policy")).configs
    assert policy.value == ""


@pytest.mark.parametrize("name", [BROKER, ALL])
@pytest.mark.parametrize(
    ("operation", "code", "told"),
    [
        (("log.retention.ms", SET, "x"), INVALID, "log.retention.ms must be an integer"),
        (("log.dirs", SET, "x"), INVALID, "cannot be changed while the broker runs"),
        (("num.partitions", SET, "3"), INVALID, "cannot be changed while the broker runs"),
        (("retention.ms", SET, "3"), INVALID, "the broker has no config 'retention.ms'"),
        (("log.retention.ms", APPEND, "3"), CONFIG, "it is no list"),
        (("log.retention.ms", 4, "3"), INVALID, "no operation 4"),
        (("log.retention.ms", SET, None), INVALID, "not to null"),
    ],
)
async def test_the_broker_is_changed_as_a_whole_or_not_at_all(
    wire: Wire, name: str, operation: tuple[str, int, str | None], code: int, told: str
):
    found, message = await change(wire, name, ("log.roll.ms", SET, "9"), operation)
    assert found == code
    assert told in (message or "")
    assert not any(source in {OF_BROKER, OF_ALL} for _, source in (await configs(wire, BROKER)).values())


async def test_a_change_is_only_checked_where_the_request_says_so(wire: Wire):
    assert await change(wire, ALL, ("log.roll.ms", SET, "9"), validate_only=True) == (0, None)
    assert (await change(wire, ALL, ("log.roll.ms", SET, "x"), validate_only=True))[0] == INVALID
    assert await configs(wire, ALL) == {}


async def test_what_does_not_go_with_what_a_topic_sets_is_refused_and_says_which(wire: Wire):
    await create(wire, "orders", configs={"max.compaction.lag.ms": "5"})
    code, message = await change(wire, ALL, ("log.cleaner.min.compaction.lag.ms", SET, "6"))
    assert code == INVALID
    assert "topic 'orders'" in (message or "")
    assert await configs(wire, ALL) == {}


async def test_a_change_that_cannot_be_written_is_not_made(wire: Wire, disk: Disk):
    await create(wire, "orders")
    disk.is_broken = True
    code, message = await change(wire, ALL, ("message.max.bytes", SET, "1000"))
    assert (code, bool(message)) == (STORAGE, True)
    assert await configs(wire, ALL) == {}


async def test_changes_made_at_the_same_time_are_all_made(broker: gomq.Broker, wire: Wire):
    names = {"log.roll.ms": "11", "log.retention.ms": "12", "log.retention.bytes": "13", "log.segment.bytes": "1014"}

    async def work(name: str, value: str) -> None:
        async with connect(broker.address) as other:
            assert await change(other, ALL, (name, SET, value)) == (0, None)
            await create(other, f"topic-{name}")

    async with anyio.create_task_group() as group:
        for name, value in names.items():
            group.start_soon(work, name, value)
    assert {name: value for name, (value, _) in (await configs(wire, ALL)).items()} == names
    for name in names:
        (segment,) = (await describe(wire, f"topic-{name}", "segment.bytes")).configs
        assert (segment.value, segment.config_source) == ("1014", OF_ALL)


async def test_old_messages_go_once_the_broker_is_told_so(data: Path):
    async with running(data, retention_check_interval=0.02, log=LogConfig(segment_bytes=2000)) as wire:
        await create(wire, "orders", "kept", configs={"segment.bytes": "2000"})
        await set_config(wire, "kept", "retention.bytes", "-1")
        for topic in ("orders", "kept"):
            for _ in range(3):
                await produce(wire, topic, bytes(1500))
        assert await change(wire, ALL, ("log.retention.bytes", SET, "1")) == (0, None)
        with anyio.fail_after(DEADLINE):
            while (await bounds(wire, "orders"))[0] == 0:  # noqa: ASYNC110 - only the broker knows when
                await anyio.sleep(0.01)
        assert await bounds(wire, "kept") == (0, 3)


async def known_producers(wire: Wire) -> int:
    wanted = [{"name": "orders", "partition_indexes": (0,)}]
    answer = await wire.ask(Api.DESCRIBE_PRODUCERS, topics=wanted)
    return len(answer.topics[0].partitions[0].active_producers)


async def test_silent_producers_are_forgotten_once_the_broker_is_told_so_and_after_a_restart(data: Path):
    settings: dict[str, Any] = {"retention_check_interval": 0.02, "producer_id_expiration_ms": 2**62}
    for number in range(2):
        async with running(data, **settings) as wire:
            await create(wire, "orders")
            await send(wire, "orders", sequenced(number, 0, b"x"))
            if number == 0:
                assert await known_producers(wire) == 1
                assert await change(wire, BROKER, ("producer.id.expiration.ms", SET, "1")) == (0, None)
            with anyio.fail_after(DEADLINE):
                while await known_producers(wire):  # noqa: ASYNC110 - only the broker knows when
                    await anyio.sleep(0.01)


async def test_the_number_of_connections_can_be_limited_while_the_broker_runs(broker: gomq.Broker, wire: Wire):
    assert await change(wire, BROKER, ("max.connections.per.ip", SET, "1")) == (0, None)
    async with connect(broker.address) as other:
        assert await other.is_closed()
    assert await change(wire, BROKER, ("max.connections.per.ip", DELETE, None)) == (0, None)
    async with connect(broker.address) as other:
        assert (await other.ask(Api.METADATA, 12, topics=())).topics == ()
