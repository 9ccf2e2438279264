"""Make batches of lines: those that were exported as they were, loose records in new ones."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from gomq_dump.exporting.lines import MAX_DECOMPRESSED_BYTES
from gomq_dump.importing.lines import BatchLine, LineError, RecordLine
from gomq_dump.packing import pack_batch, pack_records
from gomq_storage.batch import MAGIC, BatchHeader
from gomq_storage.compression import Codec, codec_of, compress
from gomq_storage.errors import UnsupportedCodecError
from gomq_storage.record import Record

MAX_LOOSE_BYTES: Final = 64 << 10
MAX_LOOSE_RECORDS: Final = 1000
_MAX_DELTA: Final = 2**31 - 1


class MadeBatch(NamedTuple):
    """A batch that is to be written."""

    raw: bytes
    segment: int | None
    """The base offset of the segment that it was in, where that is known."""
    is_exact: bool
    """Whether the offsets in front of it may be missing: it is an exported one."""


class UnfinishedBatchError(ValueError):
    """The records of a batch are not all there."""

    def __init__(self, found: int, expected: int) -> None:
        super().__init__(f"the batch in front has {found} records behind it, its record_count is {expected}")


class ExportedBatch:
    """A batch whose records come line by line.

    Args:
        line: what was said of it.
    """

    def __init__(self, line: BatchLine) -> None:
        self._line = line
        self._records: list[Record] = []
        self._left = line.header.record_count if line.body is None else 0
        self._size = 0

    @property
    def is_complete(self) -> bool:
        """Whether no more records belong to it."""
        return self._left == 0

    def add(self, record: RecordLine) -> None:
        """Take one of its records.

        Raises:
            LineError: it cannot be one.
        """
        header = self._line.header
        previous = self._records[-1].offset if self._records else header.base_offset - 1
        if record.offset is None or not previous < record.offset <= header.last_offset:
            expected = f"an offset from {previous + 1} to {header.last_offset}, as its batch says"
            raise LineError("offset", expected, record.offset)
        timestamp = header.base_timestamp if record.timestamp is None else record.timestamp
        _check_delta(timestamp, header.base_timestamp)
        self._records.append(Record(record.offset, timestamp, record.key, record.value, record.headers))
        self._left -= 1
        self._size += _size_of(record)
        if self._size > MAX_DECOMPRESSED_BYTES:
            raise LineError("value", f"at most {MAX_DECOMPRESSED_BYTES} bytes of records in one batch", self._size)

    def make(self) -> MadeBatch:
        """Make the batch.

        Raises:
            UnfinishedBatchError: records are missing.
            LineError: its attributes name no codec.
        """
        line = self._line
        header = line.header
        if not self.is_complete:
            raise UnfinishedBatchError(len(self._records), header.record_count)
        body = line.body
        if body is None:
            try:
                codec = codec_of(header.attributes)
            except UnsupportedCodecError as error:
                raise LineError(
                    "attributes", "a codec from 0 to 4 in the lowest three bits", header.attributes
                ) from error
            packed = pack_records(self._records, base_offset=header.base_offset, base_timestamp=header.base_timestamp)
            body = compress(codec, packed)
        return MadeBatch(pack_batch(header, body), line.segment, is_exact=True)


def _size_of(record: RecordLine) -> int:
    headers = sum(len(name) + len(value or b"") for name, value in record.headers)
    return len(record.key or b"") + len(record.value or b"") + headers


def _check_delta(timestamp: int, base_timestamp: int) -> None:
    if not -(2**63) <= timestamp - base_timestamp < 2**63:
        raise LineError("timestamp", f"one less than 2^63 ms from {base_timestamp}", timestamp)


@dataclass(slots=True)
class LooseRecords:
    """Records without a batch, of one partition; they are put into batches of some tens of KiB."""

    codec: Codec
    now_ms: int
    """The timestamp of those that have none."""
    next_offset: int | None = None
    """The offset of the next one that has none; None before the first."""
    _records: list[Record] = field(default_factory=list)
    _size: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether no record is waiting."""
        return not self._records

    def add(self, line: RecordLine) -> Iterator[MadeBatch]:
        """Take a record; yield what has become full with it.

        Raises:
            LineError: its offset is not behind that of the one before it, or too far behind.
        """
        expected = self.next_offset or 0
        offset = expected if line.offset is None else line.offset
        if offset < expected:
            raise LineError("offset", f"at least {expected}, behind the record before it", offset)
        if self.next_offset is not None and offset - expected > _MAX_DELTA:
            raise LineError("offset", f"at most {expected + _MAX_DELTA}, as no more may be left out", offset)
        if self._records and offset - self._records[0].offset > _MAX_DELTA:
            yield from self.flush()
        timestamp = self.now_ms if line.timestamp is None else line.timestamp
        if self._records:
            _check_delta(timestamp, self._records[0].timestamp)
        self._records.append(Record(offset, timestamp, line.key, line.value, line.headers))
        self._size += _size_of(line) + 16
        self.next_offset = offset + 1
        if self._size >= MAX_LOOSE_BYTES or len(self._records) >= MAX_LOOSE_RECORDS:
            yield from self.flush()

    def flush(self) -> Iterator[MadeBatch]:
        """Yield the records that are waiting, as one batch."""
        records, self._records, self._size = self._records, [], 0
        if not records:
            return
        first, last = records[0], records[-1]
        header = BatchHeader(
            base_offset=first.offset,
            length=0,
            leader_epoch=0,
            magic=MAGIC,
            crc=0,
            attributes=self.codec,
            last_offset_delta=last.offset - first.offset,
            base_timestamp=first.timestamp,
            max_timestamp=max(record.timestamp for record in records),
            producer_id=-1,
            producer_epoch=-1,
            base_sequence=-1,
            record_count=len(records),
        )
        packed = pack_records(records, base_offset=first.offset, base_timestamp=first.timestamp)
        yield MadeBatch(pack_batch(header, compress(self.codec, packed)), None, is_exact=False)
