"""How a group comes to its next generation: its members join, one of them assigns. Values only.

Kafka: ``GroupMetadataManager.prepareRebalance``, ``completeClassicGroupJoin`` and what is around them.
"""

from typing import Final

from kio.schema.errors import ErrorCode

from gomq.broker.groups.group import ClassicGroup, GroupState, InitialDelay
from gomq.broker.groups.members import NO_MEMBER, JoinAnswer, Member, SyncAnswer
from gomq.broker.groups.outcome import JOIN_TIMER, SYNC_TIMER, Emptied, Outcome, member_timer

_LEAST_WAIT_AGAIN_MS: Final = 1000
"""For members of which none joined in time: a rebalance timeout of 0 must not keep the broker busy with them. Kafka
has no such bound."""


def rebalance_or_complete(group: ClassicGroup, outcome: Outcome) -> None:
    """Start a rebalance, or end the joining of the one that is under way if nobody is waited for."""
    if group.can_rebalance:
        prepare_rebalance(group, outcome)
    else:
        complete_join_if_all(group, outcome)


def prepare_rebalance(group: ClassicGroup, outcome: Outcome) -> None:
    """Have all members join again."""
    if group.state is GroupState.COMPLETING_REBALANCE:
        reset_assignments(group, ErrorCode.rebalance_in_progress, outcome)
    group.roster.pending_sync.clear()
    outcome.cancel_timer(SYNC_TIMER)
    is_initial = group.state is GroupState.EMPTY
    group.transition(GroupState.PREPARING_REBALANCE, outcome.now_ms)
    group.has_newcomers = False
    if is_initial:
        _wait_for_more(group, outcome)
    elif group.roster.has_all_joined:
        complete_join(group, outcome)
    else:
        outcome.set_timer(JOIN_TIMER, group.roster.rebalance_timeout_ms)


def complete_join_if_all(group: ClassicGroup, outcome: Outcome) -> None:
    """End the joining if nobody is waited for; a group that was empty waits as long as it was told to."""
    is_initial = group.state_before is GroupState.EMPTY
    if group.state is GroupState.PREPARING_REBALANCE and not is_initial and group.roster.has_all_joined:
        complete_join(group, outcome)


def end_joining(group: ClassicGroup, outcome: Outcome) -> None:
    """Do what is due when the time to join is over."""
    if group.state is not GroupState.PREPARING_REBALANCE:
        return
    delay = group.initial_delay
    if delay is None or not group.has_newcomers or not delay.remaining_ms:
        complete_join(group, outcome)
        return
    group.has_newcomers = False
    next_ms = min(group.settings.initial_rebalance_delay_ms, delay.remaining_ms)
    group.initial_delay = InitialDelay(next_ms, max(delay.remaining_ms - delay.delay_ms, 0))
    outcome.set_timer(JOIN_TIMER, next_ms)


def complete_join(group: ClassicGroup, outcome: Outcome) -> None:
    """Let those that joined be the next generation, and tell them; who did not, and is not static, is out."""
    outcome.cancel_timer(JOIN_TIMER)
    group.initial_delay = None
    for member in group.roster.not_joined():
        if not member.is_static:
            group.roster.remove(member.id)
            outcome.cancel_timer(member_timer(member.id))
    if not group.roster.elect_joined_leader() and group.roster:
        wait_ms = max(group.roster.rebalance_timeout_ms, _LEAST_WAIT_AGAIN_MS)
        outcome.set_timer(JOIN_TIMER, wait_ms)  # until their sessions end
        return
    group.next_generation(outcome.now_ms)
    if group.state is GroupState.EMPTY:
        outcome.store(group.record({}), Emptied())
        return
    for member in group.roster.members:
        answer_join(group, member, join_answer(group, member.id), outcome)
        outcome.set_timer(member_timer(member.id), member.session_timeout_ms)
        member.is_new = False
        group.roster.pending_sync.add(member.id)
    outcome.set_timer(SYNC_TIMER, group.roster.rebalance_timeout_ms)


def join_answer(group: ClassicGroup, member_id: str) -> JoinAnswer:
    """Tell a member of the generation; the leader of all members."""
    is_leader = group.roster.is_leader(member_id)
    return JoinAnswer(
        member_id=member_id,
        generation=group.generation,
        protocol_type=group.protocol_type,
        protocol=group.protocol,
        leader=group.roster.leader or NO_MEMBER,
        members=group.member_protocols() if is_leader else (),
    )


def answer_join(group: ClassicGroup, member: Member, answer: JoinAnswer, outcome: Outcome) -> None:
    """Answer a member's JoinGroup, if one waits."""
    if member.joining is not None:
        outcome.answer(member.joining, answer)
        group.roster.set_joining(member, None)


def reset_assignments(group: ClassicGroup, error: ErrorCode, outcome: Outcome) -> None:
    """Take all assignments back, and tell those that wait for theirs."""
    for member in group.roster.members:
        member.assignment = b""
        answer_sync(member, SyncAnswer(error=error), outcome)


def answer_sync(member: Member, answer: SyncAnswer, outcome: Outcome) -> None:
    """Answer a member's SyncGroup, if one waits: from now on its heartbeats count again."""
    if member.syncing is not None:
        outcome.answer(member.syncing, answer)
        member.syncing = None
        outcome.set_timer(member_timer(member.id), member.session_timeout_ms)


def dismiss(group: ClassicGroup, member: Member, outcome: Outcome) -> None:
    """Let a member go; what it waits for is answered with ``UNKNOWN_MEMBER_ID``, so that it joins anew if it lives."""
    error = ErrorCode.unknown_member_id
    answer_join(group, member, JoinAnswer(error=error, member_id=NO_MEMBER), outcome)
    answer_sync(member, SyncAnswer(error=error), outcome)
    group.roster.remove(member.id)
    outcome.cancel_timer(member_timer(member.id))


def _wait_for_more(group: ClassicGroup, outcome: Outcome) -> None:
    """Wait for more members than the first, if the settings say so."""
    delay_ms = group.settings.initial_rebalance_delay_ms
    if not delay_ms:
        complete_join(group, outcome)
        return
    group.initial_delay = InitialDelay(delay_ms, max(group.roster.rebalance_timeout_ms - delay_ms, 0))
    outcome.set_timer(JOIN_TIMER, delay_ms)
