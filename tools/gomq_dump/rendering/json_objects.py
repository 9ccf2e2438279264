"""Show what was read as JSON lines: one object a line, each with a ``type``.

Bytes are shown as text where they are valid UTF-8. Where they are not, the field has ``_base64`` behind its name:
a record has either ``value`` or ``value_base64``, never both, and a header ``name`` or ``name_base64``; null stands
for no bytes at all.
"""

import base64
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

from gomq_dump.decoders.choosing import AUTO, Decoder, decoder_of
from gomq_dump.findings import Finding
from gomq_dump.reading.batches import Batch
from gomq_dump.reading.control import Control, read_control
from gomq_dump.reading.indexes import OffsetEntry, TimeEntry
from gomq_dump.reading.inspection import FileStart, Item
from gomq_dump.reading.kinds import SNAPSHOT_SUFFIXES
from gomq_dump.rendering.json_lines import line, shown_path
from gomq_dump.rendering.text import codec_name, sequence, timestamp_type
from gomq_storage.batch import BatchHeader
from gomq_storage.record_fields import encode_name

if TYPE_CHECKING:
    from gomq_storage.record import Record

Fields: TypeAlias = dict[str, Any]


class JsonRenderer:
    """Shows everything, findings too, as JSON lines on one stream."""

    def __init__(self, out: BinaryIO, *, decode: str = AUTO) -> None:
        self._out = out
        self._decode = decode
        self._decoder: Decoder | None = None
        self._path = ""

    def show(self, item: Item) -> None:
        """Show one item; a batch's records follow it."""
        if isinstance(item, FileStart):
            self._decoder = decoder_of(self._decode, item.file)
            self._path = shown_path(item.file.path)
        self._write(self._fields(item))
        if isinstance(item, Batch):
            self._show_records(item)

    def _show_records(self, batch: Batch) -> None:
        header, decoder = batch.header, self._decoder
        if not batch.records:
            return
        if not header.is_control and decoder is None:
            from gomq_dump.reading.records import DecodedRecords  # noqa: PLC0415
            from gomq_dump.rendering.record_json import record_objects  # noqa: PLC0415 - decoding records takes time to import
            from gomq_dump.rendering.record_lines import RecordKind  # noqa: PLC0415

            kind = RecordKind(timestamp_type(header), header.base_offset, header.base_sequence)
            for columns in DecodedRecords.of(batch.records).pieces():
                self._out.write(record_objects(columns, kind))
            return
        for record in batch.records:
            fields = record_fields(header, record)
            if decoder is not None and not header.is_control:
                fields["decoded"] = decoder.fields(record)
            self._write(fields)

    def _write(self, fields: Fields) -> None:
        self._out.write(line(fields))

    def _fields(self, item: Item) -> Fields:
        if isinstance(item, Batch):
            return batch_fields(item)
        if isinstance(item, OffsetEntry):
            return {
                "type": "index_entry",
                "position": item.position,
                "offset": item.offset,
                "log_position": item.log_position,
                "is_zero": item.is_zero,
            }
        if isinstance(item, TimeEntry):
            return {
                "type": "time_index_entry",
                "position": item.position,
                "timestamp": item.timestamp,
                "offset": item.offset,
                "is_zero": item.is_zero,
            }
        if isinstance(item, Finding):
            return finding_fields(self._path, item)
        if isinstance(item, FileStart):
            return start_fields(self._path, item)
        from gomq_dump.rendering.files import small_item_fields  # noqa: PLC0415 - nothing of it is needed for a log

        return small_item_fields(item)


def start_fields(path: str, start: FileStart) -> Fields:
    """Make the object of a file, which says what partition it belongs to as far as its directory's name does."""
    file = start.file
    fields: Fields = {
        "type": "file",
        "path": path,
        "kind": file.kind,
        "base_offset": file.base_offset if file.is_segments else None,
        "size": start.size,
    }
    if file.partition is not None:
        fields |= {"topic": file.partition.topic, "partition": file.partition.partition}
    if file.suffix in SNAPSHOT_SUFFIXES:
        fields["end_offset"] = file.base_offset
    if file.epoch is not None:
        fields["epoch"] = file.epoch
    if file.leftover:
        fields["leftover"] = file.leftover.removeprefix(".")
    return fields


def finding_fields(path: str, finding: Finding) -> Fields:
    """Make the object of a finding."""
    return {
        "type": "finding",
        "severity": "damage" if finding.is_damage else "note",
        "problem": finding.problem.value,
        "path": path,
        "position": finding.position,
        "size": finding.size,
        "expected": finding.expected,
        "found": finding.found,
        "message": finding.message,
    }


def finding_line(path: str, finding: Finding) -> bytes:
    """Write a finding and the file that it is about, for what shows findings of many files."""
    return line(finding_fields(shown_path(path), finding))


def batch_fields(batch: Batch) -> Fields:
    """Make the object of a batch, its records not included."""
    header = batch.header
    return {
        "type": "batch",
        "position": batch.position,
        "size": header.size,
        "base_offset": header.base_offset,
        "last_offset": header.last_offset,
        "record_count": header.record_count,
        "leader_epoch": header.leader_epoch,
        "magic": header.magic,
        "codec": codec_name(header),
        "timestamp_type": timestamp_type(header),
        "base_timestamp": header.base_timestamp,
        "max_timestamp": header.max_timestamp,
        "delete_horizon_ms": header.delete_horizon_ms,
        "producer_id": header.producer_id,
        "producer_epoch": header.producer_epoch,
        "base_sequence": header.base_sequence,
        "last_sequence": sequence(header, header.last_offset_delta),
        "is_transactional": header.is_transactional,
        "is_control": header.is_control,
        "crc": header.crc,
        "is_valid": batch.is_valid,
    }


def record_fields(header: BatchHeader, record: "Record") -> Fields:
    """Make the object of a record."""
    fields: Fields = {
        "type": "record",
        "offset": record.offset,
        "timestamp": record.timestamp,
        "timestamp_type": timestamp_type(header),
        "sequence": sequence(header, record.offset - header.base_offset),
    }
    put_bytes(fields, "key", record.key)
    put_bytes(fields, "value", record.value)
    headers = fields["headers"] = []
    for name, value in record.headers:
        entry: Fields = {}
        put_bytes(entry, "name", encode_name(name))
        put_bytes(entry, "value", value)
        headers.append(entry)
    if header.is_control and (control := read_control(record.key, record.value)) is not None:
        fields["control"] = _control_fields(control)
    return fields


def _control_fields(control: Control) -> Fields:
    fields: Fields = {"kind": control.kind, "type_id": control.type_id}
    if control.coordinator_epoch is not None:
        fields["coordinator_epoch"] = control.coordinator_epoch
    if control.fields is not None:
        fields["fields"] = control.fields
    return fields


def put_bytes(fields: Fields, name: str, data: bytes | None) -> None:
    """Put bytes into a field, as text where they are UTF-8; where they are not, in one named ``..._base64``."""
    try:
        fields[name] = None if data is None else data.decode()
    except UnicodeDecodeError:
        fields[f"{name}_base64"] = base64.b64encode(data or b"").decode()
