"""CreateTopics, versions 2-7.  v4 default counts (-1); v5 flexible, answers with counts and configs; v7 topic ids.

Checked in the order of Kafka's ``ReplicationControlManager.createTopics``.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from anyio import lowlevel
from kio.schema.errors import ErrorCode

from gomq.broker.catalogue import NewTopic, check_not_internal, in_groups
from gomq.broker.configs.resources import topic_entries
from gomq.broker.context import Request, Result, State
from gomq.broker.refusals import REFUSALS, Refusal, patience, refusal, shown
from gomq.broker.replicas import REPLICATION_FACTOR, check_replicas
from gomq.errors import BrokerError, BrokerTimeoutError

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
    checked = {topic.name: _check(state, topic, times[topic.name]) for topic in wanted}
    made: dict[str, UUID | Refusal | None] = {}
    if not body.validate_only:
        made = await _create(state, [each for each in checked.values() if isinstance(each, NewTopic)], body.timeout)
    return {"throttle_time": 0, "topics": [_answer(state, *each, made) for each in checked.items()]}


def _check(state: State, wanted: Any, times: int) -> NewTopic | Refusal:  # noqa: ANN401 - one class a version
    """Find out what is to be made, or what is wrong with it."""
    if times > 1:
        return Refusal(ErrorCode.invalid_request, "the request names the topic more than once")
    configs = {config.name: config.value for config in wanted.configs}
    topics = state.topics
    try:
        topics.check_name(wanted.name)
        check_not_internal(wanted.name)
        topics.log_config(configs)
        _check_layout(wanted, state.config.node_id)
        partitions = _count(state, wanted)
        topics.check_count(partitions)
    except REFUSALS as error:
        return refusal(error)
    return NewTopic(wanted.name, partitions, configs)


async def _create(state: State, wanted: Iterable[NewTopic], timeout: timedelta) -> dict[str, UUID | Refusal | None]:  # noqa: ASYNC109
    """Make topics, a group at a time; where one of a group cannot be made, each of it for itself."""
    made: dict[str, UUID | Refusal | None] = {}
    waiting = [*in_groups(wanted)]
    while waiting:
        group = waiting.pop(0)
        try:
            with patience(timeout):
                made |= {topic.name: topic.id for topic in await state.topics.create_all(group)}
        except REFUSALS as error:
            if len(group) > 1 and not isinstance(error, BrokerTimeoutError):
                waiting[:0] = [[each] for each in group]
            else:
                made |= dict.fromkeys((each.name for each in group), refusal(error))
        await lowlevel.checkpoint()  # there may be thousands
    return made


def _answer(
    state: State, name: str, checked: NewTopic | Refusal, made: Mapping[str, UUID | Refusal | None]
) -> dict[str, Any]:
    if isinstance(checked, Refusal):
        return _refused(name, checked)
    if isinstance(outcome := made.get(name), Refusal):
        return _refused(name, outcome)
    return {
        "name": name,
        "topic_id": outcome,
        "error_code": ErrorCode.none,
        "error_message": None,
        "topic_config_error_code": ErrorCode.none,
        "num_partitions": checked.partitions,
        "replication_factor": REPLICATION_FACTOR,
        "configs": [entry.response() for entry in topic_entries(state, checked.configs)],
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
