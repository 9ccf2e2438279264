"""What tests do with configs over a raw connection."""

from collections.abc import Mapping, Sequence
from typing import Any

from gomq.protocol.api import Api
from gomq.protocol.configs import ConfigOperation, ResourceType
from tests.support.wire import Wire

Result = tuple[int, str | None]


async def describe(
    wire: Wire,
    name: str,
    *keys: str,
    version: int = 4,
    resource_type: int = ResourceType.TOPIC,
    synonyms: bool = False,
    documentation: bool = False,
) -> Any:
    """Describe one resource: the whole result."""
    resource = {"resource_type": resource_type, "resource_name": name, "configuration_keys": keys}
    answer = await wire.ask(
        Api.DESCRIBE_CONFIGS,
        version,
        resources=[resource],
        include_synonyms=synonyms,
        include_documentation=documentation,
    )
    (result,) = answer.results
    assert (result.resource_type, result.resource_name) == (resource_type, name)
    return result


async def own_configs(wire: Wire, topic: str) -> dict[str, str]:
    """What was set for a topic."""
    return {each.name: each.value for each in (await describe(wire, topic)).configs if each.config_source == 1}


async def value_of(wire: Wire, topic: str, name: str) -> str:
    (config,) = (await describe(wire, topic, name)).configs
    value: str = config.value
    return value


async def alter(
    wire: Wire, topic: str, configs: Mapping[str, str | None], *, version: int = 2, validate_only: bool = False
) -> Result:
    """Replace a topic's configs."""
    resource = _resource(topic, [{"name": name, "value": value} for name, value in configs.items()])
    answer = await wire.ask(Api.ALTER_CONFIGS, version, resources=[resource], validate_only=validate_only)
    (result,) = answer.responses
    return int(result.error_code), result.error_message


async def alter_incrementally(
    wire: Wire,
    topic: str,
    *operations: tuple[str, int, str | None],
    version: int = 1,
    validate_only: bool = False,
    resource_type: int = ResourceType.TOPIC,
) -> Result:
    """Change some of a resource's configs: name, operation and value of each."""
    configs = [{"name": name, "config_operation": operation, "value": value} for name, operation, value in operations]
    resource = _resource(topic, configs, resource_type)
    answer = await wire.ask(Api.INCREMENTAL_ALTER_CONFIGS, version, resources=[resource], validate_only=validate_only)
    (result,) = answer.responses
    assert (result.resource_type, result.resource_name) == (resource_type, topic)
    return int(result.error_code), result.error_message


async def set_config(wire: Wire, topic: str, name: str, value: str) -> None:
    assert await alter_incrementally(wire, topic, (name, ConfigOperation.SET, value)) == (0, None)


def _resource(
    name: str, configs: Sequence[Mapping[str, Any]], resource_type: int = ResourceType.TOPIC
) -> dict[str, Any]:
    return {"resource_type": resource_type, "resource_name": name, "configs": configs}
