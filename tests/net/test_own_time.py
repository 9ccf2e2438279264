"""``OwnTime``: time in which this process had no turn does not count, all other time does."""

from hypothesis import given, strategies as st

from gomq.net.own_time import OwnTime


class Hands:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_it_is_the_clock_where_nobody_looks_after_it():
    hands = Hands()
    time = OwnTime(hands)
    began = time.now()
    hands.now += 3600
    assert time.now() == began + 3600


def test_where_no_tick_comes_in_time_it_stands_still_until_the_next():
    hands = Hands()
    time = OwnTime(hands)
    time.tick(next_in=0.5)
    began = time.now()
    hands.now += 0.75
    assert time.now() == began + 0.75
    hands.now += 3600
    assert time.now() == began + 1
    time.tick(next_in=0.5)
    assert time.now() == began + 1
    hands.now += 0.5
    assert time.now() == began + 1.5


@given(st.lists(st.tuples(st.integers(0, 5000), st.booleans())))
def test_it_never_goes_back_and_counts_each_stretch_between_ticks_up_to_its_limit(steps: list[tuple[int, bool]]):
    hands = Hands()
    time = OwnTime(hands)
    time.tick(next_in=500)
    began = last = time.now()
    counted = stretch = 0
    for step, ticks in steps:
        hands.now += step
        stretch += step
        assert time.now() >= last
        last = time.now()
        if ticks:
            time.tick(next_in=500)
            counted, stretch = counted + min(stretch, 1000), 0
    assert time.now() == began + counted + min(stretch, 1000)
