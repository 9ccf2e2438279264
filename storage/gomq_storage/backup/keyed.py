"""The broker's own logs, as a backup has them: each record sets a key, or takes it back; the last one counts.

What such a log says of topics that are not in the backup is taken back by a batch behind its end, as the broker itself
would have done it: a log that is copied is not written anew.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from gomq_storage.backup.files import BackupFiles
from gomq_storage.batch import HEADER_SIZE, BatchHeader, check_batch, read_header, stamp, walk
from gomq_storage.errors import CorruptBatchError
from gomq_storage.files import File
from gomq_storage.layout import LOG_SUFFIX, parse_segment_file_name, segment_file_name
from gomq_storage.record import NewRecord, decode_batch, encode_batch

_READ_BYTES: Final = 1 << 20
_BATCH_BYTES: Final = 256 << 10
"""Of keys and values that are put into one batch."""


class KeyedLog(NamedTuple):
    """What a log says in the end."""

    values: dict[bytes, bytes]
    end_offset: int
    last: BatchHeader | None
    """Of its last batch."""


def read_keyed(files: BackupFiles, folder: Path) -> KeyedLog:
    """Read a log that nobody writes to.

    Raises:
        CorruptBatchError: it is damaged.
        OSError: it cannot be read.
    """
    values: dict[bytes, bytes] = {}
    end_offset, last = 0, None
    for base in sorted(_bases(files, folder)):
        end_offset = max(end_offset, base)
        file = files.open(folder / segment_file_name(base))
        try:
            for batch, header in _batches(file):
                end_offset, last = header.next_offset, header
                if not header.is_control:
                    _take(values, batch, header)
        finally:
            file.close()
    return KeyedLog(values, end_offset, last)


def changing(log: KeyedLog, changes: Mapping[bytes, bytes | None]) -> tuple[bytes, int]:
    """Make batches that set keys of a log, or take them back with None; return them and the offset behind them."""
    parts: list[bytes] = []
    offset = log.end_offset
    epoch, now_ms = (-1, 0) if log.last is None else (log.last.leader_epoch, log.last.max_timestamp)
    for records in _grouped(changes):
        batch = encode_batch(records, now_ms=now_ms)
        header = read_header(batch)
        prefix = stamp(header, base_offset=offset, leader_epoch=epoch)
        parts += [prefix, batch[len(prefix) :]]
        offset += len(records)
    return b"".join(parts), offset


def last_segment(files: BackupFiles, folder: Path) -> str:
    """Name the log file that such batches go to the end of."""
    return segment_file_name(max(_bases(files, folder)))


def _bases(files: BackupFiles, folder: Path) -> Iterator[int]:
    for name in files.names(folder):
        if (parsed := parse_segment_file_name(name)) is not None and parsed[1] == LOG_SUFFIX:
            yield parsed[0]


def _batches(file: File) -> Iterator[tuple[memoryview, BatchHeader]]:
    """Yield every batch, its CRC checked; only some are held at once."""
    position, size = 0, file.size()
    wanted = _READ_BYTES
    while position < size:
        data = memoryview(file.read(position, min(wanted, size - position)))
        done = 0
        for start, _ in walk(data):
            header = check_batch(data, start)
            done = start + header.size
            yield data[start:done], header
        if not done:  # not all of it is there: it is larger than what was read, or the file is cut off
            wanted = read_header(data).size
            if len(data) < HEADER_SIZE or wanted > size - position:
                raise CorruptBatchError("the file ends within a batch", position=position)
            continue
        position, wanted = position + done, _READ_BYTES


def _take(values: dict[bytes, bytes], batch: memoryview, header: BatchHeader) -> None:
    for record in decode_batch(batch, header):
        if record.key is not None and record.value is not None:
            values[record.key] = record.value
        elif record.key is not None:
            values.pop(record.key, None)


def _grouped(changes: Mapping[bytes, bytes | None]) -> Iterable[list[NewRecord]]:
    group: list[NewRecord] = []
    size = 0
    for key, value in changes.items():
        group.append(NewRecord(value, key))
        size += len(key) + len(value or b"")
        if size >= _BATCH_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group
