"""Kafka 2.1's Java client, the oldest that Kafka 4 serves (KIP-896)."""

import pytest

from tests.interop.clients import CODECS, ServedBroker, batches_in, records_in
from tests.support.foreign import oldest_client, require_oldest_client

COUNT = 100
ALL = len(CODECS) * COUNT


@pytest.fixture(autouse=True)
def _oldest_client() -> None:
    require_oldest_client()


def test_it_publishes_with_each_codec_and_its_group_goes_on_where_it_was(served: ServedBroker, topic: str):
    assert oldest_client(served.address, topic, COUNT) == [
        "segment.bytes 1048576",
        "from 0",
        "found {gzip=100, none=100, snappy=50}",
        "from 250",
        "found {lz4=100, snappy=50, zstd=100}",
        "state Empty",
        "is left false",
    ]
    assert len(records_in(served.partition(topic))) == ALL
    assert {batch["codec"] for batch in batches_in(served.partition(topic))} == set(CODECS)
