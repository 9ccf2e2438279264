"""What groups commit is kept: over restarts, kills and compactions, and where Kafka looks for it."""

from pathlib import Path

import pytest

from gomq.broker.keyed_log import append
from gomq.broker.offsets_log import LOG_CONFIG, OffsetsLog, partition_of
from gomq.broker.offsets_records import GroupMetadataValue, OffsetCommitValue
from gomq_storage.cleaner import Cleaner
from gomq_storage.directory import LogDirectory
from gomq_storage.layout import TopicPartition
from gomq_storage.log import Log
from gomq_storage.upkeep import Upkeep

ORDERS = TopicPartition("orders", 0)
BILLS = TopicPartition("bills", 3)
NOW = 1_700_000_000_000
GROUP = GroupMetadataValue(
    protocol_type="consumer", generation=4, protocol="range", leader="a", current_state_timestamp=NOW, members=()
)


def at(offset: int) -> OffsetCommitValue:
    return OffsetCommitValue(offset=offset, leader_epoch=1, metadata="m", commit_timestamp=NOW)


def test_the_last_commit_of_each_partition_is_kept_over_a_kill(tmp_path: Path):
    offsets = OffsetsLog(Log.open(tmp_path, LOG_CONFIG))
    for offset in (3, 7, 5):
        offsets.commit("readers", {ORDERS: at(offset), BILLS: at(10 * offset)})
    offsets.commit("writers", {ORDERS: at(1)})
    offsets.put_group("readers", GROUP)

    again = OffsetsLog(Log.open(tmp_path, LOG_CONFIG))

    assert again.offsets == {"readers": {ORDERS: at(5), BILLS: at(50)}, "writers": {ORDERS: at(1)}}
    assert again.groups == {"readers": GROUP}
    assert again.unreadable == 0


def test_what_is_forgotten_stays_forgotten(tmp_path: Path):
    offsets = OffsetsLog(Log.open(tmp_path, LOG_CONFIG))
    offsets.commit("readers", {ORDERS: at(3), BILLS: at(4)})
    offsets.commit("others", {ORDERS: at(3)})
    offsets.put_group("readers", GROUP)
    offsets.forget("others", [ORDERS])
    offsets.remove_group("readers")
    offsets.forget("nobody", [])

    again = OffsetsLog(Log.open(tmp_path, LOG_CONFIG))

    assert again.offsets == offsets.offsets == {}
    assert again.groups == {}


def test_compaction_keeps_the_last_commits(tmp_path: Path):
    directory = LogDirectory.open(tmp_path / "data")
    log = Log.open(tmp_path, LOG_CONFIG)
    offsets = OffsetsLog(log)
    for offset in range(200):
        offsets.commit("readers", {ORDERS: at(offset), BILLS: at(offset + 1)})
    log.roll()
    cleaner = Cleaner(directory.checkpoints, Upkeep(directory.checkpoints), share=1.0)

    done = cleaner.compact(log, now_ms=NOW)

    assert done is not None
    assert done.bytes_after < done.bytes_before / 50
    assert OffsetsLog(log).offsets == {"readers": {ORDERS: at(199), BILLS: at(200)}}
    directory.close()


@pytest.mark.parametrize("key", [b"", b"\x00\x09later", b"\x00\x01\x00\x09cut"])
def test_records_of_other_kinds_and_damaged_ones_are_counted_and_passed_over(tmp_path: Path, key: bytes):
    log = Log.open(tmp_path, LOG_CONFIG)
    offsets = OffsetsLog(log)
    offsets.commit("readers", {ORDERS: at(3)})
    append(log, [(key, b"?")])

    again = OffsetsLog(log)

    assert again.unreadable == 1
    assert again.offsets == {"readers": {ORDERS: at(3)}}


@pytest.mark.parametrize(
    ("group", "partition"), [("", 0), ("a", 47), ("readers", 28), ("grüße 😀", 34), ("my-consumer-group", 13)]
)
def test_a_group_is_where_kafka_looks_for_it(group: str, partition: int):
    assert partition_of(group, 50) == partition
