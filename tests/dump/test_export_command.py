"""The command gomq-dump export: parts of logs, damage, what cannot be read."""

import json
from pathlib import Path

import pytest

from gomq_dump.cli import main
from gomq_dump.packing import pack_batch
from gomq_storage.batch import MAGIC, BatchHeader
from tests.support.log_batches import numbered
from tests.support.rights import as_nobody, folder_for_all
from tests.support.segment_files import write_varied_partition
from tests.support.sound_log import stamped


def test_part_of_a_log_is_exported_by_offsets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    partition = write_varied_partition(tmp_path / "orders-0")
    assert main(["export", str(partition), "--from-offset", "12", "--to-offset", "20"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["offset"] for line in lines if line["type"] == "record"] == list(range(10, 20))


def test_damage_is_not_exported_and_told_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    partition = write_varied_partition(tmp_path / "orders-0")
    log = partition / "00000000000000000000.log"
    content = bytearray(log.read_bytes())
    content[80] ^= 1
    log.write_bytes(content)
    assert main(["export", str(partition)]) == 1
    out, err = capsys.readouterr()
    assert json.loads(out.splitlines()[0])["base_offset"] == 5
    assert err.startswith(f"{log}: byte 0: the batch's CRC does not hold")


def test_export_says_what_it_cannot_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(tmp_path)]) == 2
    assert main(["export", str(tmp_path / "nothing")]) == 2
    assert main(["export", str(tmp_path), "--from-offset", "x"]) == 2
    assert "an offset is a number from 0 on, not 'x'" in capsys.readouterr().err


HEADER = BatchHeader(0, 0, 0, MAGIC, 0, 0, 0, 5, 5, -1, -1, -1, 0)


@pytest.mark.parametrize(
    ("header", "complaint"),
    [
        (HEADER._replace(attributes=5), "no such compression codec: found 5"),
        (HEADER._replace(record_count=5), "the batch cannot hold so many records: expected 0 to 1, found 5"),
        (HEADER._replace(record_count=-1), "the batch cannot hold so many records: expected 0 to 1, found -1"),
    ],
)
def test_what_can_be_no_batch_is_not_exported_even_where_its_crc_holds(
    header: BatchHeader, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "00000000000000000000.log"
    log.write_bytes(pack_batch(header, b"") + stamped(1, batch=numbered(1)))
    assert main(["export", str(log)]) == 1
    out, err = capsys.readouterr()
    assert [json.loads(line)["base_offset"] for line in out.splitlines() if '"batch"' in line] == [1]
    assert err == f"{log}: byte 0: {complaint}\n"


def test_partitions_without_a_message_are_exported_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(3):
        partition = tmp_path / "data" / f"orders-{number}"
        partition.mkdir(parents=True)
        (partition / "00000000000000000000.log").write_bytes(numbered(1) if number == 0 else b"")
    assert main(["export", str(tmp_path / "data")]) == 0
    lines = capsys.readouterr().out
    assert lines.splitlines()[-2:] == [
        '{"type":"segment","topic":"orders","partition":1,"segment":0}',
        '{"type":"segment","topic":"orders","partition":2,"segment":0}',
    ]
    (tmp_path / "lines").write_text(lines)
    assert main(["import", str(tmp_path / "lines"), "--to", str(tmp_path / "copy")]) == 0
    assert {path.name for path in (tmp_path / "copy").glob("orders-*")} == {"orders-0", "orders-1", "orders-2"}


def test_a_file_that_may_not_be_read_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with folder_for_all() as folder:
        log = folder / "00000000000000000000.log"
        log.write_bytes(numbered(1))
        log.chmod(0)
        with as_nobody():
            assert main(["export", str(log)]) == 2
    assert capsys.readouterr().err == f"gomq-dump: {log}: Permission denied\n"
