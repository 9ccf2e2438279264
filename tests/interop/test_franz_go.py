"""franz-go, the client of programs written in Go."""

import pytest

from tests.interop.clients import CODECS, ServedBroker, batches_in, records_in
from tests.support.foreign import franz_go, require_franz_go

COUNT = 300
ALL = len(CODECS) * COUNT


@pytest.fixture(autouse=True)
def _franz_go() -> None:
    require_franz_go()


def test_a_group_gets_what_it_publishes_with_each_codec(served: ServedBroker, topic: str):
    first = franz_go("produce", served.address, topic, COUNT)
    assert sorted(first) == sorted(CODECS)
    assert sorted(first.values()) == [COUNT * number for number in range(len(CODECS))]

    found = franz_go("consume", served.address, topic, ALL)

    assert found == [
        [first[codec] + number, str(number % 7), f"message {number}", codec]
        for codec in sorted(first, key=lambda name: first[name])
        for number in range(COUNT)
    ]
    assert len(records_in(served.partition(topic))) == ALL
    assert {batch["codec"] for batch in batches_in(served.partition(topic))} == set(CODECS)


def test_a_group_goes_on_where_it_was_and_its_lag_is_seen(served: ServedBroker, topic: str):
    franz_go("produce", served.address, topic, COUNT)

    franz_go("consume", served.address, topic, 100)
    assert franz_go("lag", served.address, topic) == {"state": "Empty", "committed": 100, "end": ALL, "lag": ALL - 100}
    found = franz_go("consume", served.address, topic, ALL - 100)

    assert [offset for offset, *_ in found] == list(range(100, ALL))


def test_its_admin_client_makes_changes_describes_and_deletes_topics(served: ServedBroker, topic: str):
    found = franz_go("admin", served.address, topic)

    assert "TOPIC_ALREADY_EXISTS" in found.pop("again")
    assert found == {
        "partitions": [0, 1, 2],
        "configs": {"segment.bytes": "1048576", "retention.ms": "3600000"},
        "brokers": [[1, served.address]],
        "isLeft": False,
    }
