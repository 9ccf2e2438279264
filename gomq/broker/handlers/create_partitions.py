"""CreatePartitions, versions 0-3.  v2 flexible; v3 quota errors, of which there are none.

Topics get more partitions, never fewer. Which partition a key goes to changes with their number, so a topic of the
broker's own keeps its number. Kafka: ``ReplicationControlManager.createPartitions``.
"""

from collections import Counter
from datetime import timedelta
from functools import partial
from typing import Any

from kio.schema.errors import ErrorCode

from gomq.broker.catalogue import check_not_internal
from gomq.broker.context import Request, Result, State
from gomq.broker.refusals import REFUSALS, patience, refusal, shown
from gomq.broker.replicas import check_replicas
from gomq.errors import BrokerError, InvalidPartitionsError, UnknownTopicError


async def handle(state: State, request: Request) -> Result:
    """Let topics have more partitions, each for itself."""
    body = request.body
    times = Counter(topic.name for topic in body.topics)
    results = []
    for topic in {topic.name: topic for topic in body.topics}.values():
        code, message = await _grow(
            state, topic, body.timeout, repeated=times[topic.name] > 1, validate_only=body.validate_only
        )
        results.append({"name": topic.name, "error_code": code, "error_message": message})
    return {"throttle_time": 0, "results": results}


async def _grow(
    state: State,
    wanted: Any,  # noqa: ANN401 - one class a version
    timeout: timedelta,  # noqa: ASYNC109 - the client's
    *,
    repeated: bool,
    validate_only: bool,
) -> tuple[ErrorCode, str | None]:
    check = partial(_check, wanted, state.config.node_id)
    try:
        if repeated:
            raise BrokerError("the request names the topic more than once", code=ErrorCode.invalid_request)
        topic = state.topics.get(wanted.name)
        if topic is None:
            raise UnknownTopicError(shown(f"there is no topic {wanted.name!r}"))
        check_not_internal(wanted.name)
        if validate_only:
            check(len(topic.partitions))
            state.topics.check_count(wanted.count)
        else:
            with patience(timeout):
                await state.topics.add_partitions(wanted.name, count=wanted.count, check=check)
    except REFUSALS as error:
        return refusal(error)
    return ErrorCode.none, None


def _check(wanted: Any, node_id: int, present: int) -> None:  # noqa: ANN401 - one class a version
    """Check that a topic with so many partitions can have those that are wanted."""
    if wanted.count == present:
        raise InvalidPartitionsError(f"Topic already has {present} partition(s).")
    if wanted.count < present:
        raise InvalidPartitionsError(
            f"The topic {wanted.name} currently has {present} partition(s); {wanted.count} would not be an increase."
        )
    if wanted.assignments is None:
        return
    if len(wanted.assignments) != wanted.count - present:
        problem = f"{wanted.count - present} partitions are added, and {len(wanted.assignments)} are assigned"
        raise BrokerError(problem, code=ErrorCode.invalid_replica_assignment)
    for assignment in wanted.assignments:
        check_replicas(assignment.broker_ids, node_id)
