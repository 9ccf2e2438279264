"""A data directory is copied while it changes, and a copy that is opened has what was there."""

import errno
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gomq_storage.backup.files import BackupFiles, SourceFile
from gomq_storage.backup.places import BackupError, list_backups, read_manifest
from gomq_storage.backup.restoring import find_backup, restore
from gomq_storage.backup.taking import BackupReport, back_up, size_of
from gomq_storage.cleaner import Cleaner
from gomq_storage.config import CleanupPolicy, LogConfig
from gomq_storage.directory import LogDirectory
from gomq_storage.errors import DirectoryInUseError
from gomq_storage.layout import TopicPartition
from gomq_storage.log import Log
from gomq_storage.record import NewRecord, encode_batch
from gomq_storage.upkeep import Upkeep
from tests.support.log_batches import NOW, batch_of, numbered, records_in, values_in

ORDERS = TopicPartition("orders", 0)
OFFSETS = TopicPartition("__consumer_offsets", 0)
STATE = TopicPartition("__gomq_metadata", 0)
SMALL = LogConfig(segment_bytes=600, index_interval_bytes=100, file_delete_delay_ms=0)
COMPACTED = LogConfig(
    segment_bytes=600,
    index_interval_bytes=100,
    file_delete_delay_ms=0,
    cleanup_policy=CleanupPolicy.COMPACT,
    min_cleanable_dirty_ratio=0.0,
    delete_retention_ms=0,
)


class Serving:
    """A data directory that is open, as a broker has it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.directory = LogDirectory.open(path)
        self.logs: dict[TopicPartition, Log] = {}

    def create(self, partition: TopicPartition, config: LogConfig = SMALL) -> Log:
        log = self.logs[partition] = self.directory.create_log(partition, topic_id=uuid.uuid4(), config=config)
        return log

    def delete(self, partition: TopicPartition) -> None:
        self.logs.pop(partition).abandon()
        self.directory.remove_log(partition)

    def close(self) -> None:
        for log in self.logs.values():
            log.abandon()
        self.directory.abandon()


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    (tmp_path / "backups").mkdir()
    found = Serving(tmp_path / "data")
    try:
        yield found
    finally:
        found.close()


class Meanwhile(BackupFiles):
    """Something happens right before a file is opened, once."""

    def __init__(self, name: str, happens: Callable[[], object]) -> None:
        super().__init__()
        self.happened = False
        self._name = name
        self._happens = happens

    def open_source(self, path: Path) -> SourceFile:
        if str(path).endswith(self._name) and not self.happened:
            self.happened = True
            self._happens()
        return super().open_source(path)


def saved(serving: Serving, *, now_ms: int = NOW, files: BackupFiles | None = None, keep: int = 1) -> BackupReport:
    return back_up(serving.path, serving.path.parent / "backups", now_ms=now_ms, files=files, keep=keep)


@contextmanager
def restored(serving: Serving, *, config: LogConfig = SMALL) -> Iterator[Callable[[TopicPartition], Log]]:
    """Restore the newest backup, and open logs of it."""
    target = serving.path.parent / f"restored-{uuid.uuid4().hex}"
    backup, manifest = find_backup(serving.path.parent / "backups")
    restore(backup, target, manifest)
    directory = LogDirectory.open(target)
    opened: list[Log] = []

    def open_log(partition: TopicPartition) -> Log:
        opened.append(directory.open_log(partition, config=config))
        return opened[-1]

    yield open_log
    for log in opened:
        log.abandon()
    directory.abandon()


def fill(log: Log, start: int, stop: int) -> None:
    for number in range(start, stop):
        log.append(numbered(number))


def keep_key(log: Log, key: bytes, value: bytes) -> None:
    log.append(batch_of(value, key=key))


def test_a_backup_that_is_restored_opens_with_all_that_was_there(serving: Serving):
    log = serving.create(ORDERS)
    serving.create(STATE)
    fill(log, 0, 20)
    assert len(log.segments) > 3

    report = saved(serving)

    assert report.partitions == 2
    assert report.damaged == ()
    assert size_of(serving.path) >= report.copied_bytes - 1000 > 0
    with restored(serving) as open_log:
        copy = open_log(ORDERS)
        assert values_in(copy) == values_in(log)
        assert (copy.log_start, copy.log_end) == (log.log_start, log.log_end)
        assert copy.recovery.truncated_bytes == copy.recovery.rebuilt_segments == 0
        assert copy.append(numbered(20)).base_offset == log.log_end


def test_the_next_backup_copies_only_what_is_new(serving: Serving):
    log = serving.create(ORDERS)
    fill(log, 0, 20)
    first = saved(serving)
    unchanged = saved(serving, now_ms=NOW + 1)
    fill(log, 20, 22)
    third = saved(serving, now_ms=NOW + 2)

    assert first.linked_bytes == 0
    assert unchanged.linked_bytes >= first.copied_bytes - 200
    assert unchanged.copied_bytes < 200  # meta.properties and the like have a time of their own
    assert 0 < third.copied_bytes < first.copied_bytes
    with restored(serving) as open_log:
        assert values_in(open_log(ORDERS)) == values_in(log)


def test_as_many_backups_are_kept_as_are_wanted(serving: Serving):
    log = serving.create(ORDERS)
    for number in range(4):
        fill(log, number, number + 1)
        saved(serving, now_ms=NOW + number, keep=3)
    backups = list_backups(BackupFiles(), serving.path.parent / "backups")

    assert len(backups) == 3
    assert [read_manifest(BackupFiles(), each).created_ms for each in backups] == [NOW + 1, NOW + 2, NOW + 3]


def test_a_message_that_is_being_written_is_left_out(serving: Serving):
    log = serving.create(ORDERS)
    fill(log, 0, 3)
    with log.segments[-1].path.open("ab") as file:
        file.write(numbered(3)[:-5])

    report = saved(serving)

    assert report.damaged == ()
    with restored(serving) as open_log:
        copy = open_log(ORDERS)
        assert copy.log_end == log.log_end
        assert copy.recovery.truncated_bytes == 0


def test_damage_is_reported_and_copied_as_it_is(serving: Serving):
    log = serving.create(ORDERS)
    serving.create(TopicPartition("sound", 0)).append(numbered(0))
    fill(log, 0, 20)
    path = log.segments[1].path
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)

    (damage,) = saved(serving).damaged

    assert damage.path.name == path.name
    assert (saved(serving, now_ms=NOW + 1).path / damage.path).read_bytes() == content
    with restored(serving) as open_log:
        assert open_log(TopicPartition("sound", 0)).log_end == 3


def test_where_a_log_starts_and_that_it_was_compacted_is_in_the_backup(serving: Serving):
    log = serving.create(ORDERS)
    fill(log, 0, 20)
    log.advance_start(17)
    serving.directory.save_checkpoints()

    saved(serving)

    with restored(serving) as open_log:
        assert open_log(ORDERS).log_start == 17


def test_segments_that_expire_meanwhile_do_no_harm(serving: Serving):
    log = serving.create(ORDERS)
    fill(log, 0, 20)
    second = log.segments[1].path.name

    def expire() -> None:
        log.advance_start(log.segments[2].base_offset)
        Upkeep(serving.directory.checkpoints).enforce_retention([log], now_ms=NOW)

    files = Meanwhile(second, expire)
    saved(serving, files=files)

    assert files.happened
    with restored(serving) as open_log:
        assert values_in(open_log(ORDERS))[-10:] == values_in(log)[-10:]


def test_segments_from_before_and_behind_a_compaction_are_not_mixed(serving: Serving):
    """The old first segment has a value, of which the new second one has no tombstone any more."""
    log = serving.create(ORDERS, COMPACTED)
    fillers = iter(range(100))

    def add_segment(*batches: bytes) -> None:
        """Begin a segment that is never put together with another, since what is in it stays."""
        log.roll()
        keep_key(log, b"filler %d" % next(fillers), bytes(400))
        for batch in batches:
            log.append(batch)

    add_segment(batch_of(b"old", key=b"gone"))
    add_segment(batch_of_tombstone(b"gone"))
    add_segment()
    upkeep = Upkeep(serving.directory.checkpoints)
    cleaner = Cleaner(serving.directory.checkpoints, upkeep)
    bases = [segment.base_offset for segment in log.segments]
    second = log.segments[1].path.name

    def compact() -> None:
        for days in (1, 2):  # the first one settles when the tombstone may go
            cleaner.compact(log, now_ms=NOW + days * 86_400_000)
            upkeep.remove_due(everything=True)
            add_segment()

    files = Meanwhile(second, compact)
    saved(serving, files=files)

    assert files.happened
    assert [segment.base_offset for segment in log.segments][:3] == bases
    assert b"gone" not in keys_in(log)
    with restored(serving, config=COMPACTED) as open_log:
        assert b"gone" not in keys_in(open_log(ORDERS))


def test_compaction_between_two_files_of_any_names_leaves_the_last_value_of_each_key(serving: Serving):
    log = serving.create(ORDERS, COMPACTED)
    upkeep = Upkeep(serving.directory.checkpoints)
    cleaner = Cleaner(serving.directory.checkpoints, upkeep)
    for number in range(30):
        keep_key(log, b"k%d" % (number % 7), b"%d" % number + bytes(60))

    def compact() -> None:
        cleaner.compact(log, now_ms=NOW)
        upkeep.remove_due(everything=True)

    for number, segment in enumerate(log.segments):
        files = Meanwhile(segment.path.name, compact)
        saved(serving, files=files, now_ms=NOW + number)
        with restored(serving, config=COMPACTED) as open_log:
            assert latest(open_log(ORDERS)) == latest(log)
        for more in range(3):
            keep_key(log, b"k%d" % more, b"%d %d" % (number, more) + bytes(60))


def test_a_topic_that_is_deleted_meanwhile_is_not_in_the_backup(serving: Serving):
    fill(serving.create(ORDERS), 0, 20)
    fill(serving.create(TopicPartition("other", 0)), 0, 3)
    state = serving.create(STATE)

    def delete() -> None:
        state.append(numbered(0))
        serving.delete(ORDERS)

    for name in ("orders-0/00000000000000000000.log", "__gomq_metadata-0/00000000000000000000.log"):
        if ORDERS not in serving.logs:
            fill(serving.create(ORDERS), 0, 20)
        report = saved(serving, files=Meanwhile(name, delete), now_ms=NOW + len(name))
        assert not (report.path / "orders-0").exists()
        assert (report.path / "other-0").exists()


def test_a_topic_that_is_made_anew_meanwhile_is_the_new_one(serving: Serving):
    fill(serving.create(ORDERS), 0, 20)
    serving.logs[ORDERS].advance_start(17)
    serving.directory.save_checkpoints()
    state = serving.create(STATE)

    def make_anew() -> None:
        state.append(numbered(0))
        serving.delete(ORDERS)
        fill(serving.create(ORDERS), 50, 52)

    for name in ("orders-0/00000000000000000000.log", "__gomq_metadata-0/00000000000000000000.log"):
        saved(serving, files=Meanwhile(name, make_anew), now_ms=NOW + len(name))
        with restored(serving) as open_log:
            copy = open_log(ORDERS)
            assert copy.log_start == 0
            assert values_in(copy) == values_in(serving.logs[ORDERS])


def test_a_topic_that_is_made_while_the_state_is_copied_is_there_if_the_state_knows_it(serving: Serving):
    state = serving.create(STATE)
    new = TopicPartition("new", 0)

    def create() -> None:
        fill(serving.create(new), 0, 3)
        state.append(numbered(7))

    report = saved(serving, files=Meanwhile("__gomq_metadata-0/00000000000000000000.log", create))

    assert (report.path / "new-0").exists()
    with restored(serving) as open_log:
        assert values_in(open_log(STATE)) == values_in(state)
        assert open_log(new).log_end == 9


def test_offsets_of_groups_are_never_ahead_of_the_messages(serving: Serving):
    """They are copied first: what is committed while messages are copied is not in the backup."""
    log, committed = serving.create(ORDERS), serving.create(OFFSETS)
    fill(log, 0, 2)

    def commit() -> None:
        fill(log, 2, 4)
        fill(committed, 0, 1)

    saved(serving, files=Meanwhile("orders-0/00000000000000000000.log", commit))

    with restored(serving) as open_log:
        assert open_log(OFFSETS).log_end == 0
        assert open_log(ORDERS).log_end == 12


def test_a_backup_that_fails_at_any_call_leaves_the_one_before(serving: Serving):
    log = serving.create(ORDERS)
    fill(log, 0, 8)
    saved(serving)
    before = values_in(log)
    fill(log, 8, 12)
    number = 0
    while True:
        files = FailingFiles(number)
        try:
            saved(serving, files=files, now_ms=NOW + 1 + number)
        except OSError:
            with restored(serving) as open_log:
                assert values_in(open_log(ORDERS)) in (before, values_in(log))
            number += 1 + number // 10
        else:
            break
    assert number > 20
    names = sorted(os.listdir(serving.path.parent / "backups"))
    assert len(names) == 2
    assert names[0] == ".lock"


class FailingFiles(BackupFiles):
    """The disk is full from one call on."""

    def __init__(self, fails_at: int) -> None:
        super().__init__()
        self._left = fails_at

    def open(self, path: Path, *, create: bool = False):
        self._count(path)
        return super().open(path, create=create)

    def link(self, source: Path, target: Path) -> bool:
        self._count(target)
        return super().link(source, target)

    def move(self, source: Path, target: Path) -> None:
        self._count(target)
        super().move(source, target)

    def rename(self, source: Path, target: Path) -> None:
        self._count(target)
        super().rename(source, target)

    def make_directory(self, path: Path) -> None:
        self._count(path)
        super().make_directory(path)

    def sync_directory(self, path: Path) -> None:
        self._count(path)
        super().sync_directory(path)

    def _count(self, path: Path) -> None:
        if self._left == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        self._left -= 1


def test_two_backups_at_the_same_time_are_refused(serving: Serving):
    serving.create(ORDERS)
    files = BackupFiles()
    lock = files.lock(serving.path.parent / "backups")

    with pytest.raises(DirectoryInUseError):
        saved(serving)
    files.unlock(lock)
    saved(serving)


def test_what_is_no_data_directory_is_refused(tmp_path: Path):
    with pytest.raises(BackupError, match=r"meta\.properties"):
        back_up(tmp_path, tmp_path / "backups", now_ms=NOW)
    assert list(tmp_path.iterdir()) == []


def test_a_kafkas_directory_is_refused(serving: Serving):
    (serving.path / "__cluster_metadata-0").mkdir()

    with pytest.raises(BackupError, match="a Kafka's"):
        saved(serving)


def test_a_backup_within_its_own_data_is_refused(serving: Serving):
    for target in (serving.path, serving.path / "backups", serving.path.parent):
        with pytest.raises(BackupError, match="within the other"):
            back_up(serving.path, target, now_ms=NOW)


@pytest.mark.parametrize("damage", ["missing", "changed", "longer"])
def test_a_damaged_backup_is_not_restored(serving: Serving, damage: str):
    fill(serving.create(ORDERS), 0, 20)
    report = saved(serving)
    path = next(iter(sorted((report.path / "orders-0").glob("*.log"))))
    match damage:
        case "missing":
            path.unlink()
        case "changed":
            path.write_bytes(path.read_bytes()[:-1] + b"!")
        case _:
            path.write_bytes(path.read_bytes() + b"!")
    target = serving.path.parent / "target"

    with pytest.raises(BackupError, match="use another"):
        restore(report.path, target, read_manifest(BackupFiles(), report.path))

    assert os.listdir(target) == [".lock"]


def test_only_an_empty_directory_is_restored_to(serving: Serving):
    serving.create(ORDERS)
    report = saved(serving)
    manifest = read_manifest(BackupFiles(), report.path)
    target = serving.path.parent / "target"
    target.mkdir()
    (target / "mine").write_text("x")

    with pytest.raises(BackupError, match="not empty"):
        restore(report.path, target, manifest)
    (target / "mine").unlink()
    (target / ".restoring").mkdir()
    (target / ".restoring" / "left").write_text("of an attempt that was killed")
    restore(report.path, target, manifest)

    assert "orders-0" in os.listdir(target)
    assert ".restoring" not in os.listdir(target)
    with pytest.raises(BackupError, match="no backup"):
        find_backup(target)


def batch_of_tombstone(key: bytes) -> bytes:
    """Make a batch that takes a key back."""
    return encode_batch([NewRecord(None, key)], now_ms=NOW)


def keys_in(log: Log) -> set[bytes | None]:
    return set(latest(log))


def latest(log: Log) -> dict[bytes | None, bytes | None]:
    """Return the last value of each key; None for one that was taken back."""
    return {record.key: record.value for record in records_in(log)}
