"""ListConfigResources: what DescribeConfigs can be asked about."""

import pytest

from gomq.protocol.api import Api
from tests.support.topics import create
from tests.support.wire import Wire

UNSUPPORTED_VERSION = 35
TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP = 2, 4, 8, 16, 32


async def listed(wire: Wire, *types: int) -> set[tuple[int, str]]:
    answer = await wire.ask(Api.LIST_CONFIG_RESOURCES, 1, resource_types=types)
    assert answer.error_code == 0
    return {(each.resource_type, each.resource_name) for each in answer.config_resources}


async def test_topics_and_the_broker_have_configs(wire: Wire):
    await create(wire, "orders", "bills")
    topics = {(TOPIC, "orders"), (TOPIC, "bills")}
    assert await listed(wire, TOPIC) == topics
    assert await listed(wire, BROKER, TOPIC) == {(BROKER, "1")} | topics
    assert await listed(wire, BROKER_LOGGER, CLIENT_METRICS, GROUP) == set()
    assert await listed(wire) == {(BROKER, "1")} | topics


async def test_version_0_lists_subscriptions_to_clients_metrics_of_which_there_are_none(wire: Wire):
    await create(wire, "orders")
    answer = await wire.ask(Api.LIST_CONFIG_RESOURCES, 0)
    assert (answer.error_code, answer.config_resources) == (0, ())


@pytest.mark.parametrize("unknown", [0, 1, 64, -1])
async def test_a_type_that_is_not_known_is_not_supported(wire: Wire, unknown: int):
    answer = await wire.ask(Api.LIST_CONFIG_RESOURCES, 1, resource_types=(TOPIC, unknown))
    assert (answer.error_code, answer.config_resources) == (UNSUPPORTED_VERSION, ())
