"""IncrementalAlterConfigs, versions 0-1.  v1 flexible.

What the request does not name stays as it is. Appending to a list that a resource does not have, and taking out of it,
starts from what counts for it.
"""

from collections.abc import Mapping
from typing import Any

from kio.schema.errors import ErrorCode

from gomq.broker.configs.changes import Entries, change_configs
from gomq.broker.configs.topic_configs import list_items
from gomq.broker.context import Request, Result, State
from gomq.errors import BrokerError
from gomq.protocol.configs import ConfigOperation, ConfigType


async def handle(state: State, request: Request) -> Result:
    """Change single configs of topics and of the broker, each for itself."""
    return await change_configs(state, request.body, _merge)


def _merge(resource: Any, configs: Mapping[str, str], entries: Entries) -> dict[str, str]:  # noqa: ANN401
    merged = dict(configs)
    for config in resource.configs:
        match config.config_operation:
            case ConfigOperation.SET:
                merged[config.name] = config.value
            case ConfigOperation.DELETE:
                merged.pop(config.name, None)
            case ConfigOperation.APPEND | ConfigOperation.SUBTRACT as operation:
                present = _present(config.name, configs, entries)
                merged[config.name] = ",".join(_edited(list_items(present), list_items(config.value), operation))
            case unknown:
                problem = f"there is no operation {unknown}: 0 sets, 1 deletes, 2 appends, 3 subtracts"
                raise BrokerError(problem, code=ErrorCode.invalid_request)
    return merged


def _present(name: str, configs: Mapping[str, str], entries: Entries) -> str:
    """A list as the resource has it now.

    Raises:
        BrokerError: with INVALID_CONFIG: it is no list.
    """
    entry = next((each for each in entries() if each.name == name), None)
    if entry is None or entry.type is not ConfigType.LIST:
        problem = f"nothing can be appended to {name!r} or subtracted from it: it is no list"
        raise BrokerError(problem, code=ErrorCode.invalid_config)
    return configs.get(name, entry.value)


def _edited(items: list[str], operands: list[str], operation: int) -> list[str]:
    if operation == ConfigOperation.APPEND:
        return list(dict.fromkeys([*items, *operands]))
    return [item for item in items if item not in operands]
