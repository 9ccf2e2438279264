"""A log's producer snapshots: ``<offset>.snapshot`` tells of the batches below it. Kafka: ``ProducerStateManager``.

A snapshot is disposable: one that is missing or damaged is passed over, and the batches behind an older one tell the
rest. One is written when a segment is begun and when the log is closed; it goes with the segment of its offset, once
another that is on the device tells of the same.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from gomq_storage.batch import HEADER_SIZE, NO_PRODUCER_ID, BatchHeader
from gomq_storage.errors import CorruptBatchError, CorruptFileError
from gomq_storage.files import Files, read_whole
from gomq_storage.layout import SNAPSHOT_SUFFIX, parse_snapshot_file_name, segment_file_name
from gomq_storage.producer_snapshot import decode_snapshot, encode_snapshot
from gomq_storage.producers import Producers
from gomq_storage.record import decode_batch
from gomq_storage.segment import Segment

_MAX_SNAPSHOT_BYTES: Final = 64 << 20
_RECALLED_BYTES: Final = 128 << 10
"""How much of the log in front of a snapshot is looked at for the batches that it does not tell of."""
_VERSION_AND_COORDINATOR_EPOCH: Final = struct.Struct(">hi")


def recover_producers(files: Files, directory: Path, segments: Sequence[Segment], *, log_end: int) -> Producers:
    """Read the newest good snapshot that is not of a later log end, and the headers of the batches behind it.

    Without one all batches are looked at, those too that were deleted and are still there.
    """
    producers = _newest_snapshot(files, directory, log_end)
    if producers is None:
        producers = Producers(end=segments[0].base_offset if segments else log_end)
    told = producers.end
    if producers.end < log_end:
        for segment in segments:
            replay_producers(segment, producers)
    producers.end = log_end
    if len(producers):
        with suppress(CorruptBatchError):
            producers.recall(_headers_before(told, segments))
    return producers


def write_snapshot(files: Files, directory: Path, producers: Producers) -> None:
    """Write a snapshot of the producers as they are; not synced, for a torn one is told by its CRC.

    Raises:
        OSError: it could not be written; what is there of it is no harm.
    """
    path = directory / segment_file_name(producers.end, SNAPSHOT_SUFFIX)
    file = files.open(path, create=True)
    try:
        file.truncate(0)
        file.write(0, [encode_snapshot(producers)])
    finally:
        file.close()


def secure_producers(files: Files, directory: Path, producers: Producers, *, base_offset: int) -> None:
    """See that a snapshot on the device tells of the producers, before segments go that tell of them.

    There is one since the first of the segments that stay was begun, if there was room for it. Where there is no room
    now either, what is known of them lasts until the process ends: segments go so that there is room.

    Args:
        files: the file system.
        directory: the log's folder.
        producers: as they are at the log's end; nobody may change them meanwhile.
        base_offset: of the first segment that stays.
    """
    if not len(producers):
        return
    with suppress(OSError):
        if not _sync_snapshot(files, directory, base_offset):
            write_snapshot(files, directory, producers)
            _sync_snapshot(files, directory, producers.end)


def remove_snapshots(files: Files, directory: Path, offsets: Iterable[int]) -> None:
    """Remove the snapshots of these offsets; one that is not there need not be removed."""
    for offset in offsets:
        with suppress(FileNotFoundError):
            files.remove(directory / segment_file_name(offset, SNAPSHOT_SUFFIX))


def snapshot_offsets(files: Files, directory: Path) -> list[int]:
    """List the offsets that there are snapshots of, ascending."""
    names = files.names(directory)
    return sorted(offset for name in names if (offset := parse_snapshot_file_name(name)) is not None)


def _sync_snapshot(files: Files, directory: Path, offset: int) -> bool:
    """See that the snapshot of an offset is on the device, if it is good; say whether it is."""
    path = directory / segment_file_name(offset, SNAPSHOT_SUFFIX)
    try:
        decode_snapshot(read_whole(files, path, max_bytes=_MAX_SNAPSHOT_BYTES), end=offset)
    except (FileNotFoundError, CorruptFileError):
        return False
    file = files.open(path)
    try:
        file.sync()
    finally:
        file.close()
    files.sync_directory(directory)
    return True


def _newest_snapshot(files: Files, directory: Path, log_end: int) -> Producers | None:
    for offset in reversed(snapshot_offsets(files, directory)):
        if offset <= log_end:
            path = directory / segment_file_name(offset, SNAPSHOT_SUFFIX)
            with suppress(CorruptFileError):
                return decode_snapshot(read_whole(files, path, max_bytes=_MAX_SNAPSHOT_BYTES), end=offset)
    return None


def _headers_before(offset: int, segments: Sequence[Segment]) -> Iterator[BatchHeader]:
    """Yield the headers of the batches right in front of an offset, from one or two segments."""
    for segment in [segment for segment in segments if segment.base_offset < offset][-2:]:
        found = segment.find(offset)
        end = found[0].position if found is not None else segment.size
        for _, header in segment.headers(segment.offset_index.before(max(end - _RECALLED_BYTES, 0)).position):
            if header.base_offset >= offset:
                break
            yield header


def replay_producers(segment: Segment, producers: Producers) -> None:
    """Take account of a segment's batches from ``producers.end`` on.

    Raises:
        CorruptBatchError: a header cannot be one.
    """
    start = segment.find(producers.end)
    if start is None:
        return
    for position, header in segment.headers(start[0].position):
        if header.producer_id > NO_PRODUCER_ID:
            epoch = _coordinator_epoch(segment, position, header) if header.is_control else None
            producers.note(header, coordinator_epoch=epoch)
            producers.transactions.first_unstable(header.next_offset)  # what is decided need not be remembered
        producers.end = header.next_offset


def _coordinator_epoch(segment: Segment, position: int, header: BatchHeader) -> int | None:
    """Read the epoch of the transaction coordinator that wrote a marker; None where there is no telling."""
    if header.size <= HEADER_SIZE:
        return None
    with suppress(CorruptBatchError, struct.error):
        for record in decode_batch(segment.read(position, header.size), header):
            return int(_VERSION_AND_COORDINATOR_EPOCH.unpack_from(record.value or b"")[1])
    return None
