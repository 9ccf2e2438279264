"""What is selected of logs is what a plain filter of all their records leaves, whatever their indexes say."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from gomq_dump.findings import Finding, Problem
from gomq_dump.reading.batches import Batch
from gomq_dump.reading.inspection import FileStart
from gomq_dump.reading.paths import UnusablePathError, collect
from gomq_dump.selecting import matching
from gomq_dump.selecting.matching import BatchFilter
from gomq_dump.selecting.selected import SelectedItem, Shown, partition_logs, read_at, read_selected
from gomq_dump.selecting.selection import MAX_OFFSET, Selection
from gomq_storage.record import Record
from tests.support.dumping import inspect
from tests.support.indexed_segments import FIRST_MS, gapped_batches, write_segments

BATCHES = gapped_batches(60)
FIRST_LOG = "00000000000000000000.log"


@pytest.fixture(scope="module")
def partition(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_segments(
        tmp_path_factory.mktemp("data") / "orders-0", [BATCHES[:25], BATCHES[25:26], BATCHES[26:48], BATCHES[48:]]
    )


@pytest.fixture(scope="module")
def everything(partition: Path) -> list[Record]:
    return records_in(inspect(partition, records=True))


def read(
    directory: Path, selection: Selection, *, with_records: bool = True, with_control: bool = True
) -> list[SelectedItem]:
    wanted = BatchFilter(selection, with_records=with_records, with_control=with_control)
    shown = Shown()
    logs = partition_logs(collect(str(directory)))
    return [item for log in logs for item in read_selected(log, selection, wanted, shown)]


def records_in(items: Iterable[object]) -> list[Record]:
    return [record for item in items if isinstance(item, Batch) for record in item.records or ()]


def batches_in(items: Iterable[object]) -> list[Batch]:
    return [item for item in items if isinstance(item, Batch)]


def plainly_selected(records: list[Record], selection: Selection) -> list[Record]:
    def is_wanted(record: Record) -> bool:
        texts = [record.key, record.value, *(value for _, value in record.headers)]
        return (
            selection.from_offset <= record.offset < selection.to_offset
            and (selection.since_ms is None or record.timestamp >= selection.since_ms)
            and (selection.until_ms is None or record.timestamp < selection.until_ms)
            and (not selection.keys or record.key in selection.keys)
            and (selection.pattern is None or any(text and selection.pattern.search(text) for text in texts))
        )

    left = [record for record in records if is_wanted(record)]
    if selection.tail is not None:
        left = left[-selection.tail :] if selection.tail else []
    return left if selection.limit is None else left[: selection.limit]


offsets = st.integers(0, 280)
moments = st.none() | st.integers(FIRST_MS - 5000, FIRST_MS + 62_000)
selections = st.builds(
    Selection,
    from_offset=st.just(0) | offsets,
    to_offset=st.just(MAX_OFFSET) | offsets,
    since_ms=moments,
    until_ms=st.none() | moments,
    keys=st.just(frozenset()) | st.sets(st.sampled_from([b"a", b"b", b"none"])).map(frozenset),
    pattern=st.none()
    | st.sampled_from(["t1", "value [12]", "^b$", "of 5"]).map(lambda text: re.compile(text.encode())),
    limit=st.none() | st.integers(0, 30),
    tail=st.none() | st.integers(0, 30),
)


@settings(max_examples=150, deadline=None)
@given(selection=selections)
def test_what_is_selected_is_what_a_plain_filter_leaves(
    partition: Path, everything: list[Record], selection: Selection
):
    assert records_in(read(partition, selection)) == plainly_selected(everything, selection)


@settings(max_examples=60, deadline=None)
@given(selection=selections)
def test_batches_of_many_records_are_filtered_a_piece_at_a_time(
    partition: Path, everything: list[Record], selection: Selection, monkeypatch_module: pytest.MonkeyPatch
):
    monkeypatch_module.setattr("gomq_dump.reading.records.PIECE_RECORDS", 2)
    monkeypatch_module.setattr(matching, "PIECE_RECORDS", 2)
    try:
        assert records_in(read(partition, selection)) == plainly_selected(everything, selection)
    finally:
        monkeypatch_module.undo()


@pytest.fixture(scope="module")
def monkeypatch_module() -> Iterable[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@settings(max_examples=100, deadline=None)
@given(selection=selections, data=st.data())
def test_an_index_that_lies_loses_no_record(
    tmp_path_factory: pytest.TempPathFactory, selection: Selection, data: st.DataObject
):
    directory = write_segments(tmp_path_factory.mktemp("lies") / "orders-0", [BATCHES[:40], BATCHES[40:]])
    for path in sorted(directory.glob("*index")):
        lies = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(0, 3))):
            lies[data.draw(st.integers(0, len(lies) - 1))] = data.draw(st.integers(0, 255))
        keep = data.draw(st.sampled_from([None, 0, 5, 20]))
        path.write_bytes(bytes(lies)[:keep] + data.draw(st.sampled_from([b"", bytes(80), b"\xff" * 24])))
    everything = records_in(inspect(directory / FIRST_LOG, records=True)) + records_in(
        inspect(sorted(directory.glob("*.log"))[1], records=True)
    )

    assert records_in(read(directory, selection)) == plainly_selected(everything, selection)


def test_a_log_is_read_from_where_its_index_says_and_not_from_its_start(
    partition: Path, monkeypatch: pytest.MonkeyPatch
):
    starts = []
    walk = matching.BatchFilter.select

    def watch(self: BatchFilter, batch: Batch) -> Batch | None:
        starts.append(batch.position)
        return walk(self, batch)

    monkeypatch.setattr(matching.BatchFilter, "select", watch)
    last = [record.offset for record in records_in(inspect(partition, records=True))][-1]

    for selection in (Selection(from_offset=last), Selection(tail=1), Selection(since_ms=FIRST_MS + 50_000)):
        starts.clear()
        assert last in [record.offset for record in records_in(read(partition, selection))]
        assert 0 < len(starts) <= 4 + 3 * 25 * (selection.since_ms is not None)


def test_batches_come_whole_where_no_records_are_asked_for(partition: Path):
    shown = batches_in(read(partition, Selection(from_offset=7, to_offset=8), with_records=False))

    assert len(shown) == 1
    assert shown[0].header.base_offset <= 7 <= shown[0].header.last_offset
    assert shown[0].records is None


def test_times_select_batches_that_have_such_a_record(partition: Path):
    selection = Selection(since_ms=FIRST_MS + 5002, until_ms=FIRST_MS + 5003)

    shown = batches_in(read(partition, selection, with_records=False))

    assert [batch.header.base_timestamp for batch in shown] == [FIRST_MS + 5000]
    assert shown[0].records is None


def test_the_records_of_markers_can_be_left_out(partition: Path):
    with_markers = records_in(read(partition, Selection(tail=40)))
    messages = records_in(read(partition, Selection(tail=40), with_control=False))

    assert any(record.value is not None and len(record.value) == 6 for record in with_markers)
    assert len(messages) == 40
    assert all(record.value is None or record.value.startswith(b"value") for record in messages)


def test_a_file_is_named_only_where_something_of_it_is_shown(partition: Path):
    items = read(partition, Selection(pattern=re.compile(b"of 59$")))

    assert [item.file.base_offset > 0 for item in items if isinstance(item, FileStart)] == [True]
    assert not read(partition, Selection(keys=frozenset({b"nobody"})))


def test_damage_on_the_way_is_found_and_gaps_are_no_news(tmp_path: Path):
    directory = write_segments(tmp_path / "orders-0", [BATCHES[:20]])
    log = directory / FIRST_LOG
    data = bytearray(log.read_bytes())
    data[len(BATCHES[0]) + 100] ^= 1
    log.write_bytes(data)

    findings = [item for item in read(directory, Selection(limit=1000)) if isinstance(item, Finding)]

    assert [finding.problem for finding in findings] == [Problem.CRC]
    assert len(records_in(read(directory, Selection(limit=1000)))) > 20


def test_an_unreadable_segment_does_not_keep_the_others(tmp_path: Path):
    directory = write_segments(tmp_path / "orders-0", [BATCHES[:20], BATCHES[20:30], BATCHES[30:40]])
    second = sorted(directory.glob("*.log"))[1]
    logs = partition_logs(collect(str(directory)))
    second.unlink()
    selection = Selection(from_offset=1)

    items = list(read_selected(logs[0], selection, BatchFilter(selection, with_records=True), Shown()))

    assert [item.message for item in items if isinstance(item, Finding)] == ["the file has been removed"]
    assert records_in(items)[-1].offset > 100


def test_one_batch_is_shown_by_its_position(tmp_path: Path):
    directory = write_segments(tmp_path / "orders-0", [BATCHES[:5]])
    (file, *_) = collect(str(directory / FIRST_LOG))

    start, batch = read_at(file, len(BATCHES[0]), with_records=True)

    assert isinstance(start, FileStart)
    assert isinstance(batch, Batch)
    assert (batch.position, len(batch.records or ())) == (len(BATCHES[0]), 2)


def test_where_no_batch_starts_that_is_said_and_how_far_the_next_one_is(tmp_path: Path):
    directory = write_segments(tmp_path / "orders-0", [BATCHES[:5]])
    (file, *_) = collect(str(directory / FIRST_LOG))

    _, finding = read_at(file, 10, with_records=True)

    assert isinstance(finding, Finding)
    assert finding.is_damage
    assert finding.position + (finding.size or 0) == len(BATCHES[0])


def test_a_position_behind_the_end_is_refused(tmp_path: Path):
    directory = write_segments(tmp_path / "orders-0", [BATCHES[:5]])
    (file, *_) = collect(str(directory / FIRST_LOG))

    with pytest.raises(UnusablePathError, match=r"has \d+ bytes; --at-position says 1000000"):
        next(read_at(file, 1_000_000, with_records=True))


def test_what_are_no_logs_is_refused(partition: Path):
    index = os.path.splitext(partition / FIRST_LOG)[0] + ".index"

    with pytest.raises(UnusablePathError, match="is no log"):
        partition_logs(collect(index))
