"""From what was asked for to the files to be read: a file itself, a partition's files, all that a broker has."""

import os
import re
import stat
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace

from gomq_dump.reading.foreign import HEAD_BYTES, describe_file, first_offset
from gomq_dump.reading.kinds import DIRECTORY_FILES, INDEXED_SUFFIXES, FileName, parse_file, parse_partition_file
from gomq_storage.layout import (
    LOG_SUFFIX,
    TopicPartition,
    parse_partition_directory_name,
    partition_directory_name,
    segment_file_name,
)

_EXPECTED = "a file such as .log or .index (--help lists them), a partition's directory or a data directory"


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentFile:
    """One file of a segment, or one that a broker keeps beside its segments."""

    path: str
    base_offset: int
    """The number in its name: for a snapshot the offset up to which it tells; 0 where there is none."""
    suffix: str
    """``.log`` and the like, or its whole name where a folder has only one such file."""
    is_first: bool = True
    """Whether no file of its partition is read before it."""
    epoch: int | None = None
    """The number behind that, of a snapshot of KRaft's metadata."""
    leftover: str = ""
    """``.cleaned``, ``.swap`` or ``.deleted`` where the file is no part of the log."""
    is_named_only: bool = False
    """Whether only its name is wanted, as of what is left over in a directory."""
    partition: TopicPartition | None = None
    """Whose it is, as far as the directory's name says."""

    @property
    def kind(self) -> str:
        """What kind of file it is, as JSON has it."""
        return self.suffix.removeprefix(".")

    @property
    def is_segments(self) -> bool:
        """Whether it is one of a segment's files, so that its name has the segment's first offset."""
        return self.suffix in INDEXED_SUFFIXES

    def sibling(self, suffix: str) -> str:
        """Name another file of the same segment."""
        return os.path.join(os.path.dirname(self.path), segment_file_name(self.base_offset, suffix) + self.leftover)


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
        raise _unusable(path, error) from error
    raise UnusablePathError(path, f"is not a regular file; expected {_EXPECTED}")


def collect_asked(path: str, *, data: str | None, partitions: Sequence[int]) -> list[SegmentFile]:
    """List the files that were asked for.

    Args:
        path: a path, or a topic's name where there is a data directory.
        data: the data directory.
        partitions: those that are wanted; none: all.

    Raises:
        UnusablePathError: there are none.
    """
    wanted = frozenset(partitions) or None
    if data is not None:
        return collect_topic(data, path, wanted)
    files = collect(path)
    if wanted is None:
        return files
    kept = [file for file in files if file.partition is not None and file.partition.partition in wanted]
    if not kept:
        raise UnusablePathError(path, f"has no partition {' or '.join(map(str, sorted(wanted)))}")
    return kept


def collect_topic(data: str, topic: str, partitions: Container[int] | None = None) -> list[SegmentFile]:
    """List the files of a topic's partitions in a data directory.

    Args:
        data: the data directory.
        topic: the topic's name.
        partitions: those that are wanted; None: all.

    Raises:
        UnusablePathError: there are none.
    """
    data = re.sub("/+", "/", data)
    try:
        names = os.listdir(data)
        found = [partition for partition in _partitions_in(names) if partition.topic == topic]
        wanted = [each for each in found if partitions is None or each.partition in partitions]
        files = [file for each in wanted for file in _files_of(data, each)]
    except OSError as error:
        raise _unusable(data, error) from error
    if files:
        return files
    if wanted:
        raise UnusablePathError(data, f"has nothing in the partitions of topic {topic}")
    if found:
        numbers = ", ".join(str(each.partition) for each in found)
        raise UnusablePathError(data, f"has no such partition of topic {topic}; it has {numbers}")
    raise UnusablePathError(data, f"has no topic {topic}; {_topics_in(names)}")


def _unusable(path: str, error: OSError) -> UnusablePathError:
    """Say what cannot be read: of a data directory it may be one of its partitions."""
    return UnusablePathError(error.filename or path, error.strerror or str(error))


def _topics_in(names: list[str]) -> str:
    topics = sorted({partition.topic for partition in _partitions_in(names)})
    if not topics:
        return "it has none at all, as far as its directories' names say (orders-0)"
    shown = ", ".join(topics[:10])
    return f"it has {shown}" if len(topics) <= 10 else f"it has {len(topics)} topics, among them {shown}"


def _collect_file(path: str) -> SegmentFile:
    with open(path, "rb") as file:
        head = file.read(HEAD_BYTES)
    name = os.path.basename(path)
    parsed = parse_file(name)
    if parsed is None:
        raise UnusablePathError(path, _foreign(name, head))
    return _segment_file(path, parsed, _partition_of(os.path.dirname(os.path.abspath(path))))


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
    files = list(_directory_files(path, names))
    for partition in _partitions_in(names):
        files += _files_of(path, partition)
    if not files:
        raise UnusablePathError(path, "has neither segment files (00000000000000000000.log) nor partitions (orders-0)")
    return files


def _directory_files(path: str, names: list[str]) -> Iterator[SegmentFile]:
    """Yield the files of a data directory that are not in one of its partitions."""
    for name in DIRECTORY_FILES:
        parsed = parse_file(name) if name in names else None
        if parsed is not None:
            yield _segment_file(os.path.join(path, name), parsed, None)


def _partitions_in(names: list[str]) -> list[TopicPartition]:
    return sorted(partition for name in names if (partition := parse_partition_directory_name(name)) is not None)


def _files_of(data: str, partition: TopicPartition) -> Iterator[SegmentFile]:
    directory = os.path.join(data, partition_directory_name(partition))
    try:
        names = os.listdir(directory)
    except (FileNotFoundError, NotADirectoryError):  # its topic is being deleted, or it is a file of such a name
        return
    yield from _partition_files(directory, names)


def _partition_files(directory: str, names: list[str]) -> Iterator[SegmentFile]:
    """Yield a partition's files in the order of their offsets, each log in front of its indexes."""
    found = [(parsed, name) for name in names if (parsed := parse_partition_file(name)) is not None]
    found.sort(key=lambda item: item[0].order)
    partition = _partition_of(os.path.abspath(directory))
    for number, (parsed, name) in enumerate(found):
        file = _segment_file(os.path.join(directory, name), parsed, partition)
        yield replace(file, is_first=number == 0, is_named_only=bool(parsed.leftover))
    if found:  # a log that is opened on its own has its checkpoints with it
        yield from (replace(file, is_first=False) for file in _directory_files(directory, names))


def _partition_of(directory: str) -> TopicPartition | None:
    return parse_partition_directory_name(os.path.basename(directory))


def _segment_file(path: str, parsed: FileName, partition: TopicPartition | None) -> SegmentFile:
    return SegmentFile(
        path=path,
        base_offset=parsed.offset,
        suffix=parsed.suffix,
        epoch=parsed.epoch,
        leftover=parsed.leftover,
        partition=partition,
    )
