"""How topics, partitions and groups are named on the command line: ``orders``, ``orders:0,3``, and patterns."""

import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import click

from gomq.cli.options import utf8

NO_MATCH: Final = "no topic matches the pattern, whole and as it is written; `gomq topic list` names all"
_MOST_PARTITIONS: Final = 1 << 31


class NamedPartitions(NamedTuple):
    """A topic, and which of its partitions are meant."""

    topic: str
    partitions: tuple[int, ...] | None
    """None for all."""


def named_partitions(
    context: click.Context, parameter: click.Parameter, values: Sequence[str]
) -> tuple[NamedPartitions, ...]:
    """Take each TOPIC or TOPIC:P,P apart, as ``kafka-consumer-groups`` has them."""
    found = tuple(_partitions_of(value, parameter) for value in utf8(context, parameter, values))
    topics = [each.topic for each in found]
    for topic in topics:
        if topics.count(topic) > 1:
            raise click.BadParameter(f"topic {topic!r} is named twice", param=parameter)
    return found


def pattern(_: click.Context, parameter: click.Parameter, value: str | None) -> re.Pattern[str] | None:
    """Compile a regular expression for whole names."""
    try:
        return None if value is None else re.compile(value)
    except (re.error, RecursionError, OverflowError) as error:
        raise click.BadParameter(f"{value!r} is no regular expression: {error}", param=parameter) from error


def matching(names: Iterable[str], wanted: re.Pattern[str] | None) -> list[str]:
    """Take the names that are matched from end to end; all where nothing is wanted."""
    return [name for name in names if wanted is None or wanted.fullmatch(name)]


def _partitions_of(value: str, parameter: click.Parameter) -> NamedPartitions:
    topic, colon, listed = value.partition(":")
    if not colon and topic:
        return NamedPartitions(topic, None)
    indexes = listed.split(",")
    if not topic or not all(index.isascii() and index.isdecimal() and len(index) <= 10 for index in indexes):
        raise click.BadParameter(f"{value!r} is neither TOPIC nor TOPIC:PARTITION,...", param=parameter)
    numbers = tuple(dict.fromkeys(map(int, indexes)))
    if max(numbers) >= _MOST_PARTITIONS:
        raise click.BadParameter(f"{value!r}: no topic has partition {max(numbers)}", param=parameter)
    return NamedPartitions(topic, numbers)
