"""Read the records of one batch, and say what is wrong with them where they cannot be read."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from itertools import chain, islice, pairwise
from typing import Final, overload

from gomq_dump.findings import Finding, Problem
from gomq_storage.batch import BatchHeader
from gomq_storage.errors import CorruptBatchError, DecompressedTooLargeError, UnsupportedCodecError
from gomq_storage.record import BatchRecords, Record, make_rows
from gomq_storage.record_fields import Columns

MAX_DECOMPRESSED_BYTES: Final = 256 << 20
"""The most that one batch may take in memory. Brokers take batches of a MiB; this is for bombs."""
PIECE_RECORDS: Final = 1 << 16
"""Records of which the fields are in memory at once; of what is larger, each piece is decoded when it is its turn."""


class DecodedRecords(Sequence[Record]):  # noqa: PLW1641 - it may be large, and is compared in tests alone
    """The records of one batch, or some of them: row by row as a sequence, many at once field by field.

    Args:
        count: how many there are.
        pieces: yields their fields, from the first one on whenever it is called.
        size: ``size``, below.
    """

    def __init__(self, count: int, pieces: Callable[[], Iterable[Columns]], *, size: int = 0) -> None:
        self.size: int = size
        """Bytes of the records of a whole batch once decompressed; 0 where these are not a whole batch's."""
        self._count = count
        self._pieces = pieces

    @classmethod
    def of(cls, records: Sequence[Record]) -> "DecodedRecords":
        """Take records that somebody has row by row."""
        if isinstance(records, DecodedRecords):
            return records
        columns = [list(column) for column in zip(*records, strict=True)] if records else [[], [], [], [], []]
        return cls(len(records), lambda: (Columns(*columns),))

    def pieces(self) -> Iterable[Columns]:
        """Yield the records' fields, a number of records at a time."""
        return self._pieces()

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Record]:
        return chain.from_iterable(make_rows(Record, (), columns) for columns in self._pieces())

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> list[Record]: ...
    def __getitem__(self, index: int | slice) -> Record | list[Record]:
        if isinstance(index, slice):
            return list(self)[index]
        number = index if index >= 0 else index + self._count
        if not 0 <= number < self._count:
            raise IndexError(index)
        return next(islice(self, number, None))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)


def read_records(position: int, batch: memoryview, header: BatchHeader) -> DecodedRecords | Finding:
    """Read the records of the batch that lies at a position of its file."""
    try:
        decoder = BatchRecords(batch, header, max_bytes=MAX_DECOMPRESSED_BYTES)
        if header.record_count <= PIECE_RECORDS:
            columns = decoder.take(header.record_count)
            records = DecodedRecords(header.record_count, lambda: (columns,), size=decoder.size)
        else:
            records = DecodedRecords(header.record_count, lambda: _take_all(copy(decoder)), size=decoder.size)
        ascend = _ascend(header, records)
    except UnsupportedCodecError as error:
        return Finding(problem=Problem.CODEC, position=position, message="no such compression codec", found=error.codec)
    except DecompressedTooLargeError as error:
        return Finding(
            problem=Problem.NOT_CHECKED, position=position, message=f"the records are not shown: {error.reason}"
        )
    except CorruptBatchError as error:
        return Finding(
            problem=Problem.RECORDS, position=position, message=f"the records cannot be read: {error.reason}"
        )
    if not ascend:
        message = f"the records' offsets do not ascend from {header.base_offset} to {header.last_offset}"
        return Finding(problem=Problem.RECORDS, position=position, message=message)
    return records


def _take_all(decoder: BatchRecords) -> Iterator[Columns]:
    while not decoder.is_taken:
        yield decoder.take(PIECE_RECORDS)


def _ascend(header: BatchHeader, records: DecodedRecords) -> bool:
    """Whether the records' offsets ascend within what the header says; this decodes them all, some at a time."""
    previous = header.base_offset - 1
    for columns in records.pieces():
        offsets = columns.offsets
        if not offsets:
            continue
        if offsets != list(range(previous + 1, previous + 1 + len(offsets))) and any(
            offset >= following for offset, following in pairwise((previous, *offsets))
        ):
            return False
        previous = offsets[-1]
    return previous <= header.last_offset
