"""Write Kafka's messages by the tables that gomq-dump reads them by, with values of all sorts."""

import base64
import random
import struct
from collections.abc import Callable, Sequence
from typing import Any

from gomq_dump.decoders.schema import Field, Message
from gomq_storage.varint import encode_unsigned

_FORMATS = {"int8": ">b", "int16": ">h", "int32": ">i", "int64": ">q", "uint16": ">H", "float64": ">d", "bool": ">b"}
_TEXTS = ("", "orders", "grüße 😀", 'a "quoted" \\ text', "\x00\x1f\n\t\x7f", "x" * 300)
_DOUBLES = (0.0, -1.5, 1e7, 1e-3, 123456789.125, 1e-10, 1e21, float("inf"), float("nan"))


def write_message(message: Message, version: int, values: dict[str, Any]) -> bytes:
    """Write a message whose values are those that the reader gives back; a tagged field may be missing."""
    return _Writer(message.is_flexible(version), version).structure(message.fields, values)


def make_values(message: Message, version: int, chance: random.Random) -> dict[str, Any]:
    """Make values for each field that a version has; some are null, empty or their default."""
    return _structure(message.fields, version, chance)


class _Writer:
    def __init__(self, is_flexible: bool, version: int) -> None:
        self._is_flexible = is_flexible
        self._version = version

    def structure(self, fields: Sequence[Field], values: dict[str, Any]) -> bytes:
        fields = [field for field in fields if field.is_in(self._version)]
        data = b"".join(self._value(field, values[field.name]) for field in fields if field.tag is None)
        if not self._is_flexible:
            return data
        tagged = sorted((field.tag, field) for field in fields if field.tag is not None and field.name in values)
        data += encode_unsigned(len(tagged))
        for tag, field in tagged:
            content = self._value(field, values[field.name])
            data += encode_unsigned(tag) + encode_unsigned(len(content)) + content
        return data

    def _value(self, field: Field, value: Any) -> bytes:
        if field.is_array:
            if value is None:
                return self._length(">i", -1)
            return self._length(">i", len(value)) + b"".join(self._element(field, each) for each in value)
        if field.type == "{}" and field.is_nullable:
            return self._nullable_structure(field, value)
        return self._element(field, value)

    def _nullable_structure(self, field: Field, value: Any) -> bytes:
        if field.tag is None:
            return b"\xff" if value is None else b"\x01" + self.structure(field.fields, value)
        if value is None:
            return b"\x00"
        content = self.structure(field.fields, value)
        return encode_unsigned(len(content) + 1) + content

    def _element(self, field: Field, value: Any) -> bytes:
        if field.type == "{}":
            return self.structure(field.fields, value)
        if field.type in _FORMATS:
            return struct.pack(_FORMATS[field.type], value)
        if field.type == "uuid":
            return base64.urlsafe_b64decode(value + "==")
        plain = ">h" if field.type == "string" else ">i"
        if value is None:
            return self._length(plain, -1)
        data = value.encode() if field.type == "string" else base64.b64decode(value)
        return self._length(plain, len(data)) + data

    def _length(self, plain: str, length: int) -> bytes:
        return encode_unsigned(length + 1) if self._is_flexible else struct.pack(plain, length)


def _structure(fields: Sequence[Field], version: int, chance: random.Random) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field in fields:
        if field.is_in(version) and (field.tag is None or chance.random() < 0.7):
            values[field.name] = _any_value(field, version, chance)
    return values


def _any_value(field: Field, version: int, chance: random.Random) -> Any:
    if field.is_nullable and chance.random() < 0.3:
        return None
    if field.tag is not None and chance.random() < 0.2:
        return field.default
    if field.is_array:
        return [_one(field, version, chance) for _ in range(chance.choice((0, 1, 2)))]
    return _one(field, version, chance)


def _one(field: Field, version: int, chance: random.Random) -> Any:
    if field.type == "{}":
        return _structure(field.fields, version, chance)
    if field.type in _MAKERS:
        return _MAKERS[field.type](chance)
    bits = int(field.type.removeprefix("int"))
    return chance.choice((0, -1, 1, chance.randrange(-(1 << bits - 1), 1 << bits - 1)))


_MAKERS: dict[str, Callable[[random.Random], Any]] = {
    "string": lambda chance: chance.choice(_TEXTS),
    "bytes": lambda chance: base64.b64encode(chance.randbytes(chance.choice((0, 1, 40)))).decode(),
    "uuid": lambda chance: base64.urlsafe_b64encode(chance.randbytes(16)).rstrip(b"=").decode(),
    "bool": lambda chance: chance.random() < 0.5,
    "float64": lambda chance: chance.choice(_DOUBLES),
    "uint16": lambda chance: chance.choice((0, 9092, 65535)),
}
