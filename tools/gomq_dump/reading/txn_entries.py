"""Walk the entries of a ``.txnindex`` file: the aborted transactions of a segment. Kafka: ``TransactionIndex``.

Whether they are those that the log's markers tell of is not asked here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gomq_dump.findings import Finding, Problem
from gomq_dump.reading.reader import ByteReader
from gomq_storage.txn_index import ENTRY, VERSION, AbortedTransaction

_STEP_ENTRIES: Final = 8 << 10


@dataclass(frozen=True, slots=True)
class TxnEntry:
    """An entry of an index of aborted transactions."""

    position: int
    """Byte of the index file."""
    version: int
    aborted: AbortedTransaction


def walk_txn_index(reader: ByteReader, base_offset: int) -> Iterator[TxnEntry | Finding]:
    """Yield the entries of a ``.txnindex`` file in its order, each in front of what is wrong with it."""
    previous = base_offset - 1
    for start in range(0, reader.size, _STEP_ENTRIES * ENTRY.size):
        piece = reader.view(start, _STEP_ENTRIES * ENTRY.size)
        whole = len(piece) - len(piece) % ENTRY.size
        for number, (version, *fields) in enumerate(ENTRY.iter_unpack(piece[:whole])):
            entry = TxnEntry(start + number * ENTRY.size, version, AbortedTransaction(*fields))
            yield entry
            finding = _check(entry, previous)
            if finding is not None:
                yield finding
                if version != VERSION:  # what follows is not known either
                    return
            previous = entry.aborted.last_offset
        if whole != len(piece):
            yield Finding(
                problem=Problem.INDEX_LENGTH, position=start + whole,
                message="the file holds part of an entry; its size should be",
                expected=f"a multiple of {ENTRY.size}", found=reader.size,
            )  # fmt: skip


def _check(entry: TxnEntry, previous: int) -> Finding | None:
    first_offset, last_offset = entry.aborted.first_offset, entry.aborted.last_offset
    message: str | None = None
    expected: int | str = f"more than {previous}"
    found = last_offset
    if entry.version != VERSION:
        message, expected, found = "an entry of a version that is not known", VERSION, entry.version
    elif first_offset > last_offset:
        message, expected = "the transaction ends in front of its first record", f"at least {first_offset}"
    elif last_offset <= previous:
        message = "the offsets of the markers do not ascend"
    if message is None:
        return None
    return Finding(problem=Problem.TXN_INDEX, position=entry.position, message=message, expected=expected, found=found)
