"""Check what a data directory says of its partitions: one offset of each in its checkpoints, and whose it is."""

import os
from collections.abc import Iterable
from typing import Final

from gomq_dump.checks.complaints import Complaints
from gomq_dump.checks.sources import walk_file
from gomq_dump.findings import Finding, Problem
from gomq_dump.reading.kinds import OFFSET_TABLES, REPLICATION_OFFSET_FILE_NAME
from gomq_dump.reading.properties import walk_meta_properties
from gomq_dump.reading.tables import OffsetCheckpoint, walk_offset_table
from gomq_storage.layout import (
    CLEANER_OFFSET_FILE_NAME,
    LOG_START_FILE_NAME,
    META_PROPERTIES_FILE_NAME,
    RECOVERY_POINT_FILE_NAME,
    TopicPartition,
)

_MEANINGS: Final = {
    RECOVERY_POINT_FILE_NAME: "the recovery point",
    LOG_START_FILE_NAME: "the log's start",
    REPLICATION_OFFSET_FILE_NAME: "the high watermark",
    CLEANER_OFFSET_FILE_NAME: "where compaction has come to",
}


class Tables:
    """The checkpoints of a data directory, as they are now; those that are not there say nothing.

    Args:
        directory: its path; None where there is none.
    """

    def __init__(self, directory: str | None) -> None:
        self.complaints: Complaints = Complaints()
        """What is wrong with the files themselves."""
        self._rows: dict[TopicPartition, list[tuple[str, OffsetCheckpoint]]] = {}
        for name in OFFSET_TABLES if directory is not None else ():
            path = os.path.join(directory or "", name)
            if not os.path.exists(path):
                continue
            for row in walk_file(path, walk_offset_table, self.complaints.of(path)):
                self._rows.setdefault(row.partition, []).append((path, row))

    def compare(self, partition: TopicPartition, log_end: int, complaints: Complaints) -> None:
        """Compare what they say of a partition with where its log ends."""
        for path, row in self._rows.get(partition, ()):
            if row.offset <= log_end:
                continue
            name = os.path.basename(path)
            # The cleaner begins anew where it finds this; see Kafka's LogCleanerManager.cleanableOffsets.
            problem = Problem.STALE if name == CLEANER_OFFSET_FILE_NAME else Problem.CHECKPOINT
            finding = Finding(
                problem=problem, position=row.position,
                message=f"{_MEANINGS[name]} of {partition} lies behind the end of its log",
                expected=f"at most {log_end}", found=row.offset,
            )  # fmt: skip
            complaints.add(path, finding)

    def compare_gaps(self, partition: TopicPartition, directory: str, complaints: Complaints) -> None:
        """Note that a log with gaps was never compacted; a replica may have those of its leader."""
        rows = self._rows.get(partition, ())
        was_compacted = any(os.path.basename(path) == CLEANER_OFFSET_FILE_NAME for path, _ in rows)
        has_gaps = any(each.finding.problem is Problem.OFFSET_GAP for each in complaints)
        if rows and has_gaps and not was_compacted:
            message = (
                f"offsets are missing, and {CLEANER_OFFSET_FILE_NAME} knows of no compaction: messages may be lost"
            )
            complaints.add(directory, Finding(problem=Problem.OFFSET_GAP, position=0, message=message))

    def compare_names(self, partitions: Iterable[TopicPartition]) -> None:
        """Note the partitions that are not there."""
        for partition in self._rows.keys() - set(partitions):
            for path, row in self._rows[partition]:
                message = f"there is no partition {partition}"
                self.complaints.add(path, Finding(problem=Problem.STALE, position=row.position, message=message))


class TopicIds:
    """The ids of the topics of a data directory: all partitions of a topic have the same."""

    def __init__(self) -> None:
        self._ids: dict[str, tuple[TopicPartition, str]] = {}

    def compare(self, partition: TopicPartition, path: str, topic_id: str | None, complaints: Complaints) -> None:
        """Compare what a partition's file says with the topic's other partitions."""
        if topic_id is None:
            return
        first, expected = self._ids.setdefault(partition.topic, (partition, topic_id))
        if topic_id != expected:
            message = f"the topic's id is another than in {first}"
            finding = Finding(problem=Problem.IDENTITY, position=0, message=message, expected=expected, found=topic_id)
            complaints.add(path, finding)


def check_identity(directory: str, complaints: Complaints) -> None:
    """Check ``meta.properties``, if it is there."""
    path = os.path.join(directory, META_PROPERTIES_FILE_NAME)
    if os.path.exists(path):
        for _ in walk_file(path, walk_meta_properties, complaints.of(path)):
            pass
