"""Brokers for the tests of this directory: a real Kafka, and ``gomq serve``."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.clients import ServedBroker
from tests.support.brokers import broker_process
from tests.support.kafka import Kafka, require_kafka, run_kafka


@pytest.fixture(scope="session")
def kafka_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """Apache Kafka, started once for all tests."""
    require_kafka()
    with run_kafka(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedBroker]:
    """``gomq serve``, started once for all tests: each uses topics of its own. None may make it
    log a warning, such as that it closed a connection."""
    yield from _serve(tmp_path_factory.mktemp("served") / "data")


@pytest.fixture(scope="session")
def served_without_auto_create(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedBroker]:
    """Another one, which creates no topic unless it is told to."""
    yield from _serve(tmp_path_factory.mktemp("served") / "data", "--no-auto-create")


@pytest.fixture
def topic(request: pytest.FixtureRequest) -> str:
    """A topic name that no other test uses."""
    name = f"{request.path.stem}.{request.node.name}"
    return name.replace("[", "-").replace("]", "")[-200:]


def _serve(data: Path, *options: str) -> Iterator[ServedBroker]:
    with broker_process(data, "--log-format", "json", *options) as broker:
        yield ServedBroker(broker.address, data)
        assert broker.terminate() == 0
    lines = data.with_name("data.stderr").read_text().splitlines()
    assert [line for line in lines if json.loads(line)["level"] not in {"debug", "info"}] == []
