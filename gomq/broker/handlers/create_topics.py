"""CreateTopics, versions 2-7.  v4 default counts (-1); v5 flexible, answers with counts and configs; v7 topic ids."""

from collections import Counter
from typing import Any, Final

from kio.schema.errors import ErrorCode

from gomq.broker.context import Request, Result, State
from gomq.broker.topic_configs import topic_config_entries
from gomq.errors import BrokerError
from gomq_storage.errors import StorageError

_MAX_MESSAGE: Final = 1000


async def handle(state: State, request: Request) -> Result:
    """Create topics, each for itself: one that cannot be does not keep the others from it."""
    times = Counter(topic.name for topic in request.body.topics)
    return {
        "throttle_time": 0,
        "topics": [
            await _create(state, topic, repeated=times[topic.name] > 1, validate_only=request.body.validate_only)
            for topic in {topic.name: topic for topic in request.body.topics}.values()
        ],
    }


async def _create(state: State, wanted: Any, *, repeated: bool, validate_only: bool) -> dict[str, Any]:  # noqa: ANN401
    configs = {config.name: config.value for config in wanted.configs}
    partitions = wanted.num_partitions
    if partitions == -1:
        partitions = len(wanted.assignments) or state.config.default_partitions
    if repeated:
        return _refused(wanted.name, ErrorCode.invalid_request, "the request names the topic more than once")
    if (refusal := _replication_problem(wanted, state.config.node_id)) is not None:
        return _refused(wanted.name, *refusal)
    try:
        if validate_only:
            state.topics.check_new(wanted.name, partitions, configs)
            topic_id = None
        else:
            topic_id = (await state.topics.create(wanted.name, partitions=partitions, configs=configs)).id
    except BrokerError as error:
        return _refused(wanted.name, error.code, str(error))
    except ValueError as error:
        return _refused(wanted.name, ErrorCode.invalid_config, str(error))
    except (OSError, StorageError) as error:
        return _refused(wanted.name, ErrorCode.kafka_storage_error, str(error))
    return {
        "name": wanted.name,
        "topic_id": topic_id,
        "error_code": 0,
        "error_message": None,
        "num_partitions": partitions,
        "replication_factor": 1,
        "configs": [entry.response() for entry in topic_config_entries(state.config.log, configs)],
    }


def _replication_problem(wanted: Any, node_id: int) -> tuple[ErrorCode, str] | None:  # noqa: ANN401
    if wanted.assignments:
        if wanted.num_partitions != -1 or wanted.replication_factor != -1:
            return ErrorCode.invalid_request, "assignments and counts exclude each other"
        if sorted(entry.partition_index for entry in wanted.assignments) != list(range(len(wanted.assignments))):
            return ErrorCode.invalid_replica_assignment, "partitions are not numbered 0, 1, 2, ..."
        if any(tuple(entry.broker_ids) != (node_id,) for entry in wanted.assignments):
            return ErrorCode.invalid_replica_assignment, f"the only broker is {node_id}"
    elif wanted.replication_factor not in {-1, 1}:
        return (
            ErrorCode.invalid_replication_factor,
            f"replication factor {wanted.replication_factor}, but there is one broker",
        )
    return None


def _refused(name: str, error_code: int, message: str) -> dict[str, Any]:
    message = message[:_MAX_MESSAGE]  # it may repeat what the client sent, and a string has a largest size
    return {"name": name, "topic_id": None, "error_code": error_code, "error_message": message, "configs": None}
