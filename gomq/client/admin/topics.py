"""Creating and deleting topics, for producer and admin."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import anyio

from gomq.client.admin.configs import config_text
from gomq.client.cluster.cluster import Cluster
from gomq.errors import BrokerError, ConfigurationError, ProtocolError, TopicAlreadyExistsError, error_for
from gomq.protocol.api import Api

READY_TIMEOUT: Final = 10.0
"""Seconds for a topic to have leaders once it is created."""
_NOT_CONTROLLER: Final = 41
_CONTROLLER_TRIES: Final = 5
_ANY_REPLICATION: Final = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTopic:
    """A topic to be created."""

    name: str
    partitions: int = 1
    replication_factor: int | None = None
    """On how many brokers; None leaves it to the broker."""
    configs: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.partitions < 1:
            raise ConfigurationError(f"a topic has at least one partition, not {self.partitions}")


async def create_topic(
    cluster: Cluster,
    new: NewTopic,
    *,
    if_not_exists: bool,
    timeout: float,  # noqa: ASYNC109 - the broker's, too
) -> bool:
    """Create a topic, wait until it can be used, and return whether it was created now.

    Raises:
        TopicAlreadyExistsError: there is one of this name, and ``if_not_exists`` is not set.
        BrokerError: the broker refuses, and says why.
    """
    topic = {
        "name": new.name,
        "num_partitions": new.partitions,
        "replication_factor": _ANY_REPLICATION if new.replication_factor is None else new.replication_factor,
        "assignments": [],
        "configs": [{"name": key, "value": config_text(value)} for key, value in new.configs.items()],
    }
    values = {"topics": [topic], "timeout": round(timeout * 1000), "validate_only": False}
    try:
        await _ask_controller(cluster, Api.CREATE_TOPICS, values, new.name)
    except TopicAlreadyExistsError:
        if not if_not_exists:
            raise
        return False
    await cluster.find_topic(new.name, may_create=False, patience=READY_TIMEOUT)
    return True


async def delete_topic(cluster: Cluster, name: str, *, timeout: float) -> None:  # noqa: ASYNC109 - the broker's, too
    """Delete a topic and all its messages.

    Raises:
        UnknownTopicError: there is none of this name.
        BrokerError: the broker refuses, and says why.
    """
    values = {"topic_names": [name], "timeout": round(timeout * 1000)}
    await _ask_controller(cluster, Api.DELETE_TOPICS, values, name)


async def _ask_controller(cluster: Cluster, api: Api, values: dict[str, Any], name: str) -> None:
    """Ask the cluster's controller about one topic, looking for the controller where it has moved."""
    backoff = cluster.new_backoff()
    for tries_left in reversed(range(_CONTROLLER_TRIES)):
        controller = (await cluster.refresh([])).controller_id
        response = await cluster.ask(api, values, node=controller)
        result = next(iter(response.topics if api is Api.CREATE_TOPICS else response.responses), None)
        if result is None:
            raise ProtocolError(f"the answer to {api.name} does not mention topic {name!r}")
        if not result.error_code:
            return
        if int(result.error_code) != _NOT_CONTROLLER or not tries_left:
            raise _refusal(api, name, result)
        await anyio.sleep(backoff.next())


def _refusal(api: Api, name: str, result: Any) -> BrokerError:  # noqa: ANN401 - one class a version
    done = "created" if api is Api.CREATE_TOPICS else "deleted"
    why = getattr(result, "error_message", None) or result.error_code.name.replace("_", " ")
    return error_for(int(result.error_code), f"topic {name!r} cannot be {done}: {why}")
