"""ElectLeaders, versions 0-2.  v1 election types (KIP-460); v2 flexible.

Every partition has one replica, which leads it: no election is needed, of whatever type. Where the replica is offline
there is nobody to elect. Kafka: ``ReplicationControlManager.electLeaders``, which says nothing of those that need no
election where all partitions are meant (null).
"""

from typing import Any, Final

from kio.schema.errors import ErrorCode

from gomq.broker.context import Request, Result, State

_PREFERRED: Final = 0
_UNCLEAN: Final = 1
_NOBODY: Final = {
    _PREFERRED: ErrorCode.preferred_leader_not_available,
    _UNCLEAN: ErrorCode.eligible_leaders_not_available,
}
_MESSAGES: Final = {
    ErrorCode.unknown_topic_or_partition: "there is no such topic or partition",
    ErrorCode.election_not_needed: "the partition has the leader that it should have",
}
_OFFLINE: Final = "the partition is offline: the broker's log says why"


async def handle(state: State, request: Request) -> Result:
    """Say of each partition that it has its leader."""
    election = getattr(request.body, "election_type", _PREFERRED)
    if election not in _NOBODY:
        return {"throttle_time": 0, "error_code": ErrorCode.invalid_request, "replica_election_results": ()}
    wanted = request.body.topic_partitions
    if wanted is None:
        results = [
            _topic(topic.name, _only_needed(state, topic.name, len(topic.partitions), election))
            for topic in state.topics
        ]
    else:
        results = [
            _topic(topic.topic, [_elect(state, topic.topic, index, election) for index in topic.partitions])
            for topic in wanted
        ]
    return {"throttle_time": 0, "error_code": ErrorCode.none, "replica_election_results": results}


def _only_needed(state: State, name: str, count: int, election: int) -> list[dict[str, Any]]:
    results = [_elect(state, name, index, election) for index in range(count)]
    return [result for result in results if result["error_code"] != ErrorCode.election_not_needed]


def _elect(state: State, name: str, index: int, election: int) -> dict[str, Any]:
    partition = state.topics.partition(name, index)
    if partition is None:
        code = ErrorCode.unknown_topic_or_partition
    elif partition.is_offline:
        code = _NOBODY[election]
    else:
        code = ErrorCode.election_not_needed
    return {"partition_id": index, "error_code": code, "error_message": _MESSAGES.get(code, _OFFLINE)}


def _topic(name: str, results: list[dict[str, Any]]) -> dict[str, Any]:
    return {"topic": name, "partition_result": results}
