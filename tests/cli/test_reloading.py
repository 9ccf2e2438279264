"""SIGHUP, as the operator of `gomq serve --config FILE` meets it."""

import json
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from gomq.cli.main import main
from tests.support.brokers import BrokerProcess, broker_process
from tests.support.polling import wait_until

RetentionOf: TypeAlias = Callable[[BrokerProcess, str], str]


def events_of(data: Path) -> list[Mapping[str, Any]]:
    return [json.loads(line) for line in data.with_name("data.stderr").read_text().splitlines()]


def reload(broker: BrokerProcess, data: Path, text: str) -> list[Mapping[str, Any]]:
    """Change the file, have it read again, and return what is logged about it."""
    before = len(events_of(data))
    data.with_name("gomq.toml").write_text(text)
    broker.process.send_signal(signal.SIGHUP)
    wait_until(lambda: len(events_of(data)) > before)
    return events_of(data)[before:]


@pytest.fixture
def retention_of(capfdbinary: pytest.CaptureFixture[bytes]) -> RetentionOf:
    """Ask a broker for a topic's retention.ms."""

    def ask(broker: BrokerProcess, topic: str) -> str:
        capfdbinary.readouterr()
        assert main(["topic", "describe", topic, "--configs", "--format", "json", "-b", broker.address]) == 0
        value: str = json.loads(capfdbinary.readouterr().out)["configs"]["retention.ms"]
        return value

    return ask


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_what_may_change_does_and_the_rest_waits_for_a_restart(data: Path, backend: str, retention_of: RetentionOf):
    file = data.with_name("gomq.toml")
    file.write_text("log.retention.ms = 1000000\n")
    with broker_process(data, "--config", str(file), "--backend", backend) as broker:
        assert main(["topic", "create", "orders", "-b", broker.address]) == 0
        assert retention_of(broker, "orders") == "1000000"

        told = reload(broker, data, 'log.retention.ms = 2000000\nflush = "never"\nlog_format = "console"\n')
        wait_until(lambda: len(events_of(data)) >= 3)
        told = events_of(data)[1:]

        assert [event["event"] for event in told] == ["config.reloaded", "config.needs_restart"]
        assert told[0]["changed"] == ["log.retention.ms"]
        assert told[1]["settings"] == ["flush", "log_format"]
        assert retention_of(broker, "orders") == "2000000"
        assert broker.terminate() == 0


@pytest.mark.parametrize("text", ["log.retention.ms = 'soon'\n", "= not TOML", 'advertise = "NOBODY://x:1"\n'])
def test_a_file_that_is_not_right_changes_nothing_and_is_logged(data: Path, text: str, retention_of: RetentionOf):
    file = data.with_name("gomq.toml")
    file.write_text("log.retention.ms = 1000000\n")
    with broker_process(data, "--config", str(file)) as broker:
        assert main(["topic", "create", "orders", "-b", broker.address]) == 0

        (event,) = reload(broker, data, text)

        assert (event["event"], event["level"]) == ("config.reload_failed", "error")
        assert event["consequence"] == "nothing was changed"
        assert retention_of(broker, "orders") == "1000000"


def test_a_file_that_is_gone_is_logged_and_one_that_is_back_is_read(data: Path):
    file = data.with_name("gomq.toml")
    file.write_text("")
    with broker_process(data, "--config", str(file)) as broker:
        file.unlink()
        broker.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(events_of(data)) == 2)
        assert events_of(data)[1]["reason"] == f"config file {file}: No such file or directory"

        (event,) = reload(broker, data, 'log_level = "warning"\n')
        assert (event["event"], event["changed"]) == ("config.reloaded", ["log_level"])
        assert broker.terminate() == 0
    assert "broker.stopped" not in {event["event"] for event in events_of(data)}, "only warnings are logged now"


def test_a_flag_counts_before_what_the_file_says_now(data: Path, retention_of: RetentionOf):
    file = data.with_name("gomq.toml")
    file.write_text("")
    with broker_process(data, "--config", str(file), "--log-retention-ms", "5000000") as broker:
        assert main(["topic", "create", "orders", "-b", broker.address]) == 0

        (event,) = reload(broker, data, "log.retention.ms = 1\n")

        assert event["changed"] == []
        assert retention_of(broker, "orders") == "5000000"


def test_without_a_file_the_terminal_is_gone_and_the_broker_stops_in_order(data: Path):
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests themselves may be behind nohup
    try:
        with broker_process(data) as broker:
            os.kill(broker.process.pid, signal.SIGHUP)

            assert broker.process.wait(30) == 0
    finally:
        signal.signal(signal.SIGHUP, before)
    assert events_of(data)[-1]["clean"] is True
