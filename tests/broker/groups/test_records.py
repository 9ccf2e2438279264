"""Records of __consumer_offsets: Kafka's bytes, both ways, and a typed error for anything else.

The hexadecimal strings were written by Kafka 4.3.1's own classes.
"""

import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import example, given, strategies as st

from gomq.broker.groups.fields import CorruptOffsetsRecordError
from gomq.broker.groups.records import (
    GroupMetadataKey,
    GroupMetadataValue,
    MemberMetadata,
    OffsetCommitKey,
    OffsetCommitValue,
    UnknownKey,
    decode_group_metadata,
    decode_key,
    decode_offset_commit,
    encode_group_metadata,
    encode_key,
    encode_offset_commit,
    version_of,
)

TOPIC_ID = uuid.UUID("01020304-0506-0708-090a-0b0c0d0e0f10")
COMMIT = OffsetCommitValue(
    offset=1200, leader_epoch=4, metadata="žluť", commit_timestamp=1700000000123, topic_id=TOPIC_ID
)
COMMITS = {
    0: "000000000000000004b00006c5be6c75c5a50000018bcfe5687b",
    1: "000100000000000004b00006c5be6c75c5a50000018bcfe5687b0000018bd50bc47b",
    2: "000200000000000004b00006c5be6c75c5a50000018bcfe5687b",
    3: "000300000000000004b0000000040006c5be6c75c5a50000018bcfe5687b",
    4: "000400000000000004b00000000407c5be6c75c5a50000018bcfe5687b0100100102030405060708090a0b0c0d0e0f10",
}
STATIC = MemberMetadata(
    member_id="m-1",
    group_instance_id="s-1",
    client_id="c",
    client_host="/127.0.0.1",
    rebalance_timeout_ms=300_000,
    session_timeout_ms=45_000,
    subscription=b"\0\1\2",
    assignment=b"",
)
DYNAMIC = MemberMetadata(
    member_id="m-2",
    client_id="",
    client_host="",
    rebalance_timeout_ms=1,
    session_timeout_ms=2,
    subscription=b"",
    assignment=b"\xff",
)
GROUP = GroupMetadataValue(
    protocol_type="consumer",
    generation=7,
    protocol="range",
    leader="m-1",
    current_state_timestamp=1700000000123,
    members=(STATIC, DYNAMIC),
)
EMPTY = GroupMetadataValue(protocol_type="", generation=0, protocol=None, leader=None, members=())
GROUPS = {
    0: "00000008636f6e73756d657200000007000572616e676500036d2d310000000200036d2d31000163000a2f3132372e302e302e31"
    "0000afc8000000030001020000000000036d2d3200000000000000020000000000000001ff",
    1: "00010008636f6e73756d657200000007000572616e676500036d2d310000000200036d2d31000163000a2f3132372e302e302e31"
    "000493e00000afc8000000030001020000000000036d2d320000000000000001000000020000000000000001ff",
    2: "00020008636f6e73756d657200000007000572616e676500036d2d310000018bcfe5687b0000000200036d2d31000163000a2f31"
    "32372e302e302e31000493e00000afc8000000030001020000000000036d2d320000000000000001000000020000000000000001ff",
    3: "00030008636f6e73756d657200000007000572616e676500036d2d310000018bcfe5687b0000000200036d2d310003732d310001"
    "63000a2f3132372e302e302e31000493e00000afc8000000030001020000000000036d2d32ffff00000000000000010000000200"
    "00000000000001ff",
    4: "000409636f6e73756d6572000000070672616e6765046d2d310000018bcfe5687b03046d2d3104732d3102630b2f3132372e302e"
    "302e31000493e00000afc8040001020100046d2d3200010100000001000000020102ff0000",
}


def commit_as_kept(value: OffsetCommitValue, version: int) -> OffsetCommitValue:
    """Say what of a value is left in a version."""
    return replace(
        value,
        leader_epoch=value.leader_epoch if version >= 3 else -1,
        expire_timestamp=value.expire_timestamp if version == 1 else -1,
        topic_id=value.topic_id if version >= 4 else None,
    )


def group_as_kept(value: GroupMetadataValue, version: int) -> GroupMetadataValue:
    """Say what of a value is left in a version."""
    return replace(
        value,
        current_state_timestamp=value.current_state_timestamp if version >= 2 else -1,
        members=tuple(
            replace(
                member,
                group_instance_id=member.group_instance_id if version >= 3 else None,
                rebalance_timeout_ms=member.rebalance_timeout_ms if version >= 1 else -1,
            )
            for member in value.members
        ),
    )


versions = st.integers(0, 4)
int32s = st.integers(-(2**31), 2**31 - 1)
int64s = st.integers(-(2**63), 2**63 - 1)
texts = st.text(max_size=200)
blobs = st.binary(max_size=200)
commits = st.builds(
    OffsetCommitValue,
    offset=int64s,
    leader_epoch=int32s,
    metadata=texts,
    commit_timestamp=int64s,
    expire_timestamp=int64s,
    topic_id=st.none() | st.uuids(),
)
members = st.builds(
    MemberMetadata,
    member_id=texts,
    group_instance_id=st.none() | texts,
    client_id=texts,
    client_host=texts,
    rebalance_timeout_ms=int32s,
    session_timeout_ms=int32s,
    subscription=blobs,
    assignment=blobs,
)
groups = st.builds(
    GroupMetadataValue,
    protocol_type=texts,
    generation=int32s,
    protocol=st.none() | texts,
    leader=st.none() | texts,
    current_state_timestamp=int64s,
    members=st.lists(members, max_size=4).map(tuple),
)


def test_keys_are_kafkas():
    commit = OffsetCommitKey(group="billing", topic="orders", partition=3)

    assert encode_key(commit).hex() == "0001000762696c6c696e6700066f726465727300000003"
    assert encode_key(replace(commit, version=0)).hex() == "0000000762696c6c696e6700066f726465727300000003"
    assert encode_key(GroupMetadataKey(group="billing")).hex() == "0002000762696c6c696e67"


@given(st.builds(OffsetCommitKey, group=texts, topic=texts, partition=int32s, version=st.integers(0, 1)))
def test_a_commits_key_comes_back(key: OffsetCommitKey):
    assert decode_key(encode_key(key)) == key


@given(texts)
def test_a_groups_key_comes_back(group: str):
    assert decode_key(encode_key(GroupMetadataKey(group=group))) == GroupMetadataKey(group=group)


@given(st.integers(3, 2**15 - 1) | st.integers(-(2**15), -1), blobs)
def test_a_key_of_another_kind_is_unknown_whatever_is_in_it(version: int, rest: bytes):
    assert decode_key(version.to_bytes(2, "big", signed=True) + rest) == UnknownKey(version=version)


@pytest.mark.parametrize("version", COMMITS)
def test_commits_are_kafkas(version: int):
    value = replace(COMMIT, expire_timestamp=1700086400123)
    data = bytes.fromhex(COMMITS[version])

    assert encode_offset_commit(value, version=version) == data
    assert decode_offset_commit(data) == commit_as_kept(value, version)
    assert version_of(data) == version


@pytest.mark.parametrize("version", GROUPS)
def test_groups_are_kafkas(version: int):
    data = bytes.fromhex(GROUPS[version])

    assert encode_group_metadata(GROUP, version=version) == data
    assert decode_group_metadata(data) == group_as_kept(GROUP, version)


def test_what_is_empty_is_as_kafka_writes_it():
    zero = OffsetCommitValue(offset=0, commit_timestamp=0)

    assert encode_offset_commit(zero, version=4).hex() == "00040000000000000000ffffffff01000000000000000000"
    assert encode_group_metadata(EMPTY).hex() == "0003000000000000ffffffffffffffffffffffff00000000"
    assert encode_group_metadata(EMPTY, version=4).hex() == "000401000000000000ffffffffffffffff0100"


def test_unless_told_otherwise_the_version_is_kafkas():
    assert encode_offset_commit(COMMIT).hex() == COMMITS[3]
    assert encode_group_metadata(GROUP).hex() == GROUPS[3]


@given(commits, versions)
def test_a_commit_comes_back_but_for_what_its_version_lacks(value: OffsetCommitValue, version: int):
    assert decode_offset_commit(encode_offset_commit(value, version=version)) == commit_as_kept(value, version)


@given(groups, versions)
def test_a_group_comes_back_but_for_what_its_version_lacks(value: GroupMetadataValue, version: int):
    assert decode_group_metadata(encode_group_metadata(value, version=version)) == group_as_kept(value, version)


def test_tagged_fields_that_are_not_known_are_passed_over():
    commit = bytes.fromhex(COMMITS[4].replace("010010", "020010") + "0703616263")
    group = bytes.fromhex(GROUPS[4][:-4] + "01050161" + "01640200ff")

    assert decode_offset_commit(commit) == COMMIT
    assert decode_group_metadata(group) == GROUP


DECODERS: tuple[Callable[[bytes], object], ...] = (decode_key, decode_offset_commit, decode_group_metadata)


@given(st.binary(max_size=80) | st.builds(lambda version, rest: bytes([0, version]) + rest, versions, blobs))
@example(b"")
@example(b"\0\3" + b"\xff" * 40)
@example(b"\0\4" + b"\xff" * 40)
@example(b"\0\3\0\0\0\0\0\0\xff\xff\xff\xff\x7f\xff\xff\xff\x7f\xff\xff\xff\x7f\xff\xff\xff")
@example(b"\0\1\xff\xff")
@example(b"\0\2\0\1\xff")
@example(b"\0\1\xff\xfe")
def test_anything_else_is_a_corrupt_record(data: bytes):
    for decode in DECODERS:
        with suppress(CorruptOffsetsRecordError):
            decode(data)


@pytest.mark.parametrize(
    ("decode", "data"),
    [
        (decode_key, encode_key(OffsetCommitKey(group="billing", topic="orders", partition=3))),
        (decode_key, encode_key(GroupMetadataKey(group="billing"))),
        *((decode_offset_commit, bytes.fromhex(data)) for data in COMMITS.values()),
        *((decode_group_metadata, bytes.fromhex(data)) for data in GROUPS.values()),
    ],
)
def test_what_is_cut_or_has_something_behind_it_is_a_corrupt_record(decode: Callable[[bytes], object], data: bytes):
    for wrong in (*(data[:size] for size in range(len(data))), data + b"\0"):
        with pytest.raises(CorruptOffsetsRecordError):
            decode(wrong)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("0005" + "00" * 40, "version 5"),
        ("ffff" + "00" * 40, "version -1"),
        (COMMITS[3].replace("0006c5be", "ffffc5be"), "null where a string"),
        (COMMITS[3].replace("c5be", "c528"), "not UTF-8"),
        (COMMITS[3].replace("0006c5be", "8000c5be"), "length -32768"),
        (COMMITS[4].replace("010010", "01000f")[:-2], "topic id of 15 bytes"),
        (COMMITS[4].replace("010010", "020010") + "0000", "tag 0 is there twice"),
        (COMMITS[4].replace("010010", "010011"), "17 bytes wanted, 16 are left"),
        (COMMITS[4].replace("010010", "ffffffffff10"), "varint"),
        (COMMITS[4].replace("07c5be", "828002c5be") + "00" * 40_000, "string of 32769 bytes"),
    ],
)
def test_the_error_says_what_is_wrong(data: str, reason: str):
    with pytest.raises(CorruptOffsetsRecordError, match=reason):
        decode_offset_commit(bytes.fromhex(data))


def test_what_has_no_bytes_is_not_encoded():
    with pytest.raises(ValueError, match="no version 5"):
        encode_offset_commit(COMMIT, version=5)
    with pytest.raises(ValueError, match="32768 bytes"):
        encode_offset_commit(replace(COMMIT, metadata="x" * 32768), version=4)
