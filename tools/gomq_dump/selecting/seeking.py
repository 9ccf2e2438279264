"""Find where to begin to read a log, through its indexes, which are believed as little as possible.

An index entry is followed only where it leads to a batch that is whole, with a CRC that holds, and that is the one it
speaks of. Where it does not, the log is read from its first byte: an offset index that lies costs time, never a record.
A time index says besides that nothing in front of a batch is newer. That is believed, since only the whole log could
tell; ``--verify`` checks it.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from contextlib import closing
from struct import Struct
from typing import Final, NamedTuple, overload

from gomq_dump.reading.paths import SegmentFile
from gomq_dump.reading.reader import ByteReader
from gomq_dump.reading.resync import batch_crc
from gomq_storage import offset_index, time_index
from gomq_storage.batch import HEADER_SIZE, BatchHeader, read_header
from gomq_storage.errors import CorruptBatchError
from gomq_storage.layout import OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX

_CHUNK_BYTES: Final = 16 << 10


class Place(NamedTuple):
    """A batch of a log."""

    position: int
    header: BatchHeader


def seek_offset(log: ByteReader, file: SegmentFile, offset: int) -> int:
    """Return a position in front of which no offset is as large as this, and not far in front of it if possible."""
    place = _seek(log, file, offset)
    return 0 if place is None else place.position


def seek_time(log: ByteReader, file: SegmentFile, since_ms: int) -> int:
    """Return a position in front of which no record is as new as this, and not far in front of it if possible."""
    with closing(_Entries(file, TIME_INDEX_SUFFIX, time_index.ENTRY)) as entries:
        slot = bisect_left(entries, since_ms, key=lambda entry: entry[0]) - 1
        timestamp, relative = entries[slot] if slot >= 0 else (0, 0)
    if slot < 0:
        return 0
    place = _batch_with(log, _seek(log, file, file.base_offset + relative), file.base_offset + relative)
    # All up to that offset are as old as the entry says, if that batch is.
    return place.position if place is not None and place.header.max_timestamp == timestamp else 0


def marks(log: ByteReader, file: SegmentFile) -> Iterator[int]:
    """Yield positions of batches from near the log's end to its first byte, each about twice as far from the end."""
    with closing(_Entries(file, OFFSET_INDEX_SUFFIX, offset_index.ENTRY)) as entries:
        count = bisect_right(entries, _NO_OFFSET - 1, key=lambda entry: entry[0])
        back = 1
        previous = log.size
        while back <= count:
            relative, position = entries[count - back]
            place = _place(log, file, relative, position)
            if place is not None and position < previous:
                yield position
                previous = position
            back *= 2
    yield 0


_NO_OFFSET: Final = 1 << 64
"""Above any that an entry can have: where the entries end."""


class _Entries(Sequence[tuple[int, int]]):
    """The entries of an index file, which need not be there; those that are not written yet are above all."""

    def __init__(self, file: SegmentFile, suffix: str, entry: Struct) -> None:
        self._entry = entry
        self._reader: ByteReader | None = None
        try:
            self._reader = ByteReader.open(file.sibling(suffix), chunk_bytes=_CHUNK_BYTES)
        except OSError:
            self._count = 0  # then there is none to help
        else:
            self._count = self._reader.size // entry.size

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, slot: int) -> tuple[int, int]: ...
    @overload
    def __getitem__(self, slot: slice) -> list[tuple[int, int]]: ...
    def __getitem__(self, slot: int | slice) -> tuple[int, int] | list[tuple[int, int]]:
        if isinstance(slot, slice):
            return [self[number] for number in range(*slot.indices(self._count))]
        size = self._entry.size
        try:
            data = b"" if self._reader is None else self._reader.view(slot * size, size)
        except OSError:
            data = b""
        if len(data) < size:  # it has been cut meanwhile, or cannot be read
            return _NO_OFFSET, 0
        first, second = self._entry.unpack(data)
        return (_NO_OFFSET, 0) if slot > 0 and not first and not second else (first, second)

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()


def _seek(log: ByteReader, file: SegmentFile, offset: int) -> Place | None:
    """Find the last indexed batch that does not begin behind an offset, or None."""
    with closing(_Entries(file, OFFSET_INDEX_SUFFIX, offset_index.ENTRY)) as entries:
        slot = bisect_right(entries, offset - file.base_offset, key=lambda entry: entry[0]) - 1
        relative, position = entries[slot] if slot >= 0 else (0, 0)
    place = _place(log, file, relative, position) if slot >= 0 else None
    # Offsets ascend: in front of a batch that does not begin behind the offset, there are only smaller ones.
    return place if place is not None and place.header.base_offset <= offset else None


def _place(log: ByteReader, file: SegmentFile, relative: int, position: int) -> Place | None:
    """Return the batch that an index entry points at, if it is one that the entry can speak of."""
    header = _header_at(log, position)
    if header is None or not file.base_offset <= header.base_offset <= file.base_offset + relative:
        return None
    return Place(position, header) if batch_crc(log, position, header) == header.crc else None


def _batch_with(log: ByteReader, start: Place | None, offset: int) -> Place | None:
    """Find the batch with an offset, from a batch in front of it on; None where what is there is no batch."""
    position = 0 if start is None else start.position
    while (header := _header_at(log, position)) is not None:
        if header.last_offset >= offset:
            return Place(position, header) if header.base_offset <= offset else None
        position += header.size
    return None


def _header_at(log: ByteReader, position: int) -> BatchHeader | None:
    try:
        header = read_header(log.view(position, HEADER_SIZE))
    except CorruptBatchError:
        return None
    return header if position + header.size <= log.size else None
