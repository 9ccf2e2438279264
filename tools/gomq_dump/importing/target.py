"""The directory that an import makes: one partition's, or a data directory that a broker opens.

It is written under another name and renamed at the end, so that it is there as a whole, or not at all.
"""

import json
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from gomq_dump.importing.batches import ExportedBatch, LooseRecords, MadeBatch
from gomq_dump.importing.lines import (
    BatchLine,
    Line,
    LineError,
    MissingFieldError,
    Origin,
    OriginLine,
    RecordLine,
    SegmentLine,
)
from gomq_dump.importing.partition import PartitionWriter
from gomq_dump.repairing.copying import PARTIAL_SUFFIX
from gomq_dump.repairing.staging import remove_tree, write_synced
from gomq_storage.checkpoint_text import encode_offsets
from gomq_storage.compression import Codec
from gomq_storage.config import LogConfig
from gomq_storage.files import Files
from gomq_storage.identity import encode_uuid
from gomq_storage.layout import (
    CLEANER_OFFSET_FILE_NAME,
    LOG_START_FILE_NAME,
    PARTITION_METADATA_FILE_NAME,
    RECOVERY_POINT_FILE_NAME,
    TopicPartition,
    parse_partition_directory_name,
    partition_directory_name,
)
from gomq_storage.log_notes import ALONE
from gomq_storage.record import NewRecord, encode_batch

METADATA: Final = TopicPartition("__gomq_metadata", 0)
"""Where a broker of ours keeps which topics there are."""
MAX_PARTITIONS: Final = 10_000


class Options(NamedTuple):
    """How lines become logs."""

    topic: str | None
    """Of lines that name none."""
    partition: int
    """Of lines that name none."""
    codec: Codec
    """Of records that come without a batch."""
    segment_bytes: int | None
    """None: the segments are those of the export."""
    now_ms: int


class _Part:
    """One partition, and what of it is not written yet."""

    def __init__(self, writer: PartitionWriter, options: Options) -> None:
        self.writer = writer
        self.loose = LooseRecords(options.codec, options.now_ms)

    def begin_segment(self, base_offset: int) -> None:
        """Begin a segment; nothing may be waiting."""
        self.writer.begin(base_offset)
        self.loose.next_offset = self.writer.next_offset

    def write(self, batches: Iterable[MadeBatch]) -> int:
        """Write batches; say how many."""
        count = 0
        for count, batch in enumerate(batches, 1):  # noqa: B007 - it is what is counted
            self.writer.append(batch)
        if count and self.loose.is_empty:
            self.loose.next_offset = self.writer.next_offset
        return count


class Target:
    """The directory to be.

    Args:
        files: the file system.
        path: where it will be; nothing, or an empty directory.
        options: how lines become logs.
    """

    def __init__(self, files: Files, path: Path, options: Options) -> None:
        self.records: int = 0
        self.batches: int = 0
        self.path = path
        self._files = files
        self._options = options
        self._config = LogConfig(segment_bytes=options.segment_bytes or LogConfig().segment_bytes)
        self._partial = path.with_name(path.name + PARTIAL_SUFFIX)
        self._only = parse_partition_directory_name(path.name)
        self._current = Origin(topic=None, partition=None)
        self._parts: dict[TopicPartition, _Part] = {}
        self._exported: tuple[_Part, ExportedBatch] | None = None
        self._describes_topics = False
        remove_tree(files, self._partial)
        files.make_directory(self._partial)

    @property
    def partitions(self) -> int:
        """How many partitions there are, but for the one that says which topics there are."""
        return len(self._parts) - self._describes_topics

    def take(self, line: Line) -> None:
        """Take a line; what it says is written once there is a batch of it.

        Raises:
            LineError: it does not fit what came before it.
            UnfinishedBatchError: the batch before it lacks records.
            OSError: it could not be written.
        """
        if isinstance(line, RecordLine):
            self._take_record(line)
            return
        if self._exported is not None and line is not None:
            self._close_batch()
        if isinstance(line, BatchLine):
            part = self._part_of(line.origin)
            self.batches += part.write(part.loose.flush())
            self._exported = part, ExportedBatch(line)
            self._close_batch_if_complete()
        elif isinstance(line, SegmentLine):
            part = self._part_of(line.origin)
            self.batches += part.write(part.loose.flush())
            part.begin_segment(line.base_offset)
        elif isinstance(line, OriginLine):
            self._current = line.origin
            if line.log_start:
                self._part_of(line.origin).writer.log_start = line.log_start

    def _take_record(self, line: RecordLine) -> None:
        self.records += 1
        if self._exported is not None:
            self._exported[1].add(line)
            self._close_batch_if_complete()
            return
        part = self._part_of(line.origin)
        self.batches += part.write(part.loose.add(line))

    def _close_batch_if_complete(self) -> None:
        if self._exported is not None and self._exported[1].is_complete:
            self._close_batch()

    def _close_batch(self) -> None:
        if self._exported is not None:
            part, batch = self._exported
            self._exported = None
            self.batches += part.write([batch.make()])

    def _part_of(self, origin: Origin) -> _Part:
        name = self._name_of(origin)
        part = self._parts.get(name)
        if part is None:
            if len(self._parts) >= MAX_PARTITIONS:
                raise LineError("partition", f"at most {MAX_PARTITIONS} partitions in all", str(name))
            part = self._parts[name] = _Part(self._new_writer(name), self._options)
        return part

    def _new_writer(self, name: TopicPartition) -> PartitionWriter:
        directory = self._partial
        if self._only is None:
            directory /= partition_directory_name(name)
            self._files.make_directory(directory)
        return PartitionWriter(self._files, directory, self._config, keeps_segments=self._options.segment_bytes is None)

    def _name_of(self, origin: Origin) -> TopicPartition:
        """Find out which partition a line is for: what it says, or the last file, or the command."""
        current, options, only = self._current, self._options, self._only
        if only is not None:
            if origin.topic not in {None, only.topic}:
                raise LineError("topic", f'"{only.topic}", as the directory\'s name says', origin.topic)
            if origin.partition not in {None, only.partition}:
                raise LineError("partition", f"{only.partition}, as the directory's name says", origin.partition)
            return only
        topic = origin.topic or current.topic or options.topic
        if topic is None:
            raise MissingFieldError("topic", "a topic's name, or --topic NAME, or a directory's name such as orders-0")
        numbers = (origin.partition, current.partition if origin.topic is None else None, options.partition)
        return TopicPartition(topic, next(number for number in numbers if number is not None))

    def finish(self) -> None:
        """Write what is left, sync all of it, and give the directory its name.

        Raises:
            UnfinishedBatchError: the last batch lacks records.
            OSError: it could not be written; the directory is not there.
        """
        self._close_batch()
        for part in self._parts.values():
            self.batches += part.write(part.loose.flush())
        if self._only is not None:
            writer = self._part_of(Origin(topic=None, partition=None)).writer
            writer.finish()
            if writer.late_start is not None:
                self._write_offsets(LOG_START_FILE_NAME, {ALONE: writer.late_start})
        else:
            self._finish_data_directory()
        self._files.sync_directory(self._partial)
        self._files.rename(self._partial, self.path)
        self._files.sync_directory(self.path.parent)

    def _finish_data_directory(self) -> None:
        names = set(self._parts)
        counts = {name.topic: 0 for name in names}
        for name in names:
            counts[name.topic] = max(counts[name.topic], name.partition + 1)
        for topic, count in counts.items():
            for number in range(count):
                self._part_of(Origin(topic=topic, partition=number))  # a topic has all partitions up to its last one
        if METADATA not in self._parts and counts:
            self._describes_topics = True
            self._describe_topics(counts)
        ends = {name: part.writer.finish() for name, part in self._parts.items()}
        gaps = {name: 0 for name, part in self._parts.items() if part.writer.has_gaps}
        starts = {name: start for name, part in self._parts.items() if (start := part.writer.late_start) is not None}
        self._write_offsets(RECOVERY_POINT_FILE_NAME, ends)
        self._write_offsets(CLEANER_OFFSET_FILE_NAME, gaps)
        self._write_offsets(LOG_START_FILE_NAME, starts)

    def _write_offsets(self, file_name: str, offsets: dict[TopicPartition, int]) -> None:
        """Write a file that says one offset of each partition, where there is one."""
        if offsets:
            write_synced(self._files, self._partial / file_name, [encode_offsets(offsets)])

    def _describe_topics(self, counts: dict[str, int]) -> None:
        """Tell a broker which topics there are, the way that it tells itself.

        A record's key is ``topic/<name>``, its value JSON: the id, how many partitions, the configs.
        """
        records = []
        for topic, count in sorted(counts.items()):
            topic_id = uuid.uuid4()
            value = {"id": str(topic_id), "partitions": count, "configs": {}}
            records.append(NewRecord(json.dumps(value, sort_keys=True).encode(), f"topic/{topic}".encode()))
            for number in range(count):
                directory = self._partial / partition_directory_name(TopicPartition(topic, number))
                content = f"version: 0\ntopic_id: {encode_uuid(topic_id)}".encode()
                write_synced(self._files, directory / PARTITION_METADATA_FILE_NAME, [content])
        batch = encode_batch(records, now_ms=self._options.now_ms)
        part = self._part_of(Origin(topic=METADATA.topic, partition=METADATA.partition))
        part.write([MadeBatch(batch, None, is_exact=False)])

    def abandon(self) -> None:
        """Remove what was written."""
        for part in self._parts.values():
            part.writer.close()
        remove_tree(self._files, self._partial)
