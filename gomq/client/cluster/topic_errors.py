"""Why a topic cannot be used, as an error."""

from typing import Final

from kio.schema.errors import ErrorCode

from gomq.client.cluster.metadata import TopicMetadata
from gomq.errors import GomqError, UnknownTopicError, error_for
from gomq_storage.layout import topic_name_problem

UNKNOWN_TOPIC: Final = 3
_INVALID_TOPIC: Final = 17


def topic_error(topic: TopicMetadata) -> GomqError:
    """Make the error that says why a topic cannot be used."""
    if topic.error_code == UNKNOWN_TOPIC:
        return UnknownTopicError(f"topic {topic.name!r} does not exist")
    if topic.error_code == _INVALID_TOPIC and (problem := topic_name_problem(topic.name)) is not None:
        return error_for(_INVALID_TOPIC, problem)
    if topic.error_code:
        return error_for(topic.error_code, f"topic {topic.name!r} cannot be used: {_words(topic.error_code)}")
    where = f"partition {', '.join(map(str, topic.leaderless))}" if topic.partitions else "any partition"
    return error_for(5, f"topic {topic.name!r} has no leader for {where}")


def _words(error_code: int) -> str:
    try:
        return ErrorCode(error_code).name.replace("_", " ")
    except ValueError:
        return "for a reason that this client does not know"
