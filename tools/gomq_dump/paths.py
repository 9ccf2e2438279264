"""From what was asked for to the files to be read: a file itself, a partition's files, all partitions of a broker."""

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from gomq_dump.foreign import HEAD_BYTES, describe_file, first_offset
from gomq_storage.layout import (
    LOG_SUFFIX,
    OFFSET_INDEX_SUFFIX,
    TIME_INDEX_SUFFIX,
    parse_partition_directory_name,
    parse_segment_file_name,
    segment_file_name,
)

_SUFFIXES = (LOG_SUFFIX, OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX)
_EXPECTED = "a .log, .index or .timeindex file, a partition's directory or a data directory"


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentFile:
    """One file of a segment."""

    path: str
    base_offset: int
    suffix: str
    is_first: bool = True
    """Whether no file of its partition is read before it."""

    def sibling(self, suffix: str) -> str:
        """Name another file of the same segment."""
        return os.path.join(os.path.dirname(self.path), segment_file_name(self.base_offset, suffix))


class UnusablePathError(Exception):
    """What was asked for is not there, or is nothing that this tool reads."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


def collect(path: str) -> list[SegmentFile]:
    """List the files that a path stands for, in the order of their offsets.

    Raises:
        UnusablePathError: there are none.
    """
    path = re.sub("/+", "/", path)
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            return _collect_directory(path)
        if stat.S_ISREG(mode):
            return [_collect_file(path)]
    except OSError as error:
        raise UnusablePathError(path, error.strerror or str(error)) from error
    raise UnusablePathError(path, f"is not a regular file; expected {_EXPECTED}")


def _collect_file(path: str) -> SegmentFile:
    with open(path, "rb") as file:
        head = file.read(HEAD_BYTES)
    name = os.path.basename(path)
    parsed = parse_segment_file_name(name)
    if parsed is None:
        raise UnusablePathError(path, _foreign(name, head))
    if not head and parsed[1] == LOG_SUFFIX:
        raise UnusablePathError(path, "is empty: a segment to which no record batch was written yet")
    return SegmentFile(path=path, base_offset=parsed[0], suffix=parsed[1])


def _foreign(name: str, head: bytes) -> str:
    found = describe_file(name, head)
    base_offset = first_offset(head)
    if base_offset is not None and name.endswith(LOG_SUFFIX):
        return f"holds {found}; expected a name that says so, such as {segment_file_name(base_offset)}"
    return f"is {found}; expected {_EXPECTED}"


def _collect_directory(path: str) -> list[SegmentFile]:
    names = sorted(os.listdir(path))
    files = list(_partition_files(path, names))
    if files:
        return files
    partitions = sorted(
        (partition, name) for name in names if (partition := parse_partition_directory_name(name)) is not None
    )
    for _, name in partitions:
        files += _files_of(os.path.join(path, name))
    if not files:
        raise UnusablePathError(path, "has neither segment files (00000000000000000000.log) nor partitions (orders-0)")
    return files


def _files_of(directory: str) -> Iterator[SegmentFile]:
    if os.path.isdir(directory):
        yield from _partition_files(directory, os.listdir(directory))


def _partition_files(directory: str, names: list[str]) -> Iterator[SegmentFile]:
    """Yield a partition's files in the order of their offsets, each log in front of its indexes."""
    found = [(parsed, name) for name in names if (parsed := parse_segment_file_name(name)) is not None]
    found.sort(key=lambda item: (item[0][0], _SUFFIXES.index(item[0][1])))
    for number, ((base_offset, suffix), name) in enumerate(found):
        yield SegmentFile(
            path=os.path.join(directory, name), base_offset=base_offset, suffix=suffix, is_first=number == 0
        )
