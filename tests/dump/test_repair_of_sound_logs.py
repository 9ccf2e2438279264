"""A repair leaves alone what is sound, however unusual: what Kafka itself leaves, and logs that were compacted."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gomq_dump.cli import main
from gomq_storage.checkpoint import LogCheckpoint
from gomq_storage.config import LogConfig
from gomq_storage.log import Log
from gomq_storage.txn_index import AbortedTransaction, encode_entry
from tests.support.log_batches import batch_of
from tests.support.memory_files import MemoryFiles
from tests.support.repairing import deeds, plan
from tests.support.rights import as_nobody, folder_for_all
from tests.support.sound_log import CLOSED, SIZE, put, segment
from tests.support.transactional import ABORT, marker, part_of


def test_batches_that_are_larger_than_the_distance_of_index_entries() -> None:
    files = MemoryFiles()
    log = Log.open(files.root, LogConfig(max_message_bytes=1 << 23), files=files)
    for number in range(3):
        log.append(batch_of(bytes([number]) * 3_000_000))
    log.close()
    kept = files.snapshot(files.root)
    padded = {segment(0, ".index"): kept[segment(0, ".index")] + bytes(80)}  # as a killed Kafka leaves it
    assert not plan(put({**kept, **padded})).changes


def test_leader_epochs_that_begin_where_messages_were_deleted_up_to() -> None:
    assert not plan(put({**CLOSED, "leader-epoch-checkpoint": b"0\n1\n0 7\n"})).changes
    assert plan(put({**CLOSED, "leader-epoch-checkpoint": b"0\n2\n0 7\n1 20\n"})).changes


@pytest.mark.parametrize(
    ("entry", "is_sound"),
    [
        (AbortedTransaction(9, 0, 1, 2), True),
        (AbortedTransaction(9, 0, 2, 3), False),
        (AbortedTransaction(8, 0, 1, 2), False),
        (AbortedTransaction(9, 0, 1, 3), False),
    ],
)
def test_an_aborted_transaction_of_which_compaction_left_the_marker(entry: AbortedTransaction, is_sound: bool) -> None:
    files = MemoryFiles()
    log = Log.open(files.root, files=files)
    for batch in (part_of(9, b"a"), marker(9, ABORT), batch_of(b"more")):
        log.append(batch)
    log.close()
    contents = files.snapshot(files.root)
    contents[segment(0)] = contents[segment(0)][len(part_of(9, b"a")) :]
    contents[segment(0, ".txnindex")] = encode_entry(entry)
    found = deeds(plan(put(contents), LogCheckpoint(first_dirty=0)).deeds.actions)
    assert (segment(0, ".txnindex") not in found) is is_sound


def compacted(data: Path) -> Path:
    """Make a data directory with a compacted partition that has a gap; return the partition."""
    partition = data / "orders-0"
    partition.mkdir(parents=True)
    for name, content in CLOSED.items():
        (partition / name).write_bytes(content)
    (partition / segment(0)).write_bytes(CLOSED[segment(0)][: 5 * SIZE])
    (partition / segment(0, ".index")).unlink()
    (data / "cleaner-offset-checkpoint").write_text("0\n1\norders 0 36\n")
    return partition


def test_a_compacted_partition_is_copied_out_of_its_data_directory(tmp_path: Path) -> None:
    partition = compacted(tmp_path / "data")
    assert main(["repair", str(partition), "--to", str(tmp_path / "new"), "--execute"]) == 0
    assert (tmp_path / "new" / segment(0)).read_bytes() == CLOSED[segment(0)][: 5 * SIZE]


def test_a_link_is_followed_to_the_data_directory_that_a_broker_uses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    partition, link = compacted(tmp_path / "data"), tmp_path / "link"
    link.symlink_to(partition)
    held = "import fcntl, sys; lock = open(sys.argv[1], 'w'); fcntl.lockf(lock, fcntl.LOCK_EX)\n"
    held += "print('.', flush=True); sys.stdin.read()"  # the lock that Kafka takes
    command = [sys.executable, "-c", held, str(tmp_path / "data" / ".lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as broker:
        assert broker.stdout is not None
        broker.stdout.readline()
        assert main(["repair", str(link), "--in-place", "--execute"]) == 2
        assert f"a broker is using {tmp_path / 'data'}: stop it first" in capsys.readouterr().err
        assert main(["repair", str(link)]) == 1
        assert f"a broker is using {tmp_path / 'data'}; what it writes" in capsys.readouterr().err
        broker.communicate(timeout=30)
    assert main(["repair", str(link), "--in-place", "--execute"]) == 0
    assert link.is_symlink()
    assert (tmp_path / "data.before-repair.1" / "orders-0").is_dir()


def test_no_link_leads_a_copy_into_what_is_repaired(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    compacted(tmp_path / "data")
    (tmp_path / "link").symlink_to(tmp_path / "data")
    for directory, target in (("data", "link/new"), ("link", "data/new"), ("data", "link")):
        assert main(["repair", str(tmp_path / directory), "--to", str(tmp_path / target), "--execute"]) == 2
    assert "new is in what is to be repaired" in capsys.readouterr().err
    assert not (tmp_path / "data" / "new").exists()


def test_a_data_directory_that_no_broker_has_used_yet_is_locked_too(tmp_path: Path) -> None:
    compacted(tmp_path / "data")
    assert main(["repair", str(tmp_path / "data"), "--in-place", "--execute"]) == 0
    assert (tmp_path / "data" / ".lock").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_root_repairs_stays_its_brokers(tmp_path: Path) -> None:
    partition = compacted(tmp_path / "data")
    for path in (tmp_path / "data", partition, *partition.iterdir()):
        os.chown(path, 1234, 1235)
        path.chmod(0o750 if path.is_dir() else 0o640)
    (partition / segment(36, ".timeindex")).write_bytes(b"bad")
    assert main(["repair", str(tmp_path / "data"), "--in-place", "--execute"]) == 0
    assert main(["repair", str(tmp_path / "data"), "--to", str(tmp_path / "new"), "--execute"]) == 0
    for top in ("data", "data.before-repair.1", "new"):
        for path in (tmp_path / top, *(tmp_path / top).rglob("*")):
            status = path.stat()
            if path.name not in {".lock", "cleaner-offset-checkpoint"}:
                assert (status.st_uid, status.st_gid, status.st_mode & 0o007) == (1234, 1235, 0), path


def test_without_a_place_for_the_copy_of_what_changes_nothing_is_changed(capsys: pytest.CaptureFixture[str]) -> None:
    with folder_for_all() as folder:
        partition = compacted(folder / "data")
        for path in (folder / "data", partition):
            path.chmod(0o777)
        folder.chmod(0o555)
        with as_nobody():
            assert main(["repair", str(folder / "data"), "--in-place", "--execute"]) == 2
        folder.chmod(0o755)
    assert "data.before-repair.1: Permission denied; nothing was changed" in capsys.readouterr().err


def test_what_nothing_can_mend_is_told_of_and_not_called_sound(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    partition, name = compacted(tmp_path / "data"), "00000000000000000100-0000000001.checkpoint"
    (partition / name).write_bytes(CLOSED[segment(0)][:-1])
    assert main(["repair", str(tmp_path / "data"), "--to", str(tmp_path / "new"), "--execute"]) == 0
    out = capsys.readouterr().out
    assert f"note    orders-0/{name}: it is a snapshot of a cluster's metadata, damaged" in out
    assert out.endswith("new is sound, but for what is noted\n")
