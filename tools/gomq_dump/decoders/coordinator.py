"""Decode the topics of Kafka's coordinators: ``__consumer_offsets``, ``__transaction_state``, ``__share_group_state``.

    key    int16 what the record is about, then the key of that kind
    value  int16 version, then the value of that kind; null takes the key back

Kafka: ``CoordinatorRecordSerde``, and ``DumpLogSegments`` for the text.
"""

import base64
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from gomq_dump.decoders.group_messages import GROUP_MESSAGES
from gomq_dump.decoders.java_json import write_json
from gomq_dump.decoders.reading import MessageReader, UnreadableMessageError
from gomq_dump.decoders.schema import Message
from gomq_dump.decoders.share_messages import SHARE_GROUP_MESSAGES, SHARE_STATE_MESSAGES
from gomq_dump.decoders.streams_messages import STREAMS_GROUP_MESSAGES
from gomq_dump.decoders.transaction_messages import TRANSACTION_MESSAGES
from gomq_dump.rendering.java_text import decode_as_java
from gomq_storage.record import Record

TOMBSTONE: Final = "<DELETE>"
_KEY_SUFFIX: Final = "Key"
_VALUE_SUFFIX: Final = "Value"
_CONSUMER_PROTOCOL: Final = "consumer"
_MEMBER_FIELDS: Final = {"subscription": "ConsumerProtocolSubscription", "assignment": "ConsumerProtocolAssignment"}
_TRANSACTION_STATES: Final = (
    "Empty",
    "Ongoing",
    "PrepareCommit",
    "PrepareAbort",
    "CompleteCommit",
    "CompleteAbort",
    "Dead",
    "PrepareEpochFence",
)


class _Kind(NamedTuple):
    """What a record may be about."""

    name: str
    key: Message
    value: Message


class _Decoded(NamedTuple):
    """A record, read."""

    kind: _Kind
    key: dict[str, Any]
    version: int | None
    value: dict[str, Any] | None
    """None where the key is taken back."""


class _UnknownKindError(Exception):
    """A record about something that is not known."""

    def __init__(self, number: int) -> None:
        super().__init__(f"a record of a kind that is not known: {number}")
        self.number = number


class CoordinatorDecoder:
    """Decodes the records of one coordinator's topic.

    Args:
        messages: its keys and values, by their names.
        refine: makes more of a value that was read, in place.
    """

    def __init__(
        self,
        messages: Mapping[str, Message],
        refine: Callable[[str, dict[str, Any]], None] | None = None,
        explain: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
    ) -> None:
        self._kinds = _kinds_of(messages)
        self._refine = refine
        self._explain = explain

    def text(self, record: Record) -> tuple[str | None, str | None]:
        """Make the text of key and value, as Kafka's tool does."""
        if record.key is None:  # where Kafka's tool ends with a traceback
            return None, None if record.value is None else decode_as_java(record.value)
        try:
            decoded = self._read(record.key, record.value)
        except _UnknownKindError as error:
            return f"Unknown record type {error.number} at offset {record.offset}, skipping.", None
        except UnreadableMessageError as error:
            return f"Error at offset {record.offset}, skipping. {error.kafkas_words}", None
        key = write_json({"type": str(decoded.kind.key.kind), "data": decoded.key})
        if decoded.value is None:
            return key, TOMBSTONE
        return key, write_json({"version": str(decoded.version), "data": decoded.value})

    def fields(self, record: Record) -> dict[str, Any]:
        """Make the object of a record."""
        if record.key is None:
            return {"error": "a record without a key"}
        try:
            kind, key, version, value = self._read(record.key, record.value)
        except (_UnknownKindError, UnreadableMessageError) as error:
            return {"error": str(error)}
        explained = self._explain(value) if self._explain is not None and value is not None else {}
        return {"kind": kind.name, "key": key, "version": version, "value": value, **explained}

    def _read(self, key: bytes, value: bytes | None) -> _Decoded:
        number, reader = _read_version(key, "key")
        kind = self._kinds.get(number)
        if kind is None:
            raise _UnknownKindError(number)
        key_fields = _read_message(reader, kind.key, number, "key")
        if value is None:
            return _Decoded(kind, key_fields, None, None)
        version, reader = _read_version(value, "value")
        if not kind.value.first_version <= version <= kind.value.last_version:
            raise UnreadableMessageError(
                f"{kind.value.name} of version {version}; {kind.value.first_version} to {kind.value.last_version} are"
                " known",
                f"Found an unknown record version {version} for {number} type",
            )
        value_fields = _read_message(reader, kind.value, version, "value")
        if self._refine is not None:
            self._refine(kind.name, value_fields)
        return _Decoded(kind, key_fields, version, value_fields)


def offsets_decoder() -> CoordinatorDecoder:
    """Make the decoder of ``__consumer_offsets``."""
    return CoordinatorDecoder({**GROUP_MESSAGES, **SHARE_GROUP_MESSAGES, **STREAMS_GROUP_MESSAGES}, _refine_group)


def transactions_decoder() -> CoordinatorDecoder:
    """Make the decoder of ``__transaction_state``, whose objects name the state, which Kafka has as a number."""
    return CoordinatorDecoder(TRANSACTION_MESSAGES, explain=_explain_transaction)


def share_decoder() -> CoordinatorDecoder:
    """Make the decoder of ``__share_group_state``."""
    return CoordinatorDecoder(SHARE_STATE_MESSAGES)


def _kinds_of(messages: Mapping[str, Message]) -> dict[int, _Kind]:
    kinds: dict[int, _Kind] = {}
    for name, message in messages.items():
        if message.kind is not None and name.endswith(_KEY_SUFFIX):
            about = name.removesuffix(_KEY_SUFFIX)
            kinds[message.kind] = _Kind(about, message, messages[about + _VALUE_SUFFIX])
    return kinds


def _read_version(data: bytes, what: str) -> tuple[int, MessageReader]:
    reader = MessageReader(data)
    try:
        return reader.int16(), reader
    except UnreadableMessageError as error:
        said = f"Could not read version from {what}'s buffer."
        raise UnreadableMessageError(f"a {what} of {len(data)} bytes", said) from error


def _read_message(reader: MessageReader, message: Message, version: int, what: str) -> dict[str, Any]:
    try:
        return reader.message(message, version)
    except UnreadableMessageError as error:
        said = f"Could not read record with version {version} from {what}'s buffer due to: {error.kafkas_words}."
        raise UnreadableMessageError(f"no {message.name} of version {version}: {error}", said) from error


def _refine_group(kind: str, value: dict[str, Any]) -> None:
    """Read what the members of a classic group of consumers said of themselves, and what they were given."""
    if kind != "GroupMetadata" or value["protocolType"] != _CONSUMER_PROTOCOL:
        return
    for member in value["members"]:
        for field, message in _MEMBER_FIELDS.items():
            reader = MessageReader(base64.b64decode(member[field]))
            try:
                member[field] = reader.message(GROUP_MESSAGES[message], reader.int16())
            except UnreadableMessageError:  # in a format of its own: the bytes stay
                continue


def _explain_transaction(value: dict[str, Any]) -> dict[str, Any]:
    status = value["transactionStatus"]
    return {"state": _TRANSACTION_STATES[status] if 0 <= status < len(_TRANSACTION_STATES) else None}
