"""``gomq-dump --stats``: what is counted, and how it is shown."""

import json
from pathlib import Path
from typing import Any

import pytest

from gomq_dump.cli import main
from gomq_storage.batch import HEADER_SIZE, walk
from gomq_storage.compression import Codec, decompress
from tests.support.data_directory import write_data_directory
from tests.support.log_batches import NOW, batch_of
from tests.support.segment_files import varied_batches, varied_records, write_partition


@pytest.fixture
def partition(tmp_path: Path) -> Path:
    return write_partition(tmp_path / "orders-3", varied_batches(10), segment_bytes=1500)


def stats_of(path: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    assert main(["--stats", "--format", "json", str(path)]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {each["type"] for each in found} == {"stats"}
    return found


def test_records_are_counted_by_their_sizes(partition: Path, capsys: pytest.CaptureFixture[str]):
    records = varied_records(50)
    stats, total = stats_of(partition, capsys)

    assert (stats["topic"], stats["partition"], stats["is_total"]) == ("orders", 3, False)
    assert (stats["batches"], stats["records"]) == (10, 50)
    assert stats["null_keys"] == sum(record.key is None for record in records)
    assert stats["null_values"] == sum(record.value is None for record in records)
    assert stats["key_sizes"]["total"] == sum(len(record.key or b"") for record in records)
    assert stats["value_sizes"]["max"] == 300
    assert stats["headers_sizes"]["count"] == sum(bool(record.headers) for record in records)
    assert stats["headers_sizes"]["total"] == sum(
        len(name.encode()) + len(value or b"") for record in records for name, value in record.headers
    )
    assert (stats["first_timestamp"], stats["last_timestamp"]) == (records[0].timestamp, records[-1].timestamp)
    assert sum(bucket["records"] for bucket in stats["rate"]["buckets"]) == 50
    assert {**stats, "topic": None, "partition": None, "is_total": True} == total


def test_codecs_are_told_with_what_they_save(partition: Path, capsys: pytest.CaptureFixture[str]):
    logs = [log.read_bytes() for log in partition.glob("*.log")]
    zstd = [
        raw[position + HEADER_SIZE : position + header.size]
        for raw in logs
        for position, header in walk(raw)
        if header.codec is Codec.ZSTD
    ]
    stats, _ = stats_of(partition, capsys)

    assert [each["codec"] for each in stats["codecs"]] == ["gzip", "lz4", "none", "snappy", "zstd"]
    told = stats["codecs"][-1]
    assert (told["batches"], told["stored_bytes"]) == (2, sum(map(len, zstd)))
    assert told["record_bytes"] == sum(len(decompress(Codec.ZSTD, each)) for each in zstd)
    assert stats["codecs"][2]["ratio"] == 1.0


def test_producers_and_transactions_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    found = stats_of(write_data_directory(tmp_path / "data"), capsys)

    assert [(each["topic"], each["partition"]) for each in found] == [
        ("moves", 0), ("orders", 0), ("orders", 1), (None, None),
    ]  # fmt: skip
    moves, orders, _, total = found
    assert (moves["idempotent_batches"], moves["transactional_batches"], moves["control_batches"]) == (24, 24, 12)
    assert (moves["records"], moves["batches"], moves["producers"]) == (18, 24, 2)
    assert (orders["idempotent_batches"], orders["transactional_batches"], orders["producers"]) == (12, 0, 2)
    assert (total["records"], total["producers"]) == (18 + 24 + 3, 4)


def test_text_is_a_table_and_bars_that_fit_the_terminal(
    partition: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("COLUMNS", "64")
    assert main(["--stats", str(partition)]) == 0

    lines = capsys.readouterr().out.splitlines()
    bars = [line for line in lines if line.endswith("#")]
    assert lines[0].split() == ["TOPIC", "PARTITION", "BATCHES", "RECORDS", "SIZE", "FIRST-TIME", "LAST-TIME"]
    assert lines[1].split()[:4] == ["orders", "3", "10", "50"]
    assert max(map(len, bars)) == 64
    nulls = sum(record.key is None for record in varied_records(50))
    (keys,) = [line for line in lines if line.startswith("key sizes, bytes: 0 to 3, mean ")]
    assert keys.endswith(f", {nulls} null")


def test_the_rate_is_drawn_over_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    batches = [batch_of(b"x", b"y", timestamp=NOW + minutes * 60_000) for minutes in (0, 0, 0, 30)]
    assert main(["--stats", str(write_partition(tmp_path / "orders-0", batches))]) == 0

    lines = capsys.readouterr().out.splitlines()
    start = lines.index("records each minute, 0.1/s at most")
    assert lines[start + 1].split()[:2] == ["2023-11-14T22:13:00Z", "6"]
    assert lines[start + 2].split() == ["2023-11-14T22:14:00Z", "0"]
    assert lines[start + 31].split()[:2] == ["2023-11-14T22:43:00Z", "2"]


def test_what_is_damaged_is_said_and_not_counted(partition: Path, capsys: pytest.CaptureFixture[str]):
    log = partition / "00000000000000000000.log"
    raw = bytearray(log.read_bytes())
    raw[70] ^= 1
    log.write_bytes(raw)

    assert main(["--stats", "--format", "json", str(partition)]) == 1
    finding, stats, _ = map(json.loads, capsys.readouterr().out.splitlines())
    assert (finding["type"], finding["problem"], finding["path"]) == ("finding", "crc", str(log))
    assert (stats["batches"], stats["records"]) == (9, 45)

    assert main(["--stats", str(partition)]) == 1
    assert capsys.readouterr().err.startswith(f"{log}: byte 0: the batch's CRC does not hold")


def test_an_empty_partition_has_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["--stats", str(write_partition(tmp_path / "orders-0", []))]) == 0

    assert capsys.readouterr().out.splitlines()[1].split() == ["orders", "0", "0", "0", "0", "B", "-", "-"]


def test_a_log_that_cannot_be_read_is_named_and_the_rest_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    data = write_data_directory(tmp_path / "data")
    log = data / "orders-1" / "00000000000000000000.log"
    log.unlink()
    log.mkdir()

    assert main(["--stats", str(data)]) == 1

    out, err = capsys.readouterr()
    assert err == f"{log}: byte 0: the file cannot be read: Is a directory\n"
    assert out.splitlines()[2].split()[:4] == ["orders", "0", "12", "24"]
