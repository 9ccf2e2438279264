"""Open the files of a partition for its checks. What cannot be read is a finding, and counts as not there."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import TypeVar

from gomq_dump.findings import Complain, Finding
from gomq_dump.reading.inspection import unreadable
from gomq_dump.reading.reader import CHUNK_BYTES, ByteReader

_Item = TypeVar("_Item")


def open_file(opened: ExitStack, path: str, complain: Complain, *, chunk_bytes: int = CHUNK_BYTES) -> ByteReader | None:
    """Open a file until ``opened`` closes; None where that cannot be."""
    try:
        reader = ByteReader.open(path, chunk_bytes=chunk_bytes)
    except OSError as error:
        complain(unreadable(error))
        return None
    return opened.enter_context(reader)


def guarded(items: Iterable[_Item], complain: Complain) -> Iterator[_Item]:
    """Yield what is read of a file, up to where the operating system cannot read it."""
    try:
        yield from items
    except OSError as error:
        complain(unreadable(error))


def walk_file(
    path: str, walk: Callable[[ByteReader], Iterable[_Item | Finding]], complain: Complain
) -> Iterator[_Item]:
    """Yield what is in a file, and pass on what is wrong with it."""
    with ExitStack() as opened:
        reader = open_file(opened, path, complain)
        if reader is None:
            return
        for item in guarded(walk(reader), complain):
            if isinstance(item, Finding):
                complain(item)
            else:
                yield item
