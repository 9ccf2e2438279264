"""The plugin, over the runs of pytest that it is for."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

CONFTEST = """
import pytest

@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param
"""
SUITE = """
import anyio
import gomq.blocking
import pytest
from gomq.testing import BrokerDiedError, BrokerThread

found = {}

def test_a_name_is_legal_unique_and_tells_whose_it_is(gomq_topic, gomq_group, gomq_broker):
    assert gomq_topic.startswith("test_a_name_is_legal_unique_and_tells_whose_it_is-")
    assert gomq_topic in gomq_broker.topics()
    assert gomq_group != gomq_topic

@pytest.mark.parametrize("odd", ["a b/c.d", "x" * 300, "äöü"])
def test_whatever_a_test_is_called(odd, gomq_topic, gomq_broker):
    gomq_broker.publish(gomq_topic, [odd.encode()])

@pytest.mark.gomq_topic(partitions=3, configs={"cleanup.policy": "compact"})
def test_the_mark_says_what_a_topic_is_like(gomq_topic, gomq_bootstrap):
    with gomq.blocking.Admin(gomq_bootstrap) as admin:
        assert len(admin.describe_topic(gomq_topic).partitions) == 3
        assert admin.describe_configs(gomq_topic)["cleanup.policy"].value == "compact"

def test_settings_and_topics_come_from_the_ini_file(gomq_broker):
    assert gomq_broker.topics()[:1] == ["bills"]
    gomq_broker.create_topic("of-four")
    with gomq.blocking.Admin(gomq_broker.address) as admin:
        assert [len(admin.describe_topic(name).partitions) for name in ("bills", "of-four")] == [3, 4]

@pytest.mark.anyio
async def test_clients_for_either_event_loop(gomq_producer, gomq_consumer, gomq_topic, gomq_group):
    async with gomq_producer() as producer:
        await producer.publish(gomq_topic, b"a")
    async with gomq_consumer(gomq_topic) as consumer:
        assert (await anext(consumer)).value == b"a"
    async with gomq_consumer(gomq_topic, group=gomq_group, start="latest") as consumer:
        assert await consumer.take(timeout=0.01) == []

def test_clients_without_one(gomq_blocking_producer, gomq_blocking_consumer, gomq_topic):
    with gomq_blocking_producer() as producer:
        producer.publish(gomq_topic, b"a")
    with gomq_blocking_consumer(gomq_topic) as consumer:
        assert next(consumer).value == b"a"

def test_one_that_leaves_things_in_a_mess(gomq_broker):
    found["address"] = gomq_broker.address
    gomq_broker.faults.fail("*", 19)
    gomq_broker.faults.blackhole()
    gomq_broker.kill()

def test_one_that_leaves_it_paused(gomq_broker, gomq_topic):
    assert gomq_broker.address == found["address"]
    gomq_broker.pause()

def test_the_next_finds_it_as_it_should_be(gomq_broker, gomq_topic):
    assert gomq_broker.faults.seen == []
    with gomq.blocking.Producer(gomq_broker.address) as producer:
        producer.publish(gomq_topic, b"a")

def test_one_in_which_the_broker_dies(gomq_broker):
    async def break_down():
        life._broker._group.start_soon(fail)

    async def fail():
        raise ZeroDivisionError("a fault of the broker's own")

    life = gomq_broker._running
    life.portal.call(break_down)
    with pytest.raises(ZeroDivisionError):
        life._future.result()

def test_one_after_the_broker_has_died(gomq_broker, gomq_topic):
    gomq_broker.publish(gomq_topic, [b"a"])

def test_one_that_fails_elsewhere(gomq_broker, gomq_topic, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    gomq_broker.publish(gomq_topic, [b"evidence"])
    assert gomq_broker.records(gomq_topic) == []

@pytest.fixture
def fails_at_the_start(gomq_broker):
    gomq_broker.faults.fail("*", 19)
    raise LookupError

def test_one_whose_fixture_fails(fails_at_the_start):
    pass

@pytest.fixture
def fails_at_the_end(gomq_broker):
    yield
    raise LookupError

def test_one_that_cannot_be_torn_down(fails_at_the_end):
    pass

def test_one_that_asks_for_it_by_name(request):
    request.getfixturevalue("gomq_broker").faults.fail("*", 19)

@pytest.mark.gomq_topic(3)
def test_a_mark_that_cannot_be(gomq_topic):
    pass

@pytest.fixture
def undisturbed():
    yield
    found["torn down"] = True

def test_one_that_leaves_data_that_no_broker_takes(undisturbed, gomq_broker):
    gomq_broker.kill()
    found["identity"] = (gomq_broker.data / "meta.properties").read_bytes()
    (gomq_broker.data / "meta.properties").write_bytes(b"nonsense")

def test_its_own_fixtures_are_torn_down_all_the_same(gomq_broker):
    assert found["torn down"]
    (gomq_broker.data / "meta.properties").write_bytes(found["identity"])

def test_no_fault_is_left(gomq_broker, gomq_topic):
    with gomq.blocking.Producer(gomq_broker.address) as producer:
        producer.publish(gomq_topic, b"a")

class TestOfItsOwn:
    @pytest.fixture
    def gomq_broker(self):
        with BrokerThread(topics={"mine": 1}) as broker:
            yield broker

    def test_a_broker_can_be_replaced(self, gomq_broker, gomq_topic, gomq_bootstrap):
        assert gomq_broker.topics() == sorted(["mine", gomq_topic])
        assert gomq_bootstrap != found["address"]
"""
INI = """
[pytest]
gomq_topics =
    bills: 3
gomq_settings =
    partitions = 4
    auto.create.topics.enable = false
"""


def test_a_suite_with_the_plugin(pytester: pytest.Pytester):
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(test_suite=SUITE)
    pytester.makefile(".ini", pytest=INI)
    kept = pytester.path / "kept"

    result = pytester.runpytest_inprocess(
        "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:timeout", "--gomq-keep-data", "kept"
    )

    result.assert_outcomes(passed=20, failed=1, errors=5)
    said = result.stdout.str()
    assert "BrokerDiedError: the broker has died: ZeroDivisionError" in said
    assert 'raise ZeroDivisionError("a fault' in said, "with the traceback of what it has died of"
    names = [re.sub(".*-test_", "", path.name) for path in kept.iterdir()]
    assert sorted(names) == [
        "a_mark_that_cannot_be", "one_in_which_the_broker_dies", "one_that_cannot_be_torn_down",
        "one_that_fails_elsewhere", "one_that_leaves_data_that_no_broker_takes", "one_whose_fixture_fails",
    ]  # fmt: skip
    assert said.count("the broker's data") == len(names)
    copy = kept / "test_suite-py-test_one_that_fails_elsewhere"
    assert f"gomq-dump {copy}" in said
    assert any(b"evidence" in log.read_bytes() for log in copy.glob("test_one_that_fails_elsewhere-*/*.log"))


WORKERS = """
import json, os, pathlib, pytest

@pytest.mark.parametrize("number", range(4))
def test_names(number, gomq_topic, gomq_group, gomq_broker):
    told = {"topic": gomq_topic, "group": gomq_group, "address": gomq_broker.address, "data": str(gomq_broker.data)}
    (pathlib.Path(os.environ["TOLD"]) / f"{number}.json").write_text(json.dumps(told))
"""


@pytest.mark.soak
def test_each_xdist_worker_has_a_broker_and_names_of_its_own(pytester: pytest.Pytester, tmp_path: Path):
    pytester.makepyfile(test_workers=WORKERS)
    environment = {**os.environ, "TOLD": str(tmp_path), "PYTHONPATH": ""}

    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", str(pytester.path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=50)

    assert done.returncode == 0, done.stdout
    told = [json.loads(path.read_text()) for path in sorted(tmp_path.glob("*.json"))]
    assert len(told) == 4
    assert len({each["topic"] for each in told}) == len({each["group"] for each in told}) == 4
    assert len({each["address"] for each in told}) == 2
    assert {each["topic"].split("-")[-2] for each in told} == {"gw0", "gw1"}
    assert not any(Path(each["data"]).exists() for each in told)


def test_names_tell_which_worker_they_are_of(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw7")
    pytester.makepyfile("def test_it(gomq_topic, gomq_group): assert '-gw7-' in gomq_topic and '-gw7-' in gomq_group")

    pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:timeout").assert_outcomes(passed=1)


IMPORTS = """
import pytest, sys
before = set(sys.modules)
import gomq.testing.plugin
print(*sorted(set(sys.modules) - before))
"""


def test_whoever_has_gomq_installed_pays_for_no_more_than_the_plugin():
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["gomq", "gomq._version", "gomq.testing", "gomq.testing.plugin"]


@pytest.mark.parametrize(
    ("ini", "words"),
    [
        ("gomq_settings = nonsense", "gomq_settings: 'nonsense' is not of the form NAME = VALUE"),
        ("gomq_topics = orders: x", "gomq_topics: 'orders: x' is not of the form"),
        ("gomq_settings = no.such = 1", "there is no setting 'no.such'"),
    ],
)
def test_an_ini_file_that_cannot_be_is_told(pytester: pytest.Pytester, ini: str, words: str):
    pytester.makepyfile("def test(gomq_broker): pass")
    pytester.makefile(".ini", pytest=f"[pytest]\n{ini}")

    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:timeout")

    result.assert_outcomes(errors=1)
    assert words in result.stdout.str()


FAULTY = """
from gomq.broker import dispatch
from gomq.protocol.api import Api

def test_whose_client_notices_nothing(gomq_broker, gomq_topic, gomq_blocking_producer, monkeypatch):
    real = dispatch._HANDLERS[Api.PRODUCE]

    async def broken(*_):
        dispatch._HANDLERS[Api.PRODUCE] = real
        raise ZeroDivisionError("a fault of the broker's own")

    monkeypatch.setitem(dispatch._HANDLERS, Api.PRODUCE, broken)
    with gomq_blocking_producer() as producer:
        producer.publish(gomq_topic, b"a")
    assert [message.value for message in gomq_broker.records(gomq_topic)] == [b"a"]

def test_the_next(gomq_broker):
    pass
"""


def test_a_fault_in_a_handler_is_a_warning_however_well_the_client_takes_it(pytester: pytest.Pytester):
    pytester.makepyfile(FAULTY)

    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:timeout", "-W", "default")

    result.assert_outcomes(passed=2, warnings=1)
    result.stdout.fnmatch_lines(["*BrokerFaultWarning: the broker has met a fault of its own, please report it: *"])
    result.stdout.fnmatch_lines(['*raise ZeroDivisionError("a fault of the broker\'s own")'])


def test_a_fault_in_a_handler_fails_the_test_where_warnings_do(pytester: pytest.Pytester):
    pytester.makepyfile(FAULTY)

    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:timeout", "-W", "error")

    result.assert_outcomes(passed=2, errors=1)
