"""The index of aborted transactions: Kafka's layout, what is found in a range, and what is refused."""

import struct

import pytest
from hypothesis import given, strategies as st

from gomq_storage.errors import CorruptFileError
from gomq_storage.txn_index import AbortedTransaction, check_index, collect, encode_entry

MAX = 2**63 - 1


def test_an_entry_has_kafkas_layout():
    aborted = AbortedTransaction(producer_id=7, first_offset=100, last_offset=120, last_stable_offset=99)
    assert encode_entry(aborted) == struct.pack(">hqqqq", 0, 7, 100, 120, 99)


@st.composite
def histories(draw: st.DrawFn) -> list[AbortedTransaction]:
    """Aborted transactions as a log has them: markers ascend, and so do the last stable offsets."""
    markers = sorted(draw(st.sets(st.integers(0, 60), max_size=12)))
    found: list[AbortedTransaction] = []
    for number, last_offset in enumerate(markers):
        first_offset = draw(st.integers(0, last_offset))
        least = found[-1].last_stable_offset if found else 0
        stable = draw(st.integers(min(least, last_offset + 1), last_offset + 1))
        found.append(AbortedTransaction(number, max(first_offset, min(least, last_offset)), last_offset, stable))
    return found


@given(histories(), st.integers(0, 65), st.integers(0, 65))
def test_those_that_overlap_a_range_are_found_up_to_where_no_more_can(
    history: list[AbortedTransaction], offset: int, upto: int
):
    found, is_complete = collect(b"".join(map(encode_entry, history)), offset=offset, upto=upto)
    overlapping = [each for each in history if each.last_offset >= offset and each.first_offset < upto]
    stops = [each.last_stable_offset >= upto for each in history if each.last_offset >= offset]
    assert is_complete == any(stops)
    until_then = [each for each in history if each.last_offset >= offset][
        : stops.index(True) + 1 if any(stops) else None
    ]
    assert found == [each for each in until_then if each in overlapping]


@given(histories(), st.binary(max_size=33))
def test_a_torn_entry_at_the_end_does_not_count(history: list[AbortedTransaction], torn: bytes):
    raw = b"".join(map(encode_entry, history))
    assert check_index(raw + torn, base_offset=0) == raw


@pytest.mark.parametrize(
    "entries",
    [
        [(1, 7, 100, 120, 121)],  # version
        [(0, 7, 121, 120, 121)],  # ends before it begins
        [(0, 7, 10, 49, 50)],  # ends before the segment begins
        [(0, 7, 100, 120, 121), (0, 8, 100, 120, 121)],  # two markers at one offset
        [(0, 7, 100, 120, 121), (0, 8, 60, 70, 71)],  # not in order
        [(0, 0, MAX, -1, 0)],
    ],
)
def test_entries_that_cannot_be_are_refused(entries: list[tuple[int, ...]]):
    with pytest.raises(CorruptFileError, match="aborted transaction"):
        check_index(b"".join(struct.pack(">hqqqq", *entry) for entry in entries), base_offset=50)


def test_a_transaction_may_begin_in_an_earlier_segment():
    raw = encode_entry(AbortedTransaction(7, 10, 50, 51))
    assert check_index(raw, base_offset=50) == raw
