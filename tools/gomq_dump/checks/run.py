"""Check all that was asked for, group by group: partitions, what a data directory has beside them, and single files."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from gomq_dump.checks.complaints import Complaints, look_again
from gomq_dump.checks.directory import Tables, TopicIds, check_identity
from gomq_dump.checks.groups import Group
from gomq_dump.checks.history import Counts
from gomq_dump.checks.partition import check_partition
from gomq_dump.checks.segment import Advance
from gomq_dump.findings import Finding
from gomq_dump.reading.batches import Batch
from gomq_dump.reading.inspection import FileStart, Inspection
from gomq_dump.reading.kinds import BOOTSTRAP_FILE_NAME
from gomq_dump.reading.marked_folders import note_marked_folders
from gomq_dump.reading.paths import SegmentFile
from gomq_storage.layout import LOG_SUFFIX, PARTITION_METADATA_FILE_NAME


@dataclass(slots=True, kw_only=True)
class Verdict:
    """What was looked at, and how much is wrong with it."""

    partitions: int = 0
    counts: Counts = field(default_factory=Counts)
    damage: int = 0
    notes: int = 0


def check_groups(groups: Sequence[Group], verdict: Verdict, *, is_deep: bool, advance: Advance) -> Iterator[Complaints]:
    """Check groups of files and yield what is wrong with each as soon as it is known; ``verdict`` counts all of it.

    Args:
        groups: in the order in which they are checked.
        verdict: to be added to.
        is_deep: whether records are looked at, too.
        advance: is told of the bytes of logs as they are looked at.
    """
    run = _Run(verdict, groups, is_deep=is_deep, advance=advance)
    for group in groups:
        complaints = run.check(group)
        verdict.damage += complaints.damage
        verdict.notes += complaints.notes
        yield complaints


class _Run:
    """The checks of several groups, and what they share."""

    def __init__(self, verdict: Verdict, groups: Sequence[Group], *, is_deep: bool, advance: Advance) -> None:
        self._verdict = verdict
        self._groups = groups
        self._is_deep = is_deep
        self._advance = advance
        self._tables: dict[str, Tables] = {}
        self._topic_ids: dict[str, TopicIds] = {}

    def check(self, group: Group) -> Complaints:
        """Check a group, and look again where something is wrong."""
        looks: list[Counts] = []
        if group.is_named:
            complaints = look_again(lambda: self._check_files(group.files, looks))
        elif group.is_of_data_directory:
            looks.append(Counts(files=len(group.files)))
            complaints = look_again(lambda: self._check_data_directory(group))
        else:
            self._verdict.partitions += 1
            complaints = look_again(lambda: self._check_partition(group, looks))
        self._verdict.counts.add(looks[-1])
        return complaints

    def _check_files(self, files: Sequence[SegmentFile], looks: list[Counts]) -> Complaints:
        """Check files that were named, each on its own; an index with the log beside it."""
        counts, complaints = Counts(), Complaints()
        for file in files:
            if file.suffix == LOG_SUFFIX and not file.leftover:
                checked = check_partition([file], is_deep=self._is_deep, advance=self._advance_of(looks))
                complaints.add_all(checked.complaints)
                counts.add(checked.counts)
                continue
            for item in Inspection(with_records=self._is_deep).read(file):
                if isinstance(item, Finding):
                    complaints.add(file.path, item)
                elif isinstance(item, Batch):
                    counts.batches += 1
                elif isinstance(item, FileStart) and item.size is not None:
                    counts.files += 1
        looks.append(counts)
        return complaints

    def _check_data_directory(self, group: Group) -> Complaints:
        """Check what a data directory has beside its partitions; what it says of each of them comes with that one."""
        tables = self._tables[group.directory] = Tables(group.directory)
        inside = [each.partition for each in self._groups if os.path.dirname(each.directory) == group.directory]
        tables.compare_names(partition for partition in inside if partition is not None)
        check_identity(group.directory, tables.complaints)
        for path, note in note_marked_folders(group.directory):
            tables.complaints.add(path, note)
        for file in group.files:
            if os.path.basename(file.path) == BOOTSTRAP_FILE_NAME:
                for item in Inspection(with_records=self._is_deep).read(file):
                    if isinstance(item, Finding):
                        tables.complaints.add(file.path, item)
        return tables.complaints

    def _check_partition(self, group: Group, looks: list[Counts]) -> Complaints:
        """Check a partition's files, and what its data directory says of it."""
        parent = _parent_of(group.directory)
        tables = self._tables.get(parent)
        if tables is None or looks:  # the offsets in them must not be newer than the log
            tables = self._tables[parent] = Tables(parent)
        files = group.files_now() if looks else group.files
        checked = check_partition(files, is_deep=self._is_deep, advance=self._advance_of(looks))
        looks.append(checked.counts)
        partition = group.partition
        if partition is not None:
            if checked.log_end is not None:
                tables.compare(partition, checked.log_end, checked.complaints)
            tables.compare_gaps(partition, group.directory, checked.complaints)
            ids = self._topic_ids.setdefault(parent, TopicIds())
            path = os.path.join(group.directory, PARTITION_METADATA_FILE_NAME)
            ids.compare(partition, path, checked.topic_id, checked.complaints)
        return checked.complaints

    def _advance_of(self, looks: Sequence[Counts]) -> Advance:
        """Tell only of the first look: the others are at the same bytes."""
        return _tell_nobody if looks else self._advance


def _parent_of(directory: str) -> str:
    head, tail = os.path.split(directory.rstrip(os.sep))
    return os.path.join(directory, os.pardir) if tail in {"", os.curdir, os.pardir} else head or os.curdir


def _tell_nobody(_count: int) -> None:
    """These bytes have been told of."""
