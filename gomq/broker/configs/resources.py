"""What has configs, and what these are: topics, this broker, and all brokers together."""

import re
from collections.abc import Mapping
from typing import Final

from kio.schema.errors import ErrorCode

from gomq.broker.configs.broker_configs import broker_config_entries, entries_for_all_brokers
from gomq.broker.configs.dynamic_configs import ALL_BROKERS
from gomq.broker.configs.topic_configs import ConfigEntry, topic_config_entries
from gomq.broker.context import State
from gomq.errors import BrokerError
from gomq.protocol.configs import ResourceType

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,10}", re.ASCII)
_MOST_SHOWN: Final = 100
_WITHOUT_CONFIGS: Final[dict[int, str]] = {
    ResourceType.BROKER_LOGGER: "loggers",
    ResourceType.CLIENT_METRICS: "subscriptions to clients' metrics",
    ResourceType.GROUP: "groups",
}


def topic_entries(state: State, configs: Mapping[str, str | None]) -> list[ConfigEntry]:
    """Say what every config of a topic is that has these of its own."""
    return topic_config_entries(state.running.started.log, configs, state.topics.dynamic.layers)


def broker_entries(state: State, resource: str) -> list[ConfigEntry]:
    """Say what every setting of this broker is, or what was set for all brokers."""
    describe = entries_for_all_brokers if resource == ALL_BROKERS else broker_config_entries
    return describe(state.running.started, state.topics.dynamic.layers)


def no_configs(resource_type: int) -> BrokerError:
    """Say of resources that are neither topics nor brokers that they have no configs."""
    resources = _WITHOUT_CONFIGS.get(resource_type, f"resources of type {resource_type}")
    return BrokerError(f"{resources} have no configs here", code=ErrorCode.invalid_request)


def broker_resource(state: State, name: str) -> str:
    """Find the resource that a request names: this broker, by its id, or all brokers, by no name.

    Raises:
        BrokerError: with INVALID_REQUEST: it is another broker, or none.
    """
    if name == ALL_BROKERS:
        return ALL_BROKERS
    node_id = state.config.node_id
    if not _INTEGER.fullmatch(name) or int(name) != node_id:
        problem = f"this is broker {node_id}, not {name[:_MOST_SHOWN]!r}"
        raise BrokerError(problem, code=ErrorCode.invalid_request)
    return state.topics.dynamic.broker
