"""Show what was read as text: the very text of Apache Kafka's own dump tool.

That is ``kafka-dump-log``, Kafka 4's ``org.apache.kafka.tools.DumpLogSegments``. What is found wrong goes to stderr
in words of our own: that tool says less, and stops.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol

from gomq_dump.decoders.choosing import NONE, Decoder, decoder_of
from gomq_dump.findings import Finding
from gomq_dump.reading.batches import Batch
from gomq_dump.reading.control import Control, read_control
from gomq_dump.reading.indexes import OffsetEntry, TimeEntry
from gomq_dump.reading.inspection import FileStart, Item
from gomq_dump.reading.kinds import METADATA_SNAPSHOT_SUFFIX
from gomq_dump.rendering.java_text import header_keys
from gomq_storage.batch import BatchHeader
from gomq_storage.compression import Codec
from gomq_storage.layout import LOG_SUFFIX, OFFSET_INDEX_SUFFIX
from gomq_storage.offset_index import ENTRY

if TYPE_CHECKING:
    from gomq_dump.reading.small_files import SmallItem
    from gomq_storage.record import Record

NO_SEQUENCE: Final = -1
_MAX_SEQUENCE: Final = 2**31 - 1


class Renderer(Protocol):
    """Shows items as they are read."""

    def show(self, item: Item) -> None:
        """Show one item."""


class TextRenderer:
    """Shows files as Kafka's tool prints them, and findings beside them."""

    def __init__(self, out: BinaryIO, notices: BinaryIO, *, decode: str = NONE) -> None:
        self._out = out
        self._notices = notices
        self._decode = decode
        self._decoder: Decoder | None = None
        self._path = ""
        self._size: int | None = None

    def show(self, item: Item) -> None:
        """Show one item: findings as a notice, the rest as output."""
        if isinstance(item, Finding):
            self._show_finding(item)
        elif isinstance(item, Batch) and item.records and self._decoder is None and not item.header.is_control:
            self._out.write(batch_line(item).encode())
            for lines in _lines(item.header, item.records):
                self._out.write(lines)
        else:
            self._out.write(_encode(self._text(item)))

    def _text(self, item: "FileStart | Batch | OffsetEntry | TimeEntry | SmallItem") -> str:
        if isinstance(item, Batch):
            if self._decoder is None or item.header.is_control:
                return batch_text(item)
            from gomq_dump.rendering.decoded import decoded_batch_text  # noqa: PLC0415 - which imports this module

            return decoded_batch_text(item, self._decoder)
        if isinstance(item, OffsetEntry):
            return f"offset: {item.offset} position: {item.log_position}\n"
        if isinstance(item, TimeEntry):
            return f"timestamp: {item.timestamp} offset: {item.offset}\n"
        if isinstance(item, FileStart):
            self._path, self._size = item.file.path, item.size
            self._decoder = decoder_of(self._decode, item.file)
            return f"Dumping {self._path}\n{_start_text(item)}"
        from gomq_dump.rendering.files import small_item_text  # noqa: PLC0415 - nothing of it is needed for a log

        return small_item_text(item)

    def _show_finding(self, finding: Finding) -> None:
        if finding.size is not None and finding.is_damage and finding.position + finding.size == self._size:
            name = self._path.rpartition("/")[2]
            self._out.write(_encode(f"Found {finding.size} invalid bytes at the end of {name}\n"))
        self._out.flush()  # so that on a terminal the notice stands where it belongs
        self._notices.write(_encode(finding_text(self._path, finding)))
        self._notices.flush()


def _start_text(start: FileStart) -> str:
    """Say what Kafka's tool does of a file in front of what is in it."""
    file = start.file
    if file.is_named_only:
        return ""
    if file.suffix == LOG_SUFFIX:
        return f"Log starting offset: {file.base_offset}\n"
    if file.suffix == METADATA_SNAPSHOT_SUFFIX:
        return (
            "KRaft bootstrap snapshot\n"
            if file.epoch is None
            else (f"Snapshot end offset: {file.base_offset}, epoch: {file.epoch}\n")
        )
    is_empty = file.suffix == OFFSET_INDEX_SUFFIX and start.size is not None and start.size < ENTRY.size
    return f"{file.path} is empty.\n" if is_empty else ""


def finding_text(path: str, finding: Finding) -> str:
    """Say in one line what is wrong where, what is expected and what was found."""
    parts = ["" if finding.is_damage else "note: ", f"{path}: byte {finding.position}: {finding.message}"]
    if finding.expected is not None:
        parts.append(f": expected {finding.expected}")
    if finding.found is not None:
        parts.append(f"{':' if finding.expected is None else ','} found {_printable(finding.found)}")
    if finding.size is not None:
        parts.append(f"; {finding.size} byte{'' if finding.size == 1 else 's'} passed over")
    return "".join((*parts, "\n"))


def _printable(found: int | str) -> str:
    """Show what a damaged file has, but let nothing of it command the terminal."""
    text = str(found)
    return text if text.isprintable() else repr(text)


def batch_text(batch: Batch) -> str:
    """Make the line of a batch, and those of its records where they were read."""
    line = batch_line(batch)
    if not batch.records:
        return line
    if batch.header.is_control:
        return "".join((line, *_control_lines(batch.header, batch.records)))
    return line + b"".join(_lines(batch.header, batch.records)).decode()


def batch_line(batch: Batch) -> str:
    """Make the line of a batch."""
    header = batch.header
    horizon = header.delete_horizon_ms
    return (
        f"baseOffset: {header.base_offset} lastOffset: {header.last_offset} count: {header.record_count}"
        f" baseSequence: {header.base_sequence} lastSequence: {sequence(header, header.last_offset_delta)}"
        f" producerId: {header.producer_id} producerEpoch: {header.producer_epoch}"
        f" partitionLeaderEpoch: {header.leader_epoch} isTransactional: {_bool(value=header.is_transactional)}"
        f" isControl: {_bool(value=header.is_control)}"
        f" deleteHorizonMs: {'OptionalLong.empty' if horizon is None else f'OptionalLong[{horizon}]'}"
        f" position: {batch.position} {timestamp_type(header)}: {header.max_timestamp} size: {header.size}"
        f" magic: {header.magic} compresscodec: {codec_name(header)} crc: {header.crc}"
        f" isvalid: {_bool(value=batch.is_valid)}\n"
    )


def sequence(header: BatchHeader, offset_delta: int) -> int:
    """Work out a record's sequence number, which starts again from 0 behind the largest there is."""
    if header.base_sequence < 0:
        return NO_SEQUENCE
    return (header.base_sequence + offset_delta) & _MAX_SEQUENCE


def timestamp_type(header: BatchHeader) -> str:
    """Name what set the timestamps, in Kafka's words."""
    return "LogAppendTime" if header.is_log_append_time else "CreateTime"


def codec_name(header: BatchHeader) -> str:
    """Name the codec, in Kafka's words."""
    number = header.attributes & 0b111
    return Codec(number).name.lower() if number <= Codec.ZSTD else f"unknown({number})"


def _lines(header: BatchHeader, records: "Sequence[Record]") -> Iterator[bytes]:
    from gomq_dump.reading.records import DecodedRecords  # noqa: PLC0415
    from gomq_dump.rendering.record_lines import RecordKind, record_lines  # noqa: PLC0415 - decoding records takes time to import

    kind = RecordKind(timestamp_type(header), header.base_offset, header.base_sequence)
    return (record_lines(columns, kind) for columns in DecodedRecords.of(records).pieces())


def _control_lines(header: BatchHeader, records: "Sequence[Record]") -> Iterator[str]:
    for offset, timestamp, key, value, headers in records:
        number = sequence(header, offset - header.base_offset)
        yield (
            f"| offset: {offset} {timestamp_type(header)}: {timestamp} keySize: {-1 if key is None else len(key)}"
            f" valueSize: {-1 if value is None else len(value)} sequence: {number}"
            f" headerKeys: [{header_keys(headers)}]{_control_text(read_control(key, value))}\n"
        )


def _control_text(control: Control | None) -> str:
    if control is None:
        return ""
    if control.coordinator_epoch is not None:
        return f" endTxnMarker: {control.kind} coordinatorEpoch: {control.coordinator_epoch}"
    if control.fields is None:
        return f" controlType: {control.kind}({control.type_id})"
    from gomq_dump.decoders.java_json import write_json  # noqa: PLC0415 - only the files of KRaft's quorum need it

    colon = ":" if control.kind == "LeaderChange" else ""
    return f" {control.kind}{colon} {write_json(control.fields)}"


def _bool(*, value: bool) -> str:
    return "true" if value else "false"


def _encode(text: str) -> bytes:
    """Encode output; names of files go out as the bytes they came as."""
    return text.encode(errors="surrogateescape")
