"""Damage the files of a directory at random, and know what was not damaged."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from gomq_storage.batch import walk

MAX_ZEROS: Final = 600


@dataclass(slots=True)
class Damaged:
    """The files of a partition, some of them damaged."""

    files: dict[str, bytes]
    intact: dict[int, bytes] = field(default_factory=dict)
    """The batches that no damage touched, by their base offsets."""


def damage(files: Mapping[str, bytes], random_: random.Random, *, times: int) -> Damaged:
    """Flip bits, write zeros, cut ends and remove files.

    Args:
        files: a sound partition, by name.
        random_: where chance comes from.
        times: how often.
    """
    damaged = Damaged(dict(files))
    touched: dict[str, list[tuple[int, int]]] = {name: [] for name in files}
    for _ in range(times):
        name = random_.choice(sorted(files))
        if damaged.files.get(name):
            start, end = _damage_one(damaged.files, name, random_)
            touched[name].append((start, end))
    for name, content in files.items():
        if name.endswith(".log"):
            for position, header in walk(content):
                end = position + header.size
                if all(last <= position or first >= end for first, last in touched[name]):
                    damaged.intact[header.base_offset] = content[position:end]
    return damaged


def _damage_one(files: dict[str, bytes], name: str, random_: random.Random) -> tuple[int, int]:
    """Damage a file; return from where to where."""
    content = bytearray(files[name])
    size, kind = len(content), random_.random()
    position = random_.randrange(size)
    if kind < 0.1:
        del files[name]
        return 0, 1 << 60
    if kind < 0.25:
        files[name] = bytes(content[:position])
        return position, 1 << 60
    end = position + 1
    if kind < 0.4:
        end = min(size, position + random_.randint(1, MAX_ZEROS))
        content[position:end] = bytes(end - position)
    else:
        content[position] ^= 1 << random_.randrange(8)
    files[name] = bytes(content)
    return position, end
