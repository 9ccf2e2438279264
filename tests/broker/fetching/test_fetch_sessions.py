"""Fetch sessions have bounds: of their number, of their partitions, of topics' names; and their epochs go round."""

from uuid import UUID

import pytest

from gomq.broker.fetching import sessions as fetch_sessions
from gomq.broker.fetching.sessions import MAX_ID, Asked, FetchSessions, next_epoch
from gomq.broker.fetching.values import Found, PartitionKey, Wanted
from gomq.protocol.fetch import EpochEndOffset, FetchedPartition

MINUTE_MS = 60_000
NOT_FOUND = 70


@pytest.fixture(autouse=True)
def small_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten partitions in a session, twenty-five in all."""
    monkeypatch.setattr(fetch_sessions, "MAX_SESSION_PARTITIONS", 10)
    monkeypatch.setattr(fetch_sessions, "MAX_PARTITIONS", 25)


def wanted(count: int, topic: str | UUID = "orders") -> dict[PartitionKey, Wanted]:
    return {(topic, index): Wanted(topic, index, 0, 100) for index in range(count)}


def begin(sessions: FetchSessions, count: int, *, topic: str = "orders", now_ms: int = 0) -> int:
    """Ask for a session with so many partitions; its id, or 0."""
    context = sessions.begin(Asked(0, 0, wanted(count, topic), (), by_id=False), now_ms)
    return context.settle([Found(each, FetchedPartition(0, 0, 0, 0, 0)) for each in context.wanted], now_ms).session_id


def go_on(sessions: FetchSessions, session_id: int, epoch: int, count: int = 0, *, now_ms: int = 0) -> int:
    """Go on with a session, perhaps with more partitions; the error code."""
    asked = Asked(session_id, epoch, wanted(count), (), by_id=False)
    return sessions.begin(asked, now_ms).error_code


def test_ids_are_positive_and_differ():
    sessions = FetchSessions()
    ids = {begin(sessions, 0) for _ in range(1000)}
    assert len(ids) == 1000
    assert min(ids) > 0
    assert max(ids) <= MAX_ID


def test_an_id_that_is_in_use_is_drawn_again():
    draws = iter([0, 0, 0, MAX_ID - 1])
    sessions = FetchSessions(draw=lambda _: next(draws))
    assert [begin(sessions, 1), begin(sessions, 1)] == [1, MAX_ID]


def test_an_epoch_follows_the_last_one_again():
    assert [next_epoch(epoch) for epoch in (0, 1, MAX_ID - 1, MAX_ID)] == [1, 2, MAX_ID, 1]


def test_a_session_of_too_many_partitions_is_refused_and_costs_nothing():
    sessions = FetchSessions()
    assert begin(sessions, 11) == 0
    assert begin(sessions, 10) > 0
    assert sessions.partition_count == 10


def test_a_session_that_grows_too_large_is_lost():
    sessions = FetchSessions()
    session_id = begin(sessions, 1)
    assert go_on(sessions, session_id, 1, 10) == 0
    assert go_on(sessions, session_id, 2, 11) == NOT_FOUND
    assert (len(sessions), sessions.partition_count) == (0, 0)


def test_all_sessions_together_have_a_bound_of_partitions():
    sessions = FetchSessions()
    first = begin(sessions, 10)
    assert begin(sessions, 10) > 0
    assert begin(sessions, 6) == 0
    small = begin(sessions, 4)
    assert small > 0
    assert go_on(sessions, small, 1, 6) == NOT_FOUND
    assert go_on(sessions, first, 1, 10) == 0
    assert sessions.partition_count == 20


def test_a_session_that_was_not_used_for_two_minutes_gives_way():
    sessions = FetchSessions(slots=2)
    idle, busy = begin(sessions, 5), begin(sessions, 1)
    assert go_on(sessions, busy, 1, now_ms=MINUTE_MS) == 0
    assert begin(sessions, 9, now_ms=2 * MINUTE_MS) == 0
    assert begin(sessions, 1, now_ms=2 * MINUTE_MS + 1) > 0
    assert go_on(sessions, idle, 1, now_ms=2 * MINUTE_MS + 1) == NOT_FOUND
    assert go_on(sessions, busy, 2, now_ms=2 * MINUTE_MS + 1) == 0
    assert sessions.evictions == 1


def test_a_session_that_is_old_and_in_use_gives_way_to_a_larger_one_only():
    sessions = FetchSessions(slots=1)
    old = begin(sessions, 3)
    assert go_on(sessions, old, 1, now_ms=2 * MINUTE_MS) == 0
    assert begin(sessions, 4, now_ms=2 * MINUTE_MS) == 0  # not old enough
    assert go_on(sessions, old, 2, now_ms=2 * MINUTE_MS + 1) == 0
    assert begin(sessions, 3, now_ms=2 * MINUTE_MS + 1) == 0
    assert begin(sessions, 4, now_ms=2 * MINUTE_MS + 1) > 0
    assert go_on(sessions, old, 3, now_ms=2 * MINUTE_MS + 1) == NOT_FOUND


def test_without_slots_there_are_no_sessions():
    assert begin(FetchSessions(slots=0), 1) == 0


def test_a_topic_whose_name_no_topic_can_have_is_not_remembered():
    sessions = FetchSessions()
    assert begin(sessions, 1, topic="x" * 250) == 0
    session_id = begin(sessions, 1, topic="x" * 249)
    assert session_id > 0
    asked = Asked(session_id, 1, wanted(1, "x" * 32767), (), by_id=False)
    assert sessions.begin(asked, 0).error_code == NOT_FOUND
    assert len(sessions) == 0


def test_a_diverging_epoch_is_told_each_time():
    sessions = FetchSessions()
    session_id = begin(sessions, 1)
    diverging = FetchedPartition(0, 0, 0, 0, 0, None, EpochEndOffset(1, 5))
    for epoch in (1, 2):
        context = sessions.begin(Asked(session_id, epoch, {}, (), by_id=False), 0)
        found = [Found(each, diverging) for each in context.wanted]
        assert list(context.settle(found, 0).found) == found


def test_an_answer_to_a_request_that_another_one_overtook_tells_so_though_its_partitions_are_gone():
    sessions = FetchSessions()
    session_id = begin(sessions, 1)
    slow = sessions.begin(Asked(session_id, 1, {}, (), by_id=False), 0)
    sessions.begin(Asked(session_id, 2, {}, [("orders", 0)], by_id=False), 0)
    settled = slow.settle([Found(each, FetchedPartition(0, 0, 9, 9, 0)) for each in slow.wanted], 0)
    assert settled == (71, session_id, ())
