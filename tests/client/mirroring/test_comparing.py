"""Whether the target has what the source has, told in whatever pieces they come."""

from hypothesis import given, strategies as st

from gomq.client.mirroring.comparing import Comparison
from gomq_storage.record_fields import Columns

MESSAGES = st.lists(st.tuples(st.integers(0, 2), st.sampled_from([b"a", b"b", b"c"])), max_size=20)


def columns_of(messages: list[tuple[int, bytes]], start: int, stop: int) -> Columns:
    """Take some of messages with offsets and values."""
    some = messages[start:stop]
    count = len(some)
    offsets = [offset for offset, _ in some]
    return Columns(offsets, [7] * count, [None] * count, [value for _, value in some], [()] * count)


def compare(
    source: list[tuple[int, bytes]],
    target: list[tuple[int, bytes]],
    *,
    pieces: int = 3,
    may_lack: bool = False,
    may_lack_front: bool = False,
) -> Comparison:
    """Compare in pieces, as ``Verifying`` does."""
    comparison = Comparison(
        translate=lambda offset: offset, is_timed=True, may_lack=may_lack, may_lack_front=may_lack_front
    )
    read = back = 0
    while comparison.difference is None:
        if comparison.wants_source and read < len(source):
            comparison.add_source(columns_of(source, read, read + pieces))
            read += pieces
        if comparison.wants_target and back < len(target):
            comparison.add_target(columns_of(target, back, back + pieces + 1))
            back += pieces + 1
        if comparison.wants_source or comparison.wants_target:
            break
        comparison.advance()
    comparison.finish()
    if comparison.difference is None and back < len(target):
        comparison.add_target(columns_of(target, back, len(target)))
        comparison.finish()
    return comparison


def placed(messages: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """Give messages rising offsets with gaps."""
    found: list[tuple[int, bytes]] = []
    offset = -1
    for gap, value in messages:
        offset += gap + 1
        found.append((offset, value))
    return found


@given(MESSAGES, st.integers(1, 7))
def test_what_is_the_same_is_the_same_in_any_pieces(messages: list[tuple[int, bytes]], pieces: int):
    both = placed(messages)
    found = compare(both, both, pieces=pieces)

    assert found.difference is None
    assert found.compared == len(both)


@given(MESSAGES, MESSAGES, st.integers(1, 7))
def test_the_first_difference_is_told(one: list[tuple[int, bytes]], other: list[tuple[int, bytes]], pieces: int):
    source, target = placed(one), placed(other)
    found = compare(source, target, pieces=pieces)

    assert (found.difference is None) == (source == target)
    if found.difference is not None:
        same = next(index for index in range(99) if source[index : index + 1] != target[index : index + 1])
        assert found.compared == same


@given(MESSAGES, st.data())
def test_what_compaction_took_from_either_side_is_no_difference(messages: list[tuple[int, bytes]], data: st.DataObject):
    both = placed(messages)
    source = [each for each in both[:-1] if data.draw(st.booleans())] + both[-1:]
    target = [each for each in both[:-1] if data.draw(st.booleans())] + both[-1:]

    found = compare(source, target, may_lack=True)

    assert found.difference is None
    assert found.compared == len(set(source) & set(target))
    assert found.only_at_source == len(set(source) - set(target))
    assert found.only_at_target == len(set(target) - set(source))


def test_where_the_source_begins_later_only_what_is_in_front_may_lack():
    both = [(number, b"%d" % number) for number in range(10)]

    found = compare(both[4:], both, may_lack_front=True)
    at_source = compare(both[4:], both[:6] + both[7:], may_lack_front=True)
    at_target = compare(both[4:6] + both[7:], both, may_lack_front=True)

    assert (found.difference, found.compared, found.only_at_target) == (None, 6, 4)
    assert at_source.difference is not None
    assert (at_source.difference.source_offset, at_source.difference.target_offset) == (6, 7)
    assert at_target.difference is not None
    assert (at_target.difference.source_offset, at_target.difference.target_offset) == (7, 6)


def test_a_field_that_differs_is_named():
    found = compare([(0, b"a"), (1, b"b")], [(0, b"a"), (1, b"x")])

    assert found.difference is not None
    assert (found.difference.source_offset, found.difference.what) == (1, "value")


def test_a_message_that_is_missing_at_the_target_is_a_difference_even_where_some_may_be_gone():
    found = compare([(0, b"a"), (1, b"b")], [(0, b"a")], may_lack=True)

    assert found.difference is not None
    assert found.difference.source_offset == 1
