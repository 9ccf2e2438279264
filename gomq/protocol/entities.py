"""Kafka's messages through kio: find a version's schema, build it from plain values, write and read it.

GoMQ answers every version of an API from the same values: ``build`` takes those a version has and leaves the rest.
Schemas are imported at first use; importing all of them would take a second.
"""

import io
import struct
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final, Literal, TypeAlias, cast, get_args, get_type_hints

from kio.index import load_payload_module
from kio.schema.errors import ErrorCode
from kio.serial import entity_reader, entity_writer
from kio.serial.errors import SerialError
from kio.static.constants import EntityType

from gomq.errors import ProtocolError
from gomq.protocol.api import Api
from gomq.protocol.shape import MAX_REQUEST_ELEMENTS, TooManyElementsError, check_shape

Kind: TypeAlias = Literal["request", "response"]
Values: TypeAlias = Mapping[str, Any]

_ENTITY_TYPES: Final[dict[Kind, Literal[EntityType.request, EntityType.response]]] = {
    "request": EntityType.request,
    "response": EntityType.response,
}
_DECODE_ERRORS: Final = (
    ProtocolError, SerialError, ValueError, TypeError, OverflowError, IndexError, struct.error,
)  # fmt: skip
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@cache
def schema(api: Api, version: int, kind: Kind) -> type[Any]:
    """Find the class of a message in one version."""
    module = load_payload_module(int(api), version, _ENTITY_TYPES[kind])
    name = "".join(part.capitalize() for part in api.schema_name.split("_")) + kind.capitalize()
    found: type[Any] = getattr(module, name)
    return found


@cache
def is_flexible(api: Api, version: int) -> bool:
    """Say whether a version has compact lengths and tagged fields (KIP-482)."""
    return bool(schema(api, version, "request").__flexible__)


def encode(entity: object) -> bytes:
    """Write a message's fields, without its header."""
    buffer = io.BytesIO()
    entity_writer(type(entity))(buffer, entity)  # type: ignore[type-var]
    return buffer.getvalue()


def decode(
    kind: type[Any],
    data: memoryview,
    position: int,
    *,
    max_elements: int = MAX_REQUEST_ELEMENTS,
) -> Any:  # noqa: ANN401 - a class picked at run time
    """Read a message from a position on.

    Raises:
        TooManyElementsError: it is a request whose arrays have more elements than are wanted.
        ProtocolError: the bytes are not that message.
    """
    try:
        sound = check_shape(kind, data, position, max_elements=max_elements)
        entity, _ = _reader(cast("Hashable", kind))(sound, position)
    except TooManyElementsError:
        raise
    except _DECODE_ERRORS as error:
        raise ProtocolError(f"not a {kind.__name__} v{kind.__version__}: {error}") from error
    return entity


@cache
def _reader(kind: Hashable) -> Callable[[memoryview, int], tuple[Any, int]]:
    return cast("Callable[[memoryview, int], tuple[Any, int]]", entity_reader(cast("Any", kind)))


def build(kind: type[Any], values: Values) -> Any:  # noqa: ANN401 - a class picked at run time
    """Make a message from plain values: nested mappings, ints for times in ms and for error codes."""
    return kind(**{name: convert(values[name]) for name, convert in _plan(cast("Hashable", kind)) if name in values})


@cache
def _plan(kind: Hashable) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    """How each field of a message is made from a plain value."""
    hints = get_type_hints(cast("type[Any]", kind))
    return tuple((field.name, _converter(hints[field.name], field.metadata)) for field in fields(cast("Any", kind)))


def _converter(hint: object, metadata: Mapping[str, Any]) -> Callable[[Any], Any]:
    match metadata.get("kafka_type"):
        case "timedelta_i32" | "timedelta_i64":
            return lambda ms: timedelta(milliseconds=ms)
        case "datetime_i64":
            return lambda ms: None if ms < 0 else _EPOCH + timedelta(milliseconds=ms)
        case "error_code":
            return ErrorCode
        case None:
            nested = _nested(hint)
            return nested if nested is not None else _same
        case _ if _is_array(hint):
            return lambda items: None if items is None else tuple(items)
        case _:
            return _same


def _same(value: Any) -> Any:  # noqa: ANN401 - whatever the schema holds
    return value


def _is_array(hint: object) -> bool:
    return getattr(hint, "__origin__", None) is tuple or any(_is_array(arg) for arg in get_args(hint))


def _nested(hint: Any) -> Callable[[Any], Any] | None:  # noqa: ANN401 - a type, of any kind
    """A converter for a struct, or an array of structs, or None where the field is neither."""
    if hasattr(hint, "__api_key__"):
        return lambda values: None if values is None else build(hint, values)
    arguments = get_args(hint)
    if getattr(hint, "__origin__", None) is tuple and hasattr(arguments[0], "__api_key__"):
        return lambda items: None if items is None else _build_all(arguments[0], items)
    return next((inner for argument in arguments if (inner := _nested(argument)) is not None), None)


def _build_all(kind: type[Any], items: Iterable[Values]) -> tuple[Any, ...]:
    return tuple(build(kind, values) for values in items)
