"""Walk Kafka's checkpoint files: small tables of text. Kafka: ``CheckpointFile``, ``OffsetCheckpointFile``.

``gomq_storage.checkpoint_text`` draws the format, and takes a file as a whole or not at all. Here each line is looked
at on its own, so that what is wrong has a place and the rest is still shown.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

from gomq_dump.findings import Finding, Problem
from gomq_dump.reading.reader import ByteReader
from gomq_dump.rendering.text_lines import Line, read_lines
from gomq_storage.checkpoint_text import VERSION, read_number
from gomq_storage.epochs import MAX_EPOCH, EpochStart
from gomq_storage.errors import CorruptFileError
from gomq_storage.layout import MAX_OFFSET, MAX_PARTITION, TopicPartition, topic_name_problem

_HEAD_LINES: Final = 2
_MAX_ROWS: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class OffsetCheckpoint:
    """A line of a file that says one offset of each partition."""

    position: int
    """Byte of the file."""
    partition: TopicPartition
    offset: int


@dataclass(frozen=True, slots=True)
class LeaderEpoch:
    """A line of a partition's ``leader-epoch-checkpoint``."""

    position: int
    """Byte of the file."""
    epoch: int
    start_offset: int


_Row = TypeVar("_Row")


def walk_offset_table(reader: ByteReader) -> Iterator[OffsetCheckpoint | Finding]:
    """Yield the lines of a file of one offset for each partition, each in front of what is wrong with it."""
    seen: set[TopicPartition] = set()
    for item in _rows(reader, Problem.CHECKPOINT, _offset_row):
        yield item
        if isinstance(item, OffsetCheckpoint):
            if item.partition in seen:
                message = f"the partition {item.partition} is there twice"
                yield Finding(problem=Problem.CHECKPOINT, position=item.position, message=message)
            seen.add(item.partition)


def walk_leader_epochs(reader: ByteReader) -> Iterator[LeaderEpoch | Finding]:
    """Yield the lines of a ``leader-epoch-checkpoint``, each in front of what is wrong with it."""
    previous = EpochStart(-1, -1)
    for item in _rows(reader, Problem.EPOCH_CHECKPOINT, _epoch_row):
        yield item
        if isinstance(item, Finding):
            continue
        for what, before, now in zip(
            ("epochs", "start offsets"), previous, (item.epoch, item.start_offset), strict=True
        ):
            if now <= before:
                yield Finding(
                    problem=Problem.EPOCH_CHECKPOINT, position=item.position, message=f"the {what} do not ascend",
                    expected=f"more than {before}", found=now,
                )  # fmt: skip
        previous = EpochStart(item.epoch, item.start_offset)


def _offset_row(position: int, words: list[str]) -> OffsetCheckpoint:
    topic, partition, offset = words
    if (problem := topic_name_problem(topic)) is not None:
        raise CorruptFileError(problem)
    named = TopicPartition(topic, read_number(partition, largest=MAX_PARTITION))
    return OffsetCheckpoint(position, named, read_number(offset, largest=MAX_OFFSET))


def _epoch_row(position: int, words: list[str]) -> LeaderEpoch:
    epoch, start_offset = words
    return LeaderEpoch(position, read_number(epoch, largest=MAX_EPOCH), read_number(start_offset, largest=MAX_OFFSET))


def _rows(reader: ByteReader, problem: Problem, read_row: Callable[[int, list[str]], _Row]) -> Iterator[_Row | Finding]:
    """Yield the rows of a table; an empty file is an empty table."""
    announced = read = 0
    for number, line in enumerate(read_lines(reader)):
        if not line.is_whole:
            yield Finding(problem=problem, position=line.position, message="the line is cut off, or no line of text")
            return
        if number < _HEAD_LINES:
            try:
                announced = _read_head(number, line)
            except CorruptFileError as error:
                yield Finding(problem=problem, position=line.position, message=error.reason)
                return
            continue
        read += 1
        try:
            yield read_row(line.position, line.text.split(" "))
        except (CorruptFileError, ValueError) as error:
            reason = error.reason if isinstance(error, CorruptFileError) else "the number of words"
            message = f"a line that cannot be: {reason}"
            yield Finding(problem=problem, position=line.position, message=message, found=line.text[:100])
    if read != announced:
        message = "the number of lines is not the one that the file says"
        yield Finding(problem=problem, position=reader.size, message=message, expected=announced, found=read)


def _read_head(number: int, line: Line) -> int:
    """Read the first line, the version, or the second, how many lines follow; return that, or 0."""
    if number:
        return read_number(line.text, largest=_MAX_ROWS)
    if line.text != str(VERSION):
        raise CorruptFileError(f"a table of version {line.text[:20]!r}; {VERSION} is known")
    return 0
