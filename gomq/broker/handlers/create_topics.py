"""CreateTopics, versions 2-7.  v4 default counts (-1); v5 flexible, answers with counts and configs; v7 topic ids.

Checked in the order of Kafka's ``ReplicationControlManager.createTopics``.
"""

from collections import Counter
from datetime import timedelta
from typing import Any, Final

from anyio import lowlevel
from kio.schema.errors import ErrorCode

from gomq.broker.catalogue import check_not_internal
from gomq.broker.configs.resources import topic_entries
from gomq.broker.context import Request, Result, State
from gomq.broker.refusals import REFUSALS, Refusal, patience, refusal, shown
from gomq.broker.replicas import REPLICATION_FACTOR, check_replicas
from gomq.errors import BrokerError

DEFAULT: Final = -1
"""A count that is left to the broker."""
MAX_PARTITIONS_AT_ONCE: Final = 10_000
"""Of all topics of one request that the broker makes: ``QuorumController.MAX_RECORDS_PER_USER_OP``."""
_TOO_MANY: Final = Refusal(
    ErrorCode.policy_violation, f"one request creates at most {MAX_PARTITIONS_AT_ONCE} topics and partitions together"
)


async def handle(state: State, request: Request) -> Result:
    """Create topics, each for itself: one that cannot be does not keep the others from it."""
    body = request.body
    times = Counter(topic.name for topic in body.topics)
    wanted = {topic.name: topic for topic in body.topics}.values()
    if sum(_weight(state, topic) for topic in wanted) > max(MAX_PARTITIONS_AT_ONCE, _most(state)):
        return {"throttle_time": 0, "topics": [_refused(name, _TOO_MANY) for name in times]}
    results = []
    for topic in wanted:
        if times[topic.name] > 1:
            why = Refusal(ErrorCode.invalid_request, "the request names the topic more than once")
            results.append(_refused(topic.name, why))
        else:
            results.append(await _create(state, topic, body.timeout, validate_only=body.validate_only))
            await lowlevel.checkpoint()  # there may be thousands
    return {"throttle_time": 0, "topics": results}


async def _create(state: State, wanted: Any, timeout: timedelta, *, validate_only: bool) -> dict[str, Any]:  # noqa: ANN401, ASYNC109
    configs = {config.name: config.value for config in wanted.configs}
    topics, topic_id = state.topics, None
    try:
        topics.check_name(wanted.name)
        check_not_internal(wanted.name)
        topics.log_config(configs)
        _check_layout(wanted, state.config.node_id)
        partitions = _count(state, wanted)
        topics.check_count(partitions)
        if not validate_only:
            with patience(timeout):
                topic_id = (await topics.create(wanted.name, partitions=partitions, configs=configs)).id
    except REFUSALS as error:
        return _refused(wanted.name, refusal(error))
    return {
        "name": wanted.name,
        "topic_id": topic_id,
        "error_code": ErrorCode.none,
        "error_message": None,
        "topic_config_error_code": ErrorCode.none,
        "num_partitions": partitions,
        "replication_factor": REPLICATION_FACTOR,
        "configs": [entry.response() for entry in topic_entries(state, configs)],
    }


def _count(state: State, wanted: Any) -> int:  # noqa: ANN401 - one class a version
    if wanted.assignments:
        return len(wanted.assignments)
    return state.config.default_partitions if wanted.num_partitions == DEFAULT else int(wanted.num_partitions)


def _weight(state: State, wanted: Any) -> int:  # noqa: ANN401 - one class a version
    """What a topic counts; one with too many partitions is refused for itself."""
    count = _count(state, wanted)
    return count if 1 <= count <= _most(state) else 1


def _most(state: State) -> int:
    return state.config.max_partitions_per_topic


def _check_layout(wanted: Any, node_id: int) -> None:  # noqa: ANN401 - one class a version
    """Check how partitions and replicas are spread, as far as a request says so."""
    factor = wanted.replication_factor
    if not wanted.assignments:
        if factor not in {DEFAULT, REPLICATION_FACTOR}:
            code = ErrorCode.invalid_replication_factor
            raise BrokerError(f"replication factor {factor}, but there is one broker", code=code)
        return
    if factor != DEFAULT or wanted.num_partitions != DEFAULT:
        problem = "assignments exclude a number of partitions and a replication factor: both must be -1"
        raise BrokerError(problem, code=ErrorCode.invalid_request)
    indexes = [entry.partition_index for entry in wanted.assignments]
    for entry in wanted.assignments:
        check_replicas(entry.broker_ids, node_id)
    if sorted(indexes) != list(range(len(indexes))):
        problem = "the assigned partitions must be numbered 0, 1, 2, ..., each once"
        raise BrokerError(problem, code=ErrorCode.invalid_replica_assignment)


def _refused(name: str, why: Refusal) -> dict[str, Any]:
    return {
        "name": name,
        "topic_id": None,
        "error_code": why.code,
        "error_message": shown(why.message),
        "configs": (),
    }
