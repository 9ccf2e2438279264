"""Sarama, the older client of programs written in Go, as one for Kafka 2.1 and as one for 4.3."""

import pytest

from tests.interop.clients import CODECS, ServedBroker, batches_in, records_in
from tests.support.foreign import require_sarama, sarama

COUNT = 300
ALL = len(CODECS) * COUNT

pytestmark = pytest.mark.parametrize("version", ["2.1.0", "4.3.1"])


@pytest.fixture(autouse=True)
def _sarama() -> None:
    require_sarama()


def test_a_group_gets_what_it_publishes_with_each_codec_and_goes_on_where_it_was(
    served: ServedBroker, topic: str, version: str
):
    first = sarama("produce", served.address, topic, version, COUNT)
    assert first == {codec: CODECS.index(codec) * COUNT for codec in CODECS}

    found = [*sarama("consume", served.address, topic, version, 100)]
    found += sarama("consume", served.address, topic, version, ALL - 100)

    assert found == [
        [first[codec] + number, str(number % 7), f"message {number}", codec]
        for codec in CODECS
        for number in range(COUNT)
    ]
    assert len(records_in(served.partition(topic))) == ALL
    assert {batch["codec"] for batch in batches_in(served.partition(topic))} == set(CODECS)


def test_two_members_share_a_topic_and_one_takes_over_what_the_other_leaves(
    served: ServedBroker, topic: str, version: str
):
    assert sarama("share", served.address, topic, version) == {"state": "Stable", "protocol": "sticky", "members": 2}


def test_its_admin_client_makes_changes_describes_and_deletes_topics(served: ServedBroker, topic: str, version: str):
    found = sarama("admin", served.address, topic, version)

    assert "already exists" in found.pop("again")
    assert found == {
        "partitions": 3,
        "configs": {"retention.ms": "3600000"},  # AlterConfigs takes away what it does not name
        "broker": served.address,
        "directories": 1,
        "isLeft": False,
    }
