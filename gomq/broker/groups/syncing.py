"""What SyncGroup and Heartbeat do to a group: who consumes what, and who is alive. Values only.

The leader's assignment is written down before anybody is told of it. Kafka: ``GroupMetadataManager``,
``classicGroupSyncToClassicGroup`` and ``classicGroupHeartbeatToClassicGroup``.
"""

from kio.schema.errors import ErrorCode

from gomq.broker.groups.group import ClassicGroup, GroupState
from gomq.broker.groups.members import SyncAnswer, SyncRequest
from gomq.broker.groups.outcome import SYNC_TIMER, Assigned, Outcome, Replaced, Store, member_timer
from gomq.broker.groups.rebalance import answer_sync, rebalance_or_complete, reset_assignments
from gomq.broker.groups.static_members import tell_replaced


def sync(group: ClassicGroup, request: SyncRequest, outcome: Outcome) -> None:
    """Give a member its assignment, or let it wait for the leader's."""
    error = _sync_problem(group, request)
    if error is not ErrorCode.none:
        outcome.answer(request.ticket, SyncAnswer(error=error))
        return
    member = group.roster[request.member_id]
    group.roster.pending_sync.discard(member.id)
    if not group.roster.pending_sync:
        outcome.cancel_timer(SYNC_TIMER)
    if group.state is GroupState.STABLE:
        outcome.answer(request.ticket, _assignment(group, member.assignment))
        return
    # Kafka leaves an earlier SyncGroup of the same member without an answer for ever.
    answer_sync(member, SyncAnswer(error=ErrorCode.rebalance_in_progress), outcome)
    member.syncing = request.ticket
    if group.roster.is_leader(member.id) and group.assigning != group.generation:
        group.assigning = group.generation
        known = {each.id: request.assignments.get(each.id, b"") for each in group.roster.members}
        outcome.store(group.record(known), Assigned(group.generation, known))


def stored(group: ClassicGroup, store: Store, error: ErrorCode, outcome: Outcome) -> None:
    """Go on after the group's record was made durable, or was not."""
    if isinstance(store.purpose, Assigned):
        _tell_assigned(group, store.purpose, error, outcome)
    elif isinstance(store.purpose, Replaced):
        tell_replaced(group, store.purpose, error, outcome)


def heartbeat(
    group: ClassicGroup, *, member_id: str, instance_id: str | None, generation: int, outcome: Outcome
) -> ErrorCode:
    """Take a sign of life, and tell the member whether it has to join again."""
    if group.state is GroupState.DEAD:
        return ErrorCode.coordinator_not_available
    if (error := group.roster.check(member_id, instance_id)) is not ErrorCode.none:
        return error
    if generation != group.generation:
        return ErrorCode.illegal_generation
    outcome.set_timer(member_timer(member_id), group.roster[member_id].session_timeout_ms)
    is_preparing = group.state is GroupState.PREPARING_REBALANCE
    return ErrorCode.rebalance_in_progress if is_preparing else ErrorCode.none


def _sync_problem(group: ClassicGroup, request: SyncRequest) -> ErrorCode:
    if group.state is GroupState.DEAD:
        return ErrorCode.coordinator_not_available
    if (error := group.roster.check(request.member_id, request.instance_id)) is not ErrorCode.none:
        return error
    if request.generation != group.generation:
        return ErrorCode.illegal_generation
    if request.protocol_type not in {None, group.protocol_type} or request.protocol not in {None, group.protocol}:
        return ErrorCode.inconsistent_group_protocol
    is_preparing = group.state is GroupState.PREPARING_REBALANCE
    return ErrorCode.rebalance_in_progress if is_preparing else ErrorCode.none


def _tell_assigned(group: ClassicGroup, assigned: Assigned, error: ErrorCode, outcome: Outcome) -> None:
    if group.state is not GroupState.COMPLETING_REBALANCE or group.generation != assigned.generation:
        return  # somebody joined or left meanwhile
    if error is not ErrorCode.none:
        reset_assignments(group, error, outcome)
        rebalance_or_complete(group, outcome)
        return
    for member in group.roster.members:
        member.assignment = assigned.assignments.get(member.id, b"")
        answer_sync(member, _assignment(group, member.assignment), outcome)
    group.transition(GroupState.STABLE, outcome.now_ms)


def _assignment(group: ClassicGroup, assignment: bytes) -> SyncAnswer:
    return SyncAnswer(protocol_type=group.protocol_type, protocol=group.protocol, assignment=assignment)
