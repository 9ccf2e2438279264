"""What of a batch goes into JSON lines: one line for the batch, then one for each record.

    {"type":"batch","topic":"orders","partition":0,"segment":0,"base_offset":0,"last_offset":1,"record_count":2, ...}
    {"type":"record","offset":0,"timestamp":1767225600000,"key":"42","value":"first order","headers":[...]}

A batch line has what the header has, but for length and CRC, which follow from the rest. ``segment`` is the offset in
the name of the file that the batch is in; a file without a batch has a line of its own, of type ``segment``. Where
messages at the beginning of a log were deleted a line of type ``log_start`` says up to which ``offset``.
``attributes`` is there only where it says more than codec, timestamp type and flags do; ``producer_timestamp`` only
where the broker's clock set the timestamp that a consumer sees. Records that lines cannot hold are in the batch's own
line as ``records_base64``, as they lie in the file: those that cannot be decoded, and those of an uncompressed batch
that would not come back byte for byte.
"""

import base64
from itertools import pairwise
from typing import Any, Final, NamedTuple

from gomq_dump.packing import pack_columns
from gomq_dump.rendering.json_lines import line
from gomq_dump.rendering.line_template import LineTemplate
from gomq_dump.rendering.record_json import put_bytes, put_headers
from gomq_storage.batch import HEADER_SIZE, BatchHeader
from gomq_storage.compression import Codec
from gomq_storage.errors import CorruptBatchError
from gomq_storage.layout import TopicPartition
from gomq_storage.record import BatchRecords
from gomq_storage.record_fields import Columns

Fields = dict[str, Any]
LOG_APPEND_TIME: Final = 0b1000
TRANSACTIONAL: Final = 0b1_0000
CONTROL: Final = 0b10_0000
DELETE_HORIZON: Final = 0b100_0000
MAX_DECOMPRESSED_BYTES: Final = 256 << 20
MAX_RECORDS: Final = 1 << 20
"""The most that the records of one batch may take in memory, and how many may be; a bomb is carried as it is."""


class Place(NamedTuple):
    """Where a batch is from."""

    partition: TopicPartition | None
    """None where the directory's name does not say it."""
    segment: int
    """The offset in the file's name."""


def segment_line(place: Place) -> bytes:
    """Make the line of a segment without a batch, which tells where the log goes on."""
    return line({"type": "segment", **_partition_fields(place), "segment": place.segment})


def log_start_line(place: Place, offset: int) -> bytes:
    """Make the line that tells where a log starts: the messages in front of that were deleted."""
    return line({"type": "log_start", **_partition_fields(place), "offset": offset})


def batch_lines(place: Place, batch: bytes, header: BatchHeader) -> bytes:
    """Make the lines of one batch and its records.

    Args:
        place: where it is from.
        batch: the whole batch; its CRC holds.
        header: its header.
    """
    columns = _columns_of(batch, header)
    fields = _batch_fields(place, header)
    if columns is None:
        fields["records_base64"] = base64.b64encode(batch[HEADER_SIZE:]).decode()
    if columns is None or not columns.offsets:
        return line(fields)
    return line(fields) + _record_lines(header, columns)


def _columns_of(batch: bytes, header: BatchHeader) -> Columns | None:
    """Decode a batch's records with the timestamps of their producer; None where lines cannot hold them."""
    if header.record_count == 0 and header.codec is not Codec.NONE:
        return None  # compaction leaves nothing where a codec would write at least a frame
    if header.record_count > MAX_RECORDS:
        return None
    as_created = header._replace(attributes=header.attributes & ~LOG_APPEND_TIME)
    try:
        columns = BatchRecords(batch, as_created, max_bytes=MAX_DECOMPRESSED_BYTES).take(header.record_count)
    except CorruptBatchError:
        return None
    if header.codec is Codec.NONE:
        packed = pack_columns(columns, base_offset=header.base_offset, base_timestamp=header.base_timestamp)
        if packed != batch[HEADER_SIZE:]:
            return None
    return columns if _offsets_fit(header, columns.offsets) and _times_fit(columns.timestamps) else None


def _times_fit(times: list[int]) -> bool:
    """Whether no timestamp is beyond 64 bits; base and delta may add up to more."""
    return not times or (min(times) >= -(2**63) and max(times) < 2**63)


def _offsets_fit(header: BatchHeader, offsets: list[int]) -> bool:
    bounded = [header.base_offset - 1, *offsets, header.last_offset + 1]
    return all(first < second for first, second in pairwise(bounded))


def _batch_fields(place: Place, header: BatchHeader) -> Fields:
    fields: Fields = {
        "type": "batch",
        **_partition_fields(place),
        "segment": place.segment,
        "base_offset": header.base_offset,
        "last_offset": header.last_offset,
        "record_count": header.record_count,
        "leader_epoch": header.leader_epoch,
        "codec": header.codec.name.lower(),
        "timestamp_type": "LogAppendTime" if header.is_log_append_time else "CreateTime",
        "base_timestamp": header.base_timestamp,
        "max_timestamp": header.max_timestamp,
        "delete_horizon_ms": header.delete_horizon_ms,
        "producer_id": header.producer_id,
        "producer_epoch": header.producer_epoch,
        "base_sequence": header.base_sequence,
        "is_transactional": header.is_transactional,
        "is_control": header.is_control,
    }
    if header.attributes != attributes_of(fields):
        fields["attributes"] = header.attributes
    return fields


def _partition_fields(place: Place) -> Fields:
    return place.partition._asdict() if place.partition is not None else {}


def attributes_of(fields: Fields) -> int:
    """Work out a batch's attributes from the fields that spell them out."""
    return int(
        Codec[fields["codec"].upper()]
        | LOG_APPEND_TIME * (fields["timestamp_type"] == "LogAppendTime")
        | TRANSACTIONAL * fields["is_transactional"]
        | CONTROL * fields["is_control"]
        | DELETE_HORIZON * (fields["delete_horizon_ms"] is not None)
    )


def _record_lines(header: BatchHeader, columns: Columns) -> bytes:
    """Make the lines of a batch's records, all at once: a log has millions of them."""
    template = LineTemplate(len(columns.offsets))
    template.text(b'{"type":"record","offset":')
    template.numbers(columns.offsets)
    if header.is_log_append_time:
        template.text(b',"timestamp":%d,"producer_timestamp":' % header.max_timestamp)
    else:
        template.text(b',"timestamp":')
    template.numbers(columns.timestamps)
    put_bytes(template, b"key", columns.keys)
    put_bytes(template, b"value", columns.values)
    put_headers(template, columns.headers)
    template.text(b"}\n")
    return template.write()
