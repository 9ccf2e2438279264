"""Where logs start: behind their first batches, where messages were deleted (DeleteRecords). Kafka: KIP-107.

A data directory says it of all its partitions, in a file beside them; a log on its own has that file in its folder.
"""

import os
from collections.abc import Callable
from functools import partial

from gomq_dump.checks.sources import walk_file
from gomq_dump.findings import Finding
from gomq_dump.reading.paths import SegmentFile
from gomq_dump.reading.tables import walk_offset_table
from gomq_storage.layout import LOG_START_FILE_NAME, TopicPartition
from gomq_storage.log_notes import ALONE


class LogStarts:
    """The log starts of those directories that files lie in, each read once.

    Args:
        complain: takes what is wrong with their files, behind the path.
    """

    def __init__(self, complain: Callable[[str, Finding], object]) -> None:
        self._complain = complain
        self._tables: dict[str, dict[TopicPartition, int]] = {}

    def of(self, file: SegmentFile) -> int:
        """Say where the log that a file is part of starts; 0 where nothing is said of it."""
        directory = os.path.dirname(os.path.abspath(file.path))
        alone = self._table(directory).get(ALONE, 0)
        if file.partition is None:
            return alone
        return max(alone, self._table(os.path.dirname(directory)).get(file.partition, 0))

    def _table(self, directory: str) -> dict[TopicPartition, int]:
        if directory not in self._tables:
            path = os.path.join(directory, LOG_START_FILE_NAME)
            rows = walk_file(path, walk_offset_table, partial(self._complain, path)) if os.path.exists(path) else ()
            self._tables[directory] = {row.partition: row.offset for row in rows}
        return self._tables[directory]
