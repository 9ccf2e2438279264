"""How what is read becomes messages: plain values, keys and values, or JSON objects. Bytes and values only."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from gomq.client import NewMessage
from gomq_storage.record_fields import Headers, decode_name

_MAX_TIMESTAMP: Final = (1 << 63) - 1
_MAX_PARTITION: Final = (1 << 31) - 1

Message: TypeAlias = bytes | NewMessage


class LineError(Exception):
    """No message can be made of a line."""


class Made(NamedTuple):
    """Messages that were made of lines."""

    messages: Sequence[Message]
    sources: Sequence[int]
    """Of each the index of its line."""
    problem: str | None = None
    """Why no message can be made of the line behind those that were looked at."""
    looked_at: int = 0
    """How many lines were looked at before the problem."""


class Form(Protocol):
    """Makes messages of lines."""

    def make(self, lines: Sequence[bytes]) -> Made:
        """Make messages, up to the first line that is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """What all messages have."""

    key: bytes | None = None
    headers: Headers = ()
    timestamp: int | None = None
    """Milliseconds since the epoch; None for the time of publishing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Each line is a value, perhaps with a key in front of it."""

    common: Common
    key_delimiter: bytes | None = None
    empty_is_null: bool = False
    """Whether no value is a tombstone."""

    def make(self, lines: Sequence[bytes]) -> Made:
        """Make messages; plain lines stay what they are, which is the fastest."""
        if self.key_delimiter is None and not self.empty_is_null and self.common == Common():
            return Made(lines, range(len(lines)))
        return Made(list(map(self._message, lines)), range(len(lines)))

    def _message(self, line: bytes) -> NewMessage:
        key, value = self.common.key, line
        if self.key_delimiter is not None:
            before, found, behind = line.partition(self.key_delimiter)
            if found:
                key, value = before, behind
        shown = None if self.empty_is_null and not value else value
        return NewMessage(shown, key, self.common.headers, None, self.common.timestamp)


@dataclass(frozen=True, slots=True, kw_only=True)
class Objects:
    """Each line is a JSON object, as ``gomq subscribe --format json`` and ``gomq-dump --format json`` print them."""

    common: Common
    keeps_partitions: bool = True
    """Whether a partition that an object names is the message's."""

    def make(self, lines: Sequence[bytes]) -> Made:
        """Make messages; objects of gomq-dump that are no records are passed over."""
        messages: list[Message] = []
        sources: list[int] = []
        for index, line in enumerate(lines):
            if not line.strip():
                continue
            try:
                message = self._message(line)
            except LineError as error:
                return Made(messages, sources, str(error), index)
            if message is not None:
                messages.append(message)
                sources.append(index)
        return Made(messages, sources)

    def _message(self, line: bytes) -> NewMessage | None:
        fields = _object(line)
        if fields.get("type", "record") != "record" or "control" in fields:
            return None
        if "value" not in fields and "value_base64" not in fields:
            raise LineError('the object has neither "value" nor "value_base64"')
        common = self.common
        partition = _number(fields, "partition", _MAX_PARTITION)
        timestamp = _number(fields, "timestamp", _MAX_TIMESTAMP)
        return NewMessage(
            _bytes(fields, "value"),
            _bytes(fields, "key") if common.key is None else common.key,
            (*_headers(fields.get("headers")), *common.headers),
            partition if self.keeps_partitions else None,
            timestamp if common.timestamp is None else common.timestamp,
        )


def _object(line: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:  # what is no UTF-8 is a ValueError, too
        raise LineError(f"it is no JSON: {error}") from error
    if not isinstance(fields, dict):
        raise LineError("it is no JSON object; without --input json each line is a message as it is")
    return fields


def _bytes(fields: dict[str, Any], name: str) -> bytes | None:
    """Take a field's text, or its bytes in base64."""
    encoded = fields.get(f"{name}_base64")
    if encoded is not None:
        try:
            return base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError, TypeError):
            raise LineError(f'"{name}_base64" is no base64') from None
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise LineError(f'"{name}" is no text; bytes that are no text go into "{name}_base64"')
    return _encoded(value, name)


def _encoded(text: str, name: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise LineError(f'"{name}" has half of a character: \\ud800 to \\udfff come in pairs') from None


def _number(fields: dict[str, Any], name: str, most: int) -> int | None:
    number = fields.get(name)
    if number is None or (name == "timestamp" and number == -1):
        return number
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= most:
        raise LineError(f'"{name}" is a whole number from 0 to {most}, not {json.dumps(number)[:40]}')
    return number


def _headers(listed: Any) -> Headers:  # noqa: ANN401 - what JSON has
    """Take a list of objects with name and value, or one object with a value for each name."""
    if not listed:
        return ()
    if isinstance(listed, dict):
        listed = [{"name": name, "value": value} for name, value in listed.items()]
    if not isinstance(listed, list):
        raise LineError('"headers" is a list of objects with "name" and "value"')
    return tuple(map(_header, listed))


def _header(entry: Any) -> tuple[str, bytes | None]:  # noqa: ANN401 - what JSON has
    if not isinstance(entry, dict) or not isinstance(entry.get("name_base64", entry.get("name")), str):
        raise LineError('"headers" is a list of objects with "name" and "value"')
    return decode_name(_bytes(entry, "name") or b""), _bytes(entry, "value")
