"""Open a log's folder: check what a crash may have left, rebuild indexes, cut a torn tail. Kafka: ``LogLoader``.

1. Remove index files that have no log file.
2. Check each sealed segment cheaply: from its last index entry on it must end where the next segment begins.
   Where it does not, or an index is missing, scan it and rebuild its indexes.
3. Scan the last segment whole, its CRCs too, and rebuild its indexes.
4. Cut its torn tail, if it has one, after copying what is cut to ``<base offset>.log.torn``.

A single broker has no replica to fetch from, so nothing is cut that may be good: where a valid batch follows a
damaged one, or a sealed segment is damaged, opening fails with ``DamagedLogError`` and the files stay as they are.
Interrupted at any point, the next opening does the same again.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Final

from gomq_storage.batch import (
    HEADER_SIZE,
    LENGTH_OVERHEAD,
    MAGIC,
    MAGIC_POSITION,
    BatchHeader,
    check_batch,
    read_header,
)
from gomq_storage.config import LogConfig
from gomq_storage.errors import CorruptBatchError, DamagedLogError
from gomq_storage.files import Files
from gomq_storage.layout import (
    LOG_SUFFIX,
    parse_segment_file_name,
)
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
    report = RecoveryReport(removed_files=_remove_orphans(files, directory, names, frozenset(bases)))
    if not bases:
        return (Segment.open(files, directory, 0, create=True),), 0, report
    segments: list[Segment] = []
    try:
        for base_offset, following in pairwise(bases):
            segments.append(Segment.open(files, directory, base_offset))
            if not _ends_at(segments[-1], following):
                _rebuild_sealed(segments[-1], following, config)
                report = replace(report, rebuilt_segments=report.rebuilt_segments + 1)
        segments.append(Segment.open(files, directory, bases[-1]))
        log_end, cut = _recover_last(files, segments[-1], config)
    except BaseException:
        for segment in segments:
            segment.close()
        raise
    return tuple(segments), log_end, replace(report, truncated_bytes=cut)


def _remove_orphans(files: Files, directory: Path, names: list[str], bases: frozenset[int]) -> int:
    orphans = [name for name in names if (parsed := parse_segment_file_name(name)) and parsed[0] not in bases]
    for name in orphans:
        files.remove(directory / name)
    return len(orphans)


def _ends_at(segment: Segment, following: int) -> bool:
    """Whether a sealed segment, looked at through its indexes, reaches the next one."""
    if segment.size and not len(segment.time_index):
        return False
    try:
        return segment.next_offset() == following
    except CorruptBatchError:
        return False


def _rebuild_sealed(segment: Segment, following: int, config: LogConfig) -> None:
    size = segment.size
    next_offset, problem = _scan(segment, size, config)
    if problem is not None:
        raise DamagedLogError(segment.path, problem.position, problem.reason)
    if next_offset != following:
        reason = f"the segment ends before offset {next_offset}, the next one starts at {following}"
        raise DamagedLogError(segment.path, size, reason)
    segment.seal()


def _recover_last(files: Files, segment: Segment, config: LogConfig) -> tuple[int, int]:
    """Scan the last segment and cut its torn tail; return the log's end and how many bytes were cut."""
    size = segment.size
    next_offset, problem = _scan(segment, size, config)
    if problem is None:
        return next_offset, 0
    later = _valid_batch_behind(segment, problem.position, size, next_offset)
    if later is not None:
        raise DamagedLogError(
            segment.path, problem.position, f"{problem.reason}; a valid batch follows at byte {later}"
        )
    _keep_aside(files, segment, problem.position, size)
    segment.truncate(problem.position)
    return next_offset, size - problem.position


def _scan(segment: Segment, size: int, config: LogConfig) -> tuple[int, CorruptBatchError | None]:
    """Check every batch and rebuild the indexes; return the offset behind the last good batch and what ended it."""
    segment.clear_indexes()
    segment.size = 0
    expected = segment.base_offset
    try:
        for position, header in _checked_batches(segment, size):
            if header.base_offset != expected:
                reason = f"base offset {header.base_offset} where {expected} should follow"
                return expected, CorruptBatchError(reason, position=position, path=segment.path)
            segment.note(header, position, config=config)
            expected = header.next_offset
    except CorruptBatchError as problem:
        return expected, problem
    return expected, None


def _checked_batches(segment: Segment, size: int) -> Iterator[tuple[int, BatchHeader]]:
    """Yield position and header of each batch whose CRC holds, reading a chunk at a time."""
    position = 0
    chunk, chunk_start = b"", 0
    while position < size:
        wanted = HEADER_SIZE
        if position - chunk_start + LENGTH_OVERHEAD <= len(chunk):
            start = position - chunk_start
            wanted = LENGTH_OVERHEAD + int.from_bytes(chunk[start + 8 : start + LENGTH_OVERHEAD], "big", signed=True)
        if position + wanted > chunk_start + len(chunk) and chunk_start + len(chunk) < size:
            if position + wanted > size:
                raise CorruptBatchError(
                    f"batch of {wanted} bytes, {size - position} are left", position=position, path=segment.path
                )
            chunk, chunk_start = segment.read(position, max(wanted, _CHUNK_BYTES)), position
            continue
        try:
            header = check_batch(chunk, position - chunk_start)
        except CorruptBatchError as error:
            raise CorruptBatchError(error.reason, position=position, path=segment.path) from error
        yield position, header
        position += header.size


def _valid_batch_behind(segment: Segment, damaged: int, size: int, expected: int) -> int | None:
    """Look for a batch with a good CRC and an offset that may follow, anywhere behind a damaged one."""
    start = damaged + 1
    while start + HEADER_SIZE <= size:
        chunk = segment.read(start, _CHUNK_BYTES + HEADER_SIZE)
        found = chunk.find(_MAGIC_BYTE, MAGIC_POSITION)
        while 0 <= found < _CHUNK_BYTES + MAGIC_POSITION:
            candidate = start + found - MAGIC_POSITION
            if _is_valid_batch(segment, chunk[found - MAGIC_POSITION :][:HEADER_SIZE], candidate, size, expected):
                return candidate
            found = chunk.find(_MAGIC_BYTE, found + 1)
        start += _CHUNK_BYTES
    return None


def _is_valid_batch(segment: Segment, raw: bytes, position: int, size: int, expected: int) -> bool:
    try:
        header = read_header(raw)
        if header.base_offset < expected or position + header.size > size:
            return False
        check_batch(segment.read(position, header.size))
    except CorruptBatchError:
        return False
    return True


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
