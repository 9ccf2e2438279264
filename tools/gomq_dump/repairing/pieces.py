"""Take a log file apart into batches that are whole and stretches of bytes that are damaged.

A batch is whole if its CRC holds. Four fields of its header are not covered: a wrong magic byte, a wrong length and
an impossible base offset are put right here if, with the one value that can be right, the CRC holds. Whether offsets
and leader epochs go on as they should is ``chain.py``'s to judge.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from crc32c import crc32c

from gomq_storage.batch import (
    ATTRIBUTES_POSITION,
    HEADER,
    HEADER_SIZE,
    LENGTH_OVERHEAD,
    MAGIC,
    MIN_LENGTH,
    BatchHeader,
    read_header,
)
from gomq_storage.compression import Codec
from gomq_storage.errors import CorruptBatchError
from gomq_storage.segment import Segment
from gomq_storage.segment_scan import CHUNK_BYTES, SegmentScan

_CODEC_BITS: Final = 0b111
_MAX_GUESSED_BYTES: Final = 16 << 20


@dataclass(frozen=True, slots=True)
class Whole:
    """A batch whose CRC holds."""

    position: int
    header: BatchHeader
    """As it should be, but for base offset and leader epoch."""
    wrong: tuple[str, ...] = ()
    """The names of the fields that are something else in the file."""

    @property
    def has_offset(self) -> bool:
        """Whether its base offset is one that can be."""
        return "base offset" not in self.wrong


@dataclass(frozen=True, slots=True)
class Damaged:
    """Bytes that are no whole batch."""

    position: int
    size: int
    reason: str
    claims: BatchHeader | None
    """What the header says where there is one and the next batch is where it says; it may still be wrong."""


Piece: TypeAlias = Whole | Damaged


class LogPieces:
    """Takes one log file apart, reading a MiB at a time. To be walked once.

    Args:
        segment: its log; the indexes are not looked at.
    """

    def __init__(self, segment: Segment) -> None:
        self._segment = segment
        self._size = segment.size
        self._expected = segment.base_offset
        self._chunk, self._chunk_start = memoryview(b""), 0

    def __iter__(self) -> Iterator[Piece]:
        position = 0
        while position < self._size:
            head = bytes(self._view(position, HEADER_SIZE))
            header = self._whole(position, head)
            piece: Piece
            if header is not None:
                piece = Whole(position, header)
                position += header.size
                self._expected = max(self._expected, header.next_offset)
            else:
                piece, position = self._damaged(position, head)
            yield piece

    def _whole(self, position: int, head: bytes) -> BatchHeader | None:
        """Read the batch at a position with this header; None where its CRC does not hold, or it makes no sense."""
        try:
            header = read_header(head)
        except CorruptBatchError:
            return None
        if position + header.size > self._size or header.attributes & _CODEC_BITS > Codec.ZSTD:
            return None
        if not 0 <= header.record_count <= header.last_offset_delta + 1:
            return None
        return header if self._crc(position, header.size) == header.crc else None

    def _damaged(self, position: int, head: bytes) -> tuple[Piece, int]:
        """Mend the header at a position, or find out how far the damage goes; return that and where to go on."""
        if len(head) < HEADER_SIZE:
            reason = f"the file ends within a batch's header, {len(head)} of {HEADER_SIZE} bytes are there"
            return Damaged(position, len(head), reason, None), self._size
        fields = HEADER.unpack(head)
        claimed_end = position + LENGTH_OVERHEAD + fields[1] if fields[1] >= MIN_LENGTH else self._size + 1
        leads_on = self._may_start_at(claimed_end)
        end = claimed_end if leads_on else (self._following(position) or self._size)
        sizes = {end - position}
        if self._size - position <= _MAX_GUESSED_BYTES:
            sizes.add(self._size - position)  # it is the last one, and something in it looks like a batch
        for size in sorted(sizes):
            mended = self._mend(position, head, size)
            if mended is not None:
                return mended, position + size
        claims = _claims(head) if leads_on else None
        return Damaged(position, end - position, self._reason(position, head, end), claims), end

    def _mend(self, position: int, head: bytes, size: int) -> Whole | None:
        """Take a batch of so many bytes for whole if only fields that the CRC does not cover are wrong."""
        found = BatchHeader._make(HEADER.unpack(head))
        right = found._replace(length=size - LENGTH_OVERHEAD, magic=MAGIC)
        wrong = [name for name in ("length", "magic") if getattr(found, name) != getattr(right, name)]
        if size < HEADER_SIZE or right.length >= 1 << 31:
            return None
        header = self._whole(position, HEADER.pack(*right))
        if header is None:
            wrong.append("base offset")
            header = self._whole(position, HEADER.pack(*right._replace(base_offset=self._expected)))
        return Whole(position, header, tuple(wrong)) if header is not None and wrong else None

    def _may_start_at(self, position: int) -> bool:
        """Whether a damaged batch may end here: another starts here that may follow, or the file ends."""
        if position >= self._size:
            return position == self._size
        try:
            header = read_header(self._view(position, HEADER_SIZE))
        except CorruptBatchError:
            return False
        return header.base_offset >= self._expected and position + header.size <= self._size

    def _following(self, position: int) -> int | None:
        """Find the next batch whose CRC holds: one that may follow, or else any."""
        for lowest in (self._expected, self._segment.base_offset):
            scan = SegmentScan(self._segment, start=position, expected=lowest, may_have_gaps=True)
            found = scan.valid_batch_behind()
            if found is not None:
                return found
        return None

    def _reason(self, position: int, head: bytes, end: int) -> str:
        if end == self._size and self._is_zeros(position):
            return "nothing but zeros up to the end of the file"
        try:
            header = read_header(head)
        except CorruptBatchError as error:
            return f"no record batch: {error.reason}"
        if position + header.size > self._size:
            return f"the file ends within a batch of {header.size} bytes, {self._size - position} are there"
        crc = self._crc(position, header.size)
        if crc != header.crc:
            return f"the CRC is {crc:#010x}, the batch's header says {header.crc:#010x}"
        return f"{header.record_count} records, {header.last_offset_delta + 1} offsets, attributes {header.attributes}"

    def _is_zeros(self, position: int) -> bool:
        starts = range(position, self._size, CHUNK_BYTES)
        return not any(self._segment.read(start, CHUNK_BYTES).strip(b"\0") for start in starts)

    def _crc(self, position: int, size: int) -> int:
        """Work out a CRC, a chunk at a time: the size may be a lie, and is not worth that much memory."""
        end = position + size
        crc, position = 0, position + ATTRIBUTES_POSITION
        while position < end and (piece := self._view(position, min(CHUNK_BYTES, end - position))):
            crc = crc32c(piece, crc)
            position += len(piece)
        return crc

    def _view(self, position: int, size: int) -> memoryview:
        start = position - self._chunk_start
        if start < 0 or start + size > len(self._chunk):
            data = self._segment.read(position, max(0, min(CHUNK_BYTES, self._size - position)))
            self._chunk, self._chunk_start, start = memoryview(data), position, 0
        return self._chunk[start : start + size]


def _claims(head: bytes) -> BatchHeader | None:
    try:
        return read_header(head)
    except CorruptBatchError:
        return None
