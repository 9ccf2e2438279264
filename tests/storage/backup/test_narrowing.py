"""Only some topics of a backup are restored: with what groups have committed of them, and nothing of the others."""

import json
import struct
import uuid
from pathlib import Path

import pytest

from gomq_storage.backup.files import BackupFiles
from gomq_storage.backup.keyed import read_keyed
from gomq_storage.backup.places import BackupError
from gomq_storage.backup.restoring import choose, find_backup, restore
from gomq_storage.backup.taking import back_up
from gomq_storage.backup.topics import COMMITTED, STATE, strange_offsets
from gomq_storage.checkpoint_text import decode_offsets
from gomq_storage.config import LogConfig
from gomq_storage.directory import LogDirectory
from gomq_storage.layout import RECOVERY_POINT_FILE_NAME, TopicPartition
from gomq_storage.record import NewRecord, encode_batch
from gomq_storage.recovery import RecoveryReport
from tests.support.backing_up import offset_key, values_of
from tests.support.log_batches import NOW, batch_of, numbered, values_in

ORDERS = TopicPartition("orders", 0)
OTHER = TopicPartition("other", 0)
OFFSETS = TopicPartition(COMMITTED, 3)
CONFIG = LogConfig()


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """A backup with two topics, and what three groups have committed of them."""
    return made(tmp_path, commits())


def commits() -> bytes:
    keys = [
        offset_key(b"both", b"orders"),
        offset_key(b"both", b"other"),
        group_key(b"both"),
        offset_key(b"elsewhere", b"other"),
        group_key(b"elsewhere"),
        offset_key(b"other partition", b"orders", 7),
        b"\0\x63of a kind that is not known",
        b"",
    ]
    return encode_batch([NewRecord(b"value", key) for key in keys], now_ms=NOW)


def made(path: Path, committed: bytes) -> Path:
    with_logs = LogDirectory.open(path / "data")
    state = with_logs.create_log(STATE, topic_id=uuid.uuid4(), config=CONFIG)
    state.append(batch_of(b'{"next": 7}', key=b"producer-ids"))
    for partition, count in ((ORDERS, 1), (OTHER, 1), (OFFSETS, 4)):
        topic_id = uuid.uuid4()
        log = with_logs.create_log(partition, topic_id=topic_id, config=CONFIG)
        value = {"id": str(topic_id), "partitions": count, "configs": {"retention.ms": "7"}}
        state.append(batch_of(json.dumps(value).encode(), key=b"topic/" + partition.topic.encode()))
        log.append(committed if partition == OFFSETS else numbered(0))
        log.abandon()
    state.abandon()
    with_logs.abandon()
    return back_up(path / "data", path / "backups", now_ms=NOW).path


def group_key(group: bytes) -> bytes:
    return struct.pack(f">hh{len(group)}s", 2, len(group), group)


def restored(backup: Path, *topics: str) -> Path:
    target = backup.parent.parent / "restored"
    found, manifest = find_backup(backup)
    restore(found, target, choose(manifest, topics), topics=topics)
    return target


def test_only_what_is_wanted_is_there_and_opens_in_order(backup: Path):
    data = restored(backup, "orders")

    assert sorted(path.name for path in data.iterdir() if path.is_dir()) == [str(OFFSETS), str(STATE), "orders-0"]
    before, after = values_of(backup, STATE), values_of(data, STATE)
    assert after == {key: value for key, value in before.items() if key != b"topic/other"}
    directory = LogDirectory.open(data)
    for partition in (STATE, OFFSETS, ORDERS):
        log = directory.open_log(partition, config=CONFIG)
        assert log.recovery == RecoveryReport()
        assert partition != ORDERS or values_in(log) == [b"0/0".ljust(20, b"."), *values_in(log)[1:]]
        assert log.append(numbered(1)).base_offset == decode_offsets(points(data))[partition]
        log.abandon()
    directory.abandon()
    assert decode_offsets(points(data)).keys() == {STATE, OFFSETS, ORDERS}


def points(data: Path) -> bytes:
    return (data / RECOVERY_POINT_FILE_NAME).read_bytes()


def test_groups_keep_what_they_have_committed_of_it(backup: Path):
    data = restored(backup, "orders")

    kept = {offset_key(b"both", b"orders"), group_key(b"both"), b"\0\x63of a kind that is not known", b""}
    assert values_of(data, OFFSETS).keys() == kept


def test_all_topics_named_are_all_of_it(backup: Path):
    data = restored(backup, "orders", "other")

    assert values_of(data, STATE) == values_of(backup, STATE)
    gone = {offset_key(b"other partition", b"orders", 7)}
    assert values_of(data, OFFSETS).keys() == values_of(backup, OFFSETS).keys() - gone


@pytest.mark.parametrize("name", ["missing", "orders-0", "orders.*", ""])
def test_a_topic_that_the_backup_does_not_have_is_told(backup: Path, name: str):
    with pytest.raises(BackupError, match=r"has no topic '.*'; it has orders, other$"):
        restored(backup, "orders", name)
    assert not (backup.parent.parent / "restored").exists()


@pytest.mark.parametrize("name", [STATE.topic, COMMITTED])
def test_a_topic_of_the_brokers_own_is_not_restored_by_itself(backup: Path, name: str):
    with pytest.raises(BackupError, match="is the broker's own"):
        restored(backup, name)
    assert not (backup.parent.parent / "restored").exists()


def test_offsets_that_are_damaged_are_told_and_leave_nothing_behind(tmp_path: Path):
    made(tmp_path, commits())
    path = tmp_path / "data" / str(OFFSETS) / "00000000000000000000.log"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    backup = back_up(tmp_path / "data", tmp_path / "backups", now_ms=NOW + 1).path

    with pytest.raises(BackupError, match=r"__consumer_offsets-3 of the backup is damaged: restore all of it"):
        restored(backup, "orders")
    assert [path.name for path in (tmp_path / "restored").iterdir()] == [".lock"]


@pytest.mark.parametrize("key", [b"", b"\0", b"\0\1", b"\0\1\xff\xff", b"\0\1\0\3ab", b"\0\1\0\1a\0\1b\0\0\0"])
def test_a_key_that_cannot_be_understood_is_left_as_it_is(key: bytes):
    assert strange_offsets([key], {}) == {}


def test_more_changes_than_a_batch_takes_are_several_batches(tmp_path: Path):
    keys = [offset_key(b"g%d" % number + bytes(1000), b"other") for number in range(600)]
    backup = made(tmp_path, encode_batch([NewRecord(b"value", key) for key in keys], now_ms=NOW))

    data = restored(backup, "orders")

    log = read_keyed(BackupFiles(), data / str(OFFSETS))
    assert (log.values, log.end_offset) == ({}, 1200)
    assert log.last is not None
    assert log.last.size < 300_000
