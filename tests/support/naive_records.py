"""What Kafka would say of a batch, worked out the slow and plain way: a byte at a time, one record after the other."""

import struct
from typing import Final, NamedTuple

import cramjam
from crc32c import crc32c

CORRUPT, TOO_LARGE, TIMESTAMP, CODEC, INVALID_RECORD = 2, 10, 32, 76, 87
_DECOMPRESS: Final = {
    0: bytes,
    1: lambda data: bytes(cramjam.gzip.decompress(data)),
    2: lambda data: bytes(cramjam.snappy.decompress_raw(data)),
    3: lambda data: bytes(cramjam.lz4.decompress(data)),
    4: lambda data: bytes(cramjam.zstd.decompress(data)),
}


class Verdict(NamedTuple):
    """What becomes of a batch."""

    error_code: int
    """0 where it is appended."""
    bad_records: tuple[int, ...] = ()
    """Those that are named as the reason."""
    largest: int = -1
    """The largest timestamp of a batch that is appended."""


class NotRecordsError(Exception):
    """The bytes are no records."""


class Reader:
    """Reads numbers and bytes from the front of some data."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def take(self, count: int) -> bytes:
        if count > len(self.data):
            raise NotRecordsError
        taken, self.data = self.data[:count], self.data[count:]
        return taken

    def number(self, bits: int) -> int:
        groups: list[int] = []
        while not groups or groups[-1] & 0x80:
            groups += self.take(1)
        raw = sum((group & 0x7F) << 7 * place for place, group in enumerate(groups))
        if len(groups) > (bits + 6) // 7 or raw >= 1 << bits:
            raise NotRecordsError
        return -(raw + 1) // 2 if raw % 2 else raw // 2

    def sized(self) -> bytes | None:
        size = self.number(32)
        return self.take(size) if size >= 0 else None


def judge(  # noqa: C901, PLR0911 - one case after the other
    batch: bytes, *, needs_keys: bool, window: tuple[int, int] | None, max_bytes: int = 1 << 20
) -> Verdict:
    """Judge a batch that a producer sent in Produce version 9."""
    if len(batch) < 61:
        return Verdict(INVALID_RECORD)
    base_offset, length, _, magic, crc, attributes, last_delta, base, _, producer, _, sequence, count = struct.unpack(
        ">qiibIhiqqqhii", batch[:61]
    )
    if length < 14 or not 0 <= magic <= 2:
        return Verdict(CORRUPT)
    if length + 12 > len(batch) or magic != 2 or base_offset:
        return Verdict(INVALID_RECORD)
    if length + 12 > max_bytes:
        return Verdict(TOO_LARGE)
    if length < 49 or crc != crc32c(batch[21 : 12 + length]):
        return Verdict(CORRUPT)
    if attributes % 8 > 4:
        return Verdict(CODEC)
    is_out_of_line = count != last_delta + 1 or count < 1 or attributes & 0b111_0000
    if is_out_of_line or (producer >= 0 and sequence < 0):
        return Verdict(INVALID_RECORD)
    if attributes & 0b1000:
        return Verdict(TIMESTAMP, tuple(range(min(count, 100))))
    return _judge_records(_DECOMPRESS[attributes % 8](batch[61 : 12 + length]), count, base, needs_keys, window)


def _judge_records(data: bytes, count: int, base: int, needs_keys: bool, window: tuple[int, int] | None) -> Verdict:
    reader = Reader(data)
    timestamps, keys = [-1], list[bytes | None]()
    try:
        for number in range(count):
            timestamp, key = _read_record(reader, number, base)
            timestamps.append(timestamp)
            keys.append(key)
    except NotRecordsError:
        return Verdict(INVALID_RECORD)
    if reader.data:
        return Verdict(INVALID_RECORD)
    keyless = {number for number, key in enumerate(keys) if needs_keys and key is None}
    untimely = {
        number
        for number, timestamp in enumerate(timestamps[1:])
        if window is not None and timestamp != -1 and not window[0] <= timestamp <= window[1]
    } - keyless
    if bad := tuple(sorted(keyless | untimely))[:100]:
        return Verdict(TIMESTAMP if untimely else INVALID_RECORD, bad)
    return Verdict(0, (), max(timestamps))


def _read_record(reader: Reader, number: int, base: int) -> tuple[int, bytes | None]:
    length = reader.number(32)
    if length < 0:
        raise NotRecordsError
    inner = Reader(reader.take(length))
    inner.take(1)
    timestamp = base + inner.number(64)
    if inner.number(32) != number:
        raise NotRecordsError
    key = inner.sized()
    inner.sized()
    header_count = inner.number(32)
    if header_count < 0:
        raise NotRecordsError
    for _ in range(header_count):
        if inner.sized() is None:
            raise NotRecordsError
        inner.sized()
    if inner.data:
        raise NotRecordsError
    return timestamp, key
