"""Requests about several things, and what went wrong with some of them: errors that name them. Values only."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from gomq.errors import BrokerError, ConfigurationError, GomqError, ProtocolError, error_for
from gomq_storage.layout import TopicPartition

MAY_PASS: Final = frozenset({14, 15, 16, 41})
"""COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR and NOT_CONTROLLER."""
_WORDS: Final = {69: "there is no such group"}
"""Where Kafka's name of a code says less: GROUP_ID_NOT_FOUND."""


def refusal(what: str, result: Any) -> BrokerError:  # noqa: ANN401 - one class an API and version
    """Make an error of a result with an error code.

    Args:
        what: what is not to be had.
        result: has an ``error_code``, and perhaps an ``error_message``.
    """
    code = result.error_code
    why = getattr(result, "error_message", None) or _WORDS.get(int(code)) or code.name.replace("_", " ")
    return error_for(int(result.error_code), f"{what}: {why}")


def raise_failures(failures: Sequence[GomqError]) -> None:
    """Raise what went wrong, if anything: one error as it is, several as a group."""
    if len(failures) == 1:
        raise failures[0]
    if failures:
        raise ExceptionGroup(f"{len(failures)} of several things failed", list(failures))


def distinct(what: str, names: Iterable[str]) -> list[str]:
    """Take names, each once, and refuse a single text: its letters would be taken for names.

    Raises:
        ConfigurationError: a name comes twice.
    """
    if isinstance(names, str):
        raise TypeError(f"several names of a {what} are wanted, not the text {names!r}: put it into a list")
    found: dict[str, None] = {}
    for name in names:
        if name in found:
            raise ConfigurationError(f"{what} {name!r} is named twice")
        found[name] = None
    return list(found)


def by_topic(partitions: Mapping[TopicPartition, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Lay out what is asked of partitions as requests have it: by topic, with the number beside the other fields."""
    topics: dict[str, list[dict[str, Any]]] = {}
    for (topic, index), fields in partitions.items():
        topics.setdefault(topic, []).append({"partition_index": index, **fields})
    return [{"name": topic, "partitions": found} for topic, found in topics.items()]


def failures_of(
    wanted: Iterable[TopicPartition],
    response: Any,  # noqa: ANN401 - one class an API and version
    what: str,
) -> list[GomqError]:
    """Say what failed of what was asked of partitions.

    Args:
        wanted: the partitions.
        response: the answer, with results by topic.
        what: what is not to be had, with {} where the partition stands.

    Raises:
        BrokerError: another broker is to be asked, or later.
        ProtocolError: the answer leaves one of them out.
    """
    results = {
        TopicPartition(topic.name, int(result.partition_index)): result
        for topic in response.topics
        for result in topic.partitions
    }
    failures: list[GomqError] = []
    for partition in wanted:
        if (result := results.get(partition)) is None:
            raise ProtocolError(f"the answer does not mention {partition}")
        if result.error_code:
            error = refusal(what.replace("{}", str(partition)), result)
            if error.code in MAY_PASS:
                raise error
            failures.append(error)
    return failures
