"""Which records of a batch compaction keeps, and the batch they make. Kafka: ``MemoryRecords.filterTo``, ``Cleaner``.

Of each key the latest message stays; what lies at or behind the key map's end stays as it is. A message without a key
goes. A *tombstone*, the latest message of its key and one without a value, stays for ``delete.retention.ms``, so that
consumers see the deletion, counted from the pass that first kept it (KIP-534): that pass writes the time at which the
tombstones may go, the *delete horizon*, into the batch's base timestamp, and sets bit 6 of its attributes.

What is kept of a batch has its old offsets, times, producer and sequence, and its old last offset even where that
record went. The records' bytes are copied, not made anew. Kafka moves the base timestamp to the first record kept;
here it stays, which reads as the same times. Where it becomes a delete horizon, all timestamp deltas, which are
relative to it, are written anew.

Markers of transactions stay untouched. Which transactions were aborted is not asked: no key map tells of their records.
"""

from collections.abc import Callable
from itertools import compress as pick
from typing import Final, TypeAlias

from crc32c import crc32c

from gomq_storage.batch import (
    ATTRIBUTES_POSITION,
    HEADER,
    HEADER_SIZE,
    LENGTH_OVERHEAD,
    NO_TIMESTAMP,
    BatchHeader,
    Buffer,
)
from gomq_storage.compression import DEFAULT_MAX_DECOMPRESSED_BYTES, compress
from gomq_storage.key_map import KeyMap
from gomq_storage.record_keys import BatchKeys, KeyColumns
from gomq_storage.varint import decode, encode

RUN_RECORDS: Final = 64
"""So many records are looked at between two breaks: about a tenth of a millisecond."""
_CODEC_BITS: Final = 0b111
_DELETE_HORIZON_BIT: Final = 0b100_0000
_Kept: TypeAlias = tuple[int, int, int]
"""Of a record that stays the timestamp delta, where it starts and where it ends."""


class Survivors:
    """Takes out of batches what a key map says is outdated.

    Args:
        key_map: the latest offsets.
        now_ms: the time of this pass; all batches have the same.
        delete_retention_ms: how long tombstones stay from now on.
        pace: called every so many records with the number of bytes looked at; it may sleep, or raise to stop it all.
        max_decompressed_bytes: the most that the records of one batch may take.
    """

    def __init__(
        self,
        key_map: KeyMap,
        *,
        now_ms: int,
        delete_retention_ms: int,
        pace: Callable[[int], None] = lambda _: None,
        max_decompressed_bytes: int = DEFAULT_MAX_DECOMPRESSED_BYTES,
    ) -> None:
        self.key_map = key_map
        self.pace = pace
        self._now_ms = now_ms
        self._horizon_ms = now_ms + delete_retention_ms
        self._max_decompressed_bytes = max_decompressed_bytes

    def of(self, batch: Buffer, header: BatchHeader, *, keep_if_empty: bool) -> tuple[Buffer, BatchHeader] | None:
        """Return what stays of a batch, with its header; the very same objects where all of it does.

        Args:
            batch: a whole batch whose CRC is right.
            header: its header.
            keep_if_empty: keep the header alone, with no records, rather than nothing: the batch tells where a
                producer is in its sequence, or where a segment ends.

        Raises:
            CorruptBatchError: the records are not what the header says.
        """
        if header.is_control or header.base_offset >= self.key_map.end:
            self.pace(header.size)
            return batch, header
        records = BatchKeys(batch, header, max_bytes=self._max_decompressed_bytes)
        kept, has_tombstone = self._choose(records, header)
        if not kept and not keep_if_empty:
            return None
        needs_horizon = has_tombstone and header.delete_horizon_ms is None
        if len(kept) == header.record_count and not needs_horizon:
            return batch, header
        if not kept:
            return _empty(header)
        return self._rebuild(records.data, header, kept, needs_horizon=needs_horizon)

    def _choose(self, records: BatchKeys, header: BatchHeader) -> tuple[list[_Kept], bool]:
        """Return the records to keep, and whether a tombstone is among them."""
        horizon_ms = header.delete_horizon_ms
        keeps_tombstones = horizon_ms is None or self._now_ms < horizon_ms
        kept: list[_Kept] = []
        has_tombstone = False
        while True:
            columns = records.take(RUN_RECORDS)
            chosen = self._stays(columns, keeps_tombstones=keeps_tombstones)
            kept += zip(*(pick(column, chosen) for column in columns[-3:]), strict=True)
            has_tombstone |= any(pick(columns.tombstones, chosen))
            self.pace(columns.ends[-1] - columns.starts[0] if columns.ends else HEADER_SIZE)
            if records.is_taken:
                return kept, has_tombstone

    def _stays(self, columns: KeyColumns, *, keeps_tombstones: bool) -> list[bool]:
        """Say of each record whether it stays. Kafka: ``Cleaner.shouldRetainRecord``."""
        end = self.key_map.end
        newest = self.key_map.latest_of(columns.keys)
        return [
            offset >= end or (offset >= latest and key is not None and (keeps_tombstones or not is_tombstone))
            for offset, latest, key, is_tombstone in zip(
                columns.offsets, newest, columns.keys, columns.tombstones, strict=True
            )
        ]

    def _rebuild(
        self, data: bytes, header: BatchHeader, kept: list[_Kept], *, needs_horizon: bool
    ) -> tuple[bytes, BatchHeader]:
        """Make a batch of some of the records, which change only in that a delete horizon moves their times' base."""
        if not header.is_log_append_time:
            newest = header.base_timestamp + max(timestamp_delta for timestamp_delta, _, _ in kept)
            header = header._replace(max_timestamp=max(newest, NO_TIMESTAMP))
        if not needs_horizon:
            body = _copy(data, kept)
        else:
            body = self._copy_shifted(data, kept, header.base_timestamp - self._horizon_ms)
            attributes = header.attributes | _DELETE_HORIZON_BIT
            header = header._replace(base_timestamp=self._horizon_ms, attributes=attributes)
        return _seal(header._replace(record_count=len(kept)), compress(header.codec, body))

    def _copy_shifted(self, data: bytes, kept: list[_Kept], shift: int) -> bytes:
        """Copy records, something added to each timestamp delta."""
        parts: list[bytes] = []
        for number, (timestamp_delta, start, end) in enumerate(kept, 1):
            _, body = decode(data, start)
            _, rest = decode(data, body + 1)  # behind the attributes and the timestamp delta
            shifted = encode(timestamp_delta + shift)
            parts += (encode(1 + len(shifted) + end - rest), data[body : body + 1], shifted, data[rest:end])
            if number % RUN_RECORDS == 0:
                self.pace(0)
        return b"".join(parts)


def _copy(data: bytes, kept: list[_Kept]) -> bytes:
    """Copy records as they are, those that lie behind each other at once."""
    parts: list[bytes] = []
    run_start = run_end = 0
    for _, start, end in kept:
        if start != run_end:
            parts.append(data[run_start:run_end])
            run_start = start
        run_end = end
    parts.append(data[run_start:run_end])
    return b"".join(parts)


def _empty(header: BatchHeader) -> tuple[bytes, BatchHeader]:
    """Make the batch without records: producer, offsets and largest time stay. Kafka: ``writeEmptyHeader``."""
    attributes = header.attributes & ~(_CODEC_BITS | _DELETE_HORIZON_BIT)
    return _seal(header._replace(attributes=attributes, base_timestamp=NO_TIMESTAMP, record_count=0), b"")


def _seal(header: BatchHeader, body: bytes) -> tuple[bytes, BatchHeader]:
    """Put a header in front of records, its length and CRC made right."""
    header = header._replace(length=HEADER_SIZE - LENGTH_OVERHEAD + len(body))
    crc = crc32c(body, crc32c(HEADER.pack(*header)[ATTRIBUTES_POSITION:]))
    header = header._replace(crc=crc)
    return HEADER.pack(*header) + body, header
