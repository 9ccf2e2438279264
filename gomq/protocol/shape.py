"""A message measured by its schema before kio reads it: every count and length against the bytes that are there.

kio's native reader allocates for as many elements as a compact array's count promises, before it looks for the first
of them: a few hostile bytes would end the process. It also refuses tagged fields it does not know, which KIP-482 wants
passed over. So each message is walked here first, and what kio gets to read is sound in size and free of such fields.
Values are not looked at.
"""

from collections.abc import Callable
from dataclasses import fields
from functools import cache
from struct import Struct
from typing import Any, Final, TypeAlias, cast, get_args, get_type_hints

from kio.static.constants import EntityType

from gomq.errors import ProtocolError
from gomq_storage.varint import encode_unsigned

MAX_REQUEST_ELEMENTS: Final = 1 << 15
"""Elements of all arrays of a request together, each of which costs some 30 us until it is answered; a response may
hold as many as its bytes do."""
_MAX_STRING_BYTES: Final = 0x7FFF
_INT16: Final = Struct(">h")
_INT32: Final = Struct(">i")
_SIZES: Final = {
    "bool": 1, "int8": 1, "int16": 2, "uint16": 2, "error_code": 2, "int32": 4, "uint32": 4, "timedelta_i32": 4,
    "int64": 8, "float64": 8, "timedelta_i64": 8, "datetime_i64": 8, "uuid": 16,
}  # fmt: skip


class TooManyElementsError(ProtocolError):
    """A message's arrays have more elements than are taken."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"more than {limit} elements in its arrays")
        self.limit = limit


class _Survey:
    """What is found on the way."""

    __slots__ = ("cuts", "elements_left", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.elements_left = limit
        self.cuts: list[tuple[int, int, bytes]] = []
        """Start, end, and what to put there instead."""

    def take(self, count: int, bytes_left: int) -> None:
        """Allow a count of elements, the smallest of which is one byte."""
        self.elements_left -= count
        if count > bytes_left:
            raise ProtocolError(f"{count} elements announced, {bytes_left} bytes left")
        if self.elements_left < 0:
            raise TooManyElementsError(self.limit)


_Walk: TypeAlias = Callable[[memoryview, int, _Survey], int]
"""Passes over a field: from its position to the one behind it."""
_Step: TypeAlias = int | _Walk
"""A number of bytes, or whatever finds that number."""


def check_shape(
    kind: type[Any], data: memoryview, position: int, *, max_elements: int = MAX_REQUEST_ELEMENTS
) -> memoryview:
    """Check that a message's counts and lengths fit the bytes from a position on.

    Args:
        kind: kio's class.
        data: the message, and perhaps something in front of it.
        position: where it begins.
        max_elements: elements of all arrays together that a request may have.

    Returns:
        the bytes without unknown tagged fields: the same view where there are none.

    Raises:
        ProtocolError: they do not fit; ``TooManyElementsError`` where there are too many.
        IndexError, struct.error: the bytes end too early.
    """
    is_request = kind.__type__ is EntityType.request
    survey = _Survey(max_elements if is_request else len(data))
    end = _pass(_struct(cast("Any", kind)), data, position, survey)
    if end > len(data):
        raise ProtocolError(f"ends {end - len(data)} bytes too early")
    return _without(data, survey.cuts) if survey.cuts else data


def _without(data: memoryview, cuts: list[tuple[int, int, bytes]]) -> memoryview:
    parts: list[bytes | memoryview] = []
    kept = 0
    for start, end, instead in sorted(cuts):
        parts += (data[kept:start], instead)
        kept = end
    return memoryview(b"".join((*parts, data[kept:])))


def _pass(step: _Step, data: memoryview, position: int, survey: _Survey) -> int:
    return position + step if isinstance(step, int) else step(data, position, survey)


@cache
def _struct(kind: Any) -> _Step:  # noqa: ANN401 - a class picked at run time
    """One step for a whole struct; neighbours of fixed size are one number."""
    hints = get_type_hints(kind)
    steps: list[_Step] = []
    tagged: dict[int, _Step] = {}
    for field in fields(kind):
        step = _field(hints[field.name], field.metadata.get("kafka_type"), flexible=kind.__flexible__)
        if (tag := field.metadata.get("tag")) is not None:
            tagged[tag] = step
        elif isinstance(step, int) and steps and isinstance(steps[-1], int):
            steps[-1] += step
        else:
            steps.append(step)
    if kind.__flexible__:
        steps.append(_tags(tagged))
    if not steps:
        return 0
    return steps[0] if len(steps) == 1 else _sequence(tuple(steps))


def _field(hint: object, kafka_type: str | None, *, flexible: bool) -> _Step:
    if (element := _element(hint)) is not None:
        inner = _one(element, kafka_type, flexible=flexible)
        return _array(inner, flexible=flexible, may_be_null=type(None) in get_args(hint))
    return _one(hint, kafka_type, flexible=flexible)


def _one(hint: object, kafka_type: str | None, *, flexible: bool) -> _Step:
    if kafka_type is None:
        optional = next((kind for kind in get_args(hint) if kind is not type(None)), None)
        return _struct(hint) if optional is None else _nullable(_struct(optional))
    if (size := _SIZES.get(kafka_type)) is not None:
        return size
    if kafka_type == "string":
        return _compact_string if flexible else _string
    return _compact_bytes if flexible else _bytes


def _element(hint: object) -> object | None:
    """The type of an array's elements, or None where the type is no array."""
    if getattr(hint, "__origin__", None) is tuple:
        element: object = get_args(hint)[0]
        return element
    return next((found for argument in get_args(hint) if (found := _element(argument)) is not None), None)


def _nullable(struct: _Step) -> _Walk:
    """A struct behind a byte that says whether it is there."""

    def walk(data: memoryview, position: int, survey: _Survey) -> int:
        is_null = data[position] >= 0x80
        return position + 1 if is_null else _pass(struct, data, position + 1, survey)

    return walk


def _sequence(steps: tuple[_Step, ...]) -> _Walk:
    def walk(data: memoryview, position: int, survey: _Survey) -> int:
        for step in steps:
            position = position + step if isinstance(step, int) else step(data, position, survey)
        return position

    return walk


def _array(element: _Step, *, flexible: bool, may_be_null: bool) -> _Walk:
    def walk(data: memoryview, position: int, survey: _Survey) -> int:
        if flexible:
            count, position = _varint(data, position)
            count -= 1
        else:
            (count,) = _INT32.unpack_from(data, position)
            position += 4
        if count <= 0:
            if count < 0 and not may_be_null:
                raise ProtocolError("null where an array is wanted")
            return position
        survey.take(count, len(data) - position)
        if isinstance(element, int):
            return position + count * element
        for _ in range(count):
            position = element(data, position, survey)
        return position

    return walk


def _tags(known: dict[int, _Step]) -> _Walk:
    def walk(data: memoryview, position: int, survey: _Survey) -> int:
        start = position
        count, position = _varint(data, position)
        if not count:
            return position
        survey.take(count, len(data) - position)
        first, kept = position, 0
        for _ in range(count):
            tag_start = position
            tag, position = _varint(data, position)
            size, position = _varint(data, position)
            end = position + size
            if tag not in known:
                survey.cuts.append((tag_start, end, b""))
            elif _pass(known[tag], data, position, survey) == end:
                kept += 1
            else:
                raise ProtocolError(f"tagged field {tag} is not of the {size} bytes that it says")
            position = end
        if kept != count:
            survey.cuts.append((start, first, encode_unsigned(kept)))
        return position

    return walk


def _string(data: memoryview, position: int, survey: _Survey) -> int:  # noqa: ARG001 - a step's form
    (size,) = _INT16.unpack_from(data, position)
    return position + 2 + max(int(size), 0)


def _compact_string(data: memoryview, position: int, survey: _Survey) -> int:  # noqa: ARG001
    size, position = _varint(data, position)
    if size > _MAX_STRING_BYTES + 1:
        raise ProtocolError(f"string of {size - 1} bytes; the longest has {_MAX_STRING_BYTES}")
    return position + max(size - 1, 0)


def _bytes(data: memoryview, position: int, survey: _Survey) -> int:  # noqa: ARG001
    (size,) = _INT32.unpack_from(data, position)
    return position + 4 + max(int(size), 0)


def _compact_bytes(data: memoryview, position: int, survey: _Survey) -> int:  # noqa: ARG001
    size, position = _varint(data, position)
    return position + max(size - 1, 0)


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    value = data[position]
    position += 1
    if value < 0x80:
        return value, position
    value &= 0x7F
    for shift in (7, 14, 21, 28):
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ProtocolError("varint longer than five bytes")
