"""Messages that were deleted at the beginning of a log stay deleted where it is exported and imported again."""

import json
from pathlib import Path

import pytest

import gomq
from gomq_dump.cli import main
from gomq_dump.importing.lines import LineError, read_line
from gomq_storage.layout import LOG_START_FILE_NAME
from gomq_storage.log import Log
from tests.support.log_batches import numbered
from tests.support.segment_files import write_varied_partition

START = {"type": "log_start", "topic": "orders", "partition": 0, "offset": 12}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with one partition, which starts within its first segment."""
    data = tmp_path / "data"
    write_varied_partition(data / "orders-0")
    (data / LOG_START_FILE_NAME).write_text("0\n1\norders 0 12\n")
    return data


def export(path: Path, capsysbinary: pytest.CaptureFixture[bytes], *options: str, code: int = 0) -> bytes:
    assert main(["export", str(path), *options]) == code
    return capsysbinary.readouterr().out


def bring_back(lines: bytes, target: Path) -> Path:
    file = target.parent / "lines"
    file.write_bytes(lines)
    assert main(["import", str(file), "--to", str(target)]) == 0
    assert main(["--verify", str(target)]) == 0
    return target


async def test_deleted_messages_do_not_come_back(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    async with gomq.Broker(data=tmp_path / "data", listen="127.0.0.1:0") as broker:
        async with gomq.Producer(broker.address) as producer:
            for number in range(10):
                await producer.publish("orders", b"%d" % number)
        async with gomq.Admin(broker.address) as admin:
            assert await admin.delete_records("orders", {0: 7}) == {0: 7}
    lines = export(tmp_path / "data", capsysbinary)
    copy = bring_back(lines, tmp_path / "copy")
    capsysbinary.readouterr()
    assert export(copy, capsysbinary) == lines

    async with (
        gomq.Broker(data=copy, listen="127.0.0.1:0") as broker,
        gomq.Consumer(broker.address, "orders", replay=True) as consumer,
    ):
        assert [(each.offset, each.value) for each in await consumer.take(3)] == [(7, b"7"), (8, b"8"), (9, b"9")]


def test_where_a_log_starts_is_the_first_line(data: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    for path in (data, data / "orders-0", data / "orders-0" / "00000000000000000000.log"):
        first, second, *_ = map(json.loads, export(path, capsysbinary).splitlines())
        assert (first, second["type"]) == (START, "batch")
    copy = bring_back(export(data, capsysbinary), data.with_name("copy"))
    assert (copy / LOG_START_FILE_NAME).read_text() == "0\n1\norders 0 12\n"


def test_a_log_on_its_own_has_its_start_in_its_folder(data: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    lines = export(data, capsysbinary)
    copy = bring_back(lines, data.with_name("orders-0"))
    capsysbinary.readouterr()
    assert export(copy, capsysbinary) == lines
    log = Log.open(copy)
    assert log.log_start == 12
    log.close()


def test_a_start_in_front_of_what_is_exported_is_not_told(
    data: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    (data / LOG_START_FILE_NAME).write_text("0\n2\norders 0 0\nothers 0 5\n")
    assert b"log_start" not in export(data, capsysbinary)


def test_a_start_behind_what_is_imported_is_its_end(data: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    copy = bring_back(export(data, capsysbinary, "--to-offset", "5"), data.with_name("copy"))
    assert (copy / LOG_START_FILE_NAME).read_text() == "0\n1\norders 0 5\n"


def test_a_start_that_cannot_be_read_is_told_of(data: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    table = data / LOG_START_FILE_NAME
    table.write_text("0\n1\norders 0 x\n")
    assert main(["export", str(data)]) == 1
    out, err = capsysbinary.readouterr()
    assert out.startswith(b'{"type":"batch"')
    assert err.startswith(f"{table}: byte 4: a line that cannot be".encode())


def test_a_log_of_which_nobody_knows_the_name_starts_where_its_folder_says(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    (tmp_path / "00000000000000000000.log").write_bytes(numbered(1))
    (tmp_path / LOG_START_FILE_NAME).write_text("0\n1\nlog 0 1\n")
    assert export(tmp_path, capsysbinary).startswith(b'{"type":"log_start","offset":1}\n')


@pytest.mark.parametrize("offset", ["-1", "null", '"3"'])
def test_a_start_that_cannot_be_is_named(offset: str) -> None:
    with pytest.raises(LineError, match='field "offset": expected an integer from 0'):
        read_line(f'{{"type": "log_start", "offset": {offset}}}'.encode())
