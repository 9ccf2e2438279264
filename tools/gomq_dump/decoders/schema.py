"""What Kafka's messages look like: a notation for their fields, and what it says as values.

    OffsetCommitValue 1 versions 0-4 flexible 4+       a message: name, number of its kind, versions (KIP-482)
        offset int64
        leaderEpoch int32 3+                           from version 3 on; ``1`` in 1 only, ``1-2`` in both
        topicId uuid 4+ tag 0                          a tagged field, not shown where it has its default:
        validatedTopologyEpoch int32 tag 1 = -1        ``= JSON``, else zero, empty or, where it may be null, null
        racks []string                                 an array; ``[]?`` may be null, as ``string?``
        members []                                     an array of structures, whose fields follow
            memberId string
        userEndpoint {}?                               one structure, which may be null

Names are Kafka's, those of its JSON. A message without a number is part of another. Only the notation is read here.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

INDENT: Final = "    "
LAST_VERSION: Final = 2**15 - 1
ZERO_UUID: Final = "AAAAAAAAAAAAAAAAAAAAAA"
_DEFAULTS: Final = {"string": "", "bytes": "", "uuid": ZERO_UUID, "bool": False, "float64": 0.0}
_STRUCT: Final = "{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of a message or of a structure in one."""

    name: str
    type: str
    """``int32`` and the like; ``{}`` for a structure."""
    is_array: bool
    """Whether there are any number of it."""
    is_nullable: bool
    """Whether it may be null; of an array, the array."""
    first_version: int
    last_version: int
    tag: int | None
    default: Any
    """What a tagged field is where it is not there."""
    fields: tuple["Field", ...]
    """Of a structure."""

    def is_in(self, version: int) -> bool:
        """Say whether a version of the message has it."""
        return self.first_version <= version <= self.last_version


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message of several versions."""

    name: str
    kind: int | None
    """The number that stands for it, where it has one."""
    first_version: int
    last_version: int
    first_flexible: int
    """From here on lengths are varints and structures end in tagged fields."""
    fields: tuple[Field, ...]

    def is_flexible(self, version: int) -> bool:
        """Say whether a version is flexible."""
        return version >= self.first_flexible


def read_messages(notation: str) -> dict[str, Message]:
    """Read the notation: messages by their names.

    Raises:
        ValueError, IndexError: it is not what the head of this module draws.
    """
    messages: dict[str, Message] = {}
    head = ""
    body: list[str] = []
    for line in [*filter(str.strip, notation.splitlines()), "."]:
        if line.startswith(INDENT):
            body.append(line.removeprefix(INDENT))
            continue
        if head:
            message = _read_message(head, body)
            messages[message.name] = message
        head, body = line, []
    return messages


def _read_message(head: str, body: Iterable[str]) -> Message:
    name, *words = head.split()
    kind = int(words.pop(0)) if words[0].isdigit() else None
    said = dict(zip(words[::2], words[1::2], strict=True))
    first, last = _read_versions(said["versions"])
    flexible = said.get("flexible")
    return Message(
        name=name,
        kind=kind,
        first_version=first,
        last_version=last,
        first_flexible=LAST_VERSION + 1 if flexible is None else _read_versions(flexible)[0],
        fields=tuple(_read_fields(body)),
    )


def _read_fields(lines: Iterable[str]) -> Iterator[Field]:
    head = ""
    body: list[str] = []
    for line in [*lines, ""]:
        if line.startswith(INDENT):
            body.append(line.removeprefix(INDENT))
            continue
        if head:
            yield _read_field(head, tuple(_read_fields(body)))
        head, body = line, []


def _read_field(line: str, fields: tuple[Field, ...]) -> Field:
    text, _, default = line.partition(" = ")
    name, type_, *words = text.split()
    is_array = type_.startswith("[]")
    is_nullable = type_.startswith("[]?") or (type_.endswith("?") and not is_array)
    element = type_.removeprefix("[]").strip("?") or _STRUCT
    versions = words.pop(0) if words and words[0] != "tag" else "0+"
    first, last = _read_versions(versions)
    return Field(
        name=name,
        type=element,
        is_array=is_array,
        is_nullable=is_nullable,
        first_version=first,
        last_version=last,
        tag=int(words[1]) if words else None,
        default=json.loads(default) if default else _default(element, is_array=is_array, is_nullable=is_nullable),
        fields=fields,
    )


def _default(type_: str, *, is_array: bool, is_nullable: bool) -> Any:  # noqa: ANN401 - as JSON has it
    if is_nullable:
        return None
    return [] if is_array else _DEFAULTS.get(type_, 0)


def _read_versions(text: str) -> tuple[int, int]:
    """Read ``3``, ``3-4`` or ``3+``."""
    if text.endswith("+"):
        return int(text[:-1]), LAST_VERSION
    first, _, last = text.partition("-")
    return int(first), int(last or first)
