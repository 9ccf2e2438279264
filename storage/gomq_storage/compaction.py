"""The two passes of a compaction over a log's files: fill the key map, copy what survives. Kafka: ``Cleaner``.

    build_map    from the first dirty offset on: which offset of each key is the latest
    clean_group  for each group of segments, in the log's order: copy the survivors to <base offset>.log.cleaned
    swap.replace puts it into the place of the group; only then the next group's turn comes

The order matters: a tombstone may go one day because what lay in front of it is gone by then. Nothing here changes a
file of the log, so both may stop or fail anywhere; what was copied is removed again, or else at the next opening.

Both work through the log in steps of a tenth of a millisecond or less and call ``pace`` between them: a thread that
computes without a break would keep the event loop, which needs the same interpreter, waiting. What takes longer
(reading, syncing, the codecs, the CRC of a large batch) lets go of the interpreter by itself.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from crc32c import crc32c

from gomq_storage.batch import ATTRIBUTES_POSITION, HEADER_SIZE, BatchHeader, read_header
from gomq_storage.config import LogConfig
from gomq_storage.errors import CorruptBatchError, LogOfflineError, StorageError
from gomq_storage.files import Files
from gomq_storage.key_map import KeyMap
from gomq_storage.layout import CLEANED_SUFFIX, parse_temporary_file_name
from gomq_storage.record_keys import BatchKeys, KeyColumns
from gomq_storage.segment import Segment
from gomq_storage.survivors import RUN_RECORDS, Survivors

MAX_BATCH_BYTES: Final = 64 << 20
"""A batch that says to be larger is not read into memory."""
_CHUNK_BYTES: Final = 1 << 20
_SYNC_BYTES: Final = 8 << 20
"""Synced so often, the copy never keeps the device from the log's own syncs for long."""
_LONGEST_SLEEP: Final = 0.1


class CompactionStoppedError(StorageError):
    """A compaction was told to stop; the log is as it was, but for the groups that were replaced already."""

    def __init__(self) -> None:
        super().__init__("the compaction was stopped")


class Pace:
    """Takes breaks: so many bytes a second at most, and only a part of the time.

    Args:
        max_bytes_per_second: ``log.cleaner.io.max.bytes.per.second``; None: as many as there are.
        share: the part of the time that may be worked, more than 0, at most 1.
        slice_seconds: a break comes once so much was worked in one go.
        should_stop: asked at every call and during long breaks.
        clock: seconds, ascending.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        *,
        max_bytes_per_second: float | None = None,
        share: float = 0.3,
        slice_seconds: float = 0.0002,
        should_stop: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not 0 < share <= 1:
            raise ValueError(f"share must be above 0 and at most 1, not {share}")
        if max_bytes_per_second is not None and max_bytes_per_second <= 0:
            raise ValueError(f"max_bytes_per_second must be above 0, not {max_bytes_per_second}")
        self._max_bytes_per_second = max_bytes_per_second
        self._rest_per_work = (1 - share) / share
        self._slice_seconds = slice_seconds
        self._should_stop = should_stop
        self._clock = clock
        self._sleep = sleep
        self._began = clock()
        self._due = self._began  # when the bytes so far would be through at the highest speed

    def __call__(self, size: int) -> None:
        """Say that so many bytes were handled, and take the break that is due.

        Raises:
            CompactionStoppedError: ``should_stop`` said so.
        """
        if self._should_stop():
            raise CompactionStoppedError
        now = self._clock()
        if self._max_bytes_per_second is not None:
            self._due = max(self._due, self._began) + size / self._max_bytes_per_second
        worked = now - self._began
        if worked < self._slice_seconds and self._due <= now + self._slice_seconds:
            return
        left = max(worked * self._rest_per_work, self._due - now)
        while left > 0:
            self._sleep(min(left, _LONGEST_SLEEP))
            left -= _LONGEST_SLEEP
            if self._should_stop():
                raise CompactionStoppedError
        self._began = self._clock()


def build_map(
    segments: Sequence[Segment], *, first_dirty: int, upto: int, key_map: KeyMap, pace: Callable[[int], None]
) -> int:
    """Fill a key map from the dirty part of a log; return its new end.

    The end is smaller than ``upto`` where the map is full, or where a batch of a transaction, or a marker of one,
    lies: the log can be compacted up to there. A map takes at least one key, so the end is the first dirty offset
    only where such a batch is the first one.

    Args:
        segments: those of the log that begin in front of ``upto``, oldest first.
        first_dirty: where to begin.
        upto: where to end: the base offset of a segment.
        key_map: is emptied first.
        pace: called with the number of bytes looked at; it may sleep, or raise.

    Raises:
        CorruptBatchError: a batch is damaged.
    """
    key_map.clear(pace)
    key_map.end = _fill(segments, first_dirty, upto, key_map, pace)
    return key_map.end


def _fill(
    segments: Sequence[Segment], first_dirty: int, upto: int, key_map: KeyMap, pace: Callable[[int], None]
) -> int:
    for segment in segments:
        found = segment.find(first_dirty)
        for header, batch in _batches(segment, found[0].position) if found is not None else ():
            if header.base_offset >= upto:
                return upto
            if header.is_control or header.is_transactional:
                return max(header.base_offset, first_dirty)
            full_at = _put_batch(batch, header, first_dirty, key_map, pace)
            if full_at is not None:
                return full_at
    return upto


def _put_batch(
    batch: memoryview, header: BatchHeader, first_dirty: int, key_map: KeyMap, pace: Callable[[int], None]
) -> int | None:
    """Put a batch's keys into the map; return the offset of the first record whose key does not fit in, if any."""
    records = BatchKeys(batch, header)
    while not records.is_taken:
        columns = records.take(RUN_RECORDS)
        keys, offsets = _keyed(columns, first_dirty)
        fitted = key_map.put_all(keys, offsets)
        if fitted < len(keys):
            return offsets[fitted]
        pace(columns.ends[-1] - columns.starts[0])
    return None


def _keyed(columns: KeyColumns, first_dirty: int) -> tuple[list[bytes], list[int]]:
    """Return keys and offsets of the records that have a key and are dirty."""
    rows = zip(columns.keys, columns.offsets, strict=True)
    keyed = [(key, offset) for key, offset in rows if key is not None and offset >= first_dirty]
    return [key for key, _ in keyed], [offset for _, offset in keyed]


def clean_group(
    files: Files,
    directory: Path,
    group: Sequence[Segment],
    *,
    survivors: Survivors,
    is_last_of_producer: Callable[[BatchHeader], bool],
    config: LogConfig,
) -> Segment:
    """Copy what survives of a group of segments into a new one; return it, still named ``.cleaned`` and on the device.

    The last batch of the group stays, though it be without records. So the new segment ends where the old ones
    ended: the log gets no hole between two files, no offset is forgotten, and after a crash the new file itself says
    which others it stands for (see ``swap.py``). It begins where the group began. Kafka keeps only the last batch of
    all that is compacted.

    Args:
        files: the file system.
        directory: the log's.
        group: neighbours, oldest first, of which none is the active one.
        survivors: tells what stays of a batch.
        is_last_of_producer: whether a batch is the last one of a producer that may still send: it stays, though it
            be without records, since it says which sequence number comes next.
        config: the log's settings.

    Raises:
        CorruptBatchError: a batch is damaged; a new CRC would hide it.
        CompactionStoppedError: the pace said so.
        OSError: the copy could not be written.
    """
    base_offset = group[0].base_offset
    _remove_copy(files, directory, base_offset)  # what an earlier compaction could not remove
    opened: list[Segment] = []
    try:
        opened.append(Segment.open(files, directory, base_offset, create=True, extra_suffix=CLEANED_SUFFIX))
        _copy(group, opened[0], survivors, is_last_of_producer, config)
        opened[0].seal()
        opened[0].sync()
        opened[0].sync_indexes()
    except BaseException as error:
        for cleaned in opened:
            cleaned.close()
        with suppress(OSError):
            _remove_copy(files, directory, base_offset)
        if isinstance(error, LogOfflineError) and isinstance(error.__cause__, OSError):
            raise error.__cause__ from None  # the copy is lost, the log is not
        raise
    return opened[0]


def _copy(
    group: Sequence[Segment],
    cleaned: Segment,
    survivors: Survivors,
    is_last_of_producer: Callable[[BatchHeader], bool],
    config: LogConfig,
) -> None:
    last_segment = next((segment for segment in reversed(group) if segment.size), None)
    synced = 0
    for segment in group:
        position = 0
        for header, batch in _batches(segment, 0):
            position += header.size
            is_last = segment is last_segment and position == segment.size
            kept = survivors.of(batch, header, keep_if_empty=is_last or is_last_of_producer(header))
            if kept is None:
                continue
            batch_left, header_left = kept
            cleaned.append(
                batch_left,
                header_left,
                base_offset=header.base_offset,
                leader_epoch=header.leader_epoch,
                config=config,
            )
            if cleaned.size - synced >= _SYNC_BYTES:
                cleaned.sync()
                synced = cleaned.size


def _remove_copy(files: Files, directory: Path, base_offset: int) -> None:
    for name in files.names(directory):
        parsed = parse_temporary_file_name(name)
        if parsed is not None and parsed[0] == base_offset and parsed[2] == CLEANED_SUFFIX:
            files.remove(directory / name)


def _batches(segment: Segment, start: int) -> Iterator[tuple[BatchHeader, memoryview]]:
    """Yield header and bytes of each batch from a position on, CRC checked, reading a chunk or one batch at a time.

    Raises:
        CorruptBatchError: a batch is damaged, or too large to be looked at.
    """
    end = segment.size
    position = chunk_start = start
    chunk = memoryview(b"")
    while position < end:
        try:
            if position + HEADER_SIZE > chunk_start + len(chunk):
                chunk, chunk_start = _read(segment, position, _CHUNK_BYTES, end), position
            header = read_header(chunk, position - chunk_start)
            size = _sound_size(header, end - position)
            if position + size > chunk_start + len(chunk):
                chunk, chunk_start = _read(segment, position, max(size, _CHUNK_BYTES), end), position
            batch = chunk[position - chunk_start : position - chunk_start + size]
            _check_crc(batch, header)
        except CorruptBatchError as error:
            raise CorruptBatchError(error.reason, position=position, path=segment.path) from error
        yield header, batch
        position += size


def _read(segment: Segment, position: int, size: int, end: int) -> memoryview:
    return memoryview(segment.read(position, min(size, end - position)))


def _sound_size(header: BatchHeader, left: int) -> int:
    if header.size > min(left, MAX_BATCH_BYTES):
        raise CorruptBatchError(f"batch of {header.size} bytes, {left} are left, {MAX_BATCH_BYTES} the most")
    return header.size


def _check_crc(batch: memoryview, header: BatchHeader) -> None:
    if (crc := crc32c(batch[ATTRIBUTES_POSITION:])) != header.crc:
        raise CorruptBatchError(f"CRC is {crc:#010x}, the header says {header.crc:#010x}")
