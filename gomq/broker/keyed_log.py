"""A log as a table: each record sets a key, or takes it back with a null value; the last one counts. Blocking.

The broker's own topics are such logs, compacted, and rebuilt into memory by reading them from their start.
"""

import time
from collections.abc import Iterable, Iterator
from typing import Final

from gomq_storage.batch import walk
from gomq_storage.log import Log
from gomq_storage.record import NewRecord, decode_batch, encode_batch

_READ_BYTES: Final = 1 << 20


def replay(log: Log) -> Iterator[tuple[bytes, bytes | None]]:
    """Yield key and value of every record from the log's start on; records without a key are passed over.

    Raises:
        CorruptBatchError: the log is damaged.
    """
    offset = log.log_start
    while (found := log.read(offset, max_bytes=_READ_BYTES)) is not None:
        data = found.read()
        for position, header in walk(data):
            if not header.is_control:
                for record in decode_batch(memoryview(data)[position:], header):
                    if record.key is not None:
                        yield record.key, record.value
            offset = header.next_offset


def append(log: Log, changes: Iterable[tuple[bytes, bytes | None]]) -> None:
    """Append the changes as one batch: all of them are in the log, or none."""
    records = [NewRecord(value, key) for key, value in changes]
    log.append(encode_batch(records, now_ms=time.time_ns() // 1_000_000))
