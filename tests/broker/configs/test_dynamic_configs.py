"""What requests set for the broker: on two levels, as a whole or not at all, and what a restart makes of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gomq.broker.config import BrokerConfig
from gomq.broker.configs.dynamic_configs import ALL_BROKERS, DYNAMIC, DynamicConfigs, metadata_key
from gomq.broker.configs.running_config import RunningConfig
from gomq.broker.configs.settings import BY_KAFKA_NAME, SETTINGS
from gomq_storage.config import LogConfig

BROKER = "1"


class Remembered:
    """As much of the metadata log as is read at a start."""

    def __init__(self, **configs: Mapping[str, str]) -> None:
        self.values: dict[str, dict[str, Any]] = {
            metadata_key(name.removeprefix("broker")): {"configs": dict(each)} for name, each in configs.items()
        }


def started(**log: Any) -> RunningConfig:
    return RunningConfig(BrokerConfig(data=Path("data"), log=LogConfig(**log)))


def retention(running: RunningConfig) -> int | None:
    return running.current.log.retention_ms


def test_what_is_set_for_the_broker_counts_more_than_for_all_and_both_more_than_the_start():
    running = started(retention_ms=1)
    dynamic = DynamicConfigs(running)
    assert dynamic.broker == BROKER
    dynamic.take(ALL_BROKERS, {"log.retention.ms": "2"})
    assert retention(running) == 2
    dynamic.take(BROKER, {"log.retention.ms": "3"})
    assert retention(running) == 3
    dynamic.take(ALL_BROKERS, {"log.retention.ms": "4"})
    assert retention(running) == 3
    dynamic.take(BROKER, {})
    assert retention(running) == 4
    dynamic.take(ALL_BROKERS, {})
    assert retention(running) == 1


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("colour", "blue", "the broker has no config 'colour'"),
        ("x" * 30_000, "1", "the broker has no config 'xxx"),
        ("log.dirs", "elsewhere", "log.dirs cannot be changed while the broker runs"),
        ("num.partitions", "2", "num.partitions cannot be changed while the broker runs"),
        ("compression.type", "zstd", "compression.type cannot be changed: it is always producer"),
        ("log.retention.ms", "soon", "log.retention.ms must be an integer"),
        ("log.segment.bytes", "13", "log.segment.bytes must be an integer from 14"),
        ("log.cleaner.backoff.ms", "0", "log.cleaner.backoff.ms must be a whole number"),
    ],
)
@pytest.mark.parametrize("resource", [ALL_BROKERS, BROKER])
def test_what_cannot_be_set_changes_nothing(resource: str, name: str, value: str, told: str):
    running = started(retention_ms=1)
    dynamic = DynamicConfigs(running)
    dynamic.take(BROKER, {name: "5"} if name == "log.retention.ms" else {})
    before = running.current
    with pytest.raises(ValueError, match=told) as caught:
        dynamic.take(resource, {"log.roll.ms": "9", name: value})
    assert len(str(caught.value)) < 400
    assert (running.current, dynamic.of(ALL_BROKERS)) == (before, {})


def test_both_levels_together_must_make_sense():
    dynamic = DynamicConfigs(started())
    dynamic.take(ALL_BROKERS, {"log.cleaner.min.compaction.lag.ms": "10"})
    with pytest.raises(ValueError, match=r"log\.cleaner\.max\.compaction\.lag\.ms must be"):
        dynamic.take(BROKER, {"log.cleaner.max.compaction.lag.ms": "5"})
    assert dynamic.of(BROKER) == {}


def test_what_no_longer_can_be_is_passed_over_at_a_start_and_the_rest_is_set():
    running = started()
    dynamic = DynamicConfigs(running)
    remembered: Any = Remembered(
        broker={"log.retention.ms": "2", "colour": "blue"},
        broker1={"log.segment.bytes": "1", "log.roll.ms": "9"},
    )
    problems = list(dynamic.restore(remembered))
    assert len(problems) == 2
    assert (running.current.log.retention_ms, running.current.log.segment_ms) == (2, 9)
    assert dynamic.of(ALL_BROKERS) == {"log.retention.ms": "2"}


def test_what_only_makes_sense_together_is_restored_together():
    running = started(min_compaction_lag_ms=50)
    remembered: Any = Remembered(
        broker={"log.cleaner.max.compaction.lag.ms": "20", "log.cleaner.min.compaction.lag.ms": "10"}
    )
    assert list(DynamicConfigs(running).restore(remembered)) == []
    assert (running.current.log.min_compaction_lag_ms, running.current.log.max_compaction_lag_ms) == (10, 20)


def test_whatever_may_be_set_can_change_while_the_broker_runs():
    assert all(BY_KAFKA_NAME[name].is_reloadable for name in DYNAMIC)
    assert {setting.wire_name for setting in SETTINGS if setting.field.startswith("log.")} <= DYNAMIC
    assert {"log.cleaner.backoff.ms", "producer.id.expiration.ms", "message.max.bytes", "max.connections"} <= DYNAMIC
