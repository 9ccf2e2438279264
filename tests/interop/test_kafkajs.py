"""KafkaJS, the client of programs that run on Node.js."""

import pytest

from tests.interop.clients import ServedBroker, assert_compressed, records_in
from tests.support.foreign import kafkajs, require_kafkajs

COUNT = 500


@pytest.fixture(autouse=True)
def _kafkajs() -> None:
    require_kafkajs()


def message(offset: int) -> list[object]:
    """What stands at an offset, after the same messages were sent again and again."""
    number = offset % COUNT
    return [offset, str(number % 7), f"message {number}", str(number)]


def test_a_group_gets_what_it_publishes_and_goes_on_where_it_was(served: ServedBroker, topic: str):
    assert kafkajs("produce", served.address, topic, COUNT) == [0, COUNT]
    assert kafkajs("consume", served.address, topic, 2 * COUNT) == list(map(message, range(2 * COUNT)))

    kafkajs("produce", served.address, topic, COUNT)

    found = kafkajs("consume", served.address, topic, 2 * COUNT)
    assert found == list(map(message, range(2 * COUNT, 4 * COUNT)))
    assert_compressed(served.partition(topic), "gzip")
    assert len(records_in(served.partition(topic))) == 4 * COUNT


def test_its_admin_client_makes_changes_describes_and_deletes_topics(served: ServedBroker, topic: str):
    assert kafkajs("admin", served.address, topic) == {
        "isNew": True,
        "isNewAgain": False,
        "partitions": [0, 1, 2],
        "segmentBytes": "1048576",
        "offsets": [[0, "0", "0"], [1, "0", "0"], [2, "0", "0"]],
        "brokers": [[1, served.address]],
        "controller": 1,
        "isLeft": False,
    }
