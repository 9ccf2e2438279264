"""A backup is restored whole, or nothing of it."""

import os
from dataclasses import replace

import pytest

from gomq_storage.backup.places import BackupError, read_manifest
from gomq_storage.backup.restoring import find_backup, restore
from gomq_storage.backup.taking import back_up
from gomq_storage.directory import LogDirectory
from gomq_storage.errors import DirectoryUnusableError
from gomq_storage.files import OsFiles
from gomq_storage.identity import read_identity
from tests.support.backing_up import (
    ORDERS,
    FailingFiles,
    Serving,
    fill,
    saved,
)
from tests.support.log_batches import NOW


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
        restore(report.path, target, read_manifest(report.path))

    assert os.listdir(target) == [".lock"]


def test_what_is_restored_is_of_the_same_cluster_and_another_directory(serving: Serving):
    """So that its backups are not taken for the original's, nor put in their place."""
    serving.create(ORDERS)
    report = saved(serving)
    original = read_identity(OsFiles(), serving.path)
    ids = {original.directory_id}
    for number in range(2):
        target = serving.path.parent / f"target-{number}"
        restore(report.path, target, read_manifest(report.path))
        found = read_identity(OsFiles(), target)
        assert found == replace(original, directory_id=found.directory_id)
        ids.add(found.directory_id)

        with pytest.raises(BackupError, match=r"restored from the other: keep its backups in a directory of its own"):
            back_up(target, report.path.parent, now_ms=NOW + 1)
        back_up(target, serving.path.parent / f"backups-{number}", now_ms=NOW + 1)

    assert len(ids) == 3
    assert find_backup(report.path.parent)[0] == report.path


def test_an_original_without_an_id_is_restored_with_one(serving: Serving):
    """Older Kafkas have none."""
    serving.create(ORDERS)
    path = serving.path / "meta.properties"
    path.write_bytes(b"".join(each for each in path.read_bytes().splitlines(keepends=True) if b"directory" not in each))
    report = saved(serving)
    target = serving.path.parent / "target"

    restore(report.path, target, read_manifest(report.path))

    assert len(read_identity(OsFiles(), target).directory_id or "") == 22
    assert saved(serving, now_ms=NOW + 1).path != report.path


def test_a_restore_that_fails_at_any_call_is_served_by_no_broker_and_can_be_done_again(serving: Serving):
    fill(serving.create(ORDERS), 0, 20)
    report = saved(serving)
    manifest = read_manifest(report.path)
    interrupted = 0
    for number in range(1000):
        target = serving.path.parent / f"target-{number}"
        try:
            restore(report.path, target, manifest, files=FailingFiles(number))
            break
        except OSError:
            pass
        if target.exists() and (target / ".restoring").exists():
            interrupted += 1
            with pytest.raises(DirectoryUnusableError, match="or that was interrupted: do it again"):
                LogDirectory.open(target)
        restore(report.path, target, manifest)
        assert sorted(os.listdir(target)) == sorted({".lock", *os.listdir(report.path)} - {"manifest.json"})

    assert number > 20
    assert interrupted > 0


def test_what_an_interrupted_restore_has_not_put_there_stays(serving: Serving):
    serving.create(ORDERS)
    report = saved(serving)
    target = serving.path.parent / "target"
    (target / ".restoring").mkdir(parents=True)
    (target / "orders-0").mkdir()
    (target / "mine").write_text("x")

    with pytest.raises(BackupError, match="not empty, it has mine"):
        restore(report.path, target, read_manifest(report.path))

    assert sorted(os.listdir(target)) == [".restoring", "mine", "orders-0"]


def test_only_an_empty_directory_is_restored_to(serving: Serving):
    serving.create(ORDERS)
    report = saved(serving)
    manifest = read_manifest(report.path)
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
