"""The index of a segment's aborted transactions. Kafka: ``TransactionIndex``, ``AbortedTxn``.

    position  size  field
           0     2  version, 0
           2     8  producer id
          10     8  offset of the transaction's first record
          18     8  offset of the marker that aborted it
          26     8  last stable offset when the marker was written

One entry for each marker that is in the segment, in their order; the transaction itself may begin in an earlier one.
The file is ``<base offset>.txnindex``, and is there only where a transaction was aborted. The last stable offset tells
a reader when to stop: transactions that are aborted later begin at it or behind it.
"""

from bisect import bisect_left
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from struct import Struct
from typing import Final, NamedTuple

from gomq_storage.batch import Buffer
from gomq_storage.errors import CorruptFileError
from gomq_storage.files import Files
from gomq_storage.layout import TXN_INDEX_SUFFIX, segment_file_name

ENTRY: Final = Struct(">hqqqq")
VERSION: Final = 0
MAX_INDEX_BYTES: Final = 256 << 20
"""Of one file: a segment of 1 GiB has no room for as many markers."""
_LAST_OFFSET: Final = Struct(">q")
_LAST_OFFSET_POSITION: Final = 18


class AbortedTransaction(NamedTuple):
    """A transaction that was aborted."""

    producer_id: int
    first_offset: int
    last_offset: int
    """The marker's."""
    last_stable_offset: int


def encode_entry(aborted: AbortedTransaction) -> bytes:
    """Write one entry."""
    return ENTRY.pack(VERSION, *aborted)


def check_index(data: Buffer, *, base_offset: int) -> Buffer:
    """Check what an index file holds, and return its entries; a torn one at the end does not count.

    Raises:
        CorruptFileError: there is an entry that cannot be. Kafka: ``TransactionIndex.sanityCheck``.
    """
    entries = memoryview(data)[: len(data) // ENTRY.size * ENTRY.size]
    previous = base_offset - 1
    for version, _, first_offset, last_offset, _ in ENTRY.iter_unpack(entries):
        if version != VERSION or first_offset > last_offset or last_offset <= previous:
            raise CorruptFileError(f"aborted transaction of version {version} from {first_offset} to {last_offset}")
        previous = last_offset
    return entries


def collect(entries: Buffer, *, offset: int, upto: int) -> tuple[list[AbortedTransaction], bool]:
    """Find the transactions that have something in a range. Kafka: ``collectAbortedTxns``.

    Args:
        entries: of one segment.
        offset: where the range begins.
        upto: where it ends.

    Returns:
        them, and whether all are found; if not, there may be more in later segments.
    """
    slots, unpack = range(len(entries) // ENTRY.size), _LAST_OFFSET.unpack_from
    first = bisect_left(slots, offset, key=lambda slot: unpack(entries, slot * ENTRY.size + _LAST_OFFSET_POSITION)[0])
    found: list[AbortedTransaction] = []
    for _, *fields in ENTRY.iter_unpack(memoryview(entries)[first * ENTRY.size :]):
        aborted = AbortedTransaction(*fields)
        if aborted.first_offset < upto:
            found.append(aborted)
        if aborted.last_stable_offset >= upto:
            return found, True
    return found, False


def remove_transaction_indexes(files: Files, directory: Path, base_offsets: Iterable[int]) -> None:
    """Remove the indexes of segments that are gone; one that is not there need not be removed."""
    for base_offset in base_offsets:
        with suppress(FileNotFoundError):
            files.remove(directory / segment_file_name(base_offset, TXN_INDEX_SUFFIX))
