"""Read one line: a batch, a record, or something that is passed over. Every field is checked before it is used."""

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from gomq_dump.exporting.lines import attributes_of
from gomq_storage.batch import MAGIC, BatchHeader
from gomq_storage.compression import Codec
from gomq_storage.layout import MAX_OFFSET, MAX_PARTITION, topic_name_problem
from gomq_storage.record_fields import decode_name

Fields: TypeAlias = dict[str, Any]

MAX_LINE_BYTES: Final = 256 << 20
_INT64: Final = (-(2**63), 2**63 - 1)
_INT32: Final = (-(2**31), 2**31 - 1)
_INT16: Final = (-(2**15), 2**15 - 1)
_OFFSET: Final = (0, MAX_OFFSET - 1)
_PASSED_OVER: Final = frozenset(
    {"index_entry", "time_index_entry", "txn_index_entry", "producer", "offset_checkpoint", "leader_epoch"}
    | {"property", "partition", "stats", "finding"}
)
"""What ``gomq-dump --format json`` says besides: it follows from the batches."""
_RECORD_FIELDS: Final = frozenset(
    {"type", "topic", "partition", "offset", "timestamp", "producer_timestamp", "headers"}
    | {"key", "key_base64", "value", "value_base64"}
)
_DERIVED_FIELDS: Final = frozenset({"timestamp_type", "sequence", "control", "decoded"})
"""What ``gomq-dump --format json`` says of a record besides: it follows from the rest."""


class LineError(ValueError):
    """A line that cannot be used."""

    def __init__(self, field: str, expected: str, found: object) -> None:
        shown = json.dumps(found, ensure_ascii=False, default=str).encode(errors="backslashreplace").decode()
        shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
        super().__init__(f'field "{field}": expected {expected}, found {shown}' if field else f"{expected}: {shown}")


class MissingFieldError(LineError):
    """A line lacks a field."""

    def __init__(self, field: str, expected: str) -> None:
        ValueError.__init__(self, f'field "{field}" is missing: expected {expected}')


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Which partition a line names; None where it does not."""

    topic: str | None
    partition: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLine:
    """A batch; its records follow, unless they are here."""

    origin: Origin
    header: BatchHeader
    """With no length and CRC yet."""
    segment: int | None
    body: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordLine:
    """A record."""

    origin: Origin
    offset: int | None
    timestamp: int | None
    """As the producer set it; None where nothing is said."""
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentLine:
    """A segment that has no batch, or none that was exported."""

    origin: Origin
    base_offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginLine:
    """What comes next is from this partition."""

    origin: Origin
    log_start: int = 0
    """Its messages in front of this offset were deleted."""


Line: TypeAlias = BatchLine | RecordLine | SegmentLine | OriginLine | None


def read_line(raw: bytes) -> Line:
    """Read a line; None where there is nothing in it to import.

    Raises:
        LineError: it cannot be used; the message says which field, what is expected and what was found.
    """
    if not raw.strip():
        return None
    try:
        fields = json.loads(raw.decode(), object_pairs_hook=_each_once)
    except LineError:
        raise
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise LineError("", f"not a line of JSON ({error})", raw[:40].decode(errors="replace")) from error
    if not isinstance(fields, dict):
        raise LineError("", 'expected a JSON object such as {"value": "text"}', fields)
    kind = fields.get("type", "record")
    if isinstance(kind, str) and kind in _PASSED_OVER:
        return None
    read = _READERS.get(kind) if isinstance(kind, str) else None
    if read is None:
        raise LineError("type", '"record" or "batch"', kind)
    return read(fields)


def _each_once(pairs: list[tuple[str, object]]) -> Fields:
    """Make an object of JSON; what is there twice would be lost without a word."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        name = next(name for number, (name, _) in enumerate(pairs) if name in dict(pairs[:number]))
        expected = 'to be there once (headers of one name go into a list of {"name": ..., "value": ...})'
        raise LineError(name, expected, [value for each, value in pairs if each == name])
    return fields


def _read_batch(fields: Fields) -> BatchLine:
    base_offset = _number(fields, "base_offset", _OFFSET)
    last_offset = _number(fields, "last_offset", (base_offset, min(base_offset + 2**31 - 1, MAX_OFFSET - 1)))
    attributes = _read_attributes(fields)
    body = None
    if "records_base64" in fields:
        body = _base64(fields, "records_base64")
    header = BatchHeader(
        base_offset=base_offset,
        length=0,
        leader_epoch=_number(fields, "leader_epoch", (-1, _INT32[1]), default=-1),
        magic=MAGIC,
        crc=0,
        attributes=attributes,
        last_offset_delta=last_offset - base_offset,
        base_timestamp=_number(fields, "base_timestamp", _INT64),
        max_timestamp=_number(fields, "max_timestamp", _INT64),
        producer_id=_number(fields, "producer_id", _INT64, default=-1),
        producer_epoch=_number(fields, "producer_epoch", _INT16, default=-1),
        base_sequence=_number(fields, "base_sequence", _INT32, default=-1),
        record_count=_number(fields, "record_count", (0, last_offset - base_offset + 1)),
    )
    segment = _number(fields, "segment", (0, base_offset)) if fields.get("segment") is not None else None
    return BatchLine(origin=_read_origin(fields), header=header, segment=segment, body=body)


def _read_attributes(fields: Fields) -> int:
    if fields.get("attributes") is not None:
        return _number(fields, "attributes", _INT16)
    codec = fields.get("codec", "none")
    if not isinstance(codec, str) or codec.upper() not in Codec.__members__:
        raise LineError("codec", " or ".join(f'"{each.name.lower()}"' for each in Codec), codec)
    timestamp_type = fields.get("timestamp_type", "CreateTime")
    if timestamp_type not in ("CreateTime", "LogAppendTime"):
        raise LineError("timestamp_type", '"CreateTime" or "LogAppendTime"', timestamp_type)
    spelled = {
        "codec": codec,
        "timestamp_type": timestamp_type,
        "is_transactional": _flag(fields, "is_transactional"),
        "is_control": _flag(fields, "is_control"),
        "delete_horizon_ms": fields.get("delete_horizon_ms"),
    }
    return attributes_of(spelled)


def _read_record(fields: Fields) -> RecordLine:
    unknown = fields.keys() - _RECORD_FIELDS - _DERIVED_FIELDS
    if unknown:
        name = min(unknown)
        raise LineError(name, f"one of the fields {', '.join(sorted(_RECORD_FIELDS))}", fields[name])
    if "value" not in fields and "value_base64" not in fields:
        raise MissingFieldError("value", "a string, or null for a tombstone; bytes that are no text go to value_base64")
    time_field = "producer_timestamp" if fields.get("producer_timestamp") is not None else "timestamp"
    return RecordLine(
        origin=_read_origin(fields),
        offset=_number(fields, "offset", _OFFSET) if fields.get("offset") is not None else None,
        timestamp=_number(fields, time_field, _INT64) if fields.get(time_field) is not None else None,
        key=_bytes(fields, "key"),
        value=_bytes(fields, "value"),
        headers=_read_headers(fields.get("headers")),
    )


def _read_segment(fields: Fields) -> SegmentLine:
    return SegmentLine(origin=_read_origin(fields), base_offset=_number(fields, "segment", _OFFSET))


def _read_file(fields: Fields) -> OriginLine:
    return OriginLine(origin=_read_origin(fields))


def _read_log_start(fields: Fields) -> OriginLine:
    return OriginLine(origin=_read_origin(fields), log_start=_number(fields, "offset", (0, MAX_OFFSET)))


_READERS: Final[dict[str, Callable[[Fields], Line]]] = {
    "batch": _read_batch,
    "record": _read_record,
    "segment": _read_segment,
    "file": _read_file,
    "log_start": _read_log_start,
}


def _read_headers(found: object) -> tuple[tuple[str, bytes | None], ...]:
    """Read headers: a list as exported, or an object of names and values, as people write."""
    if found is None:
        return ()
    if isinstance(found, dict):
        found = [{"name": name, "value": value} for name, value in found.items()]
    if not isinstance(found, list):
        raise LineError("headers", 'a list of {"name": ..., "value": ...}, or an object', found)
    headers = []
    for entry in found:
        name = _bytes(entry, "name") if isinstance(entry, dict) else None
        if name is None:
            raise LineError("headers", 'entries such as {"name": "trace", "value": "1"}', entry)
        headers.append((decode_name(name), _bytes(entry, "value")))
    return tuple(headers)


def _read_origin(fields: Fields) -> Origin:
    topic, partition = fields.get("topic"), None
    if topic is not None and (not isinstance(topic, str) or topic_name_problem(topic) is not None):
        raise LineError("topic", "a topic's name: ASCII letters, digits, '.', '_' and '-'", topic)
    if fields.get("partition") is not None:
        partition = _number(fields, "partition", (0, MAX_PARTITION))
    return Origin(topic=topic, partition=partition)


def _number(fields: Fields, name: str, bounds: tuple[int, int], *, default: int | None = None) -> int:
    found = fields.get(name, default)
    low, high = bounds
    expected = f"an integer from {low} to {high}"
    if found is None and name not in fields:
        raise MissingFieldError(name, expected)
    if type(found) is not int or not low <= found <= high:
        raise LineError(name, expected, found)
    return found


def _flag(fields: Fields, name: str) -> bool:
    found = fields.get(name, False)
    if not isinstance(found, bool):
        raise LineError(name, "true or false", found)
    return found


def _bytes(fields: Fields, name: str) -> bytes | None:
    if f"{name}_base64" in fields:
        if name in fields:
            raise LineError(name, f"nothing beside {name}_base64", fields[name])
        return _base64(fields, f"{name}_base64")
    found = fields.get(name)
    if found is None:
        return None
    if not isinstance(found, str):
        raise LineError(name, "a string or null", found)
    return _encoded(name, found)


def _encoded(name: str, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:  # JSON can write half of a surrogate pair
        raise LineError(name, "text that can be UTF-8", text) from error


def _base64(fields: Fields, name: str) -> bytes:
    found = fields[name]
    try:
        return base64.b64decode(found, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise LineError(name, "base64", found) from error
