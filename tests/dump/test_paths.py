"""From what was asked for to the files that are read, and what is said of others."""

import os
from pathlib import Path

import pytest

from gomq_dump.paths import UnusablePathError, collect
from tests.support.segment_files import small_log, varied_batches, write_partition, write_varied_partition


def names(path: Path) -> list[str]:
    return [os.path.relpath(file.path, path) for file in collect(str(path))]


def refusal(path: Path) -> str:
    with pytest.raises(UnusablePathError) as refused:
        collect(str(path))
    assert str(refused.value).startswith(f"{path}: ")
    return refused.value.reason


def test_a_partitions_segments_come_in_order_each_log_in_front_of_its_indexes(tmp_path: Path):
    partition = write_varied_partition(tmp_path / "orders-0")
    bases = sorted(path.stem for path in partition.glob("*.log"))

    assert names(partition) == [f"{base}{suffix}" for base in bases for suffix in (".log", ".index", ".timeindex")]
    assert [file.is_first for file in collect(str(partition))] == [True] + [False] * (3 * len(bases) - 1)


def test_a_data_directorys_partitions_come_by_topic_and_number(tmp_path: Path):
    for name in ("orders-10", "orders-2", "a-b-0", "orders-0.5f0c-delete", "not a topic-0"):
        write_partition(tmp_path / name, varied_batches(1))
    (tmp_path / "empty-0").mkdir()
    (tmp_path / "file-0").write_text("not a directory")
    (tmp_path / "meta.properties").write_text("version=1")

    logs = [name for name in names(tmp_path) if name.endswith(".log")]

    assert [os.path.dirname(name) for name in logs] == ["a-b-0", "orders-2", "orders-10"]
    firsts = [file.path for file in collect(str(tmp_path)) if file.is_first]
    assert firsts == [str(tmp_path / log) for log in logs]


def test_other_files_in_a_partition_are_left_out(tmp_path: Path):
    partition = write_partition(tmp_path / "orders-0", varied_batches(1))
    for name in ("leader-epoch-checkpoint", "00000000000000000005.snapshot", "00000000000000000000.log.deleted"):
        (partition / name).write_bytes(b"x")

    assert len(names(partition)) == 3


def test_slashes_are_written_once_as_kafkas_tool_does(tmp_path: Path):
    partition = write_partition(tmp_path / "orders-0", varied_batches(1))

    assert collect(f"{tmp_path}//orders-0/")[0].path == str(partition / "00000000000000000000.log")


def test_what_is_not_there_is_said_not_to_be_there(tmp_path: Path):
    assert refusal(tmp_path / "none") == "No such file or directory"


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("notes.txt", b"hello\n", "text"),
        ("notes.log", b"hello\n", "text"),
        ("empty", b"", "empty"),
        ("zeros", bytes(100), "zeros"),
        ("x.gz", b"\x1f\x8b\x08\x00", "gzip data"),
        ("x.bin", b"\x00\x01\xff", "data that starts with the bytes 00 01 ff"),
        ("00000000000000000042.snapshot", b"\x00\x01", "Kafka's producer state"),
        ("00000000000000000042.txnindex", b"\x00\x01", "Kafka's index of aborted transactions"),
        ("bootstrap.checkpoint", b"\x00\x01", "a snapshot of Kafka's metadata"),
        ("leader-epoch-checkpoint", b"0\n0\n", "Kafka's leader epochs"),
        ("meta.properties", b"version=1\n", "a data directory's identity"),
    ],
)
def test_a_foreign_file_is_told_and_what_is_expected(tmp_path: Path, name: str, content: bytes, found: str):
    (tmp_path / name).write_bytes(content)

    reason = refusal(tmp_path / name)

    assert reason.startswith(f"is {found}; expected a .log, .index or .timeindex file")


def test_a_log_under_another_name_is_told_the_name_it_should_have(tmp_path: Path):
    copy = tmp_path / "copy.log"
    copy.write_bytes(small_log(first_offset=42))

    assert refusal(copy).startswith("holds record batches from offset 42 on; expected")
    assert refusal(copy).endswith("00000000000000000042.log")


def test_an_empty_log_asked_for_by_name_is_said_to_be_empty(tmp_path: Path):
    partition = write_partition(tmp_path / "orders-0", [])

    assert refusal(partition / "00000000000000000000.log").startswith("is empty")
    assert len(names(partition)) == 3
    assert len(names(partition / "00000000000000000000.index")) == 1


def test_a_directory_with_nothing_to_read_says_what_would_be(tmp_path: Path):
    assert "neither segment files (00000000000000000000.log) nor partitions (orders-0)" in refusal(tmp_path)


def test_a_pipe_is_not_opened(tmp_path: Path):
    pipe = tmp_path / "00000000000000000000.log"
    os.mkfifo(pipe)

    assert refusal(pipe).startswith("is not a regular file")
