"""Put a compacted segment into the place of those it was made of, so that a crash leaves the old ones or the new one.

Kafka: ``LocalLog.replaceSegments`` and the first three passes of ``LogLoader``. The files' names tell how far it came:

    00..00.log.cleaned   is being written; worth nothing
    00..00.log.swap      is the truth: the segments that it covers are no part of the log any more
    00..42.log.deleted   was replaced; about to be removed

Which segments a ``.swap`` file covers must be known after a crash, exactly: one too many is lost, one that is left
would bring old messages back, and ones whose key was deleted. The file says so itself: those that begin at or behind
its base offset, and in front of its last batch's end. That is why ``clean_group`` keeps a group's last batch, and
why ``replace`` refuses a segment that does not reach as far as those it is to replace.

Index files may be missing afterwards, never wrong: opening makes them anew.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gomq_storage.batch import HEADER_SIZE, read_header
from gomq_storage.errors import CorruptBatchError, DamagedLogError, LogOfflineError
from gomq_storage.files import Files
from gomq_storage.layout import (
    CLEANED_SUFFIX,
    LOG_SUFFIX,
    REMOVED_SUFFIX,
    SWAP_SUFFIX,
    TXN_INDEX_SUFFIX,
    parse_segment_file_name,
    parse_temporary_file_name,
    segment_file_name,
)
from gomq_storage.segment import Segment

_SCAN_BYTES: Final = 8 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapReport:
    """What an interrupted compaction had left; all zero after a clean stop."""

    finished: int = 0
    """Segments that were put into their place."""
    removed: int = 0
    """Files of replaced segments and of unfinished copies that were removed; ``.deleted`` ones, which every close may
    leave, do not count."""


def replace(files: Files, directory: Path, new: Segment, old: Sequence[Segment]) -> None:
    """Put a segment into the place of others; it is on the device as ``.cleaned``, and has their messages.

    1. ``new`` from ``.cleaned`` to ``.swap``, and sync the names: this is the point of no return.
    2. ``old`` to ``.deleted``, and sync the names: no index of theirs may be taken for one of ``new``'s.
    3. ``new`` from ``.swap`` to the names of a segment in use, and sync the names.

    Interrupted before 1 is complete, the log is the old one or the new one; after that it is the new one, which
    ``finish_swaps`` completes. One segment must be in its place before the next one's turn comes. The files of
    ``old`` may be read on; the caller removes them when nobody does, or ``finish_swaps`` does at the next opening.
    Their names are on the device; that of the segment behind them need not be: nothing in it was promised then.

    Args:
        files: the file system.
        directory: the log's.
        new: what ``clean_group`` made.
        old: what it was made of, all of it part of the log, oldest first.

    Raises:
        OSError: the files could not be renamed; nothing was replaced, and the caller removes ``new``.
        LogOfflineError: something failed later; only opening the log anew tells which segments it has.
        ValueError: ``new`` does not stand for all of ``old``.
    """
    _check_covers(new, old)
    try:
        new.rename(SWAP_SUFFIX)
        files.sync_directory(directory)
        for segment in old:
            segment.rename(REMOVED_SUFFIX)
            if segment.base_offset != new.base_offset:  # the first one's lists transactions that are still there
                _put_aside(files, directory / segment_file_name(segment.base_offset, TXN_INDEX_SUFFIX))
        files.sync_directory(directory)
        new.rename("")
        files.sync_directory(directory)
    except OSError as error:
        if new.path.name.endswith(CLEANED_SUFFIX):
            raise
        raise LogOfflineError(directory, f"replacing segments failed: {error.strerror}") from error


def _put_aside(files: Files, path: Path) -> None:
    if files.exists(path):
        files.rename(path, path.with_name(path.name + REMOVED_SUFFIX))


def _check_covers(new: Segment, old: Sequence[Segment]) -> None:
    end = new.base_offset
    for _, header in new.headers(new.offset_index.last.position):
        end = header.next_offset
    filled = [segment.base_offset for segment in old if segment.size]
    if not old or new.base_offset != old[0].base_offset or (filled and filled[-1] >= end):
        bases = [segment.base_offset for segment in old]
        raise ValueError(f"a segment of offsets {new.base_offset} to {end} cannot stand for those at {bases}")


def finish_swaps(files: Files, directory: Path) -> SwapReport:
    """Finish what an interrupted ``replace`` began, and remove what it left; the first thing to do at an opening.

    1. Remove the segments that a ``.swap`` file covers, and sync the names.
    2. Rename each ``.swap`` file to that of a segment in use, its indexes first, and sync the names.
    3. Remove ``.deleted`` and ``.cleaned`` files, and ``.swap`` indexes without their log; sync the names.

    Interrupted anywhere, the next opening does the rest.

    Raises:
        DamagedLogError: a ``.swap`` file is no log, so it cannot be known what it stands for; nothing was changed.
    """
    names = files.names(directory)
    parsed = {name: parts for name in names if (parts := parse_temporary_file_name(name)) is not None}
    swaps = [base for base, suffix, extra in parsed.values() if (suffix, extra) == (LOG_SUFFIX, SWAP_SUFFIX)]
    covered = [name for base in swaps for name in _covered(files, directory, base, names)]
    _remove(files, directory, covered)
    in_place = [name for name, (base, _, extra) in parsed.items() if extra == SWAP_SUFFIX and base in swaps]
    for name in sorted(in_place, key=lambda name: parsed[name][1] == LOG_SUFFIX):
        files.rename(directory / name, directory / name.removesuffix(SWAP_SUFFIX))
    if in_place:
        files.sync_directory(directory)
    left = [name for name in parsed if name not in in_place]
    _remove(files, directory, left)
    unfinished = [name for name in left if parsed[name][2] != REMOVED_SUFFIX]
    return SwapReport(finished=len(swaps), removed=len(covered) + len(unfinished))


def _remove(files: Files, directory: Path, names: Sequence[str]) -> None:
    for name in names:
        files.remove(directory / name)
    if names:
        files.sync_directory(directory)


def _covered(files: Files, directory: Path, base_offset: int, names: Sequence[str]) -> Iterator[str]:
    """Yield the names of the files in use that a ``.swap`` file stands for."""
    end = max(_end_of(files, directory / segment_file_name(base_offset, LOG_SUFFIX + SWAP_SUFFIX)), base_offset + 1)
    for name in names:
        parsed = parse_segment_file_name(name)
        if parsed is not None and base_offset <= parsed[0] < end:
            yield name
        elif name.endswith(TXN_INDEX_SUFFIX):
            base = parse_segment_file_name(name.removesuffix(TXN_INDEX_SUFFIX) + LOG_SUFFIX)
            if base is not None and base_offset < base[0] < end:
                yield name


def _end_of(files: Files, path: Path) -> int:
    """Return the offset behind a log file's last batch, 0 where it has none; it was synced before it got its name."""
    end = position = chunk_start = 0
    chunk = b""
    file = files.open(path)
    try:
        size = file.size()
        while position < size:
            if position + HEADER_SIZE > chunk_start + len(chunk):
                chunk, chunk_start = file.read(position, _SCAN_BYTES), position
            header = read_header(chunk, position - chunk_start)
            position += header.size
            end = header.next_offset
    except CorruptBatchError as error:
        raise DamagedLogError(path, position, error.reason) from error
    finally:
        file.close()
    if position > size:
        raise DamagedLogError(path, size, f"the file ends at byte {size}, its last batch at {position}")
    return end
