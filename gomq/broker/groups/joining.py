"""What a JoinGroup does to a group: ``GroupMetadataManager.classicGroupJoinToClassicGroup``. Values only.

A new member is told its id first, from version 4 on, so that one whose answer is lost leaves nothing behind (KIP-394).
A member that joins with nothing new gets the generation that there is. Everything else makes the group rebalance.
"""

from typing import Final

from kio.schema.errors import ErrorCode

from gomq.broker.groups.group import ClassicGroup, GroupState
from gomq.broker.groups.members import NO_MEMBER, JoinAnswer, JoinRequest, Member
from gomq.broker.groups.outcome import Outcome, member_timer
from gomq.broker.groups.rebalance import answer_join, complete_join_if_all, join_answer, rebalance_or_complete
from gomq.broker.groups.settings import NEW_MEMBER_JOIN_TIMEOUT_MS, PENDING_MEMBER_TIMEOUT_MS
from gomq.broker.groups.static_members import replace_static_member

MAX_PENDING: Final = 10_000
"""Ids that a group gives out to members that do not come again with them."""
MAX_METADATA_BYTES: Final = 64 << 20
"""What the members of a group say about themselves, all together. Kafka has no limit for either."""


def join(group: ClassicGroup, request: JoinRequest, outcome: Outcome) -> None:
    """Let a member join, or tell it why not."""
    if not _has_room(group, request):
        group.roster.remove(request.member_id)
        refuse(request, ErrorCode.group_max_size_reached, NO_MEMBER, outcome)
        complete_join_if_all(group, outcome)
    elif not _has_bytes(group, request):
        refuse(request, ErrorCode.group_max_size_reached, request.member_id, outcome)
    elif group.state is GroupState.DEAD:
        refuse(request, ErrorCode.coordinator_not_available, request.member_id, outcome)
    elif not group.supports(request.protocol_type, request.protocols):
        refuse(request, ErrorCode.inconsistent_group_protocol, request.member_id, outcome)
    elif request.member_id == NO_MEMBER:
        _join_anew(group, request, outcome)
    else:
        _join_again(group, request, outcome)


def refuse(request: JoinRequest, error: ErrorCode, member_id: str, outcome: Outcome) -> None:
    """Tell a member that it cannot join."""
    outcome.answer(request.ticket, JoinAnswer(error=error, member_id=member_id))


def _has_room(group: ClassicGroup, request: JoinRequest) -> bool:
    """Say whether the group may become so large (``GroupMetadataManager.acceptJoiningMember``)."""
    roster, max_size = group.roster, group.settings.max_size
    known = roster.find(request.member_id)
    match group.state:
        case GroupState.PREPARING_REBALANCE:
            return (known is not None and known.joining is not None) or roster.joining_count < max_size
        case GroupState.COMPLETING_REBALANCE | GroupState.STABLE:
            return known is not None or len(roster) < max_size
        case _:
            return True


def _has_bytes(group: ClassicGroup, request: JoinRequest) -> bool:
    return group.roster.size + sum(len(metadata) for _, metadata in request.protocols) <= MAX_METADATA_BYTES


def _join_anew(group: ClassicGroup, request: JoinRequest, outcome: Outcome) -> None:
    if request.instance_id is not None:
        if group.roster.static_id(request.instance_id) is not None:
            replace_static_member(group, request, request.instance_id, outcome)
        else:
            _add(group, request, request.new_member_id, outcome)
    elif not request.is_told_its_id:
        _add(group, request, request.new_member_id, outcome)
    elif len(group.roster.pending) >= MAX_PENDING:
        refuse(request, ErrorCode.group_max_size_reached, NO_MEMBER, outcome)
    else:
        group.roster.pending.add(request.new_member_id)
        wait_ms = min(request.session_timeout_ms, PENDING_MEMBER_TIMEOUT_MS)
        outcome.set_timer(member_timer(request.new_member_id), wait_ms)
        refuse(request, ErrorCode.member_id_required, request.new_member_id, outcome)


def _join_again(group: ClassicGroup, request: JoinRequest, outcome: Outcome) -> None:
    roster, member_id = group.roster, request.member_id
    if member_id in roster.pending and request.instance_id is None:
        _add(group, request, member_id, outcome)
    elif (error := roster.check(member_id, request.instance_id)) is not ErrorCode.none:
        refuse(request, error, member_id, outcome)
    elif _changes_nothing(group, request, roster[member_id]):
        outcome.answer(request.ticket, join_answer(group, member_id))
    else:
        _update(group, request, roster[member_id], outcome)


def _changes_nothing(group: ClassicGroup, request: JoinRequest, member: Member) -> bool:
    """Say whether a member only wants to hear of the generation again. A leader that joins wants to assign anew."""
    if member.protocols != request.protocols:
        return False
    is_leader = group.roster.is_leader(member.id)
    is_completing = group.state is GroupState.COMPLETING_REBALANCE
    return is_completing or (group.state is GroupState.STABLE and not is_leader)


def _add(group: ClassicGroup, request: JoinRequest, member_id: str, outcome: Outcome) -> None:
    member = Member(
        id=member_id,
        instance_id=request.instance_id,
        client_id=request.client_id,
        client_host=request.client_host,
        rebalance_timeout_ms=request.rebalance_timeout_ms,
        session_timeout_ms=request.session_timeout_ms,
        protocols=request.protocols,
        joining=request.ticket,
        is_new=True,
    )
    if group.state is GroupState.PREPARING_REBALANCE and group.state_before is GroupState.EMPTY:
        group.has_newcomers = True
    group.add(member, request.protocol_type)
    outcome.set_timer(member_timer(member_id), NEW_MEMBER_JOIN_TIMEOUT_MS)
    rebalance_or_complete(group, outcome)


def _update(group: ClassicGroup, request: JoinRequest, member: Member, outcome: Outcome) -> None:
    """Take what a member says now, and have the group rebalance."""
    group.roster.update(
        member,
        request.protocols,
        rebalance_timeout_ms=request.rebalance_timeout_ms,
        session_timeout_ms=request.session_timeout_ms,
    )
    # Kafka leaves an earlier JoinGroup of the same member without an answer for ever.
    answer_join(group, member, JoinAnswer(error=ErrorCode.rebalance_in_progress, member_id=member.id), outcome)
    group.roster.set_joining(member, request.ticket)
    rebalance_or_complete(group, outcome)
