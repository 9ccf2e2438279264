"""Walk the files that say whose a data directory and a partition are: lines of names and values.

meta.properties       Java's properties: ``cluster.id=R29NUSBpbnRlcm9wIHRlc3``. Kafka: ``MetaProperties``
partition.metadata    ``version: 0`` and ``topic_id: ...``. Kafka: ``PartitionMetadataFile``
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from gomq_dump.findings import Finding, Problem
from gomq_dump.rendering.text_lines import Line, Readable, read_lines

_NODE: Final = r"0|[1-9][0-9]{0,9}"
_META_PROPERTIES: Final[Mapping[str, Mapping[str, str]]] = {
    "0": {"broker.id": _NODE},
    "1": {"cluster.id": r"\S+", "node.id": _NODE},
}
"""Of each version: what must be there, and what it must look like."""
_UUID: Final = r"(?!A{22})[A-Za-z0-9_-]{21}[AQgw]"
"""Any but that of zeros, which Kafka has for none."""
_OPTIONAL: Final[Mapping[str, str]] = {"directory.id": _UUID}
"""What older brokers do not write (KIP-858), and what it must look like where it is."""
_PARTITION_METADATA: Final[Mapping[str, Mapping[str, str]]] = {"0": {"topic_id": _UUID}}
_VERSION: Final = "version"
_ESCAPED: Final = re.compile(r"\\(.)")
_JAVA_PROPERTY: Final = re.compile(r"[ \t\f]*((?:\\.|[^\\=: \t\f])+)[ \t\f]*[=:]?[ \t\f]*(.*?)\r?")
_METADATA_LINE: Final = re.compile(r"(\w+):[ \t\v\f]+(.*?)\r?")
_IGNORED: Final = re.compile(r"[ \t\f]*([#!].*)?\r?")
"""What is white is Java's affair: other characters that Python takes for it are a part of the name or the value."""


@dataclass(frozen=True, slots=True)
class Property:
    """A name and its value."""

    position: int
    """Byte of the file at which its line starts."""
    name: str
    value: str


def walk_meta_properties(reader: Readable) -> Iterator[Property | Finding]:
    """Yield the lines of a data directory's ``meta.properties``, then what is wrong with them."""
    yield from _walk(reader, _JAVA_PROPERTY, _META_PROPERTIES)


def walk_partition_metadata(reader: Readable) -> Iterator[Property | Finding]:
    """Yield the lines of a partition's ``partition.metadata``, then what is wrong with them."""
    yield from _walk(reader, _METADATA_LINE, _PARTITION_METADATA)


def _walk(
    reader: Readable, pattern: re.Pattern[str], forms: Mapping[str, Mapping[str, str]]
) -> Iterator[Property | Finding]:
    found: dict[str, Property] = {}
    for line in read_lines(reader):
        if _IGNORED.fullmatch(line.text) is not None:
            continue
        item = _read(line, pattern)
        yield item
        if isinstance(item, Property):
            found[item.name] = item
    yield from _check(found, forms, reader.size)


def _read(line: Line, pattern: re.Pattern[str]) -> Property | Finding:
    match = pattern.fullmatch(line.text)
    if match is None:
        message = "neither a name and its value nor a comment"
        return Finding(problem=Problem.IDENTITY, position=line.position, message=message, found=line.text[:100])
    name, value = (_ESCAPED.sub(r"\1", word) for word in match.groups())
    return Property(line.position, name, value)


def _check(found: Mapping[str, Property], forms: Mapping[str, Mapping[str, str]], size: int) -> Iterator[Finding]:
    version = found.get(_VERSION)
    if version is None:
        yield Finding(problem=Problem.IDENTITY, position=size, message=f"the file has no {_VERSION!r}")
        return
    if version.value not in forms:
        yield Finding(
            problem=Problem.IDENTITY, position=version.position, message="a file of a version that is not known",
            expected=" or ".join(forms), found=version.value[:100],
        )  # fmt: skip
        return
    for name, pattern in {**forms[version.value], **_OPTIONAL}.items():
        item = found.get(name)
        if item is None and name in _OPTIONAL:
            continue
        if item is None:
            yield Finding(problem=Problem.IDENTITY, position=size, message=f"the file has no {name!r}")
        elif re.fullmatch(pattern, item.value) is None:
            message = f"what the file says of {name!r} cannot be"
            yield Finding(problem=Problem.IDENTITY, position=item.position, message=message, found=item.value[:100])
