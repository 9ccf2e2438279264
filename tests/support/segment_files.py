"""Partition directories with something in them, written by gomq_storage as a broker would."""

from collections.abc import Sequence
from pathlib import Path

from gomq_storage.batch import STAMP_SIZE, read_header, stamp, walk
from gomq_storage.compression import Codec
from gomq_storage.config import LogConfig
from gomq_storage.log import Log
from gomq_storage.record import NewRecord, encode_batch

FIRST_TIMESTAMP = 1_700_000_000_000


def write_partition(
    directory: Path,
    batches: Sequence[bytes],
    *,
    segment_bytes: int = 1 << 30,
    index_interval_bytes: int = 4096,
    leader_epoch: int = 0,
) -> Path:
    """Append batches to the log in a directory, made where it is missing, and close it."""
    directory.mkdir(parents=True, exist_ok=True)
    config = LogConfig(segment_bytes=segment_bytes, index_interval_bytes=index_interval_bytes)
    log = Log.open(directory, config)
    for batch in batches:
        log.append(batch, leader_epoch=leader_epoch)
    log.close()
    return directory


def varied_records(count: int, *, first: int = 0) -> list[NewRecord]:
    """Make records with and without keys, values and headers, a millisecond apart; some bytes are no text."""
    values = (b"plain", b"", None, "grüße 😀".encode(), b"\xff\xfe\x00\xed\xa0\x80.", b"two\nlines\t", b"x" * 300)
    keys = (None, b"key", b"", b"\x00\x80")
    headers = ((), (("trace", b"1"),), (("empty", b""), ("null", None), ("trace", b"\xff")), (("ü", b"x"),))
    return [
        NewRecord(
            values[number % len(values)],
            keys[number % len(keys)],
            headers[number // 3 % len(headers)],
            FIRST_TIMESTAMP + number,
        )
        for number in range(first, first + count)
    ]


def varied_batches(count: int, *, records_each: int = 5) -> list[bytes]:
    """Make batches of varied records, in each codec in turn."""
    codecs = list(Codec)
    return [
        encode_batch(
            varied_records(records_each, first=number * records_each),
            now_ms=FIRST_TIMESTAMP,
            codec=codecs[number % len(codecs)],
        )
        for number in range(count)
    ]


def write_varied_partition(directory: Path, *, batches: int = 60) -> Path:
    """Write varied batches into several segments with index entries in each."""
    return write_partition(directory, varied_batches(batches), segment_bytes=6_000, index_interval_bytes=500)


def small_log(*, batches: int = 4, leader_epoch: int = 3, first_offset: int = 0) -> bytes:
    """Make the bytes of a log file: batches of three records each, their offsets in a row, codecs in turn."""
    return b"".join(
        stamp(read_header(batch), base_offset=first_offset + 3 * number, leader_epoch=leader_epoch) + batch[STAMP_SIZE:]
        for number, batch in enumerate(varied_batches(batches, records_each=3))
    )


def batch_positions(log: bytes) -> list[int]:
    """List where the batches of a sound log start."""
    return [position for position, _ in walk(log)]
