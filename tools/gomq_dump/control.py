"""What the records of control batches say: how transactions ended, and what KRaft's quorum writes for itself.

    key    int16 version, int16 type
    value  of ABORT (0) and COMMIT (1): int16 version, int32 coordinator epoch
           of the others: int16 version, then the fields of the table below; each structure ends in tagged fields

Arrays and strings have their size + 1 in front, as an unsigned varint (KIP-482). Field names are Kafka's.
"""

import base64
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

Value: TypeAlias = "int | str | list[Value] | dict[str, Value]"
Schema: TypeAlias = "str | list[Schema] | Mapping[str, Schema]"
"""A struct format, "string", "uuid", a list around what an array holds, or the fields of a structure."""

_KEY: Final = struct.Struct(">hh")
_END_OF_TRANSACTION: Final = struct.Struct(">hi")
_VERSION: Final = struct.Struct(">h")
_UUID_SIZE: Final = 16
_MARKERS: Final = ("ABORT", "COMMIT")
_VOTER: Final[Mapping[str, Schema]] = {"voterId": ">i"}
_ENDPOINT: Final[Mapping[str, Schema]] = {"name": "string", "host": "string", "port": ">H"}
_FEATURE: Final[Mapping[str, Schema]] = {"minSupportedVersion": ">h", "maxSupportedVersion": ">h"}
_QUORUM_RECORDS: Final[Mapping[int, tuple[str, Mapping[str, Schema]]]] = {
    2: ("LeaderChange", {"leaderId": ">i", "voters": [_VOTER], "grantingVoters": [_VOTER]}),
    3: ("SnapshotHeader", {"lastContainedLogTimestamp": ">q"}),
    4: ("SnapshotFooter", {}),
    5: ("KRaftVersion", {"kRaftVersion": ">h"}),
    6: (
        "KRaftVoters",
        {
            "voters": [
                {"voterId": ">i", "voterDirectoryId": "uuid", "endpoints": [_ENDPOINT], "kRaftVersionFeature": _FEATURE}
            ]
        },
    ),
}
_VOTER_FROM_VERSION_1: Final[Mapping[str, Schema]] = {"voterId": ">i", "voterDirectoryId": "uuid"}
_LEADER_CHANGE_FROM_VERSION_1: Final[Mapping[str, Schema]] = {
    "leaderId": ">i", "voters": [_VOTER_FROM_VERSION_1], "grantingVoters": [_VOTER_FROM_VERSION_1],
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One control record, read."""

    kind: str
    """Kafka's name for it, ``UNKNOWN`` for a type that it does not have."""
    type_id: int
    coordinator_epoch: int | None = None
    """Of ABORT and COMMIT."""
    fields: dict[str, Value] | None = None
    """Of what the quorum writes."""


def read_control(key: bytes | None, value: bytes | None) -> Control | None:
    """Read a control record, or answer None where it is none."""
    data = value or b""
    try:
        type_id = _KEY.unpack_from(key or b"")[1]
        if 0 <= type_id < len(_MARKERS):
            epoch = _END_OF_TRANSACTION.unpack_from(data)[1]
            return Control(kind=_MARKERS[type_id], type_id=type_id, coordinator_epoch=epoch)
        if type_id not in _QUORUM_RECORDS:
            return Control(kind="UNKNOWN", type_id=type_id)
        kind, schema = _QUORUM_RECORDS[type_id]
        version = _VERSION.unpack_from(data)[0]
        if kind == "LeaderChange" and version >= 1:
            schema = _LEADER_CHANGE_FROM_VERSION_1
        fields, _ = _read_structure(schema, data, _VERSION.size)
    except (struct.error, ValueError):
        return None
    return Control(kind=kind, type_id=type_id, fields={"version": version, **fields})


def _read_structure(schema: Mapping[str, Schema], data: bytes, position: int) -> tuple[dict[str, Value], int]:
    fields: dict[str, Value] = {}
    for name, kind in schema.items():
        fields[name], position = _read(kind, data, position)
    count, position = _read_unsigned(data, position)
    for _ in range(count):  # tagged fields, which none of these has yet
        _, position = _read_unsigned(data, position)
        size, position = _read_unsigned(data, position)
        position += size
    return fields, position


def _read(kind: Schema, data: bytes, position: int) -> tuple[Value, int]:
    if isinstance(kind, Mapping):
        return _read_structure(kind, data, position)
    if isinstance(kind, list):
        count, position = _read_unsigned(data, position)
        items: list[Value] = []
        for _ in range(count - 1):
            item, position = _read(kind[0], data, position)
            items.append(item)
        return items, position
    if kind == "uuid":
        raw, position = _take(data, position, _UUID_SIZE)
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode(), position
    if kind == "string":
        size, position = _read_unsigned(data, position)
        raw, position = _take(data, position, size - 1)
        return raw.decode(), position
    number: int = struct.unpack_from(kind, data, position)[0]
    return number, position + struct.calcsize(kind)


def _take(data: bytes, position: int, size: int) -> tuple[bytes, int]:
    if not 0 <= size <= len(data) - position:
        raise ValueError(f"{size} bytes wanted, {len(data) - position} are left")
    return data[position : position + size], position + size


def _read_unsigned(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        raw, position = _take(data, position, 1)
        value |= (raw[0] & 0x7F) << shift
        if raw[0] < 0x80:
            return value, position
        shift += 7
