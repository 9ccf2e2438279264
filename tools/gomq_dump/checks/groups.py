"""Put the files that were asked for into groups, those of each directory, and those that were named one by one."""

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby

from gomq_dump.reading.kinds import DIRECTORY_FILES
from gomq_dump.reading.paths import SegmentFile, UnusablePathError, collect
from gomq_storage.layout import TopicPartition


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Files of one directory."""

    directory: str
    files: Sequence[SegmentFile]
    """In the order in which they are read."""
    is_named: bool
    """Whether they were named one by one; else they are all that the directory has."""

    @property
    def is_of_data_directory(self) -> bool:
        """Whether they are those that a data directory has beside its partitions."""
        return all(os.path.basename(file.path) in DIRECTORY_FILES for file in self.files)

    @property
    def partition(self) -> TopicPartition | None:
        """Whose they are, as far as the directory's name says."""
        return self.files[0].partition if self.files else None

    def files_now(self) -> Sequence[SegmentFile]:
        """List a partition's files anew; none where the directory has gone."""
        with suppress(UnusablePathError):
            return collect(self.directory)
        return ()


def group_files(files: Iterable[SegmentFile], paths: Iterable[str]) -> list[Group]:
    """Group files that follow each other by their directory.

    Args:
        files: in the order in which they were asked for.
        paths: what was asked for, of which some may be files.
    """
    named = {os.path.realpath(path) for path in paths if os.path.isfile(path)}
    groups: list[Group] = []
    for directory, found in groupby(files, lambda file: os.path.dirname(file.path)):
        listed = list(found)
        is_named = bool(named) and all(os.path.realpath(file.path) in named for file in listed)
        groups.append(Group(directory=directory, files=listed, is_named=is_named))
    return groups


def size_of(files: Sequence[SegmentFile]) -> int:
    """Add up the bytes of files, without those that have gone."""
    total = 0
    for file in files:
        with suppress(OSError):
            total += os.stat(file.path).st_size
    return total
