"""Walk the entries of a ``.snapshot`` file: the producers of a log. Kafka: ``ProducerSnapshot``.

Entries are shown as they are, even where the file as a whole would be refused; what is wrong with it comes first,
since the checksum in front is of all.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from crc32c import crc32c

from gomq_dump.findings import Finding, Problem
from gomq_dump.reading.reader import ByteReader
from gomq_storage.errors import CorruptFileError
from gomq_storage.producer_snapshot import CRC_START, ENTRY, HEADER, VERSION, decode_snapshot
from gomq_storage.producers import ActiveProducer

_STEP_ENTRIES: Final = 8 << 10
_LARGEST_CHECKED_BYTES: Final = 16 << 20
"""What is read as a whole to be checked as the log would: some hundred thousand producers."""
_MAX_SEQUENCE: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class ProducerEntry:
    """One producer in a snapshot."""

    position: int
    """Byte of the file."""
    producer: ActiveProducer

    @property
    def first_sequence(self) -> int:
        """The sequence number of the first record of its last batch."""
        return (self.producer.last_sequence - self.producer.offset_delta) & _MAX_SEQUENCE


def walk_producers(reader: ByteReader, end: int) -> Iterator[ProducerEntry | Finding]:
    """Yield what is wrong with a ``.snapshot`` file as a whole, then its entries in its order.

    Args:
        reader: the file.
        end: the offset in its name.
    """
    head = bytes(reader.view(0, HEADER.size))
    if len(head) < HEADER.size:
        yield _finding(0, "the file is shorter than the header of a snapshot", HEADER.size, len(head))
        return
    version, stored_crc, count = HEADER.unpack(head)
    if version != VERSION:
        yield _finding(0, "a snapshot of a version that is not known", VERSION, version)
        return
    crc = 0
    for piece in reader.pieces(CRC_START, reader.size):
        crc = crc32c(piece, crc)
    if crc != stored_crc:
        yield _finding(2, "the snapshot's CRC does not hold", f"{stored_crc:#010x}", f"{crc:#010x}")
    elif (count * ENTRY.size) != reader.size - HEADER.size:
        yield _finding(6, "the number of producers is not that of the entries", _whole_entries(reader), count)
    elif reader.size <= _LARGEST_CHECKED_BYTES:
        try:
            decode_snapshot(bytes(reader.view(0, reader.size)), end)
        except CorruptFileError as error:
            yield _finding(HEADER.size, f"the log would not take it: {error.reason}")
    yield from _entries(reader)


def _entries(reader: ByteReader) -> Iterator[ProducerEntry]:
    for start in range(HEADER.size, reader.size, _STEP_ENTRIES * ENTRY.size):
        piece = reader.view(start, _STEP_ENTRIES * ENTRY.size)
        whole = piece[: len(piece) - len(piece) % ENTRY.size]
        for number, fields in enumerate(ENTRY.iter_unpack(whole)):
            yield ProducerEntry(start + number * ENTRY.size, ActiveProducer._make(fields))


def _whole_entries(reader: ByteReader) -> int:
    return (reader.size - HEADER.size) // ENTRY.size


def _finding(position: int, message: str, expected: int | str | None = None, found: int | str | None = None) -> Finding:
    return Finding(problem=Problem.SNAPSHOT, position=position, message=message, expected=expected, found=found)
