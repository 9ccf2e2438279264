"""Show what was read as text: the very text of Apache Kafka's own dump tool.

That is ``kafka-dump-log``, Kafka 4's ``org.apache.kafka.tools.DumpLogSegments``. What is found wrong goes to stderr
in words of our own: that tool says less, and stops.
"""

import codecs
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol

from gomq_dump.batches import Batch
from gomq_dump.control import Control, read_control
from gomq_dump.findings import Finding
from gomq_dump.indexes import OffsetEntry, TimeEntry
from gomq_dump.inspection import FileStart, Item
from gomq_storage.batch import BatchHeader
from gomq_storage.compression import Codec
from gomq_storage.layout import LOG_SUFFIX, OFFSET_INDEX_SUFFIX
from gomq_storage.offset_index import ENTRY

if TYPE_CHECKING:
    from gomq_storage.record import Record

NO_SEQUENCE: Final = -1
_MAX_SEQUENCE: Final = 2**31 - 1
_AS_JAVA: Final = "gomq_dump.java"


class Renderer(Protocol):
    """Shows items as they are read."""

    def show(self, item: Item) -> None:
        """Show one item."""


class TextRenderer:
    """Shows files as Kafka's tool prints them, and findings beside them."""

    def __init__(self, out: BinaryIO, notices: BinaryIO) -> None:
        self._out = out
        self._notices = notices
        self._path = ""
        self._size: int | None = None

    def show(self, item: Item) -> None:
        """Show one item: findings as a notice, the rest as output."""
        if isinstance(item, Finding):
            self._show_finding(item)
            return
        self._out.write(_encode(self._text(item)))

    def _text(self, item: FileStart | Batch | OffsetEntry | TimeEntry) -> str:
        if isinstance(item, Batch):
            return batch_text(item)
        if isinstance(item, OffsetEntry):
            return f"offset: {item.offset} position: {item.log_position}\n"
        if isinstance(item, TimeEntry):
            return f"timestamp: {item.timestamp} offset: {item.offset}\n"
        self._path, self._size = item.file.path, item.size
        if item.file.suffix == LOG_SUFFIX:
            return f"Dumping {self._path}\nLog starting offset: {item.file.base_offset}\n"
        if item.file.suffix == OFFSET_INDEX_SUFFIX and item.size is not None and item.size < ENTRY.size:
            return f"Dumping {self._path}\n{self._path} is empty.\n"
        return f"Dumping {self._path}\n"

    def _show_finding(self, finding: Finding) -> None:
        if finding.size is not None and finding.is_damage and finding.position + finding.size == self._size:
            name = self._path.rpartition("/")[2]
            self._out.write(_encode(f"Found {finding.size} invalid bytes at the end of {name}\n"))
        self._out.flush()  # so that on a terminal the notice stands where it belongs
        self._notices.write(_encode(finding_text(self._path, finding)))
        self._notices.flush()


def finding_text(path: str, finding: Finding) -> str:
    """Say in one line what is wrong where, what is expected and what was found."""
    parts = ["" if finding.is_damage else "note: ", f"{path}: byte {finding.position}: {finding.message}"]
    if finding.expected is not None:
        parts.append(f": expected {finding.expected}")
    if finding.found is not None:
        parts.append(f"{':' if finding.expected is None else ','} found {finding.found}")
    if finding.size is not None:
        parts.append(f"; {finding.size} byte{'' if finding.size == 1 else 's'} passed over")
    return "".join((*parts, "\n"))


def batch_text(batch: Batch) -> str:
    """Make the line of a batch, and those of its records where they were read."""
    header = batch.header
    horizon = header.delete_horizon_ms
    line = (
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
    return "".join((line, *_records_text(header, batch.records))) if batch.records else line


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


def _records_text(header: BatchHeader, records: "list[Record]") -> Iterator[str]:
    """Make the lines of a batch's records. The hot loop: what they have in common is worked out once."""
    time_name, is_control, has_sequence = timestamp_type(header), header.is_control, header.base_sequence >= 0
    for offset, timestamp, key, value, headers in records:
        number = sequence(header, offset - header.base_offset) if has_sequence else NO_SEQUENCE
        names = ",".join([name for name, _ in headers]) if headers else ""
        line = (
            f"| offset: {offset} {time_name}: {timestamp} keySize: {-1 if key is None else len(key)}"
            f" valueSize: {-1 if value is None else len(value)} sequence: {number} headerKeys: [{names}]"
        )
        if is_control:
            yield f"{line}{_control_text(read_control(key, value))}\n"
            continue
        key_text = "" if key is None else f" key: {_decode(key)}"
        yield f"{line}{key_text}\n" if value is None else f"{line}{key_text} payload: {_decode(value)}\n"


def _control_text(control: Control | None) -> str:
    if control is None:
        return ""
    if control.coordinator_epoch is not None:
        return f" endTxnMarker: {control.kind} coordinatorEpoch: {control.coordinator_epoch}"
    if control.fields is None:
        return f" controlType: {control.kind}({control.type_id})"
    import json  # noqa: PLC0415 - only the files of KRaft's quorum need it

    colon = ":" if control.kind == "LeaderChange" else ""
    return f" {control.kind}{colon} {json.dumps(control.fields, ensure_ascii=False, separators=(',', ':'))}"


def _bool(*, value: bool) -> str:
    return "true" if value else "false"


def _encode(text: str) -> bytes:
    """Encode output; names of files go out as the bytes they came as."""
    return text.encode(errors="surrogateescape")


def _decode(data: bytes) -> str:
    """Decode bytes as Java does."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode(errors=_AS_JAVA)


def _replace_as_java(error: UnicodeError) -> tuple[str, int]:
    """Replace what is no UTF-8, as Python does too, but an encoded surrogate as one character, not as two or three."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    data, end = error.object, error.end
    if data[error.start] == 0xED and 0xA0 <= (data[end] if end < len(data) else 0) <= 0xBF:
        end += 1
        if end < len(data) and data[end] & 0xC0 == 0x80:
            end += 1
    return "\ufffd", end


codecs.register_error(_AS_JAVA, _replace_as_java)
