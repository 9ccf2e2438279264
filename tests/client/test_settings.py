"""Settings are checked when a client is made, and the message says what would do."""

from collections.abc import Callable
from math import inf, nan
from typing import Any

import pytest

import gomq
from gomq.client.cluster.settings import ConnectionSettings
from gomq.client.consuming.settings import ConsumerSettings
from gomq.client.producing.settings import ProducerSettings
from gomq.errors import ConfigurationError


def consumer(**settings: Any) -> gomq.Consumer:
    return gomq.Consumer("localhost", "orders", **settings)


def wrong(value: Any) -> Any:
    """A value of a type that the signature does not allow."""
    return value


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: gomq.Producer(acks=wrong(2)), 'acks must be "all", 1 or 0, not 2'),
        (lambda: gomq.Producer(acks=wrong([])), r'acks must be "all", 1 or 0, not \[\]'),
        (lambda: ProducerSettings(acks=5), "acks must be -1 for all, 1 or 0, not 5"),
        (lambda: gomq.Producer(codec="rar"), "codec must be one of none, gzip, snappy, lz4, zstd, not 'rar'"),
        (lambda: gomq.Producer(linger=-1), "linger must be 0 or more seconds, not -1"),
        (lambda: gomq.Producer(linger=nan), "linger must be 0 or more seconds, not nan"),
        (lambda: gomq.Producer(max_batch_bytes=61), "max_batch_bytes must be more than 61, not 61"),
        (lambda: gomq.Producer(delivery_timeout=0), "delivery_timeout must be more than 0, not 0"),
        (lambda: gomq.Producer(request_timeout=0), "request_timeout must be more than 0, not 0"),
        (lambda: gomq.Producer(request_timeout=inf), "request_timeout must be at most 2147483, not inf"),
        (lambda: ProducerSettings(buffer_bytes=10), "buffer_bytes must be at least max_batch_bytes, not 10"),
        (lambda: ConnectionSettings(client_id="x" * 40_000), "client_id is longer than 32767 bytes"),
        (lambda: ConnectionSettings(first_backoff=-1), "first_backoff must be more than 0, not -1"),
        (lambda: ConnectionSettings(max_response_bytes=1 << 31), "max_response_bytes must be at most 2147483647"),
        (lambda: ConsumerSettings(max_wait=0), "max_wait must be more than 0, not 0"),
        (lambda: ConsumerSettings(fetch_bytes=0), "fetch_bytes must be 1 to 52428800, half of max_response_bytes"),
        (lambda: ConsumerSettings(fetch_bytes=100 << 20), "fetch_bytes must be 1 to 52428800"),
        (lambda: consumer(retry_timeout=nan), "retry_timeout must be more than 0, not nan"),
        (lambda: gomq.Admin(request_timeout=-5), "request_timeout must be more than 0, not -5"),
    ],
)
def test_what_cannot_work_is_refused(make: Callable[[], object], complaint: str):
    with pytest.raises(ConfigurationError, match=complaint):
        make()


@pytest.mark.parametrize("codec", ["zstd", "ZSTD"])
def test_a_codec_goes_by_its_name(codec: str):
    assert gomq.Producer(codec=codec)._settings.codec.name == "ZSTD"


def test_clients_can_be_made_where_no_event_loop_runs():
    assert consumer().partitions == []
    gomq.Producer(delivery_timeout=inf)
    gomq.Admin()
