"""Count what is in partitions: how much, of what sizes, in which codecs, from which time. ``--stats`` shows it.

Counts are of what can be read: batches whose CRC does not hold are damage, and not counted.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from gomq_dump.checks.records import read_bounded
from gomq_dump.findings import Finding
from gomq_dump.reading.batches import LogWalk
from gomq_dump.reading.reader import ByteReader
from gomq_dump.rendering.text import codec_name
from gomq_dump.summing.histogram import Moments, Sizes
from gomq_storage.batch import HEADER_SIZE, NO_TIMESTAMP, BatchHeader
from gomq_storage.layout import TopicPartition
from gomq_storage.record_fields import Columns, Headers, encode_name

_MAX_PRODUCERS: Final = 100_000
"""So many are told apart; who claims to be more is not counted."""


@dataclass(slots=True, kw_only=True)
class CodecStats:
    """The batches of one codec."""

    batches: int = 0
    stored_bytes: int = 0
    """Of records as they lie in the file; headers of batches are not included."""
    record_bytes: int = 0
    """Of the same records decompressed."""

    @property
    def ratio(self) -> float:
        """How many times as large the records are as what is stored."""
        return self.record_bytes / self.stored_bytes if self.stored_bytes else 1.0


@dataclass(slots=True, kw_only=True)
class Stats:
    """What was counted, of one partition or of all."""

    partition: TopicPartition | None = None
    """None: of all, or of files in a directory that is not named after a partition."""
    log_bytes: int = 0
    """Of the log files."""
    records: int = 0
    """Those that consumers get."""
    idempotent_batches: int = 0
    """With a producer id, those of transactions among them."""
    transactional_batches: int = 0
    control_batches: int = 0
    """Markers and what else is not for consumers; only ``log_bytes`` and ``batch_sizes`` count them too."""
    null_keys: int = 0
    null_values: int = 0
    first_timestamp: int | None = None
    """Smallest of a record, ms since the epoch."""
    last_timestamp: int | None = None
    producers: set[int] = field(default_factory=set)
    codecs: dict[str, CodecStats] = field(default_factory=dict)
    batch_sizes: Sizes = field(default_factory=Sizes)
    key_sizes: Sizes = field(default_factory=Sizes)
    value_sizes: Sizes = field(default_factory=Sizes)
    headers_sizes: Sizes = field(default_factory=Sizes)
    """Bytes of all headers of a record that has some."""
    rate: Moments = field(default_factory=Moments)
    """Records over time, by the largest timestamp of their batch."""

    def merge(self, other: "Stats") -> None:
        """Count what was counted of another partition."""
        self.log_bytes += other.log_bytes
        self.records += other.records
        self.idempotent_batches += other.idempotent_batches
        self.transactional_batches += other.transactional_batches
        self.control_batches += other.control_batches
        self.null_keys += other.null_keys
        self.null_values += other.null_values
        if other.first_timestamp is not None and other.last_timestamp is not None:
            self._note_span(other.first_timestamp, other.last_timestamp)
        self.producers |= other.producers
        for name, counted in other.codecs.items():
            known = self.codecs.setdefault(name, CodecStats())
            known.batches += counted.batches
            known.stored_bytes += counted.stored_bytes
            known.record_bytes += counted.record_bytes
        for mine, others in zip(self.sizes(), other.sizes(), strict=True):
            mine.merge(others)
        self.rate.merge(other.rate)

    def count_log(self, log: ByteReader, base_offset: int, advance: Callable[[int], object]) -> Iterator[Finding]:
        """Count what is in a log file, and yield what is wrong with it.

        Args:
            log: the file.
            base_offset: the one in its name.
            advance: is told of the bytes as they are done.
        """
        self.log_bytes += log.size
        done = 0
        for item in LogWalk(log, base_offset):
            if isinstance(item, Finding):
                yield item
                continue
            if item.is_valid:
                finding = self._count(item.position, log, item.header)
                if finding is not None:
                    yield finding
            advance(item.position + item.header.size - done)
            done = item.position + item.header.size
        advance(log.size - done)

    def _count(self, position: int, log: ByteReader, header: BatchHeader) -> Finding | None:
        self.batch_sizes.add((header.size,))
        if header.producer_id >= 0:
            self.idempotent_batches += 1
            self.transactional_batches += header.is_transactional
            if len(self.producers) < _MAX_PRODUCERS:
                self.producers.add(header.producer_id)
        if header.is_control:
            self.control_batches += 1
            return None
        records = read_bounded(position, log, header)
        if isinstance(records, Finding):
            return records
        codec = self.codecs.setdefault(codec_name(header), CodecStats())
        codec.batches += 1
        codec.stored_bytes += header.size - HEADER_SIZE
        codec.record_bytes += records.size
        self.records += len(records)
        if header.max_timestamp != NO_TIMESTAMP:
            self.rate.add(header.max_timestamp, len(records))
        for columns in records.pieces():
            self._count_records(columns)
        return None

    def _count_records(self, columns: Columns) -> None:
        keys = [len(key) for key in columns.keys if key is not None]
        values = [len(value) for value in columns.values if value is not None]
        self.null_keys += len(columns.keys) - len(keys)
        self.null_values += len(columns.values) - len(values)
        self.key_sizes.add(keys)
        self.value_sizes.add(values)
        self.headers_sizes.add([_headers_bytes(headers) for headers in columns.headers if headers])
        first, last = min(columns.timestamps, default=NO_TIMESTAMP), max(columns.timestamps, default=NO_TIMESTAMP)
        if last != NO_TIMESTAMP:
            self._note_span(last if first == NO_TIMESTAMP else first, last)

    def _note_span(self, first: int, last: int) -> None:
        self.first_timestamp = first if self.first_timestamp is None else min(self.first_timestamp, first)
        self.last_timestamp = last if self.last_timestamp is None else max(self.last_timestamp, last)

    def sizes(self) -> tuple[Sizes, ...]:
        """All that was counted by size."""
        return self.batch_sizes, self.key_sizes, self.value_sizes, self.headers_sizes


def _headers_bytes(headers: Headers) -> int:
    return sum(chain.from_iterable((len(encode_name(name)), len(value or b"")) for name, value in headers))
