"""Changing configs: what AlterConfigs and IncrementalAlterConfigs have in common. Kafka: ``ConfigAdminManager``.

Topics have configs that can be changed, and so have this broker and all brokers together; they are kept over restarts
and count at once. A resource changes as a whole or not at all, whatever becomes of the request's others.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

from kio.schema.errors import ErrorCode

from gomq.broker.configs.resources import broker_entries, broker_resource, no_configs, topic_entries
from gomq.broker.configs.topic_configs import ConfigEntry
from gomq.broker.context import Result, State
from gomq.broker.metadata_log import TOPIC_NAME
from gomq.broker.refusals import REFUSALS, refusal
from gomq.errors import BrokerError, InvalidTopicError
from gomq.protocol.configs import ConfigOperation, ResourceType
from gomq_storage.layout import topic_name_problem

Entries: TypeAlias = Callable[[], list[ConfigEntry]]
"""Says what counts for a resource as it is."""
Change: TypeAlias = Callable[[Any, Mapping[str, str], Entries], dict[str, str]]
"""Makes a resource's new configs of the request's part and of those it has; raises ``ValueError`` or ``BrokerError``
where that cannot be."""


async def change_configs(state: State, body: Any, change: Change) -> Result:  # noqa: ANN401 - one class a version
    """Change the configs of every resource of a request, or only check that they could be changed."""
    times = Counter((each.resource_type, each.resource_name) for each in body.resources)
    responses = []
    for resource in body.resources:
        code, message = await _answer(state, resource, times, change, validate_only=body.validate_only)
        responses.append({
            "error_code": code,
            "error_message": message,
            "resource_type": resource.resource_type,
            "resource_name": resource.resource_name,
        })  # fmt: skip
    return {"throttle_time": 0, "responses": responses}


async def _answer(
    state: State,
    resource: Any,  # noqa: ANN401 - one class a version
    times: Counter[tuple[int, str]],
    change: Change,
    *,
    validate_only: bool,
) -> tuple[ErrorCode, str | None]:
    of_broker = resource.resource_type == ResourceType.BROKER
    try:
        _check_request(resource, times)
        if of_broker:
            await _change_broker(state, resource, change, validate_only=validate_only)
        else:
            await _change_topic(state, resource, change, validate_only=validate_only)
    except REFUSALS as error:
        # a broker's config that cannot be is no INVALID_CONFIG: KAFKA-13609
        return refusal(error, bad_value=ErrorCode.invalid_request if of_broker else ErrorCode.invalid_config)
    return ErrorCode.none, None


def _check_request(resource: Any, times: Counter[tuple[int, str]]) -> None:  # noqa: ANN401 - one class a version
    """Check what can be checked whatever the resource's configs are now."""
    names = [config.name for config in resource.configs]
    problem = None
    if times[resource.resource_type, resource.resource_name] > 1:
        problem = "the request names the resource more than once"
    elif len(set(names)) < len(names):
        problem = "the request names a config more than once"
    elif without := [config.name for config in resource.configs if config.value is None and not _deletes(config)]:
        problem = f"a config is set to a value, not to null: {', '.join(without)}"
    if problem is not None:
        raise BrokerError(problem, code=ErrorCode.invalid_request)
    if resource.resource_type not in {ResourceType.TOPIC, ResourceType.BROKER}:
        raise no_configs(resource.resource_type)


def _deletes(config: Any) -> bool:  # noqa: ANN401 - one class a version
    return getattr(config, "config_operation", None) == ConfigOperation.DELETE


async def _change_broker(state: State, resource: Any, change: Change, *, validate_only: bool) -> None:  # noqa: ANN401
    name = broker_resource(state, resource.resource_name)

    def changed(configs: Mapping[str, str]) -> dict[str, str]:
        return change(resource, configs, partial(broker_entries, state, state.topics.dynamic.broker))

    await state.topics.alter_broker_configs(name, changed, validate_only=validate_only)


async def _change_topic(state: State, resource: Any, change: Change, *, validate_only: bool) -> None:  # noqa: ANN401
    name = resource.resource_name
    _check_name(name)

    def changed(configs: Mapping[str, str]) -> dict[str, str]:
        return change(resource, configs, partial(topic_entries, state, configs))

    if not validate_only:
        await state.topics.alter_configs(name, changed)
    else:
        state.topics.log_config(changed(state.topics.existing(name).configs))


def _check_name(name: str) -> None:
    problem = topic_name_problem(name)
    if problem is None and name == TOPIC_NAME:
        problem = f"topic {name!r} is the broker's own: its configs cannot be changed"
    if problem is not None:
        raise InvalidTopicError(problem)
