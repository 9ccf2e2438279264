"""What a running broker goes by: what it was started with, what its file says now, and what requests have set."""

from pathlib import Path
from typing import Any

import pytest

import gomq
from gomq.broker import BrokerConfig
from gomq.broker.configs.running_config import RunningConfig
from gomq.broker.configs.settings import with_values
from gomq.errors import ConfigurationError
from gomq.protocol.api import Api
from gomq_storage.config import LogConfig
from tests.support.configs import value_of
from tests.support.waiting import until
from tests.support.wire import connect, create_values

STARTED = BrokerConfig(data=Path("data"))


@pytest.fixture
def running() -> RunningConfig:
    return RunningConfig(STARTED)


def changed(**values: Any) -> BrokerConfig:
    return with_values(STARTED, values)


def test_what_may_change_does_at_once_and_the_rest_is_named(running: RunningConfig):
    told: list[BrokerConfig] = []
    running.subscribe(told.append)
    wanted = with_values(STARTED, {"log.retention_ms": 5, "default_partitions": 2, "node_id": 7, "listen": ":1"})

    reloaded = running.reload(wanted)

    assert set(reloaded.changed) == {"log.retention.ms", "partitions"}
    assert set(reloaded.needs_restart) == {"listen", "node.id"}
    assert told == [running.current]
    assert running.current == with_values(STARTED, {"log.retention_ms": 5, "default_partitions": 2})


def test_the_same_again_tells_nobody(running: RunningConfig):
    running.subscribe(lambda _: pytest.fail("nothing has changed"))

    reloaded = running.reload(STARTED)

    assert (reloaded.changed, reloaded.needs_restart) == ((), ())


def test_what_requests_have_set_counts_before_the_file(running: RunningConfig):
    running.set_dynamic({"log.retention.ms": "1000"})
    running.reload(with_values(STARTED, {"log.retention_ms": 5}))
    assert running.current.log.retention_ms == 1000

    running.set_dynamic({})
    assert running.current.log.retention_ms == 5


@pytest.mark.parametrize(
    ("configs", "message"),
    [
        ({"no.such.config": "1"}, "the broker has no config 'no.such.config'"),
        ({"log.dirs": "/tmp"}, "log.dirs cannot be changed while the broker runs"),
        ({"num.partitions": "none"}, "num.partitions must be a whole number"),
        ({"num.partitions": "20000"}, "partitions must be 1 to 10000"),
    ],
)
def test_what_requests_may_not_set_changes_nothing(running: RunningConfig, configs: dict[str, str], message: str):
    with pytest.raises(ValueError, match=message):
        running.set_dynamic(configs)
    assert (running.current, dict(running.dynamic)) == (STARTED, {})


def test_a_file_that_does_not_go_with_what_requests_have_set_changes_nothing(running: RunningConfig):
    running.set_dynamic({"num.partitions": "100"})
    before = running.current

    with pytest.raises(ConfigurationError, match="partitions must be 1 to 50, not 100"):
        running.reload(changed(max_partitions_per_topic=50))

    assert running.current == before


async def test_a_broker_goes_by_other_settings_once_it_is_told(data: Path):
    config = BrokerConfig(data=data, listen="127.0.0.1:0", retention_check_interval=60, checkpoint_interval=60)
    async with gomq.Broker(config=config) as broker, connect(broker.address) as wire:
        await wire.ask(Api.CREATE_TOPICS, **create_values("orders"))
        assert broker._state is not None
        (partition,) = broker._state.topics.all_partitions()

        broker.reload(with_values(config, {"log.retention_ms": 5, "default_partitions": 3, "flush_interval": 9.0}))

        assert await value_of(wire, "orders", "retention.ms") == "5"
        assert partition.log.config == LogConfig(retention_ms=5)
        await wire.ask(Api.METADATA, 9, topics=[{"name": "new"}], allow_auto_topic_creation=True)
        new = broker._state.topics.get("new")
        assert new is not None
        assert len(new.partitions) == 3
        await until(lambda: new.partitions[0].log.config.retention_ms == 5)
