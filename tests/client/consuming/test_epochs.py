"""By leader epochs a consumer sees from where on a log is not what it has read, against a log kept record by record."""

from hypothesis import given, strategies as st

from gomq.client.consuming.epochs import NO_EPOCH, EpochTrail

Log = list[int]
"""The epoch of each record."""


def trail_of(log: Log, start: int = 0) -> EpochTrail:
    trail = EpochTrail()
    for offset, epoch in enumerate(log[start:], start):
        trail.note(epoch, offset)
    return trail


def end_of(log: Log, epoch: int) -> tuple[int, int]:
    """What a leader answers: its largest epoch up to one, and where that ends."""
    known = [each for each in log if each <= epoch]
    if not known:
        return -1, -1
    return known[-1], len(known)


elections = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=8)
"""Which of two replicas leads, how much is published to it, and how much of that the other one does not get."""


def common(left: Log, right: Log) -> int:
    return next(
        (at for at, pair in enumerate(zip(left, right, strict=False)) if pair[0] != pair[1]), min(len(left), len(right))
    )


def histories(steps: list[tuple[int, int, int]]) -> list[Log]:
    """The leader's log after each election: whoever leads cuts the other's log to its own."""
    replicas: list[Log] = [[], []]
    led: list[Log] = []
    for epoch, (leader, published, missed) in enumerate(steps):
        ours = replicas[leader] = replicas[leader] + [epoch] * published
        shared = common(ours, replicas[1 - leader])
        replicas[1 - leader] = ours[: max(shared, len(ours) - missed)]
        led.append(ours)
    return led


def follow(ours: Log, theirs: Log) -> int:
    """Ask again from where the logs part, as a consumer does, until the leader has nothing against it."""
    trail, position = trail_of(ours), len(ours)
    while trail.last != NO_EPOCH:
        epoch, end = end_of(theirs, trail.last)
        offset = trail.divergence(position, epoch, end if epoch >= 0 else position)
        if offset is None:
            break
        assert offset < position
        trail.cut(offset)
        position = offset
    return position


@given(elections)
def test_asked_again_and_again_a_leader_leads_back_to_what_both_have(steps: list[tuple[int, int, int]]):
    *earlier, theirs = histories(steps)
    for ours in earlier:
        assert follow(ours, theirs) == common(ours, theirs)


def test_nothing_read_is_nothing_to_complain_of():
    trail = EpochTrail()
    assert trail.last == NO_EPOCH
    assert trail.divergence(100, 3, 200) is None
    assert trail.divergence(100, 3, 90) == 90


def test_only_the_last_few_changes_are_remembered():
    trail = trail_of(list(range(1000)))
    assert trail.last == 999
    assert trail.divergence(1000, 0, 1) == 1
    assert len(trail._starts) <= 16
    trail.cut(0)
    assert trail.last == NO_EPOCH


def test_batches_of_older_epochs_behind_newer_ones_change_nothing():
    trail = trail_of([3, 3, 1, 3])
    assert (trail.last, trail.divergence(4, 3, 4), trail.divergence(4, 2, 4)) == (3, None, 0)
