"""IncrementalAlterConfigs, versions 0-1.  v1 flexible.

What the request does not name stays as it is. Appending to a list that the topic does not have, and taking out of it,
starts from the broker's.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from gomq.broker.config_changes import change_configs
from gomq.broker.context import Request, Result, State
from gomq.broker.topic_config_table import TOPIC_CONFIGS
from gomq.broker.topic_configs import list_items, topic_config_entries
from gomq.protocol.configs import ConfigOperation, ConfigType
from gomq_storage.config import LogConfig


async def handle(state: State, request: Request) -> Result:
    """Change single configs of topics, each topic's for itself."""
    return await change_configs(state, request.body, partial(_merge, state.config.log))


def _merge(defaults: LogConfig, resource: Any, configs: Mapping[str, str]) -> dict[str, str]:  # noqa: ANN401
    merged = dict(configs)
    for config in resource.configs:
        match config.config_operation:
            case ConfigOperation.SET:
                merged[config.name] = config.value
            case ConfigOperation.DELETE:
                merged.pop(config.name, None)
            case ConfigOperation.APPEND | ConfigOperation.SUBTRACT as operation:
                items = _items(defaults, configs, config.name)
                merged[config.name] = ",".join(_edited(items, list_items(config.value), operation))
            case unknown:
                raise ValueError(f"there is no operation {unknown}: 0 sets, 1 deletes, 2 appends, 3 subtracts")
    return merged


def _items(defaults: LogConfig, configs: Mapping[str, str], name: str) -> list[str]:
    """The items of a list as the topic has it now.

    Raises:
        ValueError: it is no list.
    """
    known = TOPIC_CONFIGS.get(name)
    if known is None or known.type is not ConfigType.LIST:
        raise ValueError(f"nothing can be appended to {name!r} or subtracted from it: it is no list")
    return next(list_items(entry.value) for entry in topic_config_entries(defaults, configs) if entry.name == name)


def _edited(items: list[str], operands: list[str], operation: int) -> list[str]:
    if operation == ConfigOperation.APPEND:
        return list(dict.fromkeys([*items, *operands]))
    return [item for item in items if item not in operands]
