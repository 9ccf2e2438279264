"""`gomq config get|set|unset`: the settings of a broker that runs."""

import json
from collections.abc import Iterator

import pytest

from tests.cli.conftest import RunGomq

SETTING = "log.cleaner.backoff.ms"


@pytest.fixture(autouse=True)
def _as_before(run_gomq: RunGomq) -> Iterator[None]:
    yield
    assert run_gomq("config", "unset", SETTING).code == 0
    assert run_gomq("config", "unset", SETTING, "--all-brokers").code == 0


def value(run_gomq: RunGomq, *options: str) -> tuple[str, str]:
    entry = json.loads(run_gomq("config", "get", SETTING, "--format", "json", *options).out)
    return entry["value"], entry["source"]


def test_a_setting_is_changed_while_the_broker_runs_and_taken_back(run_gomq: RunGomq):
    before, source = value(run_gomq)
    assert source == "default"

    assert run_gomq("config", "set", f"{SETTING}=4321").code == 0
    assert value(run_gomq) == ("4321", "dynamic_broker")
    changed = run_gomq("config", "get", "--changed").out.decode().splitlines()
    assert [line.split() for line in changed] == [["NAME", "VALUE", "SOURCE"], [SETTING, "4321", "dynamic-broker"]]

    assert run_gomq("config", "unset", SETTING, "--node", "1").code == 0
    assert value(run_gomq) == (before, "default")


def test_what_is_set_for_all_brokers_counts_behind_a_brokers_own(run_gomq: RunGomq):
    run_gomq("config", "set", f"{SETTING}=1000", "--all-brokers")
    assert value(run_gomq) == ("1000", "dynamic_default_broker")
    run_gomq("config", "set", f"{SETTING}=2000", "--node", "1")

    assert value(run_gomq) == ("2000", "dynamic_broker")
    assert value(run_gomq, "--all-brokers") == ("1000", "dynamic_default_broker")


def test_a_change_can_be_tried(run_gomq: RunGomq):
    before = value(run_gomq)

    ran = run_gomq("config", "set", f"{SETTING}=4321", "--validate-only")

    assert (ran.code, ran.err) == (0, "that can be done; nothing was changed\n")
    assert value(run_gomq) == before


def test_settings_go_by_our_names_too(run_gomq: RunGomq):
    entry = json.loads(run_gomq("config", "get", "flush", "--format", "json").out)

    assert (entry["name"], entry["value"]) == ("gomq.flush", "always")
    assert entry["documentation"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("set", f"{SETTING}=soon"), 1, "must be a whole number of milliseconds"),
        (("set", "flush=never"), 1, "gomq.flush cannot be changed while the broker runs"),
        (("set", "colour=blue"), 1, "'colour'"),
        (("set", f"{SETTING}=1", f"{SETTING}=2"), 2, "a setting is named twice"),
        (("set", "flush_interval=1", "flush-interval=2"), 2, "a setting is named twice"),
        (("unset", "log.retention.mss"), 1, "no setting 'log.retention.mss'; did you mean log.retention.ms"),
        (("unset", "qqqq", "--all-brokers"), 1, "no setting 'qqqq'"),
        (("set", SETTING), 2, "not of the form NAME=VALUE"),
        (("get", "log.retention.mss"), 1, "no setting 'log.retention.mss'; did you mean log.retention.ms"),
        (("get", "qqqq"), 1, "`gomq config get` lists all that there are"),
        (("get", "--node", "7"), 2, "there is no broker 7: the cluster has 1"),
        (("get", "--node", "1", "--all-brokers"), 2, "give one of them"),
    ],
)
def test_what_cannot_be_is_one_line(run_gomq: RunGomq, arguments: tuple[str, ...], code: int, message: str):
    ran = run_gomq("config", *arguments)

    assert ran.code == code
    assert message in ran.err
    assert len(ran.err.splitlines()) == 1
