"""Batches to append, and what a log holds."""

from collections.abc import Iterator
from pathlib import Path

from gomq_storage.batch import BatchHeader, walk
from gomq_storage.compression import Codec
from gomq_storage.config import LogConfig
from gomq_storage.files import Files
from gomq_storage.log import Log
from gomq_storage.record import NewRecord, Record, build_batch, decode_batch, encode_batch, encode_records

NOW = 1_700_000_000_000


def batch_of(
    *values: bytes, timestamp: int = NOW, step: int = 1, codec: Codec = Codec.NONE, key: bytes | None = None
) -> bytes:
    """Make a batch of records with these values, ``step`` milliseconds apart."""
    records = [NewRecord(value, key, (), timestamp + number * step) for number, value in enumerate(values)]
    return encode_batch(records, now_ms=timestamp, codec=codec)


def numbered(number: int, *, records: int = 3, size: int = 20, codec: Codec = Codec.NONE) -> bytes:
    """Make the batch of that number: its values say which it is, its timestamps ascend with it."""
    values = [f"{number}/{record}".encode().ljust(size, b".") for record in range(records)]
    return batch_of(*values, timestamp=NOW + 1000 * number, codec=codec)


def produced(
    records: list[tuple[int, bytes]], *, producer_id: int, sequence: int, epoch: int = 0, codec: Codec = Codec.NONE
) -> bytes:
    """Make a batch of timestamps and values as an idempotent producer sends it."""
    new = [NewRecord(value, timestamp=timestamp) for timestamp, value in records]
    return build_batch(
        encode_records(new, base_timestamp=records[0][0]),
        record_count=len(records),
        base_timestamp=records[0][0],
        max_timestamp=max(timestamp for timestamp, _ in records),
        codec=codec,
        producer_id=producer_id,
        producer_epoch=epoch,
        base_sequence=sequence,
    )


def write_log(directory: Path, batches: list[bytes], config: LogConfig, *, files: Files | None = None) -> None:
    """Append batches to the log in a directory, and close it."""
    log = Log.open(directory, config, files=files)
    for batch in batches:
        log.append(batch)
    log.close()


def whole_batches(log: Log, *, max_bytes: int = 1 << 20) -> Iterator[tuple[BatchHeader, bytes]]:
    """Read a log from its start to its end as a consumer does, batch by batch."""
    offset = log.log_start
    while (found := log.read(offset, max_bytes=max_bytes)) is not None:
        data = found.read()
        for position, header in walk(data):
            yield header, data[position : position + header.size]
            offset = header.next_offset


def records_in(log: Log) -> list[Record]:
    """Read all records of a log."""
    return [record for header, batch in whole_batches(log) for record in decode_batch(batch, header)]


def values_in(log: Log) -> list[bytes | None]:
    """Read all values of a log; their offsets must have no gaps."""
    records = records_in(log)
    assert [record.offset for record in records] == list(range(log.log_start, log.log_end))
    return [record.value for record in records]


def values_of(*batches: bytes) -> list[bytes | None]:
    """List the values in batches, or in several behind each other."""
    return [
        record.value
        for stream in batches
        for position, header in walk(stream)
        for record in decode_batch(stream[position:], header)
    ]
