"""What a request is about, as rules and tests go by it: its API, its client, the topics that it names."""

from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from itertools import islice
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID

from gomq.errors import ConfigurationError
from gomq.protocol.api import SERVED, Api

ANY: Final = "*"
"""Stands for every API."""
NameOf: TypeAlias = Callable[[UUID], str | None]
"""Says which topic has an id."""
_TOPIC_ARRAYS: Final = ("topics", "topic_data", "topic_partitions", "topic_names")
_AROUND: Final = ("groups", "resources")
"""Arrays in whose elements topics are named."""
_NAMES: Final = ("topic", "name")
_TOPIC_RESOURCE: Final = 2
"""Kafka: ``ConfigResource.Type.TOPIC``."""
_MOST_TOPICS: Final = 1000


class Asked(NamedTuple):
    """One request that a broker got."""

    api: str
    """As Kafka calls it: ``Produce``, ``OffsetCommit``."""
    version: int
    client_id: str
    """What the client calls itself."""
    topics: tuple[str, ...] = ()
    """The topics that it names, in its order; the first thousand."""


def api_name(api: Api) -> str:
    """Write an API as Kafka does: ``OffsetCommit``."""
    return "".join(part.capitalize() for part in api.schema_name.split("_"))


_BY_NAME: Final = {api_name(api).lower(): api_name(api) for api in SERVED}


def checked_api(name: str) -> str:
    """Take the name of an API in any case, with or without underscores, or ``*``.

    Raises:
        ConfigurationError: there is no such API; the message lists those that there are.
    """
    if name == ANY:
        return ANY
    found = _BY_NAME.get(name.replace("_", "").lower())
    if found is None:
        raise ConfigurationError(
            f"there is no API {name!r}: {', '.join(sorted(_BY_NAME.values()))}, or {ANY!r} for all"
        )
    return found


def topics_of(body: object, name_of: NameOf) -> tuple[str, ...]:
    """List the topics that a request names.

    Args:
        body: kio's message.
        name_of: says which topic has an id.
    """
    return tuple(dict.fromkeys(islice(_topics(body, name_of), _MOST_TOPICS)))


def _topics(body: object, name_of: NameOf) -> Iterator[str]:
    for array in _TOPIC_ARRAYS:
        for element in getattr(body, array, None) or ():
            if (name := _name(element, name_of)) is not None:
                yield name
    for array in _AROUND:
        for element in getattr(body, array, None) or ():
            if getattr(element, "resource_type", None) == _TOPIC_RESOURCE:
                yield element.resource_name
            elif is_dataclass(element):
                yield from _topics(element, name_of)


def _name(element: Any, name_of: NameOf) -> str | None:  # noqa: ANN401 - one class for each API and version
    if isinstance(element, str):
        return element
    found = next((name for field in _NAMES if (name := getattr(element, field, None)) is not None), None)
    topic_id = getattr(element, "topic_id", None)
    return str(found) if found is not None else name_of(topic_id) if topic_id is not None else None
