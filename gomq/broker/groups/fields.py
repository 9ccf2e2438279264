"""The fields that records of ``__consumer_offsets`` are made of: Kafka's primitives, plain or flexible (KIP-482).

Every length and count is checked against the bytes that are left before it is used.
"""

import struct
from collections.abc import Mapping
from typing import Final

from gomq.errors import GomqError
from gomq_storage.varint import encode_unsigned

MAX_STRING_BYTES: Final = 2**15 - 1
_INT16: Final = struct.Struct(">h")
_INT32: Final = struct.Struct(">i")
_INT64: Final = struct.Struct(">q")
_MAX_VARINT_BYTES: Final = 5


class CorruptOffsetsRecordError(GomqError):
    """A key or a value of ``__consumer_offsets`` is not what its version says."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"corrupt record of __consumer_offsets: {reason}")
        self.reason = reason


class FieldReader:
    """Reads one field behind the other.

    Args:
        data: all bytes.
        position: where the first field starts.
        flexible: whether lengths are varints and structs end with tagged fields.
    """

    def __init__(self, data: bytes, position: int, *, flexible: bool = False) -> None:
        self._data = data
        self._position = position
        self._flexible = flexible

    def int32(self) -> int:
        """Read a signed number of 4 bytes."""
        return self._number(_INT32)

    def int64(self) -> int:
        """Read a signed number of 8 bytes."""
        return self._number(_INT64)

    def string(self) -> str:
        """Read a string."""
        text = self.nullable_string()
        if text is None:
            raise CorruptOffsetsRecordError("null where a string should be")
        return text

    def nullable_string(self) -> str | None:
        """Read a string that may be null."""
        size = self._length(_INT16)
        if size is None:
            return None
        if size > MAX_STRING_BYTES:
            raise CorruptOffsetsRecordError(f"a string of {size} bytes")
        try:
            return self._take(size).decode()
        except UnicodeDecodeError as error:
            raise CorruptOffsetsRecordError("a string that is not UTF-8") from error

    def blob(self) -> bytes:
        """Read bytes with their length in front."""
        size = self._length(_INT32)
        if size is None:
            raise CorruptOffsetsRecordError("null where bytes should be")
        return self._take(size)

    def count(self) -> int:
        """Read how many elements an array has; each takes a byte at least."""
        count = self._length(_INT32)
        if count is None:
            raise CorruptOffsetsRecordError("null where an array should be")
        if count > len(self._data) - self._position:
            raise CorruptOffsetsRecordError(f"{count} elements in {len(self._data) - self._position} bytes")
        return count

    def end_struct(self) -> dict[int, bytes]:
        """Read the tagged fields at the end of a struct; there are none unless it is flexible."""
        fields: dict[int, bytes] = {}
        for _ in range(self._varint() if self._flexible else 0):
            tag = self._varint()
            if tag in fields:
                raise CorruptOffsetsRecordError(f"tag {tag} is there twice")
            fields[tag] = self._take(self._varint())
        return fields

    def finish(self) -> None:
        """Check that nothing is left."""
        if self._position != len(self._data):
            raise CorruptOffsetsRecordError(f"{len(self._data) - self._position} bytes too many")

    def _length(self, plain: struct.Struct) -> int | None:
        length = self._varint() - 1 if self._flexible else self._number(plain)
        if length < -1:
            raise CorruptOffsetsRecordError(f"length {length}")
        return None if length == -1 else length

    def _varint(self) -> int:
        value = 0
        for index in range(_MAX_VARINT_BYTES):
            byte = self._take(1)[0]
            value |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:
                return value
        raise CorruptOffsetsRecordError(f"a varint of more than {_MAX_VARINT_BYTES} bytes")

    def _number(self, layout: struct.Struct) -> int:
        number: int = layout.unpack(self._take(layout.size))[0]
        return number

    def _take(self, size: int) -> bytes:
        end = self._position + size
        if end > len(self._data):
            raise CorruptOffsetsRecordError(f"{size} bytes wanted, {len(self._data) - self._position} are left")
        taken = self._data[self._position : end]
        self._position = end
        return taken


class FieldWriter:
    """Writes one field behind the other.

    Args:
        version: the int16 in front of all.
        flexible: whether lengths are varints and structs end with tagged fields.
    """

    def __init__(self, version: int, *, flexible: bool = False) -> None:
        self._content = bytearray(_INT16.pack(version))
        self._flexible = flexible

    def content(self) -> bytes:
        """Return all that was written."""
        return bytes(self._content)

    def int32(self, number: int) -> None:
        """Write a signed number of 4 bytes."""
        self._content += _INT32.pack(number)

    def int64(self, number: int) -> None:
        """Write a signed number of 8 bytes."""
        self._content += _INT64.pack(number)

    def string(self, text: str) -> None:
        """Write a string."""
        data = text.encode()
        if len(data) > MAX_STRING_BYTES:
            raise ValueError(f"a string of {len(data)} bytes, at most {MAX_STRING_BYTES} can be written")
        self._length(_INT16, len(data))
        self._content += data

    def nullable_string(self, text: str | None) -> None:
        """Write a string that may be null."""
        if text is None:
            self._length(_INT16, -1)
        else:
            self.string(text)

    def blob(self, data: bytes) -> None:
        """Write bytes with their length in front."""
        self._length(_INT32, len(data))
        self._content += data

    def count(self, count: int) -> None:
        """Write how many elements an array has."""
        self._length(_INT32, count)

    def end_struct(self, fields: Mapping[int, bytes] | None = None) -> None:
        """Write the tagged fields at the end of a struct, which only a flexible one has; tags must ascend."""
        if not self._flexible:
            return
        fields = fields or {}
        self._content += encode_unsigned(len(fields))
        for tag, data in fields.items():
            self._content += encode_unsigned(tag) + encode_unsigned(len(data)) + data

    def _length(self, plain: struct.Struct, length: int) -> None:
        self._content += encode_unsigned(length + 1) if self._flexible else plain.pack(length)
