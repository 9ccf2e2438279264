"""Creating and deleting topics, for producer and admin, and giving them more partitions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import anyio

from gomq.client.admin.asking import Asker, each
from gomq.client.admin.configs import config_text
from gomq.client.admin.refusals import MAY_PASS, distinct, raise_failures, refusal
from gomq.client.cluster.cluster import Cluster
from gomq.errors import (
    ConfigurationError,
    GomqError,
    LeaderNotAvailableError,
    ProtocolError,
    TopicAlreadyExistsError,
    UnknownTopicError,
)
from gomq.protocol.api import Api

READY_TIMEOUT: Final = 10.0
"""Seconds for a topic to have leaders once it is created."""
_ANY_REPLICATION: Final = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTopic:
    """A topic to be created."""

    name: str
    """Up to 249 letters, digits, dots, underscores and dashes."""
    partitions: int = 1
    """Messages keep their order within one."""
    replication_factor: int | None = None
    """On how many brokers; None leaves it to the broker."""
    configs: Mapping[str, object] = field(default_factory=dict)
    """Kafka's topic settings."""

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
    asker = Asker(cluster=cluster, timeout=timeout, patience=timeout)
    return bool(await create_topics(asker, [new], if_not_exists=if_not_exists, validate_only=False))


async def create_topics(
    asker: Asker, new: Sequence[NewTopic], *, if_not_exists: bool, validate_only: bool
) -> list[str]:
    """Create topics, wait until they can be used, and return the names of those that were created now.

    One that the broker refuses does not keep the others from being created.

    Raises:
        TopicAlreadyExistsError: there is one of this name, and ``if_not_exists`` is not set.
        BrokerError: the broker refuses one, and says why.
        ExceptionGroup: it refuses several.
    """
    names = distinct("topic", (topic.name for topic in new))
    values = {
        "topics": [_creatable(topic) for topic in new],
        "timeout": asker.timeout_ms,
        "validate_only": validate_only,
    }
    failures = await _ask_controller(asker, Api.CREATE_TOPICS, values, names, "created")
    created = [name for name in names if name not in failures]
    if if_not_exists:
        failures = {name: e for name, e in failures.items() if not isinstance(e, TopicAlreadyExistsError)}

    async def wait(name: str) -> None:
        try:
            await asker.cluster.find_topic(name, may_create=False, patience=READY_TIMEOUT)
        except GomqError as error:
            failures[name] = error

    if not validate_only:
        await each(created, wait)
    raise_failures(list(failures.values()))
    return created


async def delete_topics(asker: Asker, names: Iterable[str], *, if_exists: bool) -> list[str]:
    """Delete topics and all their messages, and return the names of those that were there.

    Raises:
        UnknownTopicError: there is none of this name, and ``if_exists`` is not set.
        BrokerError: the broker refuses one, and says why.
        ExceptionGroup: several of them failed.
    """
    names = distinct("topic", names)
    values = {"topic_names": names, "timeout": asker.timeout_ms}
    failures = await _ask_controller(asker, Api.DELETE_TOPICS, values, names, "deleted")
    deleted = [name for name in names if name not in failures]
    if if_exists:
        failures = {name: error for name, error in failures.items() if not isinstance(error, UnknownTopicError)}
    raise_failures(list(failures.values()))
    return deleted


async def create_partitions(asker: Asker, topic: str, count: int, *, validate_only: bool) -> None:
    """Let a topic have more partitions, and wait until they can be used.

    Args:
        asker: who asks.
        topic: the topic.
        count: how many it is to have then, with those that it has.
        validate_only: only ask whether that could be done.

    Raises:
        UnknownTopicError: there is no such topic.
        InvalidPartitionsError: it has as many already, or cannot have so many.
        BrokerError: the broker refuses, and says why.
    """
    if count < 1:
        raise ConfigurationError(f"a topic has at least one partition, not {count}")
    values = {
        "topics": [{"name": topic, "count": count, "assignments": None}],
        "timeout": asker.timeout_ms,
        "validate_only": validate_only,
    }
    failures = await _ask_controller(asker, Api.CREATE_PARTITIONS, values, [topic], f"given {count} partitions")
    raise_failures(list(failures.values()))
    if not validate_only:
        await _wait_for_partitions(asker.cluster, topic, count)


async def _wait_for_partitions(cluster: Cluster, topic: str, count: int) -> None:
    deadline = anyio.current_time() + READY_TIMEOUT
    backoff = cluster.new_backoff()
    while True:
        patience = max(deadline - anyio.current_time(), 0)
        found = await cluster.find_topic(topic, may_create=False, is_new=False, patience=patience)
        if len(found.partitions) >= count:
            return
        if anyio.current_time() >= deadline:
            there = len(found.partitions)
            raise LeaderNotAvailableError(
                f"topic {topic!r} was given {count} partitions, and has {there} after {READY_TIMEOUT:g} s"
            )
        await anyio.sleep(backoff.next())


async def _ask_controller(
    asker: Asker, api: Api, values: dict[str, Any], names: Sequence[str], done: str
) -> dict[str, GomqError]:
    """Ask the controller to do something with topics, and return why it does not, by the names of those."""
    if not names:
        return {}

    async def ask(node: int | None) -> dict[str, GomqError]:
        response = await asker.cluster.ask(api, values, node=node)
        results = {each.name: each for each in _results(api, response)}
        if missing := [name for name in names if name not in results]:
            raise ProtocolError(f"the answer to {api.name} does not mention topic {missing[0]!r}")
        failures: dict[str, GomqError] = {}
        for name in names:
            if results[name].error_code:
                error = failures[name] = refusal(f"topic {name!r} cannot be {done}", results[name])
                if error.code in MAY_PASS:
                    raise error  # no controller, and no topic was looked at
        return failures

    return await asker.ask_controller(ask)


def _results(api: Api, response: Any) -> Iterable[Any]:  # noqa: ANN401 - one class an API and version
    by_api = {Api.CREATE_TOPICS: "topics", Api.DELETE_TOPICS: "responses", Api.CREATE_PARTITIONS: "results"}
    results: Iterable[Any] = getattr(response, by_api[api])
    return results


def _creatable(new: NewTopic) -> dict[str, Any]:
    return {
        "name": new.name,
        "num_partitions": new.partitions,
        "replication_factor": _ANY_REPLICATION if new.replication_factor is None else new.replication_factor,
        "assignments": [],
        "configs": [{"name": key, "value": config_text(value)} for key, value in new.configs.items()],
    }
