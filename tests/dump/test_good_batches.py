"""The hot path of verifying finds nothing wrong only where the walk that can say what is wrong finds nothing."""

import os
import tempfile

from hypothesis import given, settings, strategies as st

from gomq_dump.checks.good_batches import GoodBatches
from gomq_dump.findings import Finding
from gomq_dump.reading.batches import Batch
from gomq_dump.reading.reader import ByteReader
from tests.support.dumping import walk_log
from tests.support.log_batches import batch_of
from tests.support.segment_files import small_log

LOG = small_log(batches=5, first_offset=7)


def good_in(data: bytes, base_offset: int) -> tuple[list[tuple[int, int]], GoodBatches]:
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        with ByteReader(os.dup(file.fileno())) as reader:
            good = GoodBatches(reader, base_offset)
            return [(position, header.base_offset) for position, header in good], good


def compare(data: bytes, base_offset: int) -> None:
    good, walk = good_in(data, base_offset)
    items = walk_log(data, base_offset=base_offset)
    damage = [item for item in items if isinstance(item, Finding) and item.is_damage]
    notes = [item for item in items if isinstance(item, Finding) and not item.is_damage]
    valid = [(item.position, item.header.base_offset) for item in items if isinstance(item, Batch) and item.is_valid]
    assert good == valid[: len(good)]
    if walk.position == len(data):
        assert damage == []
        assert good == valid
        assert ([] if walk.gap is None else [walk.gap]) == notes
    else:
        assert damage != []
        assert min(item.position for item in damage) >= walk.position


def test_all_of_a_sound_log_is_good():
    good, walk = good_in(LOG, 7)

    assert [offset for _, offset in good] == [7, 10, 13, 16, 19]
    assert (walk.position, walk.next_offset, walk.gap) == (len(LOG), 22, None)


def test_offsets_that_are_missing_are_noted_as_the_other_walk_notes_them():
    compare(LOG, 0)
    compare(LOG + small_log(batches=2, first_offset=30, leader_epoch=4), 3)


def test_a_batch_that_is_larger_than_what_is_read_at_once_is_good():
    large = batch_of(*[b"x" * 1000] * 3000)
    good, walk = good_in(large, 0)

    assert (good, walk.position) == ([(0, 0)], len(large))


@settings(deadline=None)
@given(st.integers(0, len(LOG) - 1), st.integers(0, 255), st.sampled_from([0, 7, 8]))
def test_a_changed_byte_ends_the_walk_exactly_where_something_is_wrong(position: int, value: int, base_offset: int):
    compare(LOG[:position] + bytes([value]) + LOG[position + 1 :], base_offset)


@settings(deadline=None)
@given(st.integers(0, len(LOG)), st.integers(0, len(LOG)), st.binary(max_size=80))
def test_missing_and_foreign_bytes_do_too(start: int, end: int, data: bytes):
    compare(LOG[:start] + data + LOG[end:], 7)
