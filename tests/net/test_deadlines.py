"""Whose time is up, decided from counts at times: nobody waits for these tests."""

import pytest
from hypothesis import given, strategies as st

from gomq.net.deadlines import SLOWEST_BYTES, Deadlines, Overdue, Standing
from gomq.net.limits import ConnectionLimits

LIMITS = ConnectionLimits(idle_seconds=600, first_request_seconds=10, request_seconds=30, send_seconds=60)
NEW = Standing(
    requests=0, received=0, has_part_of_request=False, is_waiting=False, answers=0, sent=0, is_sending=False
)  # fmt: skip
IDLE = NEW._replace(requests=1, received=50, answers=1, sent=50)


def ended_at(standing: Standing, *, every: float = 1.0, moving: int = 0, upto: float = 10_000) -> tuple[float, Overdue]:
    """Sweep over a connection that stays as it is, but for bytes that move, until its time is up."""
    deadlines, now = Deadlines(0), 0.0
    while now < upto:
        now += every
        standing = standing._replace(
            received=standing.received + (0 if standing.is_sending else moving),
            sent=standing.sent + (moving if standing.is_sending else 0),
        )
        overdue = deadlines.check(standing, now, LIMITS)
        if overdue is not None:
            return now, overdue
    raise AssertionError("it went on and on")


@pytest.mark.parametrize(
    ("standing", "after", "is_blameless"),
    [
        (NEW, 10, False),
        (IDLE, 600, True),
        (IDLE._replace(has_part_of_request=True), 30, False),
        (NEW._replace(has_part_of_request=True, received=3), 30, False),
        (IDLE._replace(is_sending=True), 60, False),
        (IDLE._replace(is_sending=True, is_waiting=True), 60, False),
    ],
)
def test_a_connection_that_stays_as_it_is_ends_at_its_deadline(standing: Standing, after: float, is_blameless: bool):
    now, overdue = ended_at(standing)
    assert after < now <= after + 2, "two sweeps late at most"
    assert overdue.is_blameless is is_blameless


@pytest.mark.parametrize("standing", [IDLE._replace(has_part_of_request=True), IDLE._replace(is_sending=True)])
def test_a_drip_is_no_progress_and_a_slow_link_is(standing: Standing):
    now, _ = ended_at(standing, moving=1)
    assert now < 65
    with pytest.raises(AssertionError, match="on and on"):
        ended_at(standing, moving=SLOWEST_BYTES)


def test_whoever_waits_for_the_broker_has_no_deadline():
    with pytest.raises(AssertionError, match="on and on"):
        ended_at(IDLE._replace(is_waiting=True, has_part_of_request=True))


@given(st.lists(st.floats(0.1, 25), min_size=5, max_size=60))
def test_a_client_that_asks_often_enough_never_ends(pauses: list[float]):
    deadlines, now = Deadlines(0), 0.0
    for number, pause in enumerate(pauses, start=1):
        now += pause
        part = IDLE._replace(requests=number, received=100 * number, has_part_of_request=bool(number % 2))
        assert deadlines.check(part, now, LIMITS) is None


def test_a_wait_for_the_broker_does_not_count_against_the_peer():
    deadlines = Deadlines(0)
    part = IDLE._replace(has_part_of_request=True)
    assert deadlines.check(part, 1, LIMITS) is None
    assert deadlines.check(part._replace(is_waiting=True), 100, LIMITS) is None
    assert deadlines.check(part, 101, LIMITS) is None
    assert deadlines.check(part, 132, LIMITS) is not None


def test_it_is_quiet_when_nothing_came_since_the_last_sweep():
    deadlines = Deadlines(0)
    quiet = []
    for now, standing in enumerate((IDLE, IDLE, IDLE._replace(requests=2, received=99)), start=1):
        deadlines.check(standing, now, LIMITS)
        quiet.append(deadlines.is_quiet)
    assert quiet == [False, True, False]
