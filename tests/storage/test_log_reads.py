"""Reading a log as a fetch does: first batches that do not fit, and indexes that somebody has to compare first."""

from pathlib import Path

import pytest

from gomq_storage.errors import DamagedLogError, WouldWaitError
from gomq_storage.log import Log
from tests.support.log_batches import numbered
from tests.support.small_log import SIZE, SMALL, filled, opened


@pytest.mark.parametrize(
    ("max_bytes", "at_least_one", "size", "is_cut_short"),
    [(SIZE, False, SIZE, False), (SIZE - 1, False, SIZE - 1, True), (SIZE - 1, True, SIZE, False)],
)
def test_a_slice_says_whether_not_even_its_first_batch_is_whole(
    max_bytes: int, at_least_one: bool, size: int, is_cut_short: bool
):
    _, log = filled(3)
    found = log.read(0, max_bytes=max_bytes, at_least_one_batch=at_least_one)
    assert found is not None
    assert (found.size, found.is_cut_short) == (size, is_cut_short)


@pytest.mark.parametrize("max_bytes", [0, -1, -(2**31)])
def test_no_room_is_nothing(max_bytes: int):
    _, log = filled(3)
    assert log.read(0, max_bytes=max_bytes, at_least_one_batch=False) is None


@pytest.fixture
def reopened(tmp_path: Path) -> Log:
    """A log of several segments that was closed in order, so that nothing is compared when it is opened."""
    log = Log.open(tmp_path, SMALL)
    for number in range(10):
        log.append(numbered(number))
    log.close()
    return Log.open(tmp_path, SMALL)


def test_indexes_that_nobody_has_compared_yet_would_keep_who_reads_waiting_once(reopened: Log):
    with pytest.raises(WouldWaitError, match="not checked"):
        reopened.read(0, max_bytes=SIZE, may_wait=False)
    expected = reopened.read(0, max_bytes=SIZE)
    assert reopened.read(0, max_bytes=SIZE, may_wait=False) == expected
    assert reopened.read(reopened.log_end - 1, max_bytes=SIZE, may_wait=False) is not None  # the last one was
    reopened.close()


def test_a_segment_that_is_known_to_be_damaged_keeps_nobody_waiting(reopened: Log):
    path = reopened.segments[0].path
    path.write_bytes(path.read_bytes()[: SIZE + 5].ljust(4 * SIZE, b"\xff"))
    (path.with_suffix(".index")).write_bytes(b"")
    with pytest.raises(DamagedLogError):
        reopened.read(0, max_bytes=SIZE)
    with pytest.raises(DamagedLogError):
        reopened.read(0, max_bytes=SIZE, may_wait=False)
    reopened.abandon()


def test_a_segment_that_is_known_to_be_damaged_is_not_scanned_again_for_every_fetch():
    files, log = filled(10)
    log.close()
    name = log.segments[0].path
    files.put(name, files.content(name)[: SIZE + 5].ljust(4 * SIZE, b"\xff"))
    log = opened(files)
    with pytest.raises(DamagedLogError) as first:
        log.read(0, max_bytes=SIZE)
    before = files.calls

    for may_wait in (True, False):
        with pytest.raises(DamagedLogError) as again:
            log.read(0, max_bytes=SIZE, may_wait=may_wait)
        assert str(again.value) == str(first.value)

    assert files.calls == before
    log.abandon()
