"""A real Kafka broker for the tests of this directory."""

from collections.abc import Iterator

import pytest

from tests.support.kafka import Kafka, require_kafka, run_kafka


@pytest.fixture(scope="session")
def kafka_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """Apache Kafka, started once for all tests."""
    require_kafka()
    with run_kafka(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker
