"""Copies of a broker's data, for whoever wants to look into what a failed test has left."""

import shutil
from contextlib import suppress
from itertools import count
from pathlib import Path


def keep(data: Path, directory: Path, name: str) -> str:
    """Copy a data directory while its broker may run, and say where it is and what to do with it.

    Args:
        data: the data directory.
        directory: where copies go; it is made where it is missing.
        name: what the copy is to be called; it gets a number where there is one of that name.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        target = next(path for path in _candidates(directory, name) if not path.exists())
        shutil.copytree(data, target, ignore=shutil.ignore_patterns(".lock"), copy_function=_copy)
    except OSError as error:
        return f"not kept: {error}"
    return f"kept in {target}\nlook into it: gomq-dump {target}\nserve it: gomq serve --data {target}"


def _candidates(directory: Path, name: str) -> "map[Path]":
    return map(directory.__truediv__, (name if number == 1 else f"{name}-{number}" for number in count(1)))


def _copy(source: str, target: str) -> None:
    with suppress(FileNotFoundError):  # the broker has removed it meanwhile
        shutil.copy2(source, target)
