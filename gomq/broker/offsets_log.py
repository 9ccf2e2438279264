"""What consumer groups have committed, as a log: one partition of ``__consumer_offsets``. Blocking.

Keys, values and their meaning are Kafka's (``offsets_records.py``), and so is which group is in which partition: a
Kafka that is given the folder goes on with it. All that is known is in memory, and rebuilt from the log at a start.
A change counts once it is on the device. Kafka: ``GroupMetadataManager``, ``OffsetMetadataManager``.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from gomq.broker.keyed_log import append, replay
from gomq.broker.offsets_fields import CorruptOffsetsRecordError
from gomq.broker.offsets_records import (
    GroupMetadataKey,
    GroupMetadataValue,
    OffsetCommitKey,
    OffsetCommitValue,
    decode_group_metadata,
    decode_key,
    decode_offset_commit,
    encode_group_metadata,
    encode_key,
    encode_offset_commit,
)
from gomq_storage.config import CleanupPolicy, LogConfig
from gomq_storage.layout import TopicPartition
from gomq_storage.log import Log

TOPIC_NAME: Final = "__consumer_offsets"
LOG_CONFIG: Final = LogConfig(cleanup_policy=CleanupPolicy.COMPACT, segment_bytes=100 << 20)
"""``offsets.topic.segment.bytes`` and what else Kafka sets for the topic."""


def partition_of(group: str, partitions: int) -> int:
    """Say in which of so many partitions a group's records are: by the hash that Java gives a string."""
    code = 0
    units = group.encode("utf-16-be")
    for place in range(0, len(units), 2):
        code = (31 * code + int.from_bytes(units[place : place + 2])) & 0xFFFF_FFFF
    return (code & 0x7FFF_FFFF) % partitions  # Kafka's Utils.abs: the sign is dropped


class OffsetsLog:
    """The groups of one partition.

    Args:
        log: the partition's log, which is replayed.
    """

    def __init__(self, log: Log) -> None:
        self.offsets: dict[str, dict[TopicPartition, OffsetCommitValue]] = {}
        """How far each group got, as it is on the device."""
        self.groups: dict[str, GroupMetadataValue] = {}
        """Who is in each group."""
        self.unreadable = 0
        """Records that were passed over: of another kind, or not as they should be."""
        self._log = log
        for key, value in replay(log):
            try:
                self._take(key, value)
            except CorruptOffsetsRecordError:
                self.unreadable += 1

    def commit(self, group: str, offsets: Mapping[TopicPartition, OffsetCommitValue]) -> None:
        """Keep how far a group got, all of it or nothing.

        Raises:
            LogOfflineError: a sync failed: after a restart it may be there, or not.
            OSError: it could not be written.
        """
        self._write((_offset_key(group, where), encode_offset_commit(value)) for where, value in offsets.items())

    def forget(self, group: str, partitions: Iterable[TopicPartition]) -> None:
        """Take committed offsets back; errors are those of ``commit``."""
        self._write((_offset_key(group, where), None) for where in partitions)

    def put_group(self, group: str, value: GroupMetadataValue) -> None:
        """Keep who is in a group; errors are those of ``commit``."""
        self._write([(encode_key(GroupMetadataKey(group=group)), encode_group_metadata(value))])

    def remove_group(self, group: str) -> None:
        """Take a group back, with all its offsets; errors are those of ``commit``."""
        offsets = [(_offset_key(group, where), None) for where in self.offsets.get(group, ())]
        self._write([*offsets, (encode_key(GroupMetadataKey(group=group)), None)])

    def _write(self, changes: Iterable[tuple[bytes, bytes | None]]) -> None:
        changes = list(changes)
        if changes:
            append(self._log, changes)
            self._log.flush()
            for key, value in changes:
                self._take(key, value)

    def _take(self, raw_key: bytes, value: bytes | None) -> None:
        key = decode_key(raw_key)
        if isinstance(key, OffsetCommitKey):
            offsets = self.offsets.setdefault(key.group, {})
            where = TopicPartition(key.topic, key.partition)
            if value is not None:
                offsets[where] = decode_offset_commit(value)
            else:
                offsets.pop(where, None)
            if not offsets:
                del self.offsets[key.group]
        elif isinstance(key, GroupMetadataKey):
            if value is not None:
                self.groups[key.group] = decode_group_metadata(value)
            else:
                self.groups.pop(key.group, None)
        else:
            self.unreadable += 1


def _offset_key(group: str, where: TopicPartition) -> bytes:
    return encode_key(OffsetCommitKey(group=group, topic=where.topic, partition=where.partition))
