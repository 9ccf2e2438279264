"""The records inside a batch, both ways. Kafka: ``DefaultRecord``. Decoding's hot loop is in ``record_columns.py``.

    varint  length of all that follows
    int8    attributes, unused
    varint  timestamp delta to the batch's base timestamp, ms
    varint  offset delta to the batch's base offset
    varint  key size, -1 for null         then the key
    varint  value size, -1 for null       then the value
    varint  header count                  then of each header:
            varint key size, key (UTF-8, or should be), varint value size (-1 for null), value

All varints are zig-zag. A record is at least seven bytes long.
"""

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any, Final, NamedTuple, TypeVar

from crc32c import crc32c

from gomq_storage.batch import (
    ATTRIBUTES_POSITION,
    HEADER,
    HEADER_SIZE,
    LENGTH_OVERHEAD,
    MAGIC,
    BatchHeader,
    Buffer,
)
from gomq_storage.compression import DEFAULT_MAX_DECOMPRESSED_BYTES, Codec, compress, decompress
from gomq_storage.errors import CorruptBatchError
from gomq_storage.record_columns import Place, decode_columns
from gomq_storage.record_fields import Columns, Headers, encode_name
from gomq_storage.varint import SMALL, encode

MIN_RECORD_SIZE: Final = 7
_NULL: Final = b"\x01"
_SMALL_COUNT: Final = len(SMALL)


class Record(NamedTuple):
    """One record as a log holds it."""

    offset: int
    timestamp: int
    """Milliseconds since the epoch, -1 for none."""
    key: bytes | None
    value: bytes | None
    headers: Headers


class NewRecord(NamedTuple):
    """One record to be written: the batch gives it its offset."""

    value: bytes | None
    key: bytes | None = None
    headers: Headers = ()
    timestamp: int | None = None
    """Milliseconds since the epoch; None takes the batch's."""


R = TypeVar("R", bound=tuple[Any, ...])


def encode_values(values: Sequence[bytes]) -> bytes:
    """Encode records that have a value and nothing else, with timestamp delta 0 and offset deltas 0, 1, ...

    This is the fast lane for plain messages: four table look-ups and one join.
    """
    if len(values) > _SMALL_COUNT or (values and max(map(len, values)) >= _SMALL_COUNT - 16):
        return encode_records([NewRecord(value) for value in values], base_timestamp=0)
    small = SMALL
    heads: dict[int, tuple[bytes, bytes]] = {}
    parts: list[bytes] = []
    extend = parts.extend
    # An offset delta takes one byte up to 63 and two up to 8191: within such a run, records of one size share
    # their head (length, attributes, timestamp delta) and middle (null key, value size).
    for first, last in ((0, 64), (64, 8192), (8192, _SMALL_COUNT)):
        heads.clear()
        for delta, value in enumerate(values[first:last], first):
            size = len(value)
            head = heads.get(size)
            if head is None:
                middle = _NULL + small[size]
                length = 3 + len(small[delta]) + len(middle) + size
                head = heads[size] = (small[length] + b"\0\0", middle)
            extend((head[0], small[delta], head[1], value, b"\0"))
    return b"".join(parts)


def encode_records(records: Iterable[NewRecord], *, base_timestamp: int) -> bytes:
    """Encode records with offset deltas 0, 1, ... and timestamp deltas to ``base_timestamp``."""
    parts: list[bytes] = []
    extend = parts.extend
    for delta, (value, key, headers, timestamp) in enumerate(records):
        stamp = b"\0" if timestamp is None or timestamp == base_timestamp else _varint(timestamp - base_timestamp)
        number = _varint(delta)
        key_size, key_bytes = (_NULL, b"") if key is None else (_varint(len(key)), key)
        value_size, value_bytes = (_NULL, b"") if value is None else (_varint(len(value)), value)
        tail = _encode_headers(headers) if headers else b"\0"
        sizes = len(stamp) + len(number) + len(key_size) + len(key_bytes) + len(value_size) + len(value_bytes)
        length = _varint(1 + sizes + len(tail))
        extend((length, b"\0", stamp, number, key_size, key_bytes, value_size, value_bytes, tail))
    return b"".join(parts)


def _encode_headers(headers: Headers) -> bytes:
    parts = [_varint(len(headers))]
    for name, value in headers:
        raw = encode_name(name)
        parts += (_varint(len(raw)), raw)
        parts += (_NULL,) if value is None else (_varint(len(value)), value)
    return b"".join(parts)


def _varint(value: int) -> bytes:
    """Encode a number that is most likely small."""
    return SMALL[value] if 0 <= value < _SMALL_COUNT else encode(value)


def build_batch(  # noqa: PLR0913 - a batch header's fields, each named at the call
    records: bytes,
    *,
    record_count: int,
    base_timestamp: int,
    max_timestamp: int,
    codec: Codec = Codec.NONE,
    base_offset: int = 0,
    leader_epoch: int = -1,
    producer_id: int = -1,
    producer_epoch: int = -1,
    base_sequence: int = -1,
) -> bytes:
    """Put a header in front of encoded records and return the batch, its CRC right."""
    if record_count < 1:
        raise ValueError("a batch holds at least one record")
    body = compress(codec, records)
    header = bytearray(HEADER_SIZE)
    length = HEADER_SIZE - LENGTH_OVERHEAD + len(body)
    fields = (
        base_offset, length, leader_epoch, MAGIC, 0, int(codec), record_count - 1, base_timestamp, max_timestamp,
        producer_id, producer_epoch, base_sequence, record_count,
    )  # fmt: skip
    HEADER.pack_into(header, 0, *fields)
    crc = crc32c(body, crc32c(memoryview(header)[ATTRIBUTES_POSITION:]))
    HEADER.pack_into(header, 0, *fields[:4], crc, *fields[5:])
    return b"".join((header, body))


def encode_batch(records: Sequence[NewRecord], *, now_ms: int, codec: Codec = Codec.NONE) -> bytes:
    """Encode records into one batch; those without a timestamp get ``now_ms``."""
    stamps = [now_ms if record.timestamp is None else record.timestamp for record in records]
    base_timestamp = stamps[0] if stamps else now_ms
    timed = [record._replace(timestamp=stamp) for record, stamp in zip(records, stamps, strict=True)]
    return build_batch(
        encode_records(timed, base_timestamp=base_timestamp),
        record_count=len(records),
        base_timestamp=base_timestamp,
        max_timestamp=max(stamps, default=now_ms),
        codec=codec,
    )


def decode_batch(
    batch: Buffer, header: BatchHeader, *, max_bytes: int = DEFAULT_MAX_DECOMPRESSED_BYTES
) -> list[Record]:
    """Decode the records of one whole batch in their order, without checking the CRC.

    Args:
        batch: the batch from its first byte; what lies behind it is not looked at.
        header: what ``read_header`` or ``check_batch`` made of it.
        max_bytes: the most that the records may take once decompressed.

    Raises:
        CorruptBatchError: the records are not what the header says, or not records.
    """
    return make_rows(Record, (), BatchRecords(batch, header, max_bytes=max_bytes).take(header.record_count))


def make_rows(kind: type[R], prefix: tuple[Any, ...], columns: Columns) -> list[R]:
    """Make a named tuple of each record.

    Args:
        kind: its last five fields are those of ``Record``.
        prefix: what goes in front of the five fields, the same in each.
        columns: the records.
    """
    rows = zip(*map(repeat, prefix), *columns, strict=False)
    return list(map(tuple.__new__, repeat(kind), rows))


class BatchRecords:
    """The records of one whole batch, decoded some at a time.

    Who drops what it took before it takes more stays within the processor's caches, and gives the garbage collector
    nothing to do: for a consumer that is a third of the time.

    Args:
        batch: the batch from its first byte; what lies behind it is not looked at, nor is the CRC.
        header: what ``read_header`` or ``check_batch`` made of it.
        max_bytes: the most that the records may take once decompressed.

    Raises:
        CorruptBatchError: they cannot be decompressed, or there cannot be so many.
    """

    def __init__(self, batch: Buffer, header: BatchHeader, *, max_bytes: int = DEFAULT_MAX_DECOMPRESSED_BYTES) -> None:
        compressed = bytes(memoryview(batch)[HEADER_SIZE : header.size])
        self._data = decompress(header.codec, compressed, max_bytes=max_bytes)
        self._header = header
        self._place = Place(0, 0)
        if not 0 <= header.record_count <= len(self._data) // MIN_RECORD_SIZE:
            raise CorruptBatchError(f"{header.record_count} records in {len(self._data)} bytes")
        if header.record_count > header.last_offset_delta + 1:
            raise CorruptBatchError(f"{header.record_count} records up to offset delta {header.last_offset_delta}")

    @property
    def size(self) -> int:
        """Bytes of the records once decompressed."""
        return len(self._data)

    @property
    def is_taken(self) -> bool:
        """Whether none is left."""
        return self._place.number == self._header.record_count

    def take(self, most: int) -> Columns:
        """Decode the next records, in their order.

        Args:
            most: how many at most.

        Raises:
            CorruptBatchError: the records are not what the header says, or not records.
        """
        header = self._header
        count = min(most, header.record_count - self._place.number)
        try:
            columns, place = decode_columns(self._data, header, self._place, count)
        except (IndexError, ValueError) as error:
            raise CorruptBatchError(f"records cannot be read: {error}") from error
        left = len(self._data) - place.position
        if left and place.number == header.record_count:
            raise CorruptBatchError(f"{left} bytes are left behind {header.record_count} records")
        self._place = place
        if header.is_log_append_time:
            return columns._replace(timestamps=[header.max_timestamp] * count)
        return columns
