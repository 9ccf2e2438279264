"""The tracker: commit points of what is finished in any order, against sets."""

from hypothesis import given, settings, strategies as st

from gomq.client.delivering.tracker import Tracker
from gomq_storage.layout import TopicPartition


@given(st.data())
@settings(max_examples=60)
def test_the_commit_point_is_the_first_unfinished_offset_whatever_is_finished_behind_it(data: st.DataObject):
    tracker = Tracker()
    taken: dict[int, list[int]] = {0: [], 1: []}
    finished: dict[int, set[int]] = {0: set(), 1: set()}

    for _ in range(data.draw(st.integers(1, 25))):
        partition = data.draw(st.integers(0, 1))
        unfinished: list[int] = [offset for offset in taken[partition] if offset not in finished[partition]]
        may_finish = data.draw(st.booleans())
        if unfinished and may_finish:
            offset = data.draw(st.sampled_from(unfinished))
            tracker.progress(("orders", partition)).finish(offset)
            finished[partition].add(offset)
        elif data.draw(st.integers(0, 9)) == 0:
            tracker.forget([("orders", partition)])
            taken[partition].clear()
        else:
            offset = max(taken[partition], default=-1) + data.draw(st.integers(1, 3))
            tracker.progress(("orders", partition)).take(offset)
            taken[partition].append(offset)
            finished[partition].discard(offset)

        expected: dict[TopicPartition, int] = {}
        aheads = [0]
        for each, offsets in taken.items():
            left = [offset for offset in offsets if offset not in finished[each]]
            if offsets:
                expected[TopicPartition("orders", each)] = min(left, default=offsets[-1] + 1)
                aheads.append(sum(offset >= min(left) for offset in offsets) if left else 0)
        assert tracker.points() == expected
        assert tracker.ahead == max(aheads)


def test_a_partition_of_which_nothing_was_taken_has_no_commit_point():
    assert Tracker().points() == {}


def test_what_is_finished_is_not_kept():
    progress = Tracker().progress(("orders", 0))
    for offset in range(10_000):
        progress.take(offset)
        if offset:
            progress.finish(offset)

    assert (progress.point, progress.ahead, len(progress._unfinished)) == (0, 10_000, 1)
