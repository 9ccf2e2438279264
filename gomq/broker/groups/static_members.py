"""A static member that comes back (KIP-345, KIP-814). Values only.

It has forgotten its member id and brings its name, ``group.instance.id``; so it takes the place of the member that had
the name, gets a new id, and whoever still uses the old one is fenced. A stable group does not rebalance for that as
long as the same protocol is chosen: the new id is written down, and then the member is told of the generation.
Kafka: ``GroupMetadataManager.updateStaticMemberThenRebalanceOrCompleteJoin``.
"""

from kio.schema.errors import ErrorCode

from gomq.broker.groups.group import ClassicGroup, GroupState
from gomq.broker.groups.members import NO_MEMBER, JoinAnswer, JoinRequest, SyncAnswer
from gomq.broker.groups.outcome import Outcome, Replaced, member_timer
from gomq.broker.groups.rebalance import (
    answer_join,
    answer_sync,
    complete_join_if_all,
    prepare_rebalance,
    rebalance_or_complete,
)


def replace_static_member(group: ClassicGroup, request: JoinRequest, instance_id: str, outcome: Outcome) -> None:
    """Let a static member that comes back have its place again."""
    purpose = _take_place(group, request, instance_id, outcome)
    group.roster.update(
        group.roster[purpose.member_id],
        request.protocols,
        rebalance_timeout_ms=request.rebalance_timeout_ms,
        session_timeout_ms=request.session_timeout_ms,
    )
    group.roster.set_joining(group.roster[purpose.member_id], request.ticket)
    if group.state is GroupState.STABLE and group.roster.vote() == group.protocol:
        outcome.store(group.record(group.assignments()), purpose)
    elif group.state is GroupState.STABLE:
        rebalance_or_complete(group, outcome)
    elif group.state is GroupState.COMPLETING_REBALANCE:
        prepare_rebalance(group, outcome)  # the leader may have been told the old id already
    else:
        complete_join_if_all(group, outcome)


def _take_place(group: ClassicGroup, request: JoinRequest, instance_id: str, outcome: Outcome) -> Replaced:
    """Give the place to a new id, fence the old one, and say how it was before."""
    old_id = group.roster.static_id(instance_id)
    assert old_id is not None  # that is why it is a replacement
    old = group.roster[old_id]
    purpose = Replaced(
        generation=group.generation,
        member_id=request.new_member_id,
        old_member_id=old_id,
        old_protocols=old.protocols,
        old_rebalance_timeout_ms=old.rebalance_timeout_ms,
        old_session_timeout_ms=old.session_timeout_ms,
        old_leader=group.roster.leader or NO_MEMBER,
        can_skip_assignment=request.can_skip_assignment,
    )
    _move(group, instance_id, request.new_member_id, outcome)
    return purpose


def tell_replaced(group: ClassicGroup, purpose: Replaced, error: ErrorCode, outcome: Outcome) -> None:
    """Tell a static member of the generation once its new id is written down; or put the old one back."""
    if group.state is not GroupState.STABLE or group.generation != purpose.generation:
        return  # the rebalance that came between has told it, or will
    if purpose.member_id not in group.roster:
        return  # it was replaced again, or removed, and was told so
    member = group.roster[purpose.member_id]
    leader = group.roster.leader or NO_MEMBER
    if error is ErrorCode.none:
        is_leader = group.roster.is_leader(member.id)
        can_skip = purpose.can_skip_assignment
        answer = JoinAnswer(
            member_id=member.id,
            generation=group.generation,
            protocol_type=group.protocol_type,
            protocol=group.protocol,
            leader=leader if can_skip else purpose.old_leader,
            skip_assignment=is_leader and can_skip,
            members=group.member_protocols() if is_leader and can_skip else (),
        )
        answer_join(group, member, answer, outcome)
        outcome.set_timer(member_timer(member.id), member.session_timeout_ms)  # it may have ended meanwhile
        return
    answer_join(group, member, JoinAnswer(error=error, member_id=NO_MEMBER), outcome)
    group.roster.update(
        member,
        purpose.old_protocols,
        rebalance_timeout_ms=purpose.old_rebalance_timeout_ms,
        session_timeout_ms=purpose.old_session_timeout_ms,
    )
    assert member.instance_id is not None  # it is static
    _move(group, member.instance_id, purpose.old_member_id, outcome)


def _move(group: ClassicGroup, instance_id: str, new_id: str, outcome: Outcome) -> None:
    """Give a static member another id; whoever waits under the one it had is fenced."""
    old_id = group.roster.static_id(instance_id)
    assert old_id is not None  # there is such a member
    old = group.roster[old_id]
    error = ErrorCode.fenced_instance_id
    answer_join(group, old, JoinAnswer(error=error, member_id=old_id), outcome)
    answer_sync(old, SyncAnswer(error=error), outcome)
    member = group.roster.replace(instance_id, new_id)
    outcome.cancel_timer(member_timer(old_id))
    outcome.set_timer(member_timer(new_id), member.session_timeout_ms)
