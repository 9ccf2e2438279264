"""Read Kafka's messages: bytes to the values that Kafka's own JSON has, by what ``schema.py`` says of them.

A field that a version does not have is left out, and so is a tagged one that has its default. Numbers are numbers,
UUIDs and bytes base64, of which UUIDs have the letters for URLs and no padding. Every length is checked against the
bytes that are left before anything is made of them. Errors say what Kafka's generated readers say, since they are
shown where Kafka shows them.
"""

import base64
import math
import struct
from collections.abc import Callable, Mapping
from typing import Any, Final

from gomq_dump.decoders.java_json import java_double
from gomq_dump.decoders.schema import Field, Message
from gomq_dump.rendering.java_text import decode_as_java

MAX_STRING_BYTES: Final = 2**15 - 1
_MAX_VARINT_SHIFT: Final = 28
_INT16: Final = struct.Struct(">h")
_INT32: Final = struct.Struct(">i")
_NUMBERS: Final[Mapping[str, struct.Struct]] = {
    "int8": struct.Struct(">b"),
    "int16": _INT16,
    "int32": _INT32,
    "int64": struct.Struct(">q"),
    "uint16": struct.Struct(">H"),
}
_DOUBLE: Final = struct.Struct(">d")
_UUID_BYTES: Final = 16


class UnreadableMessageError(ValueError):
    """The bytes are not those of the message."""

    def __init__(self, reason: str, kafkas_words: str | None = None) -> None:
        super().__init__(reason)
        self.kafkas_words: str = reason if kafkas_words is None else kafkas_words
        """What Kafka's tool shows in the place of what it cannot read."""


class _EndOfBytesError(UnreadableMessageError):
    """A number reaches beyond the end."""

    def __init__(self) -> None:
        super().__init__("it ends early", "null")  # Kafka's exception has no message, which Java shows as null


class MessageReader:
    """Reads one message behind the other.

    Args:
        data: all bytes.
        position: where the first one starts.
    """

    def __init__(self, data: bytes, position: int = 0) -> None:
        self._data = data
        self._position = position
        self._is_flexible = False
        self._unknown_version: int | None = None

    @property
    def left(self) -> int:
        """Bytes that were not read."""
        return len(self._data) - self._position

    def message(self, message: Message, version: int) -> dict[str, Any]:
        """Read a message; of a version that is not known what the nearest one has, unless it holds structures.

        Raises:
            UnreadableMessageError: it is none.
        """
        known = min(max(version, message.first_version), message.last_version)
        self._is_flexible = message.is_flexible(known)
        self._unknown_version = None if known == version else version
        return self._structure(message.fields, known)

    def int16(self) -> int:
        """Read a signed number of 2 bytes.

        Raises:
            UnreadableMessageError: there are not as many.
        """
        return int(self._number(_INT16))

    def unsigned_varint(self) -> int:
        """Read an unsigned varint, as a signed number of 4 bytes.

        Raises:
            UnreadableMessageError: it is none.
        """
        value = shift = 0
        while True:
            byte = self._number(_NUMBERS["int8"])
            value |= (int(byte) & 0x7F) << shift
            if byte >= 0:
                return ((value & 0xFFFF_FFFF) ^ 0x8000_0000) - 0x8000_0000
            if shift == _MAX_VARINT_SHIFT:
                message = "Varint is too long, the most significant bit in the 5th byte is set, converted value: "
                raise UnreadableMessageError(f"{message}{value & 0xFFFF_FFFF:x}")
            shift += 7

    def _structure(self, fields: tuple[Field, ...], version: int) -> dict[str, Any]:
        values = {each.name: self._value(each, version) for each in fields if each.tag is None and each.is_in(version)}
        if not self._is_flexible:
            return values
        tagged = {each.tag: each for each in fields if each.tag is not None}
        for _ in range(self.unsigned_varint()):
            tag, size = self.unsigned_varint(), self.unsigned_varint()
            if tag not in tagged:
                self._take(size)
                continue
            if not tagged[tag].is_in(version):
                raise UnreadableMessageError(f"Tag {tag} is not valid for version {version}")
            values[tagged[tag].name] = self._value(tagged[tag], version)
        return {
            each.name: values[each.name]
            for each in fields
            if each.name in values and (each.tag is None or values[each.name] != each.default)
        }

    def _value(self, field: Field, version: int) -> Any:  # noqa: ANN401 - as JSON has it
        if field.is_array:
            return self._array(field, version)
        if field.type == "{}" and field.is_nullable and self._is_null_structure(field):
            return None
        return self._element(field, version, field.name)

    def _is_null_structure(self, field: Field) -> bool:
        """Read what stands in front of a structure that may be null: of a tagged one its size, else a byte."""
        if field.tag is not None:
            return self.unsigned_varint() <= 0
        return bool(self._number(_NUMBERS["int8"]) < 0)

    def _array(self, field: Field, version: int) -> list[Any] | None:
        count = self._length(_INT32)
        if count < 0:
            _check_null(field, field.name)
            return None
        if count > self.left:
            raise UnreadableMessageError(
                f"Tried to allocate a collection of size {count}, but there are only {self.left} bytes remaining."
            )
        return [self._element(field, version, f"{field.name} element") for _ in range(count)]

    def _element(self, field: Field, version: int, name: str) -> Any:  # noqa: ANN401 - as JSON has it
        if field.type == "{}":
            if self._unknown_version is not None:
                raise UnreadableMessageError(f"Can't read version {self._unknown_version} of {field.name}")
            return self._structure(field.fields, version)
        if field.type in _NUMBERS:
            return self._number(_NUMBERS[field.type])
        read: Callable[[Field, str], Any] = getattr(self, f"_{field.type}")
        return read(field, name)

    def _string(self, field: Field, name: str) -> str | None:
        size = self._length(_INT16)
        if size < 0:
            _check_null(field, name)
            return None
        if size > MAX_STRING_BYTES:
            raise UnreadableMessageError(f"string field {name} had invalid length {size}")
        return decode_as_java(self._take(size))

    def _bytes(self, field: Field, name: str) -> str | None:
        size = self._length(_INT32)
        if size < 0:
            _check_null(field, name)
            return None
        return base64.b64encode(self._take(size)).decode()

    def _uuid(self, _field: Field, _name: str) -> str:
        if self.left < _UUID_BYTES:
            raise _EndOfBytesError
        return base64.urlsafe_b64encode(self._take(_UUID_BYTES)).rstrip(b"=").decode()

    def _float64(self, _field: Field, _name: str) -> float | str:
        number = float(self._number(_DOUBLE))
        return number if math.isfinite(number) else java_double(number)  # which JSON has no number for

    def _bool(self, _field: Field, _name: str) -> bool:
        return bool(self._number(_NUMBERS["int8"]))

    def _length(self, plain: struct.Struct) -> int:
        return self.unsigned_varint() - 1 if self._is_flexible else int(self._number(plain))

    def _number(self, layout: struct.Struct) -> Any:  # noqa: ANN401 - int or float, by the layout
        if self.left < layout.size:
            raise _EndOfBytesError
        (number,) = layout.unpack_from(self._data, self._position)
        self._position += layout.size
        return number

    def _take(self, size: int) -> bytes:
        if size > self.left:
            raise UnreadableMessageError(
                f"Error reading byte array of {size} byte(s): only {self.left} byte(s) available"
            )
        if size < 0:
            raise UnreadableMessageError(str(size))
        taken = self._data[self._position : self._position + size]
        self._position += size
        return taken


def _check_null(field: Field, name: str) -> None:
    """Refuse null where there must be something; in an array that may be null its elements may not."""
    if not field.is_nullable or name != field.name:
        raise UnreadableMessageError(f"non-nullable field {name} was serialized as null")
