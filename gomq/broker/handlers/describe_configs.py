"""DescribeConfigs, versions 1-4.  v1 synonyms; v3 types and documentation; v4 flexible.

Topics and this broker have configs. The broker's are read-only, and as none is changed while it runs, its cluster-wide
ones (an empty name) are none at all.
"""

from typing import Any, Final

from kio.schema.errors import ErrorCode

from gomq.broker.broker_configs import broker_config_entries
from gomq.broker.context import Request, Result, State
from gomq.broker.topic_configs import ConfigEntry, topic_config_entries
from gomq.protocol.configs import ResourceType
from gomq_storage.layout import topic_name_problem

_MAX_MESSAGE: Final = 1000


class _RefusedError(Exception):
    """A resource that cannot be described."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


async def handle(state: State, request: Request) -> Result:
    """Describe topics and the broker, each for itself."""
    return {
        "throttle_time": 0,
        "results": [_describe(state, resource, request.body) for resource in request.body.resources],
    }


def _describe(state: State, resource: Any, body: Any) -> dict[str, Any]:  # noqa: ANN401 - one class a version
    result = {
        "error_code": ErrorCode.none,
        "error_message": None,
        "resource_type": resource.resource_type,
        "resource_name": resource.resource_name,
        "configs": [],
    }
    try:
        entries = _entries(state, resource.resource_type, resource.resource_name)
    except _RefusedError as error:
        return result | {"error_code": error.code, "error_message": str(error)[:_MAX_MESSAGE]}
    wanted = set(resource.configuration_keys or ())
    told = {
        "synonyms": body.include_synonyms,
        "documentation": getattr(body, "include_documentation", False),
    }
    return result | {"configs": [entry.response(**told) for entry in entries if not wanted or entry.name in wanted]}


def _entries(state: State, resource_type: int, name: str) -> list[ConfigEntry]:
    if resource_type == ResourceType.TOPIC:
        if (problem := topic_name_problem(name)) is not None:
            raise _RefusedError(ErrorCode.invalid_topic_exception, problem)
        if (topic := state.topics.get(name)) is None:
            raise _RefusedError(ErrorCode.unknown_topic_or_partition, f"there is no topic {name!r}")
        return topic_config_entries(state.config.log, topic.configs)
    if resource_type == ResourceType.BROKER:
        if name not in {"", str(state.config.node_id)}:
            raise _RefusedError(ErrorCode.invalid_request, f"this is broker {state.config.node_id}, not {name!r}")
        return broker_config_entries(state.config) if name else []
    raise _RefusedError(ErrorCode.invalid_request, f"resources of type {resource_type} have no configs here")
