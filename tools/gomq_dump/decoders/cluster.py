"""Decode ``__cluster_metadata`` and KRaft's snapshots of it. Kafka: ``MetadataRecordSerde``, ``DumpLogSegments``.

    value  varint frame version, 1; varint what the record is; varint version; the record of that kind

Records have no keys.
"""

import re
from typing import Any, Final, NamedTuple

from gomq_dump.decoders.cluster_messages import CLUSTER_MESSAGES
from gomq_dump.decoders.java_json import write_json
from gomq_dump.decoders.reading import MessageReader, UnreadableMessageError
from gomq_dump.decoders.schema import LAST_VERSION, Message
from gomq_storage.record import Record

_FRAME_VERSION: Final = 1
_KINDS: Final = {message.kind: message for message in CLUSTER_MESSAGES.values()}
_WORD_START: Final = re.compile(r"(?<!^)(?=[A-Z])")
_UNKNOWN_KIND: Final = "org.apache.kafka.common.errors.UnsupportedVersionException: Unknown metadata id"
_FIRST_FRAMES: Final = (
    "Could not deserialize metadata record with frame version 0. Note that upgrades from the preview release of KRaft"
    " in 2.8 to newer versions are not supported."
)


class _Decoded(NamedTuple):
    """A record, read."""

    message: Message
    version: int
    value: dict[str, Any]


class ClusterDecoder:
    """Decodes the records of a KRaft cluster's metadata."""

    def text(self, record: Record) -> tuple[str | None, str | None]:
        """Make the text of a value, as Kafka's tool does."""
        try:
            message, version, value = _read(record.value)
        except UnreadableMessageError as error:
            return None, f"Error at {record.offset}, skipping. {error.kafkas_words}"
        return None, write_json({"type": _WORD_START.sub("_", message.name).upper(), "version": version, "data": value})

    def fields(self, record: Record) -> dict[str, Any]:
        """Make the object of a record."""
        try:
            message, version, value = _read(record.value)
        except UnreadableMessageError as error:
            return {"error": str(error)}
        if version > message.last_version:
            return {"error": f"{message.name} of version {version}; up to {message.last_version} are known"}
        return {"kind": message.name, "version": version, "value": value}


def _read(data: bytes | None) -> _Decoded:
    if data is None:
        raise UnreadableMessageError("a record without a value")
    reader = MessageReader(data)
    frame_version = _read_head(reader, "frame version")
    if frame_version != _FRAME_VERSION:
        said = f"Could not deserialize metadata record due to unknown frame version {frame_version}"
        said = f"{said}(only frame version 1 is supported)" if frame_version else _FIRST_FRAMES
        raise UnreadableMessageError(f"a frame of version {frame_version}; {_FRAME_VERSION} is known", said)
    kind, version = _read_head(reader, "type"), _read_head(reader, "version")
    message = _KINDS.get(kind)
    if message is None:
        raise UnreadableMessageError(f"a record of a kind that is not known: {kind}", f"{_UNKNOWN_KIND} {kind}")
    try:
        value = reader.message(message, version)
    except UnreadableMessageError as error:
        said = f"Failed to deserialize record with type {kind}"
        raise UnreadableMessageError(f"no {message.name} of version {version}: {error}", said) from error
    if reader.left:
        said = f"Found {reader.left} byte(s) of garbage after {kind}"
        raise UnreadableMessageError(f"{reader.left} bytes too many behind {message.name}", said)
    return _Decoded(message, version, value)


def _read_head(reader: MessageReader, what: str) -> int:
    try:
        number = reader.unsigned_varint()
    except UnreadableMessageError as error:
        raise UnreadableMessageError(f"no {what} in the record", f"Error while reading {what}") from error
    if number > LAST_VERSION:
        raise UnreadableMessageError(f"{number} is no {what}", f"Value for {what} was too large.")
    return number
