r"""Write JSON as Kafka's tools do, to the byte: no spaces, ``\u001F`` in capitals, doubles as Java writes them."""

import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

_ESCAPED: Final = re.compile(r'[\x00-\x1f"\\]')
_SHORT: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
_LEAST_PLAIN: Final = 1e-3
_LEAST_SCIENTIFIC: Final = 1e7


def write_json(value: Any) -> str:  # noqa: ANN401 - anything that JSON has
    """Write a value made of dictionaries, lists, strings, numbers, booleans and None."""
    return _WRITERS[type(value)](value)


def java_double(value: float) -> str:
    """Write a double as Java's ``Double.toString`` does."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if value == 0 or _LEAST_PLAIN <= abs(value) < _LEAST_SCIENTIFIC:
        return format(Decimal(repr(value)), "f")
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    first, *rest = map(str, digits)
    power = int(exponent) + len(digits) - 1
    return f"{'-' if sign else ''}{first}.{''.join(rest) or '0'}E{power}"


def _write_object(fields: dict[str, Any]) -> str:
    return (
        "{" + ",".join([f"{_write_string(name)}:{_WRITERS[type(each)](each)}" for name, each in fields.items()]) + "}"
    )


def _write_array(items: list[Any]) -> str:
    return "[" + ",".join([_WRITERS[type(each)](each) for each in items]) + "]"


def _write_string(text: str) -> str:
    return f'"{text}"' if _ESCAPED.search(text) is None else f'"{_ESCAPED.sub(_escape, text)}"'


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    return _SHORT.get(character) or f"\\u{ord(character):04X}"


def _write_double(value: float) -> str:
    return java_double(value) if math.isfinite(value) else f'"{java_double(value)}"'


_WRITERS: Final[Mapping[type, Callable[[Any], str]]] = {
    dict: _write_object,
    list: _write_array,
    str: _write_string,
    int: str,
    float: _write_double,
    bool: lambda value: "true" if value else "false",
    type(None): lambda _: "null",
}
