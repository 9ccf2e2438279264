"""DescribeConfigs, versions 1-4.  v1 synonyms; v3 types and documentation; v4 flexible. Kafka: ``ConfigHelper``.

Topics and this broker have configs. All brokers together (an empty name) have those that were set for them. Nobody
subscribes to clients' metrics (KIP-714), so a subscription has no configs. A resource that is named more than once is
described once: a short request must not make an answer of any size.
"""

from typing import Any, Final

from anyio import lowlevel
from kio.schema.errors import ErrorCode

from gomq.broker.config_resources import broker_entries, broker_resource, topic_entries
from gomq.broker.context import Request, Result, State
from gomq.broker.refusals import refusal
from gomq.broker.topic_configs import ConfigEntry
from gomq.errors import BrokerError, InvalidTopicError, UnknownTopicError
from gomq.protocol.configs import ResourceType
from gomq_storage.layout import topic_name_problem

_REPEATED: Final = "the request names the resource more than once"


async def handle(state: State, request: Request) -> Result:
    """Describe topics and the broker, each for itself."""
    results: dict[tuple[int, str], dict[str, Any]] = {}
    repeated = []
    for resource in request.body.resources:
        key = (resource.resource_type, resource.resource_name)
        if key not in results:
            results[key] = _describe(state, resource, request.body)
            await lowlevel.checkpoint()  # there may be thousands
        else:
            repeated.append(_result(resource) | {"error_code": ErrorCode.invalid_request, "error_message": _REPEATED})
    return {"throttle_time": 0, "results": [*results.values(), *repeated]}


def _result(resource: Any) -> dict[str, Any]:  # noqa: ANN401 - one class a version
    return {
        "error_code": ErrorCode.none,
        "error_message": None,
        "resource_type": resource.resource_type,
        "resource_name": resource.resource_name,
        "configs": [],
    }


def _describe(state: State, resource: Any, body: Any) -> dict[str, Any]:  # noqa: ANN401 - one class a version
    result = _result(resource)
    try:
        entries = _entries(state, resource.resource_type, resource.resource_name)
    except BrokerError as error:
        code, message = refusal(error)
        return result | {"error_code": code, "error_message": message}
    wanted = set(resource.configuration_keys or ())
    told = {
        "synonyms": body.include_synonyms,
        "documentation": getattr(body, "include_documentation", False),
    }
    return result | {"configs": [entry.response(**told) for entry in entries if not wanted or entry.name in wanted]}


def _entries(state: State, resource_type: int, name: str) -> list[ConfigEntry]:
    if resource_type == ResourceType.TOPIC:
        if (problem := topic_name_problem(name)) is not None:
            raise InvalidTopicError(problem)
        if (topic := state.topics.get(name)) is None:
            raise UnknownTopicError(f"there is no topic {name!r}")
        return topic_entries(state, topic.configs)
    if resource_type == ResourceType.BROKER:
        return broker_entries(state, broker_resource(state, name))
    if resource_type == ResourceType.CLIENT_METRICS and name:
        return []
    problem = f"resources of type {resource_type} have no configs here"
    raise BrokerError(problem, code=ErrorCode.invalid_request)
