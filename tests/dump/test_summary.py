"""``gomq-dump DATADIR``: a line for each partition."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from gomq_dump.cli import main
from tests.support.data_directory import write_data_directory
from tests.support.segment_files import varied_batches, write_partition


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data_directory(tmp_path_factory.mktemp("sound") / "data")


@pytest.fixture
def data(sound: Path, tmp_path: Path) -> Path:
    return shutil.copytree(sound, tmp_path / "data")


def summary_of(data: Path, capsys: pytest.CaptureFixture[str], *, code: int = 0) -> dict[str, dict[str, Any]]:
    assert main(["--format", "json", str(data)]) == code
    rows = map(json.loads, capsys.readouterr().out.splitlines())
    return {f"{row['topic']}-{row['partition']}": row for row in rows}


def test_a_data_directory_is_summed_up_in_a_table(data: Path, capsys: pytest.CaptureFixture[str]):
    assert main([str(data)]) == 0

    head, moves, *_ = capsys.readouterr().out.splitlines()
    titles = "TOPIC PARTITION SEGMENTS SIZE FIRST-OFFSET LAST-OFFSET FIRST-TIME LAST-TIME HEALTH"
    assert " ".join(head.split()) == titles
    assert " ".join(moves.split()) == "moves 0 3 1.8 kB 0 29 2023-11-14T22:13:20Z 2023-11-14T22:13:20Z ok"


def test_json_has_an_object_for_each_partition(data: Path, capsys: pytest.CaptureFixture[str]):
    rows = summary_of(data, capsys)

    assert list(rows) == ["moves-0", "orders-0", "orders-1"]
    orders = rows["orders-0"]
    assert (orders["segments"], orders["first_offset"], orders["last_offset"]) == (2, 0, 23)
    assert orders["size"] == sum(log.stat().st_size for log in (data / "orders-0").glob("*.log"))
    assert (orders["first_timestamp"], orders["last_timestamp"]) == (1_700_000_000_001, 1_700_000_000_111)
    assert (orders["is_sound"], orders["health"], orders["gaps"]) == (True, "ok", 0)


def test_a_torn_tail_is_seen(data: Path, capsys: pytest.CaptureFixture[str]):
    log = data / "orders-0" / "00000000000000000016.log"
    log.write_bytes(log.read_bytes()[:-5])

    orders = summary_of(data, capsys, code=1)["orders-0"]

    assert orders["last_offset"] == 21
    assert orders["health"].startswith("torn tail: 00000000000000000016.log at byte 245: a batch of 83 bytes")


def test_a_last_batch_whose_crc_does_not_hold_is_seen(data: Path, capsys: pytest.CaptureFixture[str]):
    log = data / "orders-0" / "00000000000000000016.log"
    log.write_bytes(log.read_bytes()[:-1] + b"\xff")

    health = summary_of(data, capsys, code=1)["orders-0"]["health"]

    assert health == "torn tail: 00000000000000000016.log at byte 245: the last batch's CRC does not hold"


def test_a_segment_whose_end_is_damaged_is_seen(data: Path, capsys: pytest.CaptureFixture[str]):
    log = data / "orders-0" / "00000000000000000000.log"
    log.write_bytes(log.read_bytes() + b"\0" * 61)

    assert "damaged end" in summary_of(data, capsys, code=1)["orders-0"]["health"]


def test_segments_that_overlap_and_gaps_between_them_are_seen(data: Path, capsys: pytest.CaptureFixture[str]):
    partition = data / "moves-0"
    for file in partition.glob("00000000000000000012.*"):
        file.unlink()
    assert summary_of(data, capsys)["moves-0"]["gaps"] == 1

    shutil.copy(partition / "00000000000000000000.log", partition / "00000000000000000005.log")
    health = summary_of(data, capsys, code=1)["moves-0"]["health"]
    assert "segment 5 begins before offset 12" in health


def test_part_of_an_index_entry_is_seen(data: Path, capsys: pytest.CaptureFixture[str]):
    index = data / "orders-0" / "00000000000000000000.index"
    index.write_bytes(index.read_bytes()[:-1])

    assert "index of segment 0 holds part of an entry" in summary_of(data, capsys, code=1)["orders-0"]["health"]


def test_an_index_that_is_filled_with_zeros_or_lies_hides_nothing(data: Path, capsys: pytest.CaptureFixture[str]):
    index = data / "orders-0" / "00000000000000000016.index"
    for content in (index.read_bytes() + bytes(8000), bytes(8000), b"", b"\0\0\0\7\0\0\0\7", b"\xff" * 16):
        index.write_bytes(content)
        assert summary_of(data, capsys)["orders-0"]["last_offset"] == 23


def test_a_partition_without_messages_is_empty(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write_partition(tmp_path / "data" / "orders-0", [])

    orders = summary_of(tmp_path / "data", capsys)["orders-0"]

    assert (orders["health"], orders["first_offset"], orders["last_timestamp"]) == ("empty", None, None)


def test_a_directory_without_partitions_says_so(tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert main([str(empty)]) == 2
    assert "has neither segment files" in capsys.readouterr().err

    shutil.copy(data / "meta.properties", empty)
    assert main([str(empty)]) == 0
    assert capsys.readouterr().out == "no partitions\n"


def test_what_is_in_a_data_directory_is_shown_when_it_is_asked_for(data: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["--records", str(data)]) == 0
    assert "payload: 0/1" in capsys.readouterr().out

    assert main([str(data / "orders-0")]) == 0
    assert capsys.readouterr().out.startswith("Dumping ")


def test_only_the_end_of_a_log_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    write_partition(tmp_path / "data" / "orders-0", varied_batches(2000))
    read: list[int] = []
    pread = os.pread

    def noted(descriptor: int, size: int, position: int) -> bytes:
        read.append(size)
        return pread(descriptor, size, position)

    monkeypatch.setattr("os.pread", noted)

    assert summary_of(tmp_path / "data", capsys)["orders-0"]["last_offset"] == 9999
    assert sum(read) < 64 << 10


def test_a_log_that_cannot_be_read_is_named_and_the_rest_is_shown(data: Path, capsys: pytest.CaptureFixture[str]):
    log = data / "orders-1" / "00000000000000000000.log"
    log.unlink()
    log.mkdir()

    rows = summary_of(data, capsys, code=1)

    assert rows["orders-1"]["health"] == "00000000000000000000.log cannot be read: Is a directory"
    assert rows["orders-0"]["health"] == "ok"


def test_a_batch_that_is_being_written_is_no_torn_tail(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    log = data / "orders-0" / "00000000000000000016.log"
    whole = log.read_bytes()
    parts = [whole[:-3], whole[:-3], whole]
    log.write_bytes(whole[:-5])
    monkeypatch.setattr("time.sleep", lambda _: log.write_bytes(parts.pop(0)))

    assert summary_of(data, capsys, code=1)["orders-0"]["health"].startswith("torn tail")
    parts = [whole[:-2], whole]
    assert summary_of(data, capsys)["orders-0"]["health"] == "ok"
