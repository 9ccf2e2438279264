"""`gomq backup` and `gomq restore`: of a broker that serves, killed in the middle, and where there is no room."""

import json
import os
import random
import subprocess
from pathlib import Path

import pytest

from gomq_storage.backup.files import BackupFiles
from gomq_storage.backup.places import list_backups
from tests.cli.conftest import RunGomq
from tests.support.brokers import GOMQ, broker_in_thread, broker_process
from tests.support.small_disk import small_disk

MESSAGES = 2000
CALL = 500
"""Of which so many are published at once: a batch has to fit into a segment."""


@pytest.fixture
def data(tmp_path: Path, run_gomq: RunGomq) -> Path:
    """A data directory that nobody serves from at the moment."""
    data = tmp_path / "data"
    with broker_in_thread(data, flush="never") as broker:
        configs = ("-c", "segment.bytes=30000", "--partitions", "3")
        assert run_gomq("topic", "create", "orders", "-b", broker.address, *configs).code == 0
        publish(run_gomq, broker.address)
    return data


def publish(run_gomq: RunGomq, address: str) -> None:
    for start in range(0, MESSAGES, CALL):
        lines = b"".join(b"%d\n" % number for number in range(start, start + CALL))
        assert run_gomq("publish", "orders", "-b", address, stdin=lines).code == 0


def served(run_gomq: RunGomq, data: Path) -> list[bytes]:
    """Serve a data directory, and return what is in its topic."""
    with broker_in_thread(data) as broker:
        ran = run_gomq("subscribe", "orders", "--replay", "--exit", "-b", broker.address)
    assert ran.code == 0, ran.err
    return sorted(ran.out.splitlines())


def test_a_backup_of_a_broker_that_serves_is_restored(run_gomq: RunGomq, data: Path, tmp_path: Path):
    backups, again = str(tmp_path / "backups"), tmp_path / "again"
    with broker_process(data) as broker:
        first = run_gomq("backup", str(data), backups)
        publish(run_gomq, broker.address)
        second = run_gomq("backup", str(data), backups, "--format", "json")
    restored = run_gomq("restore", backups, str(again), "--format", "json")

    assert (first.code, second.code, restored.code) == (0, 0, 0)
    report = json.loads(second.out)
    assert report["path"].startswith(backups)
    assert report["linked_bytes"] > 0
    assert json.loads(restored.out)["backup"] == report["path"]
    assert served(run_gomq, again) == sorted(b"%d" % number for number in [*range(MESSAGES)] * 2)


def test_one_topic_of_a_backup_is_restored_with_what_groups_have_committed_of_it(
    run_gomq: RunGomq, data: Path, tmp_path: Path
):
    backups, again = str(tmp_path / "backups"), tmp_path / "again"
    with broker_in_thread(data, flush="never") as broker:
        assert run_gomq("publish", "other", "-b", broker.address, stdin=b"x\n").code == 0
        for group, topic in (("billing", "orders"), ("audit", "other")):
            ran = run_gomq("subscribe", topic, "--group", group, "--exit", "-b", broker.address)
            assert ran.code == 0, ran.err
        assert run_gomq("backup", str(data), backups).code == 0
    missing = run_gomq("restore", backups, str(again), "--topic", "nothing")
    own = run_gomq("restore", backups, str(again), "--topic", "__consumer_offsets")
    restored = run_gomq("restore", backups, str(again), "--topic", "orders")

    assert (missing.code, missing.err) == (1, "gomq: the backup has no topic 'nothing'; it has orders, other\n")
    assert (own.code, "__consumer_offsets is the broker's own" in own.err) == (1, True)
    assert restored.code == 0, restored.err
    with broker_in_thread(again) as broker:
        assert run_gomq("topic", "list", "-b", broker.address).out == b"orders\n"
        assert run_gomq("group", "list", "-b", broker.address).out == b"billing\n"
        rest = run_gomq("subscribe", "orders", "--group", "billing", "--exit", "-b", broker.address)
        assert (rest.code, rest.out) == (0, b"")
    assert len(served(run_gomq, again)) == MESSAGES


def test_a_backup_that_is_killed_leaves_the_one_before(run_gomq: RunGomq, data: Path, tmp_path: Path):
    backups = tmp_path / "backups"
    assert run_gomq("backup", str(data), str(backups)).code == 0
    (kept,) = list_backups(BackupFiles(), backups)
    chance = random.Random(1)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GOMQ_")}
    for _ in range(4):
        command = [*GOMQ, "backup", str(data), str(backups), "--keep", "100"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
        try:
            process.wait(chance.uniform(0.1, 0.4))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    assert kept in list_backups(BackupFiles(), backups)
    assert run_gomq("restore", str(kept), str(tmp_path / "again")).code == 0
    assert len(served(run_gomq, tmp_path / "again")) == MESSAGES
    assert run_gomq("backup", str(data), str(backups)).code == 0
    assert not list(backups.glob("*.partial"))


def test_a_disk_without_room_is_told_and_keeps_the_backup_before(run_gomq: RunGomq, data: Path, tmp_path: Path):
    with small_disk(tmp_path, size=1 << 20) as disk:
        if disk is None:
            pytest.skip("no user namespaces here")
        backups = str(disk._outside / "backups")
        first = run_gomq("backup", str(data), backups)
        with broker_in_thread(data, flush="never") as broker:
            publish(run_gomq, broker.address)
        disk.fill()
        second = run_gomq("backup", str(data), backups)
        disk.clear()
        restored = run_gomq("restore", backups, str(tmp_path / "again"))

    assert (first.code, second.code, restored.code) == (0, 1, 0)
    assert second.err.endswith("No space left on device\n")
    assert len(second.err.splitlines()) == 1
    assert len(served(run_gomq, tmp_path / "again")) == MESSAGES


def test_what_cannot_be_done_says_why_in_one_line(run_gomq: RunGomq, data: Path, tmp_path: Path):
    (tmp_path / "nothing").mkdir()
    for arguments, reason in (
        (("backup", str(tmp_path / "nothing"), str(tmp_path / "backups")), "no data directory"),
        (("backup", str(data), str(data / "backups")), "within the other"),
        (("restore", str(tmp_path / "nothing"), str(tmp_path / "again")), "is no backup"),
    ):
        ran = run_gomq(*arguments)
        assert ran.code == 1
        assert reason in ran.err
        assert len(ran.err.splitlines()) == 1
    assert run_gomq("backup", str(tmp_path / "missing"), str(tmp_path / "backups")).code == 2


def test_damage_is_told_and_the_backup_is_made(run_gomq: RunGomq, data: Path, tmp_path: Path):
    log = max(data.glob("orders-*/*.log"), key=lambda path: path.stat().st_size)  # a partition may be empty
    content = bytearray(log.read_bytes())
    content[70] ^= 1
    log.write_bytes(content)

    ran = run_gomq("backup", str(data), str(tmp_path / "backups"))

    assert ran.code == 1
    assert f"{log} is damaged at byte 0" in ran.err
    assert len(list_backups(BackupFiles(), tmp_path / "backups")) == 1
