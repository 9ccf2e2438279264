"""The answer to any request that says no: every topic, partition, group or resource of it with one error code.

Kafka's requests each have a ``getErrorResponse``. Here one rule serves all of them, over the fields of kio's messages:
an array of an answer that has error codes repeats the first array of the request, element by element, and takes over
what they are known by. All else is what it is where nothing is known: -1, "", null, nothing.
"""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import MISSING, fields
from functools import cache
from typing import Any, Final, NamedTuple, cast, get_args, get_type_hints

from gomq.protocol.api import Api
from gomq.protocol.entities import schema

_TOPIC: Final = ("name", "topic", "topic_name")
_PARTITION: Final = ("partition_index", "index", "partition", "partition_id")
_ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(_TOPIC, _TOPIC),
    **dict.fromkeys(_PARTITION, _PARTITION),
    **{name: (name,) for name in ("topic_id", "group_id", "key", "resource_type", "resource_name")},
}
"""What an element is known by, and how else the same may be called."""
_ONLY_ABOVE: Final = frozenset({Api.OFFSET_FETCH, Api.LEAVE_GROUP, Api.OFFSET_DELETE})
"""Where an error of the whole leaves out the parts."""
_TOPICS_BY_ID: Final = 13
"""Since this version an answer to Fetch has the error of the whole, and no topics."""
_NOTHING: Final[Mapping[str, Any]] = {
    "string": "", "bytes": b"", "records": b"", "bool": False, "timedelta_i32": 0, "timedelta_i64": 0,
}  # fmt: skip
"""What stands for nothing, by Kafka's types; numbers have -1."""
_MOST_MESSAGE: Final = 200


class _Field(NamedTuple):
    name: str
    kafka_type: str
    element: type[Any] | None
    """Of an array of structs."""
    is_array: bool
    is_optional: bool
    has_default: bool


class ErrorAnswer(NamedTuple):
    """An error, and the request that it answers."""

    api: Api
    version: int
    code: int
    message: str
    """Where the answer has room for one."""

    def values(self, body: object) -> dict[str, Any]:
        """Lay out the fields of the answer to a request's body, as ``encode_response`` takes them."""
        return self._fill(schema(self.api, self.version, "response"), body)

    def _fill(self, kind: type[Any], asked: object) -> dict[str, Any]:
        known = _fields(kind)
        repeats = self._repeats(known)
        values: dict[str, Any] = {}
        for field in known:
            if field.name == "error_code":
                values[field.name] = self.code
            elif field.name == "error_message":
                values[field.name] = self.message[:_MOST_MESSAGE]
            elif field.element is not None:
                elements = _first_array(asked) if repeats and _has_errors(field.element) else ()
                values[field.name] = [self._fill(field.element, each) for each in elements]
            elif (found := _identity(field.name, asked)) is not None:
                values[field.name] = found
            elif not field.has_default:
                values[field.name] = self._nothing(field)
        return values

    def _repeats(self, known: Iterable[_Field]) -> bool:
        """Say whether the arrays of a struct with these fields are filled."""
        if self.api is Api.DESCRIBE_LOG_DIRS:
            return False  # it asks about topics, and its answer is about directories
        if not any(field.name == "error_code" for field in known):
            return True
        return self.api not in _ONLY_ABOVE and not (self.api is Api.FETCH and self.version >= _TOPICS_BY_ID)

    @staticmethod
    def _nothing(field: _Field) -> Any:  # noqa: ANN401 - a value of whatever kind
        if field.is_optional and field.kafka_type != "records":  # clients refuse those that are null
            return None
        return () if field.is_array else _NOTHING.get(field.kafka_type, -1)


def _identity(name: str, asked: object) -> Any:  # noqa: ANN401 - a value of whatever kind
    """Look up in a request's element what an answer's is known by."""
    if name == "session_id":
        return getattr(asked, name, None)
    names = _ROLES.get(name)
    if names is None:
        return None
    if isinstance(asked, str | int):  # an array of names or of indexes
        return asked if isinstance(asked, str) is (names is not _PARTITION) else None
    return next((value for each in names if (value := getattr(asked, each, None)) is not None), None)


def _first_array(asked: object) -> tuple[Any, ...]:
    """Find what a request asks about, one level further down."""
    if isinstance(asked, str | int):
        return ()
    for field in _fields(type(asked)):
        if field.is_array:
            found: tuple[Any, ...] | None = getattr(asked, field.name)
            if found is not None:
                return found
    return ()


def _fields(kind: type[Any]) -> tuple[_Field, ...]:
    return _cached_fields(cast("Hashable", kind))


@cache
def _cached_fields(kind: Hashable) -> tuple[_Field, ...]:
    hints = get_type_hints(cast("type[Any]", kind))
    return tuple(
        _Field(
            field.name,
            str(field.metadata.get("kafka_type", "")),
            _element(hints[field.name]),
            _is_array(hints[field.name]),
            type(None) in get_args(hints[field.name]),
            field.default is not MISSING or field.default_factory is not MISSING,
        )
        for field in fields(cast("Any", kind))
    )


def _has_errors(kind: type[Any]) -> bool:
    """Say whether an error code is in a struct, or in what it has."""
    return any(
        field.name == "error_code" or (field.element is not None and _has_errors(field.element))
        for field in _fields(kind)
    )


def _is_array(hint: object) -> bool:
    return getattr(hint, "__origin__", None) is tuple or any(map(_is_array, get_args(hint)))


def _element(hint: object) -> type[Any] | None:
    """Find the struct that an array is of."""
    if getattr(hint, "__origin__", None) is tuple:
        element = get_args(hint)[0]
        return cast("type[Any]", element) if hasattr(element, "__api_key__") else None
    return next((found for each in get_args(hint) if (found := _element(each)) is not None), None)
