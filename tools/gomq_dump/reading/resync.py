"""Find the next good batch behind a damaged place.

A batch is recognised by its magic byte, a header that makes sense, offsets that may follow here, and its CRC.
"""

from typing import Final

from crc32c import crc32c

from gomq_dump.reading.reader import ByteReader
from gomq_storage.batch import (
    ATTRIBUTES_POSITION,
    HEADER_SIZE,
    MAGIC,
    MAGIC_POSITION,
    BatchHeader,
    read_header,
)
from gomq_storage.errors import CorruptBatchError

_MAGIC_BYTE: Final = bytes([MAGIC])
_STEP_BYTES: Final = 1 << 20
_MIN_BUDGET_BYTES: Final = 1 << 30
_KNOWN_ATTRIBUTES: Final = 0b111_1111


class BatchSearch:
    """Look for batches in one file.

    Checking CRCs stops after a number of bytes in all, so that a file made to look like millions of large batches
    ends the search and not the day.
    """

    def __init__(self, reader: ByteReader) -> None:
        self._reader = reader
        self._candidates: ByteReader | None = None
        self._budget = _MIN_BUDGET_BYTES + 4 * reader.size

    def find(self, start: int, *, lowest_offset: int, highest_offset: int) -> int | None:
        """Find the position of the first good batch at or behind ``start`` whose offsets lie within the bounds."""
        reader = self._reader
        candidates = self._candidates = self._candidates or reader.fork(chunk_bytes=64 << 10)
        while start + HEADER_SIZE <= reader.size:
            chunk = bytes(reader.view(start, _STEP_BYTES))
            if len(chunk) < HEADER_SIZE:
                break  # the file was cut short meanwhile
            found = chunk.find(_MAGIC_BYTE, MAGIC_POSITION)
            while found >= 0:
                position = start + found - MAGIC_POSITION
                header = self._header(candidates, position)
                if (
                    header is not None
                    and lowest_offset <= header.base_offset
                    and header.last_offset <= highest_offset
                    and self._crc_holds(candidates, position, header)
                ):
                    return position
                found = chunk.find(_MAGIC_BYTE, found + 1)
            start += len(chunk) - MAGIC_POSITION
        return None

    def close(self) -> None:
        """Let go of the file, until something is to be found again."""
        if self._candidates is not None:
            self._candidates.close()
            self._candidates = None

    def _header(self, candidates: ByteReader, position: int) -> BatchHeader | None:
        try:
            header = read_header(candidates.view(position, HEADER_SIZE))
        except CorruptBatchError:
            return None
        fits = position + header.size <= self._reader.size and header.attributes & ~_KNOWN_ATTRIBUTES == 0
        return header if fits and 0 <= header.record_count <= header.last_offset_delta + 1 else None

    def _crc_holds(self, candidates: ByteReader, position: int, header: BatchHeader) -> bool:
        self._budget -= header.size
        return self._budget >= 0 and batch_crc(candidates, position, header) == header.crc


def batch_crc(reader: ByteReader, position: int, header: BatchHeader) -> int:
    """Work out the CRC-32C of the batch at a position, a piece at a time."""
    crc = 0
    for piece in reader.pieces(position + ATTRIBUTES_POSITION, position + header.size):
        crc = crc32c(piece, crc)
    return crc
