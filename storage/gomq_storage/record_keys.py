"""What compaction wants to know of records, without decoding them: key, offset, whether there is a value, where it is.

The hot loop of compaction, in both of its passes. The format is drawn in ``record.py``. Of a record only what lies in
front of the value is looked at; its length says where the next one begins.
"""

from typing import NamedTuple

from gomq_storage.batch import HEADER_SIZE, BatchHeader, Buffer
from gomq_storage.compression import DEFAULT_MAX_DECOMPRESSED_BYTES, decompress
from gomq_storage.errors import CorruptBatchError
from gomq_storage.record import MIN_RECORD_SIZE
from gomq_storage.varint import decode


class KeyColumns(NamedTuple):
    """Fields of some records of a batch, each in the records' order."""

    offsets: list[int]
    keys: list[bytes | None]
    tombstones: list[bool]
    """Whether the record has no value, and so deletes its key."""
    timestamp_deltas: list[int]
    """To the batch's base timestamp."""
    starts: list[int]
    """Where the record begins, its length included."""
    ends: list[int]
    """Where it ends, and so where the next one begins."""


class BatchKeys:
    """The records of one whole batch, looked at some at a time.

    Args:
        batch: the batch from its first byte; what lies behind it is not looked at, nor is the CRC.
        header: what ``check_batch`` made of it.
        max_bytes: the most that the records may take once decompressed.

    Raises:
        CorruptBatchError: they cannot be decompressed, or there cannot be so many.
    """

    def __init__(self, batch: Buffer, header: BatchHeader, *, max_bytes: int = DEFAULT_MAX_DECOMPRESSED_BYTES) -> None:
        compressed = bytes(memoryview(batch)[HEADER_SIZE : header.size])
        self.data: bytes = decompress(header.codec, compressed, max_bytes=max_bytes) if compressed else b""
        """All records, not compressed any more."""
        self._header = header
        self._taken = 0
        self._position = 0
        self._last_delta = -1
        if not 0 <= header.record_count <= len(self.data) // MIN_RECORD_SIZE:
            raise CorruptBatchError(f"{header.record_count} records in {len(self.data)} bytes")

    @property
    def is_taken(self) -> bool:
        """Whether no record is left."""
        return self._taken == self._header.record_count

    def take(self, most: int) -> KeyColumns:
        """Look at the next records, in their order, ``most`` of them at most.

        Raises:
            CorruptBatchError: the records are not what the header says, or not records, or their offsets do not
                ascend: one that lies about its offset would take newer messages of its key with it.
        """
        count = min(most, self._header.record_count - self._taken)
        try:
            columns = self._scan(count)
        except (IndexError, ValueError) as error:
            raise CorruptBatchError(f"records cannot be read: {error}") from error
        self._taken += count
        left = len(self.data) - self._position
        if left < 0 or (left and self.is_taken):
            raise CorruptBatchError(f"records of {self._position} bytes, {len(self.data)} are there")
        if self._last_delta > self._header.last_offset_delta:
            raise CorruptBatchError(f"offset delta {self._last_delta} behind {self._header.last_offset_delta}")
        return columns

    def _scan(self, count: int) -> KeyColumns:  # noqa: C901, PLR0912, PLR0915 - one flat loop: calls would double it
        data, position, last_delta = self.data, self._position, self._last_delta
        base_offset = self._header.base_offset
        columns = KeyColumns([0] * count, [None] * count, [False] * count, [0] * count, [0] * count, [0] * count)
        offsets, keys, tombstones, timestamp_deltas, starts, ends = columns
        for number in range(count):
            starts[number] = position
            raw = data[position]
            if raw < 0x80:
                position += 1
                length = (raw >> 1) ^ -(raw & 1)
            elif (high := data[position + 1]) < 0x80:
                position += 2
                length = ((high << 6) | (raw & 0x7F) >> 1) ^ -(raw & 1)
            else:
                length, position = decode(data, position)
            ends[number] = end = position + length

            raw = data[position + 1]  # behind the attributes, which mean nothing
            if raw < 0x80:
                position += 2
                if raw:
                    timestamp_deltas[number] = (raw >> 1) ^ -(raw & 1)
            else:
                timestamp_deltas[number], position = decode(data, position + 1)

            raw = data[position]
            if raw < 0x80:
                position += 1
                delta = (raw >> 1) ^ -(raw & 1)
            elif (high := data[position + 1]) < 0x80:
                position += 2
                delta = ((high << 6) | (raw & 0x7F) >> 1) ^ -(raw & 1)
            else:
                delta, position = decode(data, position)
            if delta <= last_delta:
                raise ValueError(f"offset delta {delta} behind {last_delta}")
            last_delta = delta
            offsets[number] = base_offset + delta

            raw = data[position]
            if raw < 0x80:
                position += 1
                size = (raw >> 1) ^ -(raw & 1)
            else:
                size, position = decode(data, position)
            if size >= 0:
                keys[number] = data[position : position + size]
                position += size
            if position >= end:
                raise ValueError(f"a record's key ends at byte {position}, the record at {end}")
            if data[position] & 1:  # the sign of the value's size: null
                tombstones[number] = True
            position = end
        self._position, self._last_delta = position, last_delta
        return columns
