"""A data directory: locked, identified, one log per partition, and nothing removed that is not ours."""

import os
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from gomq_storage.checkpoint import Checkpoints, LogCheckpoint
from gomq_storage.config import LogConfig
from gomq_storage.directory import LogDirectory, NewLog
from gomq_storage.errors import DirectoryUnusableError, StorageError
from gomq_storage.files import OsFile, OsFiles
from gomq_storage.identity import DirectoryIdentity, encode_uuid
from gomq_storage.layout import PARTITION_METADATA_FILE_NAME, TopicPartition, partition_directory_name
from tests.support.log_batches import numbered, values_in, values_of
from tests.support.memory_files import MemoryFiles
from tests.support.rights import as_nobody, folder_for_all

ORDERS = TopicPartition("orders", 0)
TOPIC_ID = uuid.UUID("01020304-0506-0708-090a-0b0c0d0e0f10")
CONFIG = LogConfig()


def tree(path: Path) -> dict[str, bytes]:
    """Look at every file below a directory."""
    return {str(each.relative_to(path)): each.read_bytes() for each in path.rglob("*") if each.is_file()}


def test_a_missing_directory_is_made_and_gets_an_identity_that_stays(tmp_path: Path):
    opened = LogDirectory.open(tmp_path / "data", node_id=7)
    identity = opened.identity
    opened.close()

    text = (tmp_path / "data" / "meta.properties").read_text()
    assert set(text.splitlines()) > {f"cluster.id={identity.cluster_id}", "node.id=7", "version=1"}
    assert len(identity.cluster_id) == 22
    for node_id in (None, 7):
        again = LogDirectory.open(tmp_path / "data", node_id=node_id)
        assert again.identity == identity
        again.close()


def test_a_directory_of_another_node_is_refused_and_left_as_it_is(tmp_path: Path):
    LogDirectory.open(tmp_path, node_id=7).close({})
    before = tree(tmp_path)

    with pytest.raises(DirectoryUnusableError, match=r"belongs to the broker with node\.id 7, not 99"):
        LogDirectory.open(tmp_path, node_id=99)

    assert tree(tmp_path) == before
    LogDirectory.open(tmp_path, node_id=7).close()  # the lock is free again


class SyncsNotedFiles(OsFiles):
    """A file system that remembers which directories were synced."""

    def __init__(self) -> None:
        super().__init__()
        self.synced: list[Path] = []

    def sync_directory(self, path: Path) -> None:
        super().sync_directory(path)
        self.synced.append(path)


def test_the_name_of_a_directory_that_is_made_is_on_the_device_before_anything_is_in_it(tmp_path: Path):
    files = SyncsNotedFiles()
    LogDirectory.open(tmp_path / "data", files=files).close()

    assert files.synced[0] == tmp_path


def test_a_uuid_is_written_as_kafka_does():
    assert encode_uuid(uuid.UUID(int=0)) == "A" * 22
    assert encode_uuid(TOPIC_ID) == "AQIDBAUGBwgJCgsMDQ4PEA"


def test_kafkas_own_identity_file_is_read(tmp_path: Path):
    (tmp_path / "meta.properties").write_text(
        "#\n#Tue Nov 14 22:13:20 UTC 2023\ncluster.id=MkU3OEVBNTcwNTJENDM2Qk\nversion=1\nnode.id=3\n"
        "directory.id=GzNpKM0mQ4qmzPN0UdZzSg\n"
    )
    opened = LogDirectory.open(tmp_path)

    assert (opened.identity.cluster_id, opened.identity.node_id) == ("MkU3OEVBNTcwNTJENDM2Qk", 3)
    opened.close()


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe\0", b"version=2\ncluster.id=x\n", b"version=1\n", b"version=1\ncluster.id=x\nnode.id=y\n"],
)
def test_an_identity_that_is_not_understood_is_refused_and_left(tmp_path: Path, content: bytes):
    (tmp_path / "meta.properties").write_bytes(content)

    with pytest.raises(DirectoryUnusableError, match=r"meta\.properties"):
        LogDirectory.open(tmp_path)

    assert (tmp_path / "meta.properties").read_bytes() == content
    (tmp_path / "meta.properties").unlink()
    LogDirectory.open(tmp_path).close()  # the lock is free again


def make_file(path: Path) -> Path:
    path.write_bytes(b"content")
    return path


def make_link(path: Path, target: Path) -> Path:
    path.symlink_to(target)
    return path


def make_folder_in(path: Path, name: str) -> Path:
    (path / name).mkdir(parents=True)
    return path


UNUSABLE: dict[str, Callable[[Path], Path]] = {
    "a file": make_file,
    "missing parent": lambda path: path / "data",
    "below a file": lambda path: make_file(path) / "data",
    "link to itself": lambda path: make_link(path, path),
    "link to nothing": lambda path: make_link(path, path.with_name("gone")),
    "lock is a folder": lambda path: make_folder_in(path, ".lock"),
    "identity is a folder": lambda path: make_folder_in(path, "meta.properties"),
}


@pytest.mark.parametrize("make", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_what_cannot_be_a_data_directory_is_refused_with_its_path(tmp_path: Path, make: Callable[[Path], Path]):
    path = make(tmp_path / "data")
    before = tree(tmp_path)

    with pytest.raises(DirectoryUnusableError) as raised:
        LogDirectory.open(path)

    assert raised.value.path == path
    assert {name: content for name, content in tree(tmp_path).items() if not name.endswith(".lock")} == before


@pytest.mark.parametrize("mode", [0o555, 0o333, 0o000], ids=oct)
def test_a_directory_without_permission_is_refused(mode: int):
    with folder_for_all() as folder:
        path = folder / "data"
        path.mkdir()
        path.chmod(mode)
        with as_nobody(), pytest.raises(DirectoryUnusableError, match="data: "):
            LogDirectory.open(path)
        path.chmod(0o755)


def test_a_directory_that_became_read_only_is_refused_though_its_lock_could_be_taken():
    with folder_for_all() as folder:
        path = folder / "data"
        LogDirectory.open(path).close()
        for file in path.iterdir():
            file.chmod(0o666)
        path.chmod(0o555)
        with as_nobody(), pytest.raises(DirectoryUnusableError, match="data: it is not writable"):
            LogDirectory.open(path)
        path.chmod(0o755)


def test_a_data_directory_may_be_a_link_to_one(tmp_path: Path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    opened = LogDirectory.open(tmp_path / "link")
    opened.create_log(ORDERS, topic_id=TOPIC_ID, config=CONFIG).close()
    opened.close()

    assert (tmp_path / "real" / "orders-0").is_dir()


def test_a_new_log_is_a_folder_with_the_topics_id_and_opens_again(tmp_path: Path):
    directory = LogDirectory.open(tmp_path)
    log = directory.create_log(ORDERS, topic_id=TOPIC_ID, config=CONFIG)
    log.append(numbered(0))
    log.close()

    assert (tmp_path / "orders-0" / "partition.metadata").read_text() == "version: 0\ntopic_id: AQIDBAUGBwgJCgsMDQ4PEA"
    assert list(directory.partitions()) == [ORDERS]
    again = directory.open_log(ORDERS, config=CONFIG)
    assert values_in(again) == values_of(numbered(0))
    again.close()
    directory.close()


def test_a_folder_that_has_the_name_of_a_new_log_is_put_aside_with_all_that_was_known_of_it(tmp_path: Path):
    directory = LogDirectory.open(tmp_path)
    log = directory.create_log(ORDERS, topic_id=TOPIC_ID, config=CONFIG)
    log.append(numbered(0))
    log.delete_records(2)
    log.close()

    again = directory.create_log(ORDERS, topic_id=TOPIC_ID, config=CONFIG)

    assert (again.log_start, again.log_end) == (0, 0)
    assert directory.checkpoints.of(ORDERS) == LogCheckpoint()
    (stray,) = (path for path in tmp_path.iterdir() if path.name.endswith("-stray"))
    assert (stray / "00000000000000000000.log").stat().st_size == len(numbered(0))
    assert directory.left_behind == [f"{stray} was orders-0, which no topic spoke of"]
    assert list(directory.partitions()) == [ORDERS]
    again.close()
    directory.close()


class SyncFailsFiles(OsFiles):
    """A file system on which no log can be synced; remembers what it opened."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[OsFile] = []

    def open(self, path: Path, *, create: bool = False) -> OsFile:
        """Open a file whose sync fails if it is a log."""
        file = super().open(path, create=create)
        self.opened.append(UnsyncableFile(path) if path.suffix == ".log" else file)
        return self.opened[-1]


class UnsyncableFile(OsFile):
    def sync(self) -> None:
        raise OSError(5, "Input/output error")


def test_a_log_that_cannot_be_synced_when_it_is_made_is_not_left_open(tmp_path: Path):
    files = SyncFailsFiles()
    directory = LogDirectory.open(tmp_path, files=files)

    with pytest.raises(StorageError, match="sync failed"):
        directory.create_log(ORDERS, topic_id=TOPIC_ID, config=CONFIG)

    for file in files.opened:
        with pytest.raises(OSError, match="Bad file descriptor"):
            file.size()
    directory.close()


@pytest.mark.parametrize("missing", ["folder", "log is a folder"])
def test_a_log_that_cannot_be_opened_says_which(tmp_path: Path, missing: str):
    directory = LogDirectory.open(tmp_path)
    if missing != "folder":
        (tmp_path / "orders-0" / "00000000000000000000.log").mkdir(parents=True)

    with pytest.raises(StorageError, match="orders-0"):
        directory.open_log(ORDERS, config=CONFIG)
    directory.close()


def test_only_folders_named_like_partitions_are_partitions(tmp_path: Path):
    for name in ("orders-0", "orders-12", "a.b_c-d-3", "orders", "orders-01", "..-0x", "orders-0-stray", "-1"):
        (tmp_path / name).mkdir()
    directory = LogDirectory.open(tmp_path)

    assert set(directory.partitions()) == {("orders", 0), ("orders", 12), ("a.b_c-d", 3)}
    directory.close()


def test_a_removed_log_is_gone_with_everything_in_it(tmp_path: Path):
    directory = LogDirectory.open(tmp_path)
    for partition in (ORDERS, TopicPartition("x" * 249, 5)):
        directory.create_log(partition, topic_id=TOPIC_ID, config=CONFIG).close()
        (tmp_path / str(partition) / "00000000000000000000.log.torn-0").write_bytes(b"x")
        directory.remove_log(partition)
        directory.remove_log(partition)

    assert not [path.name for path in tmp_path.iterdir() if path.is_dir()]
    assert directory.checkpoints.of(ORDERS) == LogCheckpoint()
    directory.close()


def test_a_removal_that_was_interrupted_is_finished_at_the_next_start(tmp_path: Path):
    unique = uuid.uuid4().hex
    (tmp_path / f"orders-0.{unique}-delete").mkdir()
    (tmp_path / f"orders-0.{unique}-delete" / "00000000000000000000.log").write_bytes(b"x")
    (tmp_path / f"empty-1.{unique}-delete").mkdir()

    LogDirectory.open(tmp_path).close()

    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "meta.properties"]


def test_what_only_looks_like_a_removal_is_left_alone(tmp_path: Path):
    (tmp_path / "please-do-not-delete").mkdir()
    (tmp_path / "please-do-not-delete" / "precious").write_bytes(b"x")
    (tmp_path / "note-delete").write_bytes(b"y")

    LogDirectory.open(tmp_path).close()

    assert (tmp_path / "please-do-not-delete" / "precious").read_bytes() == b"x"
    assert (tmp_path / "note-delete").read_bytes() == b"y"


def test_a_partition_that_was_put_elsewhere_by_a_link_is_removed_there(tmp_path: Path):
    directory = LogDirectory.open(tmp_path / "data")
    directory.create_log(ORDERS, topic_id=TOPIC_ID, config=CONFIG).close()
    (tmp_path / "data" / "orders-0").rename(tmp_path / "other-disk")
    (tmp_path / "data" / "orders-0").symlink_to(tmp_path / "other-disk")

    directory.remove_log(ORDERS)

    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == [".lock", "meta.properties"]
    assert list((tmp_path / "other-disk").iterdir()) == []
    directory.close()


def test_a_log_that_was_made_survives_the_power_and_one_that_was_removed_stays_away():
    files = MemoryFiles()
    directory = directory_in(files)
    directory.create_log(ORDERS, topic_id=TOPIC_ID, config=CONFIG).close()
    for seed in range(20):
        crashed = files.crash(seed)
        assert max(crashed.names(crashed.root / "orders-0")) == "partition.metadata"
        assert "00000000000000000000.log" in crashed.names(crashed.root / "orders-0")

    directory.remove_log(ORDERS)

    assert not any(files.crash(seed).exists(files.root / "orders-0") for seed in range(20))
    directory.close()


def directory_in(files: MemoryFiles) -> LogDirectory:
    checkpoints = Checkpoints.take(files, files.root)
    lock = os.open(os.devnull, os.O_RDWR)
    identity = DirectoryIdentity(cluster_id="A" * 22, node_id=1, directory_id=None)
    return LogDirectory(files.root, lock=lock, identity=identity, checkpoints=checkpoints, files=files)


MANY = [NewLog(TopicPartition("orders", index), TOPIC_ID, CONFIG) for index in range(20)]
PARTITIONS = [new.partition for new in MANY]


def test_many_logs_are_made_and_removed_with_one_sync_of_the_data_directory():
    files = MemoryFiles()
    directory = directory_in(files)
    logs = directory.create_logs(MANY)
    made = len(files.history)
    for log in logs:
        log.abandon()
    directory.remove_logs(PARTITIONS)

    def syncs(calls: list[tuple[str, Path]]) -> list[Path]:
        return [path for call, path in calls if call == "sync_directory"]

    assert syncs(files.history[:made]).count(files.root) == 1
    assert len(syncs(files.history[:made])) == len(MANY) + 1
    assert syncs(files.history[made:]) == [files.root]
    assert not any(files.crash(seed).exists(files.root / "orders-7") for seed in range(20))
    directory.close()


@pytest.mark.parametrize("partition", [0, 7, 19])
def test_logs_that_cannot_all_be_made_are_gone_and_what_had_their_names_is_kept(partition: int):
    files = MemoryFiles()
    directory = directory_in(files)
    files.make_directory(files.root / "orders-19")
    files.open(files.root / "orders-19" / "notes", create=True).write(0, [b"mine"])
    refused = ("make_directory", files.root / f"orders-{partition}")
    files.fail_when(lambda _, *call: OSError(28, "full") if call == refused else None)

    with pytest.raises(OSError, match="full"):
        directory.create_logs(MANY)

    (stray,) = (name for name in files.names(files.root) if name.startswith("orders"))
    assert stray.endswith("-stray")
    assert files.content(files.root / stray / "notes") == b"mine"
    directory.close()


def test_the_topics_id_of_each_log_that_was_made_survives_a_power_cut():
    files = MemoryFiles()
    directory = directory_in(files)
    directory.create_logs(MANY)

    for seed in range(20):
        crashed = files.crash(seed)
        for partition in PARTITIONS:
            path = files.root / partition_directory_name(partition) / PARTITION_METADATA_FILE_NAME
            assert crashed.content(path) == f"version: 0\ntopic_id: {encode_uuid(TOPIC_ID)}".encode()


def test_what_was_known_of_a_log_that_was_removed_is_not_believed_of_the_next_after_a_power_cut():
    files = MemoryFiles()
    directory = directory_in(files)
    log = directory.create_log(ORDERS, topic_id=TOPIC_ID, config=CONFIG)
    log.append(numbered(0))
    log.checkpoint()
    directory.save_checkpoints()
    log.close()
    directory.remove_log(ORDERS)

    directory.create_log(ORDERS, topic_id=TOPIC_ID, config=CONFIG).close()

    for seed in range(20):
        crashed = files.crash(seed)
        assert Checkpoints.take(crashed, crashed.root).of(ORDERS) == LogCheckpoint()
    directory.close()


def test_what_was_saved_of_the_checkpoints_is_known_after_a_kill(tmp_path: Path):
    directory = LogDirectory.open(tmp_path)
    log = directory.create_log(ORDERS, topic_id=TOPIC_ID, config=CONFIG)
    log.append(numbered(0))
    log.checkpoint()
    log.advance_start(1)
    directory.checkpoints.set_first_dirty(ORDERS, 2)

    directory.save_checkpoints()

    found = Checkpoints.take(directory.files, tmp_path).of(ORDERS)
    assert found == LogCheckpoint(recovery_point=3, log_start=1, first_dirty=2)
    log.close()
    directory.close()


def test_what_somebody_put_into_a_removed_partition_is_left_and_keeps_nobody_from_opening(tmp_path: Path):
    directory = LogDirectory.open(tmp_path / "data")
    directory.create_log(ORDERS, topic_id=TOPIC_ID, config=CONFIG).close()
    (tmp_path / "data" / "orders-0" / "backup").mkdir()

    directory.remove_log(ORDERS)
    directory.close()

    assert list(directory.partitions()) == []
    again = LogDirectory.open(tmp_path / "data")
    assert len(again.left_behind) == 1
    assert "-delete cannot be removed" in again.left_behind[0]
    again.close()
