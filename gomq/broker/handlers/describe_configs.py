"""DescribeConfigs, versions 1-4.  v1 synonyms; v3 types and documentation; v4 flexible. Kafka: ``ConfigHelper``.

Topics and this broker have configs. All brokers together (an empty name) have those that were set for them. Nobody
subscribes to clients' metrics (KIP-714), so a subscription has no configs, and neither has a group: those of Kafka are
for the newer kinds of group. A resource that is named more than once is described once: a short request must not make
an answer of any size.
"""

from typing import Any, Final

from anyio import lowlevel
from kio.schema.errors import ErrorCode

from gomq.broker.configs.resources import broker_entries, broker_resource, no_configs, topic_entries
from gomq.broker.configs.topic_configs import ConfigEntry
from gomq.broker.context import Request, Result, State
from gomq.broker.refusals import refusal
from gomq.errors import BrokerError, InvalidTopicError
from gomq.protocol.configs import ResourceType
from gomq_storage.layout import topic_name_problem

_WITHOUT_CONFIGS: Final = frozenset({ResourceType.CLIENT_METRICS, ResourceType.GROUP})
_REPEATED: Final = "the request names the resource more than once"


async def handle(state: State, request: Request) -> Result:
    """Describe topics and the broker, each for itself."""
    results: dict[tuple[int, str], dict[str, Any]] = {}
    repeated = []
    describe = _Descriptions(state, request.body).of
    for resource in request.body.resources:
        key = (resource.resource_type, resource.resource_name)
        if key not in results:
            results[key] = describe(resource)
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


class _Descriptions:
    """Describes what one request names. Topics that have the same configs, as most have none, share a description.

    Args:
        state: what there is.
        body: the request, which says how much is told.
    """

    def __init__(self, state: State, body: Any) -> None:  # noqa: ANN401 - one class a version
        self._state = state
        self._told = {
            "synonyms": body.include_synonyms,
            "documentation": getattr(body, "include_documentation", False),
        }
        self._of_topics: dict[frozenset[tuple[str, str | None]], list[dict[str, Any]]] = {}

    def of(self, resource: Any) -> dict[str, Any]:  # noqa: ANN401 - one class a version
        """Describe a resource, or say why that cannot be."""
        result = _result(resource)
        try:
            configs = self._configs(resource.resource_type, resource.resource_name)
        except BrokerError as error:
            code, message = refusal(error)
            return result | {"error_code": code, "error_message": message}
        if wanted := set(resource.configuration_keys or ()):
            configs = [config for config in configs if config["name"] in wanted]
        return result | {"configs": configs}

    def _configs(self, resource_type: int, name: str) -> list[dict[str, Any]]:
        if resource_type == ResourceType.TOPIC:
            return self._of_topic(name)
        if resource_type == ResourceType.BROKER:
            return self._laid_out(broker_entries(self._state, broker_resource(self._state, name)))
        if resource_type in _WITHOUT_CONFIGS and name:
            return []
        raise no_configs(resource_type)

    def _of_topic(self, name: str) -> list[dict[str, Any]]:
        if (problem := topic_name_problem(name)) is not None:
            raise InvalidTopicError(problem)
        topic = self._state.topics.existing(name)
        key = frozenset(topic.configs.items())
        if (known := self._of_topics.get(key)) is None:
            known = self._of_topics[key] = self._laid_out(topic_entries(self._state, topic.configs))
        return known

    def _laid_out(self, entries: list[ConfigEntry]) -> list[dict[str, Any]]:
        return [entry.response(**self._told) for entry in entries]
