"""What a partition of __consumer_offsets says in the end: the last of each key, with transactions as Kafka has them."""

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from gomq.broker.groups.records import (
    GroupMetadataKey,
    GroupMetadataValue,
    OffsetCommitKey,
    OffsetCommitValue,
    encode_group_metadata,
    encode_key,
    encode_offset_commit,
)
from gomq.broker.groups.replay import Replayed, ReplayStoppedError, replay_groups
from gomq_storage.cleaner import Cleaner
from gomq_storage.compression import Codec
from gomq_storage.config import CleanupPolicy, LogConfig
from gomq_storage.directory import LogDirectory
from gomq_storage.errors import CorruptBatchError
from gomq_storage.layout import TopicPartition, segment_file_name
from gomq_storage.log import Log
from gomq_storage.record import NewRecord, build_batch, encode_batch, encode_records
from gomq_storage.upkeep import Upkeep
from tests.support.wire import patched

ORDERS = TopicPartition("orders", 0)
BILLS = TopicPartition("bills", 3)
NOW = 1_700_000_000_000
GROUP = GroupMetadataValue(
    protocol_type="consumer", generation=4, protocol="range", leader="a", current_state_timestamp=NOW, members=()
)
COMMIT, ABORT = 1, 0
_TRANSACTIONAL, _CONTROL = 0x10, 0x20
_ATTRIBUTES_POSITION = 21


def at(offset: int) -> OffsetCommitValue:
    return OffsetCommitValue(offset=offset, leader_epoch=1, metadata="m", commit_timestamp=NOW)


def key(group: str, where: TopicPartition = ORDERS, *, version: int = 1) -> bytes:
    return encode_key(OffsetCommitKey(group=group, topic=where.topic, partition=where.partition, version=version))


def commits(group: str, offsets: Mapping[TopicPartition, int | None]) -> list[NewRecord]:
    return [
        NewRecord(None if offset is None else encode_offset_commit(at(offset)), key(group, where))
        for where, offset in offsets.items()
    ]


def write(log: Log, *records: NewRecord, codec: Codec = Codec.NONE) -> None:
    log.append(encode_batch(records, now_ms=NOW, codec=codec))


def write_in_transaction(log: Log, producer_id: int, *records: NewRecord, attributes: int = _TRANSACTIONAL) -> None:
    raw = build_batch(
        encode_records(records, base_timestamp=NOW),
        record_count=len(records),
        base_timestamp=NOW,
        max_timestamp=NOW,
        producer_id=producer_id,
        producer_epoch=0,
    )
    log.append(patched(raw, _ATTRIBUTES_POSITION, struct.pack(">h", attributes)))


def end_transaction(log: Log, producer_id: int, outcome: int) -> None:
    marker = NewRecord(bytes(6), struct.pack(">hh", 0, outcome))
    write_in_transaction(log, producer_id, marker, attributes=_TRANSACTIONAL | _CONTROL)


def replay(log: Log) -> Replayed:
    return replay_groups(log, should_stop=lambda: False)


def offsets_in(log: Log) -> dict[str, dict[TopicPartition, int]]:
    return {
        group: {where: value.offset for where, value in found.items()} for group, found in replay(log).offsets.items()
    }


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    opened = Log.open(tmp_path, LogConfig(cleanup_policy=CleanupPolicy.COMPACT))
    yield opened
    opened.close()


def test_the_last_commit_of_each_partition_counts(log: Log):
    for offset in (3, 7, 5):
        write(log, *commits("readers", {ORDERS: offset, BILLS: 10 * offset}), codec=Codec.ZSTD)
    write(log, *commits("writers", {ORDERS: 1}))
    write(log, NewRecord(encode_group_metadata(GROUP), encode_key(GroupMetadataKey(group="readers"))))

    found = replay(log)

    assert found.offsets == {"readers": {ORDERS: at(5), BILLS: at(50)}, "writers": {ORDERS: at(1)}}
    assert found.groups == {"readers": GROUP}
    assert found.unreadable == 0


def test_what_is_taken_back_is_not_there(log: Log):
    group = encode_key(GroupMetadataKey(group="readers"))
    write(log, *commits("readers", {ORDERS: 3, BILLS: 4}), *commits("others", {ORDERS: 3}))
    write(log, NewRecord(encode_group_metadata(GROUP), group))
    write(log, NewRecord(None, group), *commits("readers", {ORDERS: None, BILLS: None}))
    write(log, *commits("nobody", {ORDERS: None}))

    assert offsets_in(log) == {"others": {ORDERS: 3}}
    assert replay(log).groups == {}


def test_an_empty_log_has_no_groups(log: Log):
    assert replay(log) == Replayed()


def test_a_commit_in_the_old_layout_is_of_the_same_partition(log: Log):
    write(log, NewRecord(encode_offset_commit(at(3), version=0), key("readers", version=0)))
    write(log, *commits("readers", {ORDERS: 4}))
    write(log, *commits("writers", {ORDERS: 5}))
    write(log, NewRecord(None, key("writers", version=0)))

    assert offsets_in(log) == {"readers": {ORDERS: 4}}


@pytest.mark.parametrize("broken", [b"", b"\x00", b"\x00\x01\x00\x09cut", b"\x00\x02\xff"])
def test_records_that_cannot_be_read_are_counted_and_passed_over(log: Log, broken: bytes):
    write(log, NewRecord(b"?", broken), *commits("readers", {ORDERS: 3}), NewRecord(b"?", key("writers")))

    assert replay(log).unreadable == 2
    assert offsets_in(log) == {"readers": {ORDERS: 3}}


@pytest.mark.parametrize("version", [3, 8, 16, -1])
def test_records_of_other_kinds_of_groups_are_passed_over(log: Log, version: int):
    write(log, NewRecord(b"?", struct.pack(">h", version) + b"later"), *commits("readers", {ORDERS: 3}))

    assert replay(log).unreadable == 0
    assert offsets_in(log) == {"readers": {ORDERS: 3}}


def test_what_a_transaction_commits_counts_once_it_has_ended(log: Log):
    write(log, *commits("readers", {ORDERS: 1}))
    write_in_transaction(log, 7, *commits("readers", {ORDERS: 2, BILLS: 2}))
    assert offsets_in(log) == {"readers": {ORDERS: 1}}

    end_transaction(log, 7, COMMIT)

    assert offsets_in(log) == {"readers": {ORDERS: 2, BILLS: 2}}


def test_what_a_transaction_gave_up_never_counts(log: Log):
    write_in_transaction(log, 7, *commits("readers", {ORDERS: 2}))
    end_transaction(log, 7, ABORT)
    end_transaction(log, 7, COMMIT)
    end_transaction(log, 8, COMMIT)

    assert offsets_in(log) == {}


def test_a_later_commit_is_not_undone_by_the_end_of_an_earlier_transaction(log: Log):
    write_in_transaction(log, 7, *commits("readers", {ORDERS: 2, BILLS: 2}))
    write(log, *commits("readers", {ORDERS: 3}))
    end_transaction(log, 7, COMMIT)

    assert offsets_in(log) == {"readers": {ORDERS: 3, BILLS: 2}}


def test_what_is_taken_back_during_a_transaction_stays_away(log: Log):
    write_in_transaction(log, 7, *commits("readers", {ORDERS: 2}))
    write(log, *commits("readers", {ORDERS: None}))
    end_transaction(log, 7, COMMIT)

    assert offsets_in(log) == {}


def test_compaction_keeps_the_last_commits(tmp_path: Path, log: Log):
    directory = LogDirectory.open(tmp_path / "data")
    for offset in range(200):
        write(log, *commits("readers", {ORDERS: offset, BILLS: offset + 1}))
    log.roll()
    cleaner = Cleaner(directory.checkpoints, Upkeep(directory.checkpoints), share=1.0)

    done = cleaner.compact(log, now_ms=NOW)

    assert done is not None
    assert done.bytes_after < done.bytes_before / 50
    assert offsets_in(log) == {"readers": {ORDERS: 199, BILLS: 200}}
    directory.close()


def test_a_damaged_batch_is_not_read_as_something_else(tmp_path: Path, log: Log):
    for offset in range(3):
        write(log, *commits("readers", {ORDERS: offset}))
    with (tmp_path / segment_file_name(0)).open("r+b") as file:
        file.seek(90)
        file.write(b"?")

    with pytest.raises(CorruptBatchError, match="CRC"):
        replay(log)


def test_nobody_waits_for_a_long_log_once_the_broker_stops(log: Log):
    write(log, *commits("readers", {ORDERS: 3}))

    with pytest.raises(ReplayStoppedError):
        replay_groups(log, should_stop=lambda: True)


steps = st.one_of(
    st.tuples(st.just("commit"), st.sampled_from("ab"), st.sampled_from([ORDERS, BILLS]), st.integers(0, 9)),
    st.tuples(st.just("forget"), st.sampled_from("ab"), st.sampled_from([ORDERS, BILLS]), st.none()),
)


@settings(max_examples=30)
@given(changes=st.lists(steps, max_size=20))
def test_it_is_what_a_plain_table_would_hold(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[str, str, TopicPartition, int | None]]
):
    log = Log.open(tmp_path_factory.mktemp("log"))
    table: dict[tuple[str, TopicPartition], int] = {}
    for _, group, where, offset in changes:
        write(log, *commits(group, {where: offset}))
        if offset is None:
            table.pop((group, where), None)
        else:
            table[group, where] = offset

    found = {(group, where): offset for group, each in offsets_in(log).items() for where, offset in each.items()}

    log.abandon()
    assert found == table
