"""Deadlines against a dictionary that is searched through."""

from functools import partial

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gomq.broker.groups.deadlines import Deadlines

KEYS = st.sampled_from("abcdef")


class DeadlinesMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.deadlines: Deadlines[str] = Deadlines()
        self.naive: dict[str, int] = {}
        self.now = 0

    @rule(key=KEYS, after=st.integers(0, 20))
    def set(self, key: str, after: int) -> None:
        self.deadlines.set(key, self.now + after)
        self.naive[key] = self.now + after

    @rule(key=KEYS)
    def cancel(self, key: str) -> None:
        self.deadlines.cancel(key)
        self.naive.pop(key, None)

    @rule(ms=st.integers(0, 10))
    def pop_due(self, ms: int) -> None:
        self.now += ms
        due = sorted(at for at in self.naive.values() if at <= self.now)
        popped = [self.naive.pop(key) for key in iter(partial(self.deadlines.pop_due, self.now), None)]
        assert popped == due

    @invariant()
    def nothing_comes_earlier_than_it_says(self) -> None:
        earliest = self.deadlines.next()
        if self.naive:
            assert earliest is not None
            assert earliest <= min(self.naive.values())
        assert len(self.deadlines) == len(self.naive)


TestDeadlines = DeadlinesMachine.TestCase


def test_a_deadline_that_is_moved_again_and_again_takes_no_memory():
    deadlines: Deadlines[str] = Deadlines()
    for at in range(10_000):
        deadlines.set("member", 1_000_000 + at)
    assert len(deadlines._heap) == 1


def test_deadlines_that_are_set_and_dropped_take_no_memory():
    deadlines: Deadlines[int] = Deadlines()
    for key in range(10_000):
        deadlines.set(key, 1_000_000 + key)
        deadlines.cancel(key)
    assert len(deadlines._heap) < 200
    assert deadlines.pop_due(2_000_000) is None
