"""Lanes: nothing overtakes within one, nothing is lost, and what waits is counted, against plain lists."""

from hypothesis import given, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gomq.client.delivering.lanes import Entry, Lanes, lane_by_key, lane_by_partition
from gomq.client.delivering.tracker import Tracker
from tests.support.virtual_source import message

KEYS = (None, b"", b"a", b"b")


class LanesMachine(RuleBasedStateMachine):
    """Lanes, and beside them every message that is not finished, in the order it came."""

    def __init__(self) -> None:
        super().__init__()
        self.lanes = Lanes(lane_by_key, max_waiting=6, max_waiting_bytes=60)
        self.tracker = Tracker()
        self.kept: list[Entry] = []
        self.in_hand: list[Entry] = []
        self.due: dict[Entry, float] = {}
        self.held: set[tuple[str, int]] = set()
        self.count = 0
        self.now = 0.0

    @rule(partition=st.integers(0, 1), key=st.sampled_from(KEYS), size=st.integers(0, 20))
    def add(self, partition: int, key: bytes | None, size: int):
        added = message(self.count, partition=partition, key=key, value=bytes(size))
        self.count += 1
        self.kept.append(self.lanes.add(added, self.tracker.progress(added[:2])))

    @rule(looks=st.booleans())
    def next(self, looks: bool):
        entry = self.lanes.next(self.now if looks else None)
        ripe = [each for each, due in self.due.items() if due <= self.now and each.target not in self.held]
        heads = self.heads()
        if looks and ripe:
            assert entry is not None
            assert self.due[entry] == min(self.due[each] for each in ripe)
            del self.due[entry]
            self.in_hand.append(entry)
            return
        at_rest = [each for each in heads if each not in self.in_hand and each not in self.due]
        free = [each for each in at_rest if each.target not in self.held]
        assert (entry is None) == (not free)
        assert self.lanes.has_free == (len(free) > 1)
        if entry is not None:
            assert entry in free
            self.in_hand.append(entry)

    @precondition(lambda self: self.in_hand)
    @rule(data=st.data())
    def finish(self, data: st.DataObject):
        entry = data.draw(st.sampled_from(self.in_hand))
        self.lanes.finish(entry)
        self.in_hand.remove(entry)
        self.kept.remove(entry)

    @precondition(lambda self: self.in_hand)
    @rule(data=st.data(), pause=st.integers(0, 5))
    def put_back(self, data: st.DataObject, pause: int):
        entry = data.draw(st.sampled_from(self.in_hand))
        self.lanes.put_back(entry, self.now + pause)
        self.in_hand.remove(entry)
        self.due[entry] = self.now + pause

    @rule(seconds=st.integers(1, 3))
    def pass_time(self, seconds: int):
        self.now += seconds

    @rule(partitions=st.sets(st.integers(0, 1), min_size=1))
    def drop(self, partitions: set[int]):
        targets = {("orders", partition) for partition in partitions}
        self.lanes.drop(targets)
        dropped = [each for each in self.kept if each.target in targets and each not in self.in_hand]
        self.kept = [each for each in self.kept if each not in dropped]
        self.due = {each: due for each, due in self.due.items() if each not in dropped}

    @rule(partitions=st.sets(st.integers(0, 1)))
    def hold(self, partitions: set[int]):
        self.held = {("orders", partition) for partition in partitions}
        self.lanes.hold(self.held)

    def heads(self) -> list[Entry]:
        first: dict[object, Entry] = {}
        for entry in self.kept:
            first.setdefault(entry.lane, entry)
        return list(first.values())

    @invariant()
    def what_is_handed_out_is_the_first_of_its_lane(self):
        assert set(self.in_hand) | set(self.due) <= set(self.heads())

    @invariant()
    def what_waits_is_counted(self):
        heads = self.heads()
        others = [each for each in self.kept if each.target not in self.held]
        waiting = [each for each in others if each in self.due or each not in heads]
        assert self.lanes.next_due == min((self.due[each] for each in others if each in self.due), default=None)
        assert self.lanes.is_full == (len(waiting) >= 6 or sum(each.size for each in waiting) >= 60)


TestLanes = LanesMachine.TestCase
TestLanes.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


def test_a_lane_is_a_partition_or_a_key_within_one():
    first, second, keyless = message(0, key=b"a"), message(1, key=b"b"), message(2)
    other = message(0, partition=1, key=b"a")

    assert lane_by_partition(first) == lane_by_partition(second) == lane_by_partition(keyless)
    assert lane_by_partition(first) != lane_by_partition(other)
    assert len({lane_by_key(each) for each in (first, second, keyless, other, message(3, key=b""))}) == 5


@given(st.permutations(range(16)))
def test_what_is_left_of_those_that_are_due_comes_in_its_order_when_others_are_dropped(times: list[int]):
    lanes, tracker = Lanes(lane_by_key, max_waiting=100, max_waiting_bytes=100), Tracker()
    for number in range(16):
        added = message(number, partition=number % 2, key=b"%d" % number)
        lanes.add(added, tracker.progress(added[:2]))
    entries = [lanes.next(None) for _ in range(16)]
    dues = {entry: due for due, entry in zip(times, entries, strict=True) if entry is not None}
    for entry, due in dues.items():
        lanes.put_back(entry, due)
    lanes.drop({("orders", 0)})

    left = sorted(due for entry, due in dues.items() if entry.target == ("orders", 1))
    found = [lanes.next(100) for _ in left]
    assert [dues[entry] for entry in found if entry is not None] == left
    assert lanes.next(100) is None
