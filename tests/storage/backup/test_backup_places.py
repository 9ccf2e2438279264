"""Which of a directory's entries are backups, how they are named, and which of them a backup may remove."""

import uuid
from pathlib import Path

import pytest

from gomq_storage.backup.files import BackupFiles
from gomq_storage.backup.places import BackupError, list_backups, next_name, read_manifest, remove_backup
from gomq_storage.backup.restoring import find_backup
from gomq_storage.backup.taking import back_up
from gomq_storage.backup.topics import STATE
from gomq_storage.config import LogConfig
from gomq_storage.directory import LogDirectory
from tests.support.log_batches import NOW


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return made(tmp_path / "data")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "backups"


def made(path: Path) -> Path:
    """Make a data directory of a cluster of its own."""
    directory = LogDirectory.open(path)
    directory.create_log(STATE, topic_id=uuid.uuid4(), config=LogConfig()).close()
    directory.close()
    return path


def test_another_brokers_backups_are_not_added_to(data: Path, target: Path, tmp_path: Path):
    kept = back_up(data, target, now_ms=NOW).path

    with pytest.raises(BackupError, match="backups of another broker"):
        back_up(made(tmp_path / "other"), target, now_ms=NOW + 1)

    assert list_backups(BackupFiles(), target) == [kept]


def test_names_ascend_though_the_clock_goes_back(data: Path, target: Path):
    first = back_up(data, target, now_ms=NOW, keep=9)
    second = back_up(data, target, now_ms=NOW - 86_400_000, keep=9)

    assert list_backups(BackupFiles(), target) == [first.path, second.path]
    assert find_backup(target)[0] == second.path
    assert read_manifest(second.path).created_ms == NOW - 86_400_000


@pytest.mark.parametrize("moment", [0, 1, 999, 86_399_999, NOW, NOW + 999])
def test_a_name_is_the_time_or_the_moment_behind_the_last_one(tmp_path: Path, moment: int):
    name = next_name(BackupFiles(), tmp_path, moment)
    (tmp_path / f"{name}.partial").mkdir()

    assert name < next_name(BackupFiles(), tmp_path, moment) == next_name(BackupFiles(), tmp_path, moment + 1)


def test_what_has_another_name_is_left_alone(data: Path, target: Path):
    first = back_up(data, target, now_ms=NOW).path
    first.rename(target / "before-upgrade")
    (target / "mine.partial").mkdir()
    (target / "notes.partial").write_text("x")

    second = back_up(data, target, now_ms=NOW + 1).path

    assert {path.name for path in target.iterdir()} == {
        ".lock", "before-upgrade", "mine.partial", "notes.partial", second.name,
    }  # fmt: skip
    assert find_backup(target)[0] == second
    assert find_backup(target / "before-upgrade")[0].name == "before-upgrade"


class Interrupted(BackupFiles):
    """The process ends before it has removed a file."""

    def remove(self, path: Path) -> None:
        raise KeyboardInterrupt(path)


def test_a_backup_that_was_removed_in_part_is_none_and_goes_with_the_next(data: Path, target: Path):
    first = back_up(data, target, now_ms=NOW, keep=9).path
    second = back_up(data, target, now_ms=NOW + 1, keep=9).path

    with pytest.raises(KeyboardInterrupt):
        remove_backup(Interrupted(), first)
    assert list_backups(BackupFiles(), target) == [second]
    third = back_up(data, target, now_ms=NOW + 2, keep=9).path

    assert {path.name for path in target.iterdir()} == {".lock", second.name, third.name}
