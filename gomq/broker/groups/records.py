"""Records of ``__consumer_offsets``: what consumer groups have committed, and who is in them. Bytes and values only.

Kafka: ``OffsetCommitKey``, ``OffsetCommitValue``, ``GroupMetadataKey``, ``GroupMetadataValue``. Keys and values start
with an int16. A key's says what the record is about; a value's is the version of its layout:

    key  0, 1   an offset commit: group, topic, partition       value  0-4; Kafka 4 writes 3
    key  2      a classic group's metadata: group               value  0-4; Kafka 4 writes 3
    key  3...   other kinds of groups: not read here, ``UnknownKey``

A null value (not given to this module) takes its key back. Up to version 3 a string has an int16 length in front, -1
for null; bytes and arrays an int32. From version 4 on these are unsigned varints, one more than the length, and every
struct ends with tagged fields (KIP-482), of which only the topic id of an offset commit is known. Others are dropped.
"""

import struct
import uuid
from dataclasses import dataclass
from typing import Final, TypeAlias

from gomq.broker.groups.fields import CorruptOffsetsRecordError, FieldReader, FieldWriter

OFFSET_COMMIT_KEYS: Final = (0, 1)
GROUP_METADATA_KEY: Final = 2
WRITTEN_VERSION: Final = 3
"""The newest layout of both values that every Kafka since 2.3 reads, and that Kafka 4 writes."""
LAST_VERSION: Final = 4
_FIRST_FLEXIBLE: Final = 4
_TOPIC_ID_TAG: Final = 0
_INT16: Final = struct.Struct(">h")


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetCommitKey:
    """Which group's offset in which partition."""

    group: str
    topic: str
    partition: int
    version: int = 1
    """0 or 1: the bytes behind it are the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupMetadataKey:
    """Which group."""

    group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownKey:
    """A record about something else."""

    version: int


Key: TypeAlias = OffsetCommitKey | GroupMetadataKey | UnknownKey


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetCommitValue:
    """How far a group got in a partition."""

    offset: int
    """The next offset to consume."""
    leader_epoch: int = -1
    """Of the last record consumed; -1 where the consumer did not say. Kept from version 3 on."""
    metadata: str = ""
    """What the consumer wants to remember."""
    commit_timestamp: int
    """When it was committed, ms since the epoch."""
    expire_timestamp: int = -1
    """When it may be forgotten, ms since the epoch; -1: when the broker's settings say. Kept in version 1 only."""
    topic_id: uuid.UUID | None = None
    """Kept from version 4 on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberMetadata:
    """A member of a classic group."""

    member_id: str
    group_instance_id: str | None = None
    """A static member's own name (KIP-345). Kept from version 3 on."""
    client_id: str
    client_host: str
    rebalance_timeout_ms: int = -1
    """Kept from version 1 on."""
    session_timeout_ms: int
    subscription: bytes
    """What it told of itself when it joined, in its protocol's own format."""
    assignment: bytes
    """What the leader gave it, in the protocol's own format."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupMetadataValue:
    """A classic group as it was when a rebalance had ended."""

    protocol_type: str
    """``consumer``, or empty for a group that only commits offsets."""
    generation: int
    protocol: str | None
    """The assignor's name; None in an empty group."""
    leader: str | None
    """A member id; None in an empty group."""
    current_state_timestamp: int = -1
    """When the group's state last changed, ms since the epoch. Kept from version 2 on."""
    members: tuple[MemberMetadata, ...]


def encode_key(key: OffsetCommitKey | GroupMetadataKey) -> bytes:
    """Write a key.

    Raises:
        ValueError, struct.error: a string or a number is too large for its field.
    """
    if isinstance(key, GroupMetadataKey):
        writer = FieldWriter(GROUP_METADATA_KEY)
        writer.string(key.group)
    else:
        writer = FieldWriter(key.version)
        writer.string(key.group)
        writer.string(key.topic)
        writer.int32(key.partition)
    return writer.content()


def decode_key(data: bytes) -> Key:
    """Read a key.

    Raises:
        CorruptOffsetsRecordError: it is none.
    """
    version = version_of(data)
    reader = FieldReader(data, _INT16.size)
    key: Key
    if version in OFFSET_COMMIT_KEYS:
        group, topic, partition = reader.string(), reader.string(), reader.int32()
        key = OffsetCommitKey(group=group, topic=topic, partition=partition, version=version)
    elif version == GROUP_METADATA_KEY:
        key = GroupMetadataKey(group=reader.string())
    else:
        return UnknownKey(version=version)
    reader.finish()
    return key


def version_of(data: bytes) -> int:
    """Return what a key or a value starts with.

    Raises:
        CorruptOffsetsRecordError: it is too short.
    """
    if len(data) < _INT16.size:
        raise CorruptOffsetsRecordError(f"{len(data)} bytes where a version should be")
    version: int = _INT16.unpack_from(data)[0]
    return version


def encode_offset_commit(value: OffsetCommitValue, *, version: int = WRITTEN_VERSION) -> bytes:
    """Write the value of an offset commit; what its version has no field for is dropped.

    Raises:
        ValueError, struct.error: there is no such version, or a string or number is too large for its field.
    """
    writer = _value_writer(version)
    writer.int64(value.offset)
    if version >= 3:
        writer.int32(value.leader_epoch)
    writer.string(value.metadata)
    writer.int64(value.commit_timestamp)
    if version == 1:
        writer.int64(value.expire_timestamp)
    writer.end_struct({} if value.topic_id is None else {_TOPIC_ID_TAG: value.topic_id.bytes})
    return writer.content()


def decode_offset_commit(data: bytes) -> OffsetCommitValue:
    """Read the value of an offset commit, of any version.

    Raises:
        CorruptOffsetsRecordError: it is none.
    """
    version, reader = _value_reader(data)
    offset = reader.int64()
    leader_epoch = reader.int32() if version >= 3 else -1
    metadata = reader.string()
    commit_timestamp = reader.int64()
    expire_timestamp = reader.int64() if version == 1 else -1
    topic_id = _topic_id(reader.end_struct().get(_TOPIC_ID_TAG))
    reader.finish()
    return OffsetCommitValue(
        offset=offset,
        leader_epoch=leader_epoch,
        metadata=metadata,
        commit_timestamp=commit_timestamp,
        expire_timestamp=expire_timestamp,
        topic_id=topic_id,
    )


def encode_group_metadata(value: GroupMetadataValue, *, version: int = WRITTEN_VERSION) -> bytes:
    """Write the value of a group's metadata; what its version has no field for is dropped.

    Raises:
        ValueError, struct.error: there is no such version, or a string or number is too large for its field.
    """
    writer = _value_writer(version)
    writer.string(value.protocol_type)
    writer.int32(value.generation)
    writer.nullable_string(value.protocol)
    writer.nullable_string(value.leader)
    if version >= 2:
        writer.int64(value.current_state_timestamp)
    writer.count(len(value.members))
    for member in value.members:
        _write_member(writer, member, version)
    writer.end_struct()
    return writer.content()


def decode_group_metadata(data: bytes) -> GroupMetadataValue:
    """Read the value of a group's metadata, of any version.

    Raises:
        CorruptOffsetsRecordError: it is none.
    """
    version, reader = _value_reader(data)
    protocol_type = reader.string()
    generation = reader.int32()
    protocol = reader.nullable_string()
    leader = reader.nullable_string()
    timestamp = reader.int64() if version >= 2 else -1
    members = tuple(_read_member(reader, version) for _ in range(reader.count()))
    reader.end_struct()
    reader.finish()
    return GroupMetadataValue(
        protocol_type=protocol_type,
        generation=generation,
        protocol=protocol,
        leader=leader,
        current_state_timestamp=timestamp,
        members=members,
    )


def _write_member(writer: FieldWriter, member: MemberMetadata, version: int) -> None:
    writer.string(member.member_id)
    if version >= 3:
        writer.nullable_string(member.group_instance_id)
    writer.string(member.client_id)
    writer.string(member.client_host)
    if version >= 1:
        writer.int32(member.rebalance_timeout_ms)
    writer.int32(member.session_timeout_ms)
    writer.blob(member.subscription)
    writer.blob(member.assignment)
    writer.end_struct()


def _read_member(reader: FieldReader, version: int) -> MemberMetadata:
    member_id = reader.string()
    group_instance_id = reader.nullable_string() if version >= 3 else None
    client_id, client_host = reader.string(), reader.string()
    rebalance_timeout_ms = reader.int32() if version >= 1 else -1
    session_timeout_ms = reader.int32()
    subscription, assignment = reader.blob(), reader.blob()
    reader.end_struct()
    return MemberMetadata(
        member_id=member_id,
        group_instance_id=group_instance_id,
        client_id=client_id,
        client_host=client_host,
        rebalance_timeout_ms=rebalance_timeout_ms,
        session_timeout_ms=session_timeout_ms,
        subscription=subscription,
        assignment=assignment,
    )


def _value_writer(version: int) -> FieldWriter:
    if not 0 <= version <= LAST_VERSION:
        raise ValueError(f"no version {version}, there are 0 to {LAST_VERSION}")
    return FieldWriter(version, flexible=version >= _FIRST_FLEXIBLE)


def _value_reader(data: bytes) -> tuple[int, FieldReader]:
    version = version_of(data)
    if not 0 <= version <= LAST_VERSION:
        raise CorruptOffsetsRecordError(f"a value of version {version}, 0 to {LAST_VERSION} are known")
    return version, FieldReader(data, _INT16.size, flexible=version >= _FIRST_FLEXIBLE)


def _topic_id(data: bytes | None) -> uuid.UUID | None:
    if data is None:
        return None
    if len(data) != 16:
        raise CorruptOffsetsRecordError(f"a topic id of {len(data)} bytes")
    return uuid.UUID(bytes=data)
