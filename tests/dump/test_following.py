"""Following a log that grows: what is appended comes once, in order, whatever happens to the files meanwhile."""

import resource
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gomq_dump.findings import Finding, Problem
from gomq_dump.reading.batches import Batch
from gomq_dump.reading.inspection import FileStart
from gomq_dump.reading.paths import collect
from gomq_dump.selecting.following import FollowedLog, allow_open_files, follow
from gomq_dump.selecting.matching import BatchFilter
from gomq_dump.selecting.selected import SelectedItem, Shown, partition_logs
from gomq_dump.selecting.selection import Selection
from gomq_storage.batch import read_header
from gomq_storage.layout import segment_file_name
from tests.support.indexed_segments import write_segments
from tests.support.log_batches import numbered

RECORDS_EACH = 3


def batch(number: int) -> bytes:
    """The number-th batch of the log, of three records."""
    data = bytearray(numbered(number, records=RECORDS_EACH))
    data[:8] = (number * RECORDS_EACH).to_bytes(8, "big")
    return bytes(data)


def batches(start: int, end: int) -> list[bytes]:
    return [batch(number) for number in range(start, end)]


@pytest.fixture
def partition(tmp_path: Path) -> Path:
    return write_segments(tmp_path / "orders-0", [batches(0, 4)])


def log_of(directory: Path, first: int = 0) -> Path:
    return directory / segment_file_name(first * RECORDS_EACH)


def append(path: Path, *data: bytes) -> None:
    with path.open("ab") as file:
        file.write(b"".join(data))


class Follower:
    """Polls one partition and says which batches came, by their numbers."""

    def __init__(self, directory: Path, selection: Selection | None = None) -> None:
        selection = selection or Selection(follow=True)
        (log,) = partition_logs(collect(str(directory)))
        self.wanted = BatchFilter(selection, with_records=True)
        self.log = FollowedLog(log, selection, self.wanted, Shown())
        self.items: list[SelectedItem] = []

    def poll(self) -> list[int]:
        self.items = list(self.log.poll())
        return [item.header.base_offset // RECORDS_EACH for item in self.items if isinstance(item, Batch)]

    @property
    def notes(self) -> list[str]:
        return [item.message for item in self.items if isinstance(item, Finding) and not item.is_damage]

    @property
    def problems(self) -> list[Problem]:
        return [item.problem for item in self.items if isinstance(item, Finding) and item.is_damage]


def test_what_is_appended_comes_once(partition: Path):
    follower = Follower(partition)

    assert follower.poll() == [0, 1, 2, 3]
    assert follower.poll() == []
    append(log_of(partition), batch(4), batch(5))
    assert follower.poll() == [4, 5]
    assert follower.poll() == []


def test_a_batch_that_is_half_written_is_awaited(partition: Path):
    follower = Follower(partition)
    follower.poll()
    data = batch(4) + batch(5)

    for cut in (1, 12, 60, 61, len(batch(4)) - 1):
        append(log_of(partition), data[log_of(partition).stat().st_size - 4 * len(batch(0)) : cut])
        assert follower.poll() == []
        assert follower.items == []
    append(log_of(partition), data[len(batch(4)) - 1 : len(batch(4)) + 10])
    assert follower.poll() == [4]
    assert follower.items[0] == follower.items[-1]
    append(log_of(partition), data[len(batch(4)) + 10 :])
    assert follower.poll() == [5]


def test_damage_is_told_once_good_batches_follow_it(partition: Path):
    follower = Follower(partition)
    follower.poll()
    bad = bytearray(batch(4))
    bad[80] ^= 1

    append(log_of(partition), bytes(bad))
    assert follower.poll() == []
    assert follower.problems == []
    append(log_of(partition), batch(5))
    assert follower.poll() == [4, 5]
    assert follower.problems == [Problem.CRC]


def test_it_goes_on_in_the_next_segment(partition: Path):
    follower = Follower(partition)
    follower.poll()

    append(log_of(partition), batch(4))
    write_segments(partition, [batches(5, 7), batches(7, 8)])
    assert follower.poll() == [4, 5, 6, 7]
    append(log_of(partition, 7), batch(8))
    assert follower.poll() == [8]


def test_a_torn_tail_is_told_once_another_segment_follows(partition: Path):
    follower = Follower(partition)
    follower.poll()

    append(log_of(partition), batch(4)[:40])
    assert follower.poll() == []
    assert follower.problems == []
    write_segments(partition, [batches(4, 5)])
    assert follower.poll() == [4]
    assert follower.problems == [Problem.TORN_TAIL]


def test_retention_may_remove_what_was_read_and_what_was_not(partition: Path):
    follower = Follower(partition)
    follower.poll()
    write_segments(partition, [batches(4, 6), batches(6, 7)])

    log_of(partition).unlink()
    log_of(partition, 4).unlink()
    assert follower.poll() == [6]
    assert follower.notes == ["offsets 12 to 17 were removed before they could be shown"]


def test_compaction_may_put_what_comes_next_into_an_earlier_segment(partition: Path):
    follower = Follower(partition)
    follower.poll()
    write_segments(partition, [batches(4, 6), batches(6, 7)])

    compacted = write_segments(partition.with_name("compacted"), [batches(2, 6)])
    log_of(partition, 4).unlink()
    for path in compacted.iterdir():
        path.rename(partition / path.name.replace("000006.", "000000."))
    assert follower.poll() == [4, 5, 6]


def test_a_log_that_is_cut_is_shown_on_from_there(partition: Path):
    follower = Follower(partition)
    follower.poll()
    size = len(batch(0))

    with log_of(partition).open("r+b") as file:
        file.truncate(2 * size)
    assert follower.poll() == []
    assert follower.notes == ["the log has been cut here; what is written from here on is shown"]
    append(log_of(partition), batch(2))
    assert follower.poll() == [2]


def test_a_log_whose_last_segment_is_cut_off_is_shown_on_from_there(partition: Path):
    write_segments(partition, [batches(4, 6)])
    follower = Follower(partition)
    assert follower.poll() == [0, 1, 2, 3, 4, 5]

    for path in partition.glob(log_of(partition, 4).stem + ".*"):
        path.unlink()
    assert follower.poll() == []
    assert follower.notes == ["the log has been cut here; what is written from here on is shown"]
    append(log_of(partition), batch(4))
    assert follower.poll() == [4]


def test_a_partition_that_is_made_anew_is_shown_from_its_start(partition: Path):
    follower = Follower(partition)
    follower.poll()

    partition.rename(partition.with_name("old"))
    write_segments(partition, [batches(0, 2)])
    assert follower.poll() == [0, 1]
    assert follower.notes == ["the partition has been made anew, and is shown from here"]


def test_a_partition_that_is_removed_ends_it(partition: Path):
    follower = Follower(partition)
    follower.poll()

    shutil.rmtree(partition)
    assert follower.poll() == []
    assert follower.notes == ["the partition has been removed"]
    assert follower.log.is_over


def test_the_tail_is_counted_from_where_the_log_ends_first(partition: Path):
    follower = Follower(partition, Selection(follow=True, tail=4))

    assert follower.poll() == [2, 3]
    first = follower.items[1]
    assert isinstance(first, Batch)
    assert [record.offset for record in first.records or ()] == [8]
    append(log_of(partition), batch(4))
    assert follower.poll() == [4]


def test_with_a_tail_of_nothing_only_what_is_new_comes(partition: Path):
    follower = Follower(partition, Selection(follow=True, tail=0))

    assert follower.poll() == []
    append(log_of(partition), batch(4))
    write_segments(partition, [batches(5, 6)])
    assert follower.poll() == [4, 5]


def test_several_partitions_are_followed_until_the_limit(partition: Path):
    other = write_segments(partition.with_name("orders-1"), [batches(0, 1)])
    selection = Selection(follow=True, limit=8 * RECORDS_EACH)
    logs = partition_logs(collect(str(partition.parent)))
    writes: list[Callable[[], None]] = [
        lambda: append(log_of(other), batch(1)),
        lambda: append(log_of(partition), batch(4)),
        lambda: append(log_of(other), batch(2), batch(3)),
    ]

    def pause() -> None:
        writes.pop(0)()

    items = list(follow(logs, selection, BatchFilter(selection, with_records=True), look=list, pause=pause))

    shown = [
        item.file.path.split("/")[-2] if isinstance(item, FileStart) else item.header.base_offset // RECORDS_EACH
        for item in items
        if not isinstance(item, Finding)
    ]
    assert shown == ["orders-0", 0, 1, 2, 3, "orders-1", 0, 1, "orders-0", 4, "orders-1", 2]


def test_an_upper_offset_ends_it(partition: Path):
    selection = Selection(follow=True, to_offset=5 * RECORDS_EACH)
    writes = [batch(4), batch(5)]
    logs = partition_logs(collect(str(partition)))

    items = list(
        follow(
            logs,
            selection,
            BatchFilter(selection, with_records=True),
            look=list,
            pause=lambda: append(log_of(partition), writes.pop(0)),
        )
    )

    assert len([item for item in items if isinstance(item, Batch)]) == 5
    assert read_header(writes[0]).base_offset == 5 * RECORDS_EACH


def test_as_many_files_may_be_open_as_the_system_allows():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
    try:
        allow_open_files()

        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (before[1], before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
