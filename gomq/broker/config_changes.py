"""Changing configs: what AlterConfigs and IncrementalAlterConfigs have in common.

Topics have configs that can be changed; they are kept over restarts. The broker's own settings are those that it was
started with. A resource changes as a whole or not at all, whatever becomes of the request's others.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from kio.schema.errors import ErrorCode

from gomq.broker.context import Result, State
from gomq.broker.metadata_log import TOPIC_NAME
from gomq.broker.topic_configs import apply_topic_configs
from gomq.errors import BrokerError, InvalidTopicError, UnknownTopicError
from gomq.protocol.configs import ConfigOperation, ResourceType
from gomq_storage.errors import StorageError
from gomq_storage.layout import topic_name_problem

Change: TypeAlias = Callable[[Any, Mapping[str, str]], dict[str, str]]
"""Makes a resource's new configs of the request's part and of those it has; ``ValueError`` where that cannot be."""

_MAX_MESSAGE: Final = 1000


async def change_configs(state: State, body: Any, change: Change) -> Result:  # noqa: ANN401 - one class a version
    """Change the configs of every resource of a request, or only check that they could be changed."""
    times = Counter((each.resource_type, each.resource_name) for each in body.resources)
    responses = []
    for resource in body.resources:
        code, message = ErrorCode.invalid_request, _request_problem(resource, times)
        if message is None:
            code, message = await _change_topic(state, resource, change, validate_only=body.validate_only)
        responses.append({
            "error_code": code,
            "error_message": message and message[:_MAX_MESSAGE],  # it may repeat what the client sent
            "resource_type": resource.resource_type,
            "resource_name": resource.resource_name,
        })  # fmt: skip
    return {"throttle_time": 0, "responses": responses}


def _request_problem(resource: Any, times: Counter[tuple[int, str]]) -> str | None:  # noqa: ANN401
    """Say why a resource cannot be changed, whatever its configs are now."""
    if times[resource.resource_type, resource.resource_name] > 1:
        return "the request names the resource more than once"
    names = [config.name for config in resource.configs]
    if len(set(names)) < len(names):
        return "the request names a config more than once"
    if without := [config.name for config in resource.configs if config.value is None and not _deletes(config)]:
        return f"a config is set to a value, not to null: {', '.join(without)}"
    if resource.resource_type == ResourceType.BROKER:
        return "the broker's settings cannot be changed while it runs: start it with others"
    if resource.resource_type != ResourceType.TOPIC:
        return f"resources of type {resource.resource_type} have no configs here"
    return None


def _deletes(config: Any) -> bool:  # noqa: ANN401 - one class a version
    return getattr(config, "config_operation", None) == ConfigOperation.DELETE


async def _change_topic(
    state: State,
    resource: Any,  # noqa: ANN401 - one class a version
    change: Change,
    *,
    validate_only: bool,
) -> tuple[ErrorCode, str | None]:
    def changed(configs: Mapping[str, str]) -> dict[str, str]:
        return change(resource, configs)

    name = resource.resource_name
    try:
        _check_name(name)
        if not validate_only:
            await state.topics.alter_configs(name, changed)
        elif (topic := state.topics.get(name)) is not None:
            apply_topic_configs(state.config.log, changed(topic.configs))
        else:
            raise UnknownTopicError(f"there is no topic {name!r}")
    except BrokerError as error:
        return ErrorCode(error.code), str(error)
    except ValueError as error:
        return ErrorCode.invalid_config, str(error)
    except (OSError, StorageError) as error:
        return ErrorCode.kafka_storage_error, str(error)
    return ErrorCode.none, None


def _check_name(name: str) -> None:
    problem = topic_name_problem(name)
    if problem is None and name == TOPIC_NAME:
        problem = f"topic {name!r} is the broker's own: its configs cannot be changed"
    if problem is not None:
        raise InvalidTopicError(problem)
