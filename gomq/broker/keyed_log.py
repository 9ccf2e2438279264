"""A log as a table: each record sets a key, or takes it back with a null value; the last one counts. Blocking.

The broker's own topics are such logs, compacted, and rebuilt into memory by reading them from their start.
"""

import time
from collections.abc import Iterable, Iterator
from typing import Final

from gomq_storage.batch import BatchHeader, check_batch, walk
from gomq_storage.errors import CorruptBatchError
from gomq_storage.log import Log
from gomq_storage.record import NewRecord, Record, decode_batch, encode_batch

_READ_BYTES: Final = 1 << 20


def replay(log: Log) -> Iterator[tuple[bytes, bytes | None]]:
    """Yield key and value of every record from the log's start on; records without a key are passed over.

    Raises:
        CorruptBatchError: the log is damaged.
    """
    for header, records in replay_batches(log):
        if not header.is_control:
            for record in records:
                if record.key is not None:
                    yield record.key, record.value


def replay_batches(log: Log) -> Iterator[tuple[BatchHeader, list[Record]]]:
    """Yield every batch from the log's start on, its CRC checked, and its records; only a few are held at once.

    Raises:
        CorruptBatchError: the log is damaged.
    """
    offset = log.log_start
    while (found := log.read(offset, max_bytes=_READ_BYTES)) is not None:
        data = memoryview(found.read())
        came_from = offset
        for position, _ in walk(data):
            header = check_batch(data, position)
            yield header, decode_batch(data[position:], header)
            offset = header.next_offset
        if offset <= came_from:
            raise CorruptBatchError(f"no whole batch at offset {offset}")


def append(log: Log, changes: Iterable[tuple[bytes, bytes | None]]) -> None:
    """Append the changes as one batch: all of them are in the log, or none."""
    records = [NewRecord(value, key) for key, value in changes]
    log.append(encode_batch(records, now_ms=time.time_ns() // 1_000_000))
