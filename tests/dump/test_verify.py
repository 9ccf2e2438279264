"""Indexes held against their log, and segments against each other."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from gomq_dump.reading.batches import Batch
from gomq_dump.reading.index_checks import check_segments_meet
from gomq_storage import offset_index, time_index
from tests.support.dumping import findings_in, inspect, paths_of, problems
from tests.support.segment_files import varied_batches, write_partition, write_varied_partition


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_varied_partition(tmp_path_factory.mktemp("sound") / "orders-0")


@pytest.fixture
def partition(sound: Path, tmp_path: Path) -> Path:
    """A partition of several segments, to be damaged."""
    return shutil.copytree(sound, tmp_path / "orders-0")


def first(partition: Path, suffix: str) -> Path:
    return partition / f"00000000000000000000{suffix}"


def rewrite_entry(path: Path, number: int, *fields: int) -> None:
    entry = offset_index.ENTRY if path.suffix == ".index" else time_index.ENTRY
    data = bytearray(path.read_bytes())
    entry.pack_into(data, number * entry.size, *fields)
    path.write_bytes(data)


def entries(path: Path) -> list[tuple[int, ...]]:
    entry = offset_index.ENTRY if path.suffix == ".index" else time_index.ENTRY
    return list(entry.iter_unpack(path.read_bytes()))


def test_what_the_log_wrote_is_sound_as_a_whole(partition: Path):
    items = inspect(partition, records=True)

    assert problems(items) == []
    assert len(paths_of(items)) > 6
    assert all(len(entries(path)) > 3 for path in (first(partition, ".index"), first(partition, ".timeindex")))


def test_an_entry_that_points_beyond_the_log_is_reported(partition: Path):
    index, size = first(partition, ".index"), first(partition, ".log").stat().st_size
    last = len(entries(index)) - 1
    rewrite_entry(index, last, entries(index)[last][0], size)

    (finding,) = findings_in(inspect(index))

    assert (finding.problem, finding.position) == ("index-position", 8 * last)
    assert (finding.expected, finding.found) == (f"less than {size}", size)


def test_an_entry_that_points_into_a_batch_is_reported(partition: Path):
    index = first(partition, ".index")
    rewrite_entry(index, 1, entries(index)[1][0], entries(index)[1][1] + 3)

    (finding,) = findings_in(inspect(index))

    assert (finding.problem, finding.position) == ("index-position", 8)


def test_an_entry_that_points_at_another_batch_is_reported_with_both_offsets(partition: Path):
    index = first(partition, ".index")
    offset, position = entries(index)[1]
    rewrite_entry(index, 1, offset - 1, position)

    (finding,) = findings_in(inspect(index))

    assert (finding.problem, finding.position) == ("index-offset", 8)
    assert (finding.expected, finding.found) == (offset, offset - 1)


def test_the_position_of_the_first_of_several_batches_is_sound(partition: Path):
    """Older brokers wrote one entry for all batches of one append."""
    index = first(partition, ".index")
    last_offsets = [item.header.last_offset for item in inspect(partition) if isinstance(item, Batch)]
    offset, position = entries(index)[1]
    following = last_offsets[last_offsets.index(offset) + 1]
    rewrite_entry(index, 1, following, position)

    assert problems(inspect(index)) == []


def test_a_time_index_entry_with_another_timestamp_is_reported_with_both(partition: Path):
    index = first(partition, ".timeindex")
    timestamp, offset = entries(index)[1]
    rewrite_entry(index, 1, timestamp - 1, offset)

    (finding,) = findings_in(inspect(index))

    assert (finding.problem, finding.position) == ("index-timestamp", 12)
    assert (finding.expected, finding.found) == (timestamp, timestamp - 1)


def test_a_time_index_entry_whose_offset_is_not_in_the_log_is_reported(partition: Path):
    index = first(partition, ".timeindex")
    last = len(entries(index)) - 1
    rewrite_entry(index, last, entries(index)[last][0], 1_000_000)

    (finding,) = findings_in(inspect(index))

    assert (finding.problem, finding.position, finding.found) == ("index-offset", 12 * last, 1_000_000)


def test_a_time_index_is_checked_without_a_right_offset_index_too(partition: Path):
    index = first(partition, ".index")
    index.write_bytes(offset_index.ENTRY.pack(3, 77) * 5)
    assert problems(inspect(first(partition, ".timeindex"))) == []

    index.unlink()
    assert problems(inspect(first(partition, ".timeindex"))) == []


def test_entries_behind_a_damaged_place_are_found_through_the_offset_index(partition: Path):
    log = bytearray(first(partition, ".log").read_bytes())
    log[8] = 0x80  # the first batch's length
    first(partition, ".log").write_bytes(log)

    assert problems(inspect(first(partition, ".timeindex"))) == []

    first(partition, ".index").unlink()
    findings = findings_in(inspect(first(partition, ".timeindex")))
    assert {finding.problem for finding in findings} == {"not-checked"}


def test_indexes_without_their_log_are_shown_and_said_not_to_be_checked(partition: Path):
    first(partition, ".log").unlink()

    for suffix in (".index", ".timeindex"):
        items = inspect(first(partition, suffix))
        assert problems(items) == ["not-checked"]
        assert len(items) == 2 + len(entries(first(partition, suffix)))


def test_a_missing_segment_is_a_note_and_an_overlapping_one_damage(partition: Path):
    logs = sorted(partition.glob("*.log"))
    shutil.copy(logs[0], partition / "00000000000000000001.log")
    overlapping = findings_in(inspect(partition))
    assert "segments-overlap" in {finding.problem for finding in overlapping}

    (partition / "00000000000000000001.log").unlink()
    for file in partition.glob(f"{logs[1].stem}.*"):
        file.unlink()
    (finding,) = findings_in(inspect(partition))
    assert (finding.problem, finding.is_damage) == ("offset-gap", False)
    assert (finding.expected, finding.found) == (int(logs[1].stem), int(logs[2].stem))


def test_segments_that_meet_are_sound():
    assert check_segments_meet(42, 42) is None


def test_an_index_of_an_empty_log_is_sound_while_it_is_filled_with_zeros(tmp_path: Path):
    partition = write_partition(tmp_path / "empty-0", [])
    first(partition, ".index").write_bytes(bytes(800))
    first(partition, ".timeindex").write_bytes(bytes(1200))

    assert problems(inspect(partition)) == []


@settings(deadline=None)
@given(st.binary(max_size=200), st.sampled_from([".index", ".timeindex"]))
def test_arbitrary_indexes_raise_nothing(sound: Path, data: bytes, suffix: str):
    copy = sound.parent / "arbitrary" / f"00000000000000000000{suffix}"
    copy.parent.mkdir(exist_ok=True)
    shutil.copy(first(sound, ".log"), copy.parent)
    copy.write_bytes(data)

    whole = len(data) // (8 if suffix == ".index" else 12)
    if whole > 1 and any(data):
        assert problems(inspect(copy)) != []
    else:
        inspect(copy)


def test_an_index_that_lies_everywhere_is_read_in_time_linear_to_the_log(tmp_path: Path):
    partition = write_partition(tmp_path / "lies-0", varied_batches(2000, records_each=1))
    lies = b"".join(offset_index.ENTRY.pack(2**31 - 5000 + number, 0) for number in range(5000))
    first(partition, ".index").write_bytes(lies)

    assert problems(inspect(first(partition, ".index"))).count("index-offset") == 5000
