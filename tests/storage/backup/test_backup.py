"""A data directory is copied, and a copy that is opened has what was there."""

import os
import stat
import uuid
from collections.abc import Mapping
from pathlib import Path

import pytest

from gomq_storage.backup import partition
from gomq_storage.backup.files import BackupFiles
from gomq_storage.backup.places import BackupError, list_backups, read_manifest
from gomq_storage.backup.restoring import find_backup, restore
from gomq_storage.backup.taking import back_up, size_of
from gomq_storage.checkpoint_text import decode_offsets
from gomq_storage.directory import LogDirectory
from gomq_storage.errors import DirectoryInUseError, StorageError
from gomq_storage.layout import TopicPartition
from tests.support.backing_up import (
    ORDERS,
    SMALL,
    STATES_LOG,
    FailingFiles,
    Serving,
    fill,
    restored,
    saved,
)
from tests.support.log_batches import NOW, batch_of, numbered, values_in


def test_a_backup_that_is_restored_opens_with_all_that_was_there(serving: Serving):
    log = serving.create(ORDERS)
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
    assert [read_manifest(each).created_ms for each in backups] == [NOW + 1, NOW + 2, NOW + 3]


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


def test_a_sealed_segment_that_is_cut_off_is_damage_and_not_a_message_that_is_being_written(serving: Serving):
    log = serving.create(ORDERS)
    fill(log, 0, 20)
    path = log.segments[1].path
    content = path.read_bytes()[:-5]
    path.write_bytes(content)

    report = saved(serving)

    assert [each.path.name for each in report.damaged] == [path.name]
    assert (report.path / report.damaged[0].path).read_bytes() == content
    assert saved(serving, now_ms=NOW + 1).damaged == report.damaged  # linked to the backup before


def test_what_says_where_logs_start_is_understood_once_however_many_partitions_there_are(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
):
    """It has a line for each: decoded for each it would take a broker of thousands of partitions minutes."""
    for number in range(20):
        log = serving.create(TopicPartition("orders", number), partitions=number + 1)
        fill(log, 0, 1)
        log.advance_start(1)
    serving.directory.save_checkpoints()
    decoded: list[bytes] = []

    def spy(content: bytes) -> Mapping[TopicPartition, int]:
        decoded.append(content)
        return decode_offsets(content)

    monkeypatch.setattr(partition, "decode_offsets", spy)

    assert saved(serving).partitions > 1
    assert len(decoded) <= 2


def test_where_a_log_starts_and_that_it_was_compacted_is_in_the_backup(serving: Serving):
    log = serving.create(ORDERS)
    fill(log, 0, 20)
    log.advance_start(17)
    serving.directory.save_checkpoints()

    saved(serving)

    with restored(serving) as open_log:
        assert open_log(ORDERS).log_start == 17


@pytest.mark.parametrize("damage", ["a batch", "a value"])
def test_a_state_that_is_damaged_is_told_and_the_backup_before_is_kept(serving: Serving, damage: str):
    serving.create(ORDERS)
    before = saved(serving)
    if damage == "a value":
        serving.state.append(batch_of(b"{}", key=b"topic/new"))
    else:
        path = serving.path / STATES_LOG
        path.write_bytes(path.read_bytes()[:-1] + b"!")

    with pytest.raises(BackupError, match="is damaged"):
        saved(serving, now_ms=NOW + 1)

    assert list_backups(BackupFiles(), before.path.parent) == [before.path]


def test_a_log_that_is_partly_elsewhere_is_refused(serving: Serving):
    log = serving.create(ORDERS)
    fill(log, 0, 20)
    path = log.segments[1].path
    path.rename(serving.path.parent / "elsewhere.log")
    path.symlink_to(serving.path.parent / "elsewhere.log")

    with pytest.raises(StorageError, match="links are not followed"):
        saved(serving)


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


def test_a_directory_that_does_not_say_what_topics_there_are_is_refused(tmp_path: Path):
    """Such as one of several of a Kafka's: what is in them cannot be served from without the others."""
    directory = LogDirectory.open(tmp_path / "data")
    directory.create_log(ORDERS, topic_id=uuid.uuid4(), config=SMALL).close()
    directory.close()

    with pytest.raises(BackupError, match="it has no __gomq_metadata-0"):
        back_up(tmp_path / "data", tmp_path / "backups", now_ms=NOW)
    assert not (tmp_path / "backups").exists()


def test_a_backup_within_its_own_data_is_refused(serving: Serving):
    for target in (serving.path, serving.path / "backups", serving.path.parent):
        with pytest.raises(BackupError, match="within the other"):
            back_up(serving.path, target, now_ms=NOW)


def test_what_is_copied_is_opened_to_be_read_only(serving: Serving, monkeypatch: pytest.MonkeyPatch):
    """It may be another user's, and a backup may be on a disk that nobody writes to."""
    fill(serving.create(ORDERS), 0, 20)
    opened: dict[str, int] = {}
    really_open = os.open

    def spy(path: os.PathLike[str] | str, flags: int, *rest: int) -> int:
        opened[os.fspath(path)] = flags & os.O_ACCMODE
        return really_open(path, flags, *rest)

    monkeypatch.setattr(os, "open", spy)
    report = saved(serving)
    of_source = {flags for path, flags in opened.items() if path.startswith(f"{serving.path}/")}
    opened.clear()
    backup, manifest = find_backup(report.path)
    restore(backup, serving.path.parent / "target", manifest)
    of_backup = {flags for path, flags in opened.items() if path.startswith(f"{report.path}/")}

    assert of_source == of_backup == {os.O_RDONLY}


@pytest.mark.parametrize("mode", [0o700, 0o750, 0o755, 0o500])
def test_a_backup_lets_nobody_in_whom_the_data_directory_keeps_out(serving: Serving, mode: int):
    serving.path.chmod(mode)

    assert stat.S_IMODE(saved(serving).path.stat().st_mode) == mode | 0o700
