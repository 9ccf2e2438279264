"""Clients' metrics (KIP-714): nobody wants any, and a client that asks all the same is told so."""

from uuid import UUID

import pytest

from gomq.broker.telemetry import MAX_BYTES, subscription_id
from gomq.protocol.api import Api
from tests.support.wire import Wire

INVALID, UNSUPPORTED_COMPRESSION, UNKNOWN_SUBSCRIPTION, TOO_LARGE = 42, 76, 117, 118
CLIENT = UUID("0f0e0d0c-0b0a-0908-0706-050403020100")


async def push(
    wire: Wire, client: UUID | None = CLIENT, *, subscription: int | None = None, codec: int = 0, metrics: bytes = b""
) -> int:
    if subscription is None:
        subscription = subscription_id(client or CLIENT)
    answer = await wire.ask(
        Api.PUSH_TELEMETRY,
        client_instance_id=client,
        subscription_id=subscription,
        terminating=False,
        compression_type=codec,
        metrics=metrics,
    )
    return int(answer.error_code)


async def test_no_metrics_are_subscribed_to(wire: Wire):
    answer = await wire.ask(Api.GET_TELEMETRY_SUBSCRIPTIONS, client_instance_id=None)
    assert (answer.error_code, answer.requested_metrics) == (0, ())
    assert answer.client_instance_id is not None
    assert sorted(answer.accepted_compression_types) == [1, 2, 3, 4]
    assert answer.push_interval.total_seconds() == 300
    again = await wire.ask(Api.GET_TELEMETRY_SUBSCRIPTIONS, client_instance_id=answer.client_instance_id)
    assert (again.client_instance_id, again.subscription_id) == (answer.client_instance_id, answer.subscription_id)
    assert await push(wire, answer.client_instance_id, subscription=answer.subscription_id, metrics=b"x") == 0


@pytest.mark.parametrize("client", [None, UUID(int=1)])
async def test_a_client_without_an_id_of_its_own_cannot_push(wire: Wire, client: UUID | None):
    assert await push(wire, client) == INVALID


async def test_what_does_not_fit_the_subscription_is_refused(wire: Wire):
    assert await push(wire, subscription=subscription_id(CLIENT) ^ 1) == UNKNOWN_SUBSCRIPTION
    assert await push(wire, codec=5) == UNSUPPORTED_COMPRESSION
    assert await push(wire, metrics=bytes(MAX_BYTES + 1)) == TOO_LARGE
