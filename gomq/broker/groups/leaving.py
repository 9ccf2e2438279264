"""How members leave a group: they say so (LeaveGroup), they are silent, or they come too late. Values only.

Kafka: ``GroupMetadataManager.classicGroupLeaveToClassicGroup``, ``expireClassicGroupMemberHeartbeat``,
``expirePendingSync``.
"""

from collections.abc import Iterable

from kio.schema.errors import ErrorCode

from gomq.broker.groups.group import ClassicGroup, GroupState
from gomq.broker.groups.members import NO_MEMBER, Identity, Left
from gomq.broker.groups.outcome import Outcome, Timer, TimerKind, member_timer
from gomq.broker.groups.rebalance import (
    complete_join,
    complete_join_if_all,
    dismiss,
    end_joining,
    prepare_rebalance,
    rebalance_or_complete,
)


def leave(group: ClassicGroup, identities: Iterable[Identity], outcome: Outcome) -> list[Left]:
    """Let members go, each for itself, and have those that stay rebalance."""
    left = [Left(identity, _leave(group, identity, outcome)) for identity in identities]
    if any(error is ErrorCode.none for _, error in left):
        if group.state in {GroupState.STABLE, GroupState.COMPLETING_REBALANCE}:
            rebalance_or_complete(group, outcome)
        elif group.state is GroupState.PREPARING_REBALANCE:
            complete_join_if_all(group, outcome)
    return left


def expire(group: ClassicGroup, timer: Timer, outcome: Outcome) -> None:
    """Do what is due when a timer of the group has ended."""
    if group.state is GroupState.DEAD:
        return
    match timer.kind:
        case TimerKind.MEMBER:
            _expire_member(group, timer.member_id, outcome)
        case TimerKind.JOIN:
            end_joining(group, outcome)
        case TimerKind.SYNC:
            _expire_sync(group, outcome)


def _leave(group: ClassicGroup, identity: Identity, outcome: Outcome) -> ErrorCode:
    member_id, instance_id = identity
    if member_id == NO_MEMBER:  # an admin removes a static member, whose id it does not know
        current = None if instance_id is None else group.roster.static_id(instance_id)
        if current is None:
            return ErrorCode.unknown_member_id
        member_id = current
    elif member_id in group.roster.pending:
        group.roster.remove(member_id)
        outcome.cancel_timer(member_timer(member_id))
        return ErrorCode.none
    elif (error := group.roster.check(member_id, instance_id)) is not ErrorCode.none:
        return error
    dismiss(group, group.roster[member_id], outcome)
    return ErrorCode.none


def _expire_member(group: ClassicGroup, member_id: str, outcome: Outcome) -> None:
    if member_id in group.roster.pending:
        group.roster.remove(member_id)
    elif member_id in group.roster and not group.roster[member_id].waits:
        dismiss(group, group.roster[member_id], outcome)
        if group.state in {GroupState.STABLE, GroupState.COMPLETING_REBALANCE}:
            rebalance_or_complete(group, outcome)
            return
    else:
        return
    if group.state is GroupState.PREPARING_REBALANCE and group.roster.has_all_joined:
        complete_join(group, outcome)


def _expire_sync(group: ClassicGroup, outcome: Outcome) -> None:
    """Let those go that have not asked for their assignment in time: it is theirs and nobody consumes it."""
    late = list(group.roster.pending_sync)  # nobody, once members join again
    if not late:
        return
    for member_id in late:
        dismiss(group, group.roster[member_id], outcome)
    prepare_rebalance(group, outcome)
