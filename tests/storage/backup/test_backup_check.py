"""Batches are checked while their bytes pass by, in any pieces."""

from hypothesis import given, strategies as st

from gomq_storage.backup.check import PassingBatches
from gomq_storage.batch import read_header, stamp
from tests.support.log_batches import batch_of

LOGS = st.lists(st.integers(1, 4), max_size=6)


def log_of(counts: list[int]) -> tuple[bytes, list[int]]:
    """Make a log file of batches with so many records, and say where each batch ends."""
    data, ends, offset = b"", [0], 0
    for count in counts:
        raw = batch_of(*[b"value"] * count)
        data += stamp(read_header(raw), base_offset=offset, leader_epoch=0) + raw[16:]
        offset += count
        ends.append(len(data))
    return data, ends


def passed(data: bytes, piece: int) -> PassingBatches:
    """Let a file pass by in pieces."""
    batches = PassingBatches(0)
    for start in range(0, len(data), piece):
        batches.feed(data[start : start + piece])
    return batches


@given(LOGS, st.integers(1, 200))
def test_whole_batches_are_counted_in_any_pieces(counts: list[int], piece: int):
    data, _ = log_of(counts)

    found = passed(data, piece)

    assert (found.end, found.next_offset, found.problem) == (len(data), sum(counts), None)


@given(LOGS, st.integers(1, 200), st.data())
def test_a_batch_that_is_not_whole_is_no_problem_and_does_not_count(counts: list[int], piece: int, data: st.DataObject):
    log, ends = log_of(counts)
    size = data.draw(st.integers(0, len(log)))

    found = passed(log[:size], piece)

    assert found.problem is None
    assert found.end == max(end for end in ends if end <= size)


@given(LOGS.filter(bool), st.integers(1, 200), st.data())
def test_a_bit_that_has_changed_is_found_in_its_batch(counts: list[int], piece: int, data: st.DataObject):
    log, ends = log_of(counts)
    place = data.draw(st.integers(0, len(log) - 1))
    number = max(number for number, end in enumerate(ends) if end <= place)
    within = place - ends[number]
    if within < 16:  # offset, length and epoch, which no checksum covers
        return
    changed = bytearray(log)
    changed[place] ^= 1 << data.draw(st.integers(0, 7))

    found = passed(bytes(changed), piece)

    assert found.problem is not None
    assert found.end == found.problem.position == ends[number]


def test_offsets_that_go_back_are_a_problem():
    log, ends = log_of([3, 2])

    found = passed(log[: ends[1]] * 2, 50)

    assert "base offset 0" in str(found.problem)
