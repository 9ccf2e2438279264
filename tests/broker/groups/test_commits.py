"""The batch of a commit is what the records' own module writes, one record for each partition."""

import struct

import pytest
from hypothesis import given, strategies as st

from gomq.broker.groups.commits import lay_out_commit
from gomq.broker.groups.fields import MAX_STRING_BYTES
from gomq.broker.groups.records import OffsetCommitKey, OffsetCommitValue, encode_key, encode_offset_commit
from gomq_storage.batch import check_batch
from gomq_storage.layout import TopicPartition
from gomq_storage.record import NewRecord, decode_batch, encode_batch

NOW = 1_700_000_000_123
int64 = st.integers(-(2**63), 2**63 - 1)
names = st.text(max_size=20)
places = st.builds(TopicPartition, names, st.integers(-(2**31), 2**31 - 1))
values = st.builds(
    OffsetCommitValue,
    offset=int64,
    leader_epoch=st.integers(-(2**31), 2**31 - 1),
    metadata=names,
    commit_timestamp=int64,
    expire_timestamp=st.just(-1) | st.integers(0, 2**63 - 1),
)


def record(group: str, where: TopicPartition, value: OffsetCommitValue) -> NewRecord:
    key = OffsetCommitKey(group=group, topic=where.topic, partition=where.partition)
    version = 3 if value.expire_timestamp < 0 else 1
    return NewRecord(encode_offset_commit(value, version=version), encode_key(key))


@given(names, st.dictionaries(places, values, min_size=1, max_size=8))
def test_a_commit_is_laid_out_as_its_records_are_one_by_one(
    group: str, offsets: dict[TopicPartition, OffsetCommitValue]
):
    batch = lay_out_commit(group, offsets, now_ms=NOW)

    assert batch == encode_batch([record(group, *each) for each in offsets.items()], now_ms=NOW)
    assert [found.timestamp for found in decode_batch(batch, check_batch(batch))] == [NOW] * len(offsets)


@pytest.mark.parametrize(
    ("group", "topic", "metadata"), [("g" * 32768, "t", ""), ("g", "t" * 32768, ""), ("g", "t", "ž" * 16384)]
)
def test_what_is_too_long_for_its_field_is_no_record(group: str, topic: str, metadata: str):
    value = OffsetCommitValue(offset=1, metadata=metadata, commit_timestamp=NOW)
    with pytest.raises(ValueError, match=f"at most {MAX_STRING_BYTES}"):
        lay_out_commit(group, {TopicPartition(topic, 0): value}, now_ms=NOW)


def test_a_number_that_is_too_large_is_no_record():
    value = OffsetCommitValue(offset=2**63, commit_timestamp=NOW)
    with pytest.raises(struct.error):
        lay_out_commit("g", {TopicPartition("t", 0): value}, now_ms=NOW)
