"""What the records of control batches say: how transactions ended, and what KRaft's quorum writes for itself.

    key    int16 version, int16 type
    value  of ABORT (0) and COMMIT (1): int16 version, int32 coordinator epoch
           of the others: what ``decoders.quorum_messages`` says, which begins with an int16 version

Field names are Kafka's. Kafka: ``ControlRecordType``, ``ControlRecordUtils``.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_KEY: Final = struct.Struct(">hh")
_END_OF_TRANSACTION: Final = struct.Struct(">hi")
_MARKERS: Final = ("ABORT", "COMMIT")
_QUORUM_RECORDS: Final[Mapping[int, tuple[str, str]]] = {
    2: ("LeaderChange", "LeaderChangeMessage"),
    3: ("SnapshotHeader", "SnapshotHeaderRecord"),
    4: ("SnapshotFooter", "SnapshotFooterRecord"),
    5: ("KRaftVersion", "KRaftVersionRecord"),
    6: ("KRaftVoters", "VotersRecord"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One control record, read."""

    kind: str
    """Kafka's name for it, ``UNKNOWN`` for a type that it does not have."""
    type_id: int
    coordinator_epoch: int | None = None
    """Of ABORT and COMMIT."""
    fields: dict[str, Any] | None = None
    """Of what the quorum writes."""


def read_control(key: bytes | None, value: bytes | None) -> Control | None:
    """Read a control record, or answer None where it is none."""
    data = value or b""
    try:
        type_id = _KEY.unpack_from(key or b"")[1]
        if 0 <= type_id < len(_MARKERS):
            epoch = _END_OF_TRANSACTION.unpack_from(data)[1]
            return Control(kind=_MARKERS[type_id], type_id=type_id, coordinator_epoch=epoch)
    except struct.error:
        return None
    if type_id not in _QUORUM_RECORDS:
        return Control(kind="UNKNOWN", type_id=type_id)
    return _read_quorum_record(type_id, data)


def _read_quorum_record(type_id: int, data: bytes) -> Control | None:
    # Only the files of KRaft's quorum need these.
    from gomq_dump.decoders.quorum_messages import QUORUM_MESSAGES  # noqa: PLC0415
    from gomq_dump.decoders.reading import MessageReader, UnreadableMessageError  # noqa: PLC0415

    kind, message = _QUORUM_RECORDS[type_id]
    try:
        version = MessageReader(data).int16()
        fields = MessageReader(data).message(QUORUM_MESSAGES[message], version)
    except UnreadableMessageError:
        return None
    return Control(kind=kind, type_id=type_id, fields=fields)
