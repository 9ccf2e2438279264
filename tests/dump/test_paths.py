"""From what was asked for to the files that are read, and what is said of others."""

import errno
import os
from pathlib import Path

import pytest

from gomq_dump.cli import main
from gomq_dump.reading.paths import UnusablePathError, collect, collect_topic
from gomq_storage.layout import TopicPartition
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

    expected = [f"{base}{suffix}" for base in bases for suffix in (".log", ".index", ".timeindex", ".snapshot")]
    assert [name for name in names(partition) if name in expected] == [
        name for name in expected if (partition / name).exists()
    ]
    assert [file.is_first for file in collect(str(partition))] == [True] + [False] * (len(names(partition)) - 1)


def test_all_that_a_partition_has_is_read_what_has_no_offset_comes_last(tmp_path: Path):
    partition = write_partition(tmp_path / "orders-0", varied_batches(1))
    for name in ("00000000000000000000.txnindex", "partition.metadata", "notes.txt", "00000000000000000000.index.tmp"):
        (partition / name).write_bytes(b"")

    assert names(partition) == [
        *(f"00000000000000000000{suffix}" for suffix in (".log", ".index", ".timeindex", ".txnindex")),
        "00000000000000000005.snapshot",
        "leader-epoch-checkpoint",
        "partition.metadata",
        "recovery-point-offset-checkpoint",
    ]


def test_what_is_left_over_in_a_partition_is_only_named(tmp_path: Path):
    partition = write_partition(tmp_path / "orders-0", varied_batches(1))
    for suffix in (".log.deleted", ".timeindex.cleaned", ".snapshot.deleted", ".log.swap"):
        (partition / f"00000000000000000003{suffix}").write_bytes(b"x")

    left = [file for file in collect(str(partition)) if file.leftover]

    assert [os.path.basename(file.path)[20:] for file in left] == [
        ".log.swap",
        ".log.deleted",
        ".timeindex.cleaned",
        ".snapshot.deleted",
    ]
    assert all(file.is_named_only for file in left)


def test_what_is_left_over_is_read_where_it_is_asked_for(tmp_path: Path):
    partition = write_partition(tmp_path / "orders-0", varied_batches(1))
    log = partition / "00000000000000000000.log"
    log.rename(f"{log}.deleted")

    (file,) = collect(f"{log}.deleted")

    assert (file.suffix, file.leftover, file.is_named_only) == (".log", ".deleted", False)
    assert file.sibling(".index") == str(partition / "00000000000000000000.index.deleted")


def test_a_data_directorys_partitions_come_by_topic_and_number(tmp_path: Path):
    for name in ("orders-10", "orders-2", "a-b-0", "orders-0.5f0c-delete", "not a topic-0"):
        write_partition(tmp_path / name, varied_batches(1))
    (tmp_path / "empty-0").mkdir()
    (tmp_path / "file-0").write_text("not a directory")

    logs = [name for name in names(tmp_path) if name.endswith(".log")]

    assert [os.path.dirname(name) for name in logs] == ["a-b-0", "orders-2", "orders-10"]
    firsts = [file.path for file in collect(str(tmp_path)) if file.is_first]
    assert firsts == [str(tmp_path / log) for log in logs]


def test_a_data_directorys_own_files_come_first(tmp_path: Path):
    write_partition(tmp_path / "orders-0", varied_batches(1))
    own = ("meta.properties", "bootstrap.checkpoint", "recovery-point-offset-checkpoint", "cleaner-offset-checkpoint")
    for name in (*own, ".lock", ".kafka_cleanshutdown"):
        (tmp_path / name).write_bytes(b"")

    assert names(tmp_path)[: len(own) + 1] == [*own, "orders-0/00000000000000000000.log"]


def test_files_say_whose_they_are_as_far_as_the_directory_does(tmp_path: Path):
    partition = write_partition(tmp_path / "orders-by-day-3", varied_batches(1))
    copy = write_partition(tmp_path / "copy", varied_batches(1))

    assert {file.partition for file in collect(str(partition))} == {TopicPartition("orders-by-day", 3), None}
    assert collect(str(partition / "00000000000000000000.log"))[0].partition == TopicPartition("orders-by-day", 3)
    assert {file.partition for file in collect(str(copy))} == {None}


def test_a_topics_partitions_are_found_in_a_data_directory(tmp_path: Path):
    for name in ("orders-0", "orders-1", "orders-10", "orders-old-1"):
        write_partition(tmp_path / name, varied_batches(1))

    def found(partitions: set[int] | None = None) -> list[str]:
        files = collect_topic(str(tmp_path), "orders", partitions)
        return [os.path.basename(os.path.dirname(file.path)) for file in files if file.is_first]

    assert found() == ["orders-0", "orders-1", "orders-10"]
    assert found({10, 0}) == ["orders-0", "orders-10"]


@pytest.mark.parametrize(
    ("topic", "partitions", "reason"),
    [
        ("order", None, "has no topic order; it has a.b, orders"),
        ("orders", {7}, "has no such partition of topic orders; it has 0, 2"),
        ("a.b", None, "has nothing in the partitions of topic a.b"),
    ],
)
def test_a_topic_that_is_not_there_is_said_not_to_be_there(
    tmp_path: Path, topic: str, partitions: set[int] | None, reason: str
):
    for name in ("orders-0", "orders-2"):
        write_partition(tmp_path / name, varied_batches(1))
    (tmp_path / "a.b-0").mkdir()

    with pytest.raises(UnusablePathError) as refused:
        collect_topic(str(tmp_path), topic, partitions)

    assert refused.value.reason == reason


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
        ("copy.snapshot", b"\x00\x01", "a snapshot of producers by its name, which should be such as"),
        ("42.txnindex", b"\x00\x01", "an index of aborted transactions by its name, which should be such as"),
        ("1-1.checkpoint", b"\x00\x01", "a snapshot of metadata by its name, which should be such as"),
        ("new-checkpoint", b"0\n0\n", "a checkpoint by its name, but none of those that Kafka has"),
        ("quorum-state", b"{}", "the vote of KRaft's quorum"),
        (".kafka_cleanshutdown", b"{}", "the mark that a broker stopped in order"),
    ],
)
def test_a_foreign_file_is_told_and_what_is_expected(tmp_path: Path, name: str, content: bytes, found: str):
    (tmp_path / name).write_bytes(content)

    reason = refusal(tmp_path / name)

    assert reason.startswith(f"is {found}")
    assert "; expected a file such as .log or .index (--help lists them), a" in reason


@pytest.mark.parametrize(
    ("name", "kind", "offset"),
    [
        ("00000000000000000042.snapshot", "snapshot", 42),
        ("00000000000000000042.txnindex", "txnindex", 42),
        ("00000000000000000042-0000000007.checkpoint", "checkpoint", 42),
        ("bootstrap.checkpoint", "checkpoint", 0),
        ("leader-epoch-checkpoint", "leader-epoch-checkpoint", 0),
        ("replication-offset-checkpoint", "replication-offset-checkpoint", 0),
        ("partition.metadata", "partition.metadata", 0),
        ("meta.properties", "meta.properties", 0),
    ],
)
def test_a_file_of_each_kind_is_known_by_its_name(tmp_path: Path, name: str, kind: str, offset: int):
    (tmp_path / name).write_bytes(b"")

    (file,) = collect(str(tmp_path / name))

    assert (file.kind, file.base_offset) == (kind, offset)


def test_a_log_under_another_name_is_told_the_name_it_should_have(tmp_path: Path):
    copy = tmp_path / "copy.log"
    copy.write_bytes(small_log(first_offset=42))

    assert refusal(copy).startswith("holds record batches from offset 42 on; expected")
    assert refusal(copy).endswith("00000000000000000042.log")


def test_an_empty_log_is_one_to_which_nothing_was_written_yet(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    partition = write_partition(tmp_path / "orders-0", [])
    log = partition / "00000000000000000000.log"

    for options in ([], ["--records"], ["--tail", "1"], ["--stats"], ["--verify"], ["--format", "json"]):
        assert main([*options, str(log)]) == 0
    assert capsys.readouterr().out.startswith(2 * f"Dumping {log}\nLog starting offset: 0\n")  # as Kafka's tool prints
    assert len([name for name in names(partition) if name.startswith("0")]) == 4
    assert len(names(partition / "00000000000000000000.index")) == 1


def test_a_directory_with_nothing_to_read_says_what_would_be(tmp_path: Path):
    assert "neither segment files (00000000000000000000.log) nor partitions (orders-0)" in refusal(tmp_path)


def test_a_pipe_is_not_opened(tmp_path: Path):
    pipe = tmp_path / "00000000000000000000.log"
    os.mkfifo(pipe)

    assert refusal(pipe).startswith("is not a regular file")


def test_a_partition_that_goes_meanwhile_is_none_and_one_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    write_partition(tmp_path / "orders-0", varied_batches(1))
    (tmp_path / "orders-1").mkdir()
    (tmp_path / "orders-2").write_bytes(b"")
    listing = os.listdir
    refusals: list[OSError] = []

    def listed(path: str) -> list[str]:
        if str(path).endswith("orders-1"):
            raise refusals[0]
        return listing(path)

    monkeypatch.setattr("os.listdir", listed)
    gone = str(tmp_path / "orders-1")
    refusals[:] = [FileNotFoundError(errno.ENOENT, "No such file or directory", gone)]
    assert {file.partition for file in collect(str(tmp_path))} == {None, TopicPartition("orders", 0)}

    refusals[:] = [PermissionError(errno.EACCES, "Permission denied", gone)]
    for look in (lambda: collect(str(tmp_path)), lambda: collect_topic(str(tmp_path), "orders")):
        with pytest.raises(UnusablePathError, match=r"orders-1: Permission denied"):
            look()
