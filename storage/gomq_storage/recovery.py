"""Open a log's folder: check what a crash may have left, rebuild indexes, cut a torn tail. Kafka: ``LogLoader``.

1. Check each sealed segment cheaply: from its last index entries on it must end where the next segment begins.
   Where it does not, or the indexes lack something, scan it and rebuild its indexes.
2. Scan the last segment whole, its CRCs too, and rebuild its indexes.
3. Cut its torn tail, if it has one, after copying what is cut to ``<base offset>.log.torn``.
4. Remove index files that have no log file.

A single broker has no replica to fetch from, so nothing is cut that may be good: where a valid batch follows a
damaged one, or a sealed segment is damaged, opening fails with ``DamagedLogError`` and the files stay as they are.
Interrupted at any point, the next opening does the same again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from crc32c import crc32c

from gomq_storage.batch import (
    ATTRIBUTES_POSITION,
    HEADER_SIZE,
    MAGIC,
    MAGIC_POSITION,
    NO_LEADER_EPOCH,
    BatchHeader,
    read_header,
)
from gomq_storage.config import LogConfig
from gomq_storage.errors import CorruptBatchError, DamagedLogError
from gomq_storage.files import Files
from gomq_storage.layout import LOG_SUFFIX, parse_segment_file_name
from gomq_storage.offset_index import MAX_RELATIVE_OFFSET
from gomq_storage.segment import Segment

_CHUNK_BYTES: Final = 1 << 20
_MAGIC_BYTE: Final = bytes([MAGIC])


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryReport:
    """What opening a log had to repair; all zero after a clean stop."""

    truncated_bytes: int = 0
    """Bytes cut off the last segment's end."""
    rebuilt_segments: int = 0
    """Sealed segments whose indexes were missing or wrong."""
    removed_files: int = 0
    """Index files that belonged to no segment."""


def recover(files: Files, directory: Path, *, config: LogConfig) -> tuple[tuple[Segment, ...], int, RecoveryReport]:
    """Open all segments of a log, oldest first, mending what can be mended.

    Returns:
        the segments, at least one; the offset behind the last record; what had to be done.

    Raises:
        DamagedLogError: data would be lost; nothing of it was touched.
    """
    names = files.names(directory)
    bases = sorted(parsed[0] for name in names if (parsed := parse_segment_file_name(name)) and parsed[1] == LOG_SUFFIX)
    segments: list[Segment] = []
    rebuilt = 0
    try:
        for base_offset, following in pairwise(bases):
            segments.append(Segment.open(files, directory, base_offset))
            if not _is_sound(segments[-1], following, config):
                _rebuild_sealed(segments[-1], following, config)
                rebuilt += 1
        segments.append(Segment.open(files, directory, bases[-1] if bases else 0, create=not bases))
        log_end, cut = _recover_last(files, segments[-1], config)
        removed = _remove_orphans(files, directory, names, frozenset(bases or [0]))
    except BaseException:
        for segment in segments:
            segment.close()
        raise
    report = RecoveryReport(truncated_bytes=cut, rebuilt_segments=rebuilt, removed_files=removed)
    return tuple(segments), log_end, report


def _remove_orphans(files: Files, directory: Path, names: list[str], bases: frozenset[int]) -> int:
    orphans = [name for name in names if (parsed := parse_segment_file_name(name)) and parsed[0] not in bases]
    for name in orphans:
        files.remove(directory / name)
    return len(orphans)


def _is_sound(segment: Segment, following: int, config: LogConfig) -> bool:
    """Whether a sealed segment, looked at through its indexes, reaches the next one, and they lack no entry.

    The indexes are never synced, so a power cut may have taken any part of them.
    """
    last, end, aligned = segment.offset_index.last, segment.base_offset, False
    try:
        largest_at = segment.position_of(segment.largest)
        if largest_at is None:
            return False
        for position, header in segment.headers(min(last.position, largest_at)):
            aligned |= position == last.position and header.base_offset <= last.offset
            if position - last.position > config.index_interval_bytes:
                return False
            if header.max_timestamp > segment.largest.timestamp:
                return False
            end = header.next_offset
    except CorruptBatchError:
        return False
    return aligned and end == following


def _rebuild_sealed(segment: Segment, following: int, config: LogConfig) -> None:
    size = segment.size
    next_offset, problem = _scan(segment, size, config)
    if problem is not None:
        raise DamagedLogError(segment.path, problem.position, problem.reason)
    if next_offset != following:
        reason = f"the segment ends before offset {next_offset}, the next one starts at {following}"
        raise DamagedLogError(segment.path, size, reason)
    segment.seal()
    segment.finish_rebuilding()


def _recover_last(files: Files, segment: Segment, config: LogConfig) -> tuple[int, int]:
    """Scan the last segment and cut its torn tail; return the log's end and how many bytes were cut."""
    size = segment.size
    next_offset, problem = _scan(segment, size, config)
    if problem is not None:
        later = _valid_batch_behind(segment, problem.position, size, next_offset)
        if later is not None:
            reason = f"{problem.reason}; a valid batch follows at byte {later}"
            raise DamagedLogError(segment.path, problem.position, reason)
        _keep_aside(files, segment, problem.position, size)
        segment.truncate(problem.position)
    segment.finish_rebuilding()
    return next_offset, size - segment.size


def _scan(segment: Segment, size: int, config: LogConfig) -> tuple[int, CorruptBatchError | None]:
    """Check every batch and work out the indexes; return the offset behind the last good batch and what ended it.

    Raises:
        DamagedLogError: a batch whose CRC holds cannot be where it is.
    """
    segment.begin_rebuilding()
    expected = segment.base_offset
    try:
        for position, header in _checked_batches(segment, size):
            if header.base_offset != expected:
                reason = f"base offset {header.base_offset} where {expected} should follow"
                return expected, CorruptBatchError(reason, position=position, path=segment.path)
            if (problem := _problem_with_place(segment, header)) is not None:
                raise DamagedLogError(segment.path, position, problem)
            segment.note(header, position, config=config)
            expected = header.next_offset
    except CorruptBatchError as problem:
        return expected, problem
    return expected, None


def _problem_with_place(segment: Segment, header: BatchHeader) -> str | None:
    """Say why a batch that is whole cannot be this segment's next. It is no torn tail, and is not cut."""
    if header.last_offset - segment.base_offset > MAX_RELATIVE_OFFSET:
        return f"offset {header.last_offset} is too far from the file's first"
    if header.leader_epoch != NO_LEADER_EPOCH and header.leader_epoch < max(segment.leader_epoch, 0):
        return f"leader epoch {header.leader_epoch} behind {segment.leader_epoch}"
    return None


def _checked_batches(segment: Segment, size: int) -> Iterator[tuple[int, BatchHeader]]:
    """Yield position and header of each batch whose CRC holds, reading a chunk at a time."""
    position = 0
    chunk, start = memoryview(b""), 0
    while position < size:
        if position + HEADER_SIZE > start + len(chunk):
            chunk, start = memoryview(segment.read(position, _CHUNK_BYTES)), position
        try:
            header = read_header(chunk, position - start)
        except CorruptBatchError as error:
            raise CorruptBatchError(error.reason, position=position, path=segment.path) from error
        end = position + header.size
        if end > size:
            reason = f"batch of {header.size} bytes, {size - position} are left"
            raise CorruptBatchError(reason, position=position, path=segment.path)
        if end > start + len(chunk) and header.size <= _CHUNK_BYTES:
            chunk, start = memoryview(segment.read(position, _CHUNK_BYTES)), position
        if end <= start + len(chunk):
            crc = crc32c(chunk[position - start + ATTRIBUTES_POSITION : end - start])
        else:
            crc = _crc(segment, position, header)
        if crc != header.crc:
            reason = f"CRC is {crc:#010x}, the header says {header.crc:#010x}"
            raise CorruptBatchError(reason, position=position, path=segment.path)
        yield position, header
        position = end


def _crc(segment: Segment, position: int, header: BatchHeader) -> int:
    """Work out a batch's CRC a chunk at a time: its length may be a lie, and is not worth that much memory."""
    crc = 0
    end = position + header.size
    for start in range(position + ATTRIBUTES_POSITION, end, _CHUNK_BYTES):
        crc = crc32c(segment.read(start, min(_CHUNK_BYTES, end - start)), crc)
    return crc


def _valid_batch_behind(segment: Segment, damaged: int, size: int, expected: int) -> int | None:
    """Look for a batch with a good CRC and an offset that may follow, anywhere behind a damaged one."""
    start = damaged + 1
    while start + HEADER_SIZE <= size:
        chunk = segment.read(start, _CHUNK_BYTES + HEADER_SIZE)
        found = chunk.find(_MAGIC_BYTE, MAGIC_POSITION)
        while 0 <= found < _CHUNK_BYTES + MAGIC_POSITION:
            first = found - MAGIC_POSITION
            if _is_valid_batch(segment, chunk[first : first + HEADER_SIZE], start + first, size, expected):
                return start + first
            found = chunk.find(_MAGIC_BYTE, found + 1)
        start += _CHUNK_BYTES
    return None


def _is_valid_batch(segment: Segment, raw: bytes, position: int, size: int, expected: int) -> bool:
    try:
        header = read_header(raw)
    except CorruptBatchError:
        return False
    # Of what looks like a header by chance, hardly anything has an offset of this segment: few CRCs are worked out.
    if not expected <= header.base_offset <= segment.base_offset + MAX_RELATIVE_OFFSET:
        return False
    return position + header.size <= size and _crc(segment, position, header) == header.crc


def _keep_aside(files: Files, segment: Segment, position: int, size: int) -> None:
    """Copy what is about to be cut to a file beside the log, unless it is nothing but zeros."""
    target = segment.path.with_name(segment.path.name + ".torn")
    if not any(segment.read(start, _CHUNK_BYTES).strip(b"\0") for start in range(position, size, _CHUNK_BYTES)):
        return
    copy = files.open(target, create=True)
    try:
        copy.truncate(0)
        for start in range(position, size, _CHUNK_BYTES):
            copy.write(start - position, [segment.read(start, min(_CHUNK_BYTES, size - start))])
        copy.sync()
    finally:
        copy.close()
    files.sync_directory(target.parent)
