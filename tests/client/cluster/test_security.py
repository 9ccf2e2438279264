"""The seam for TLS and SASL: plaintext is all there is, and nothing else is taken for it."""

from typing import Any

import pytest

import gomq
from gomq.client.cluster.security import Security
from gomq.client.cluster.settings import ConnectionSettings
from gomq.errors import ConfigurationError


@pytest.mark.parametrize("protocol", ["ssl", "SASL_SSL", "sasl_plaintext", "tls", ""])
def test_what_is_not_there_is_refused_with_what_is(protocol: Any):
    with pytest.raises(ConfigurationError, match=r"is not available: this version connects in plaintext only"):
        Security(protocol=protocol)


@pytest.mark.parametrize(
    "client", [gomq.Producer, gomq.Admin, lambda a, security: gomq.Consumer(a, "t", security=security)]
)
@pytest.mark.parametrize("security", ["plaintext", {"protocol": "plaintext"}, 1])
def test_what_is_no_security_is_refused_by_every_client(client: Any, security: Any):
    with pytest.raises(ConfigurationError, match="security must be a Security, not "):
        client("localhost", security=security)


async def test_plaintext_is_what_clients_use_unless_told_otherwise(broker: gomq.Broker):
    assert ConnectionSettings().security == Security()
    async with gomq.Producer(broker.address, security=Security(protocol="plaintext")) as producer:
        assert (await producer.publish("orders", b"x")).offset == 0
