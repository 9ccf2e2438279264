"""A partition of ``__consumer_offsets``, read from its start: what it says of each group in the end. Blocking.

Only the last value of each key is kept on the way, as it is in the log; keys and values are taken apart at the end.
So a log of many commits for few keys is read fast, and takes no more memory than what is left of it.

What a transaction has committed counts once its marker says so, and not if a later commit came in between. Kafka:
``OffsetMetadataManager.replay``, ``replayEndTransactionMarker``. Records of other kinds, such as the newer groups'
(KIP-848), are passed over.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from gomq.broker.groups.fields import CorruptOffsetsRecordError
from gomq.broker.groups.records import (
    GROUP_METADATA_KEY,
    OFFSET_COMMIT_KEYS,
    GroupMetadataKey,
    GroupMetadataValue,
    OffsetCommitKey,
    OffsetCommitValue,
    decode_group_metadata,
    decode_key,
    decode_offset_commit,
    version_of,
)
from gomq.broker.keyed_log import replay_batches
from gomq_storage.batch import BatchHeader
from gomq_storage.layout import TopicPartition
from gomq_storage.log import Log
from gomq_storage.record import Record

_VERSION: Final = struct.Struct(">h")
_MARKER: Final = struct.Struct(">hh")
_COMMIT: Final = 1
_WRITTEN_KEY: Final = _VERSION.pack(OFFSET_COMMIT_KEYS[-1])


class ReplayStoppedError(Exception):
    """Nobody waits for the groups any more."""


@dataclass(slots=True)
class Replayed:
    """What a partition says."""

    offsets: dict[str, dict[TopicPartition, OffsetCommitValue]] = field(default_factory=dict)
    """How far each group got."""
    groups: dict[str, GroupMetadataValue] = field(default_factory=dict)
    """Who is in each group."""
    unreadable: int = 0
    """Records that were passed over because they are not as they should be."""


class _Kept(NamedTuple):
    offset: int
    value: bytes


def replay_groups(log: Log, *, should_stop: Callable[[], bool]) -> Replayed:
    """Read a partition to its end.

    Args:
        log: its log, to which nobody writes meanwhile.
        should_stop: asked now and then.

    Raises:
        CorruptBatchError, DamagedLogError: the log is damaged.
        OSError: it cannot be read.
        ReplayStoppedError: ``should_stop`` said so.
    """
    table = _Table()
    for header, records in replay_batches(log):
        if should_stop():
            raise ReplayStoppedError
        table.take_batch(header, records)
    return table.decode()


class _Table:
    """The last value of each key, and what open transactions would change."""

    def __init__(self) -> None:
        self._kept: dict[bytes, _Kept] = {}
        self._pending: dict[int, dict[bytes, _Kept]] = {}
        self._result = Replayed()

    def take_batch(self, header: BatchHeader, records: list[Record]) -> None:
        if header.is_control:
            self._end_transaction(header, records)
            return
        for record in records:
            key = self._wanted_key(record.key)
            if key is None:
                continue
            if record.value is None:
                self._kept.pop(key, None)
                for changes in self._pending.values():
                    changes.pop(key, None)
            elif header.is_transactional:
                self._pending.setdefault(header.producer_id, {})[key] = _Kept(record.offset, record.value)
            else:
                self._kept[key] = _Kept(record.offset, record.value)

    def decode(self) -> Replayed:
        for key in list(self._kept):
            try:
                self._decode(key, self._kept.pop(key).value)  # not held twice
            except CorruptOffsetsRecordError:
                self._result.unreadable += 1
        return self._result

    def _wanted_key(self, key: bytes | None) -> bytes | None:
        """The key as it is written now, or None where it is about something else."""
        try:
            version = version_of(key or b"")
        except CorruptOffsetsRecordError:
            self._result.unreadable += 1
            return None
        if key is None or version not in {*OFFSET_COMMIT_KEYS, GROUP_METADATA_KEY}:
            return None
        return _WRITTEN_KEY + key[_VERSION.size :] if version == OFFSET_COMMIT_KEYS[0] else key

    def _end_transaction(self, header: BatchHeader, records: list[Record]) -> None:
        changes = self._pending.pop(header.producer_id, None)
        marker = records[0].key if records else None
        if changes is None or marker is None or len(marker) < _MARKER.size:
            return
        _, outcome = _MARKER.unpack_from(marker)
        if outcome != _COMMIT:
            return
        for key, kept in changes.items():
            known = self._kept.get(key)
            if known is None or known.offset < kept.offset:
                self._kept[key] = kept

    def _decode(self, raw: bytes, value: bytes) -> None:
        key = decode_key(raw)
        if isinstance(key, OffsetCommitKey):
            commit = decode_offset_commit(value)
            where = TopicPartition(key.topic, key.partition)
            self._result.offsets.setdefault(key.group, {})[where] = commit
        elif isinstance(key, GroupMetadataKey):
            self._result.groups[key.group] = decode_group_metadata(value)
