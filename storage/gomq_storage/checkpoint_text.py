"""The text of Kafka's checkpoint files, small tables beside the logs. Kafka: ``CheckpointFile``.

    0                the version of the format
    2                how many lines follow
    orders 0 1200    one line an entry, a space between its words: here topic, partition and offset, as in the
    orders 1 88      files of ``OffsetCheckpointFile``

ASCII, and a newline behind every line, the last one too: so a file that was cut anywhere is known from a whole one.
An empty file is an empty table: Kafka makes its files before it has something to write into them.

Kafka reads some more, such as signs and more than one space. It writes nothing else, and nothing else is read here.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from gomq_storage.errors import CorruptFileError
from gomq_storage.layout import MAX_OFFSET, MAX_PARTITION, TopicPartition, topic_name_problem

VERSION: Final = 0
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,18}")


def encode_rows(rows: Iterable[tuple[object, ...]]) -> bytes:
    """Write a table, one row a line; the words must be ASCII without white space."""
    lines = [" ".join(map(str, row)) for row in rows]
    return "".join(f"{line}\n" for line in (VERSION, len(lines), *lines)).encode("ascii")


def decode_rows(data: bytes, *, words: int) -> list[list[str]]:
    """Read a table whose rows have so many words each.

    Raises:
        CorruptFileError: it is none, or of another version.
    """
    if not data:
        return []
    if not data.endswith(b"\n"):
        raise CorruptFileError("the last line is cut off")
    try:
        version, *counted = data[:-1].decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise CorruptFileError("a byte that is not ASCII") from error
    if version != str(VERSION):
        raise CorruptFileError(f"version {version[:20]!r}, only {VERSION} is known")
    if not counted or read_number(counted[0], largest=len(data)) != len(counted) - 1:
        raise CorruptFileError(f"{max(len(counted) - 1, 0)} lines, not as many as announced")
    rows = [line.split(" ") for line in counted[1:]]
    if any(len(row) != words for row in rows):
        raise CorruptFileError(f"a line has not {words} words")
    return rows


def read_number(word: str, *, largest: int) -> int:
    """Read a number of a table, 0 to ``largest``.

    Raises:
        CorruptFileError: it is no such number.
    """
    if _NUMBER.fullmatch(word) is None or (number := int(word)) > largest:
        raise CorruptFileError(f"{word[:40]!r} is not a number from 0 to {largest}")
    return number


def encode_offsets(offsets: Mapping[TopicPartition, int]) -> bytes:
    """Write the file that says one offset of each partition.

    Raises:
        ValueError: ``entry_problem`` has an objection to an entry.
    """
    for partition, offset in offsets.items():
        if (problem := entry_problem(partition, offset)) is not None:
            raise ValueError(problem)
    return encode_rows((*partition, offset) for partition, offset in sorted(offsets.items()))


def decode_offsets(data: bytes) -> dict[TopicPartition, int]:
    """Read a file that says one offset of each partition.

    Raises:
        CorruptFileError: it is none, it has a partition twice, or a name or number that cannot be.
    """
    offsets: dict[TopicPartition, int] = {}
    for topic, index, offset in decode_rows(data, words=3):
        partition = TopicPartition(topic, read_number(index, largest=MAX_PARTITION))
        if (problem := topic_name_problem(topic)) is not None:
            raise CorruptFileError(problem)
        if partition in offsets:
            raise CorruptFileError(f"{partition} is there twice")
        offsets[partition] = read_number(offset, largest=MAX_OFFSET)
    return offsets


def entry_problem(partition: TopicPartition, offset: int) -> str | None:
    """Say why an offset cannot be written down, or None when it can."""
    if (problem := topic_name_problem(partition.topic)) is not None:
        return problem
    if not 0 <= partition.partition <= MAX_PARTITION:
        return f"{partition.partition} is not the number of a partition"
    return None if 0 <= offset <= MAX_OFFSET else f"{offset} is not an offset"
