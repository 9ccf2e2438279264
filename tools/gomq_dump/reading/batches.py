"""Walk the batches of a log file. What is damaged is yielded as a value, and the walk goes on behind it.

A walk may begin at any batch, and one of a log that grows can be gone on with once there is more of it.

Trusted is what the CRC covers. What it does not, is checked against the neighbours: base offset and leader epoch
must go on where the batch in front ended, the length must lead to another batch, the magic must be 2.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from crc32c import crc32c

from gomq_dump.findings import Finding, Problem
from gomq_dump.reading.reader import CHUNK_BYTES, ByteReader
from gomq_dump.reading.resync import BatchSearch, batch_crc
from gomq_dump.reading.tails import explain_tail
from gomq_storage.batch import (
    ATTRIBUTES_POSITION,
    HEADER_SIZE,
    MAGIC,
    MIN_LENGTH,
    BatchHeader,
    read_header,
)
from gomq_storage.compression import Codec
from gomq_storage.errors import CorruptBatchError, UnsupportedMagicError
from gomq_storage.offset_index import MAX_RELATIVE_OFFSET

if TYPE_CHECKING:
    from gomq_storage.record import Record

NO_LEADER_EPOCH: Final = -1
_CODEC_BITS: Final = 0b111
_OLD_MAGICS: Final = frozenset({0, 1})


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch that is there as a whole, though perhaps with a CRC that does not hold."""

    position: int
    header: BatchHeader
    crc: int
    """CRC-32C of the bytes that are there."""
    records: "Sequence[Record] | None"
    """None where they were not asked for, or cannot be read; else all of them, or those that are selected."""

    @property
    def is_valid(self) -> bool:
        """Whether the CRC holds."""
        return self.crc == self.header.crc


class LogWalk:
    """The batches of one log file and what is wrong between them, in the file's order.

    Args:
        reader: the file; who refreshes it can walk on where the walk ended.
        base_offset: that in the file's name.
        with_records: whether batches come with their records.
        start: byte of the file at which a batch begins, from which on to walk.
    """

    def __init__(
        self,
        reader: ByteReader,
        base_offset: int,
        *,
        with_records: bool = False,
        start: int = 0,
    ) -> None:
        self.next_offset: int = base_offset
        """Offset that the next batch should have; at the end, that of the next segment."""
        self.position: int = start
        """Byte of the file up to which everything has been yielded."""
        self.is_growing = False
        """Whether what seems wrong with the end of the file may only be not written yet: it is not yielded then."""
        self._reader = reader
        self._search = BatchSearch(reader)
        self._base_offset = base_offset
        self._with_records = with_records
        self._is_first = start == 0
        self._after_damage = start > 0  # of offsets in front of the start nothing is known
        self._leader_epoch = NO_LEADER_EPOCH
        self._first_gap: Finding | None = None
        self._gap_count = 0

    def __iter__(self) -> Generator[Batch | Finding, None, None]:
        try:
            yield from self._walk()
            if not self.is_growing:
                yield from self._gaps()
        finally:
            self._search.close()

    def _walk(self) -> Iterator[Batch | Finding]:
        while self.position < self._reader.size:
            position = self.position
            header = self._look_at(position)
            if isinstance(header, Finding):
                passed, self.position = self._pass_over(header)
                if self._waits(position, self.position):
                    return
                yield passed
                continue
            batch, finding = self._read(position, header)
            if not batch.is_valid and self._waits(position, position + header.size):
                return
            if not batch.is_valid and not self._may_start_at(position + header.size):
                message = "the batch's CRC does not hold, and no batch follows where its length leads"
                passed, self.position = self._pass_over(_bad_crc(batch, message))
                if self._waits(position, self.position):
                    return
                yield passed
                continue
            self.position += header.size
            yield batch
            if finding is not None:
                yield finding
            yield from self._check_place(batch)

    def _waits(self, position: int, end: int) -> bool:
        """Whether what is wrong from a position up to an end is to be looked at again later; if so, go back there."""
        waits = self.is_growing and end >= self._reader.size
        if waits:
            self.position = position
        return waits

    def _look_at(self, position: int) -> BatchHeader | Finding:
        """Read the header at a position; say what is wrong where no whole batch starts there."""
        left = self._reader.size - position
        head = self._reader.view(position, HEADER_SIZE)
        try:
            header = read_header(head)
        except UnsupportedMagicError as error:
            problem, message = Problem.HEADER, "no record batch starts here, by its magic byte"
            if error.magic in _OLD_MAGICS:
                problem, message = Problem.MAGIC, "a message of the format before Kafka 0.11, by its magic byte"
            return Finding(problem=problem, position=position, message=message, expected=MAGIC, found=error.magic)
        except CorruptBatchError as error:
            if len(head) < HEADER_SIZE:
                return _torn(position, expected=HEADER_SIZE, found=left)
            length = int.from_bytes(head[8:12], "big", signed=True)
            if length < MIN_LENGTH:
                message = "the batch's length field is too small"
                return Finding(
                    problem=Problem.LENGTH, position=position, message=message, expected=MIN_LENGTH, found=length
                )
            return Finding(problem=Problem.HEADER, position=position, message=f"no record batch: {error.reason}")
        return header if header.size <= left else _torn(position, expected=header.size, found=left)

    def _read(self, position: int, header: BatchHeader) -> tuple[Batch, Finding | None]:
        """Read the batch and check what can be checked without its neighbours."""
        if header.size > CHUNK_BYTES:
            crc = batch_crc(self._reader, position, header)
        else:
            crc = crc32c(self._reader.view(position, header.size)[ATTRIBUTES_POSITION:])
        batch = Batch(position, header, crc, None)
        finding = None if batch.is_valid else _bad_crc(batch)
        if finding is None and header.attributes & _CODEC_BITS > Codec.ZSTD:
            codec = header.attributes & _CODEC_BITS
            message = "no such compression codec"
            finding = Finding(problem=Problem.CODEC, position=position, message=message, found=codec)
        if self._with_records and (batch.is_valid or header.size <= CHUNK_BYTES):
            records = self._read_records(position, header)
            if not isinstance(records, Finding):
                batch = replace(batch, records=records)
            elif finding is None:
                finding = records
        return batch, finding

    def _read_records(self, position: int, header: BatchHeader) -> "Sequence[Record] | Finding":
        from gomq_dump.reading.records import MAX_DECOMPRESSED_BYTES, read_records  # noqa: PLC0415 - its tables take time to build

        if header.size > MAX_DECOMPRESSED_BYTES:
            message = f"the records are not shown: the batch is larger than {MAX_DECOMPRESSED_BYTES} bytes"
            return Finding(problem=Problem.NOT_CHECKED, position=position, message=message, found=header.size)
        return read_records(position, self._reader.view(position, header.size), header)

    def _pass_over(self, finding: Finding) -> tuple[Finding, int]:
        """Look for the next good batch behind a damaged place; complete the finding, and say where to go on."""
        position, size = finding.position, self._reader.size
        highest = self._base_offset + MAX_RELATIVE_OFFSET
        following = self._search.find(position + 1, lowest_offset=self.next_offset, highest_offset=highest)
        self._after_damage = True
        if following is None:
            return replace(explain_tail(self._reader, finding), size=size - position), size
        if finding.problem is Problem.TORN_TAIL:
            message = "the batch's length field leads beyond the end of the file, yet batches follow; its size"
            expected = f"at most {finding.found}"
            finding = replace(
                finding, problem=Problem.LENGTH, message=message, expected=expected, found=finding.expected
            )
        return replace(finding, size=following - position), following

    def _may_start_at(self, position: int) -> bool:
        """Whether a position may be the end of a batch whose CRC does not hold: another starts there, or the end."""
        if position == self._reader.size:
            return True
        try:
            header = read_header(self._reader.view(position, HEADER_SIZE))
        except CorruptBatchError:
            return False
        return header.base_offset >= self.next_offset

    def _check_place(self, batch: Batch) -> Iterator[Finding]:
        """Check what the CRC does not cover: whether the batch belongs where it is."""
        header, position = batch.header, batch.position
        if not batch.is_valid:
            self._is_first = False
            self._after_damage = True
            return
        if header.record_count > header.last_offset_delta + 1 or header.record_count < 0:
            yield Finding(
                problem=Problem.RECORD_COUNT, position=position, message="the batch cannot hold so many records",
                expected=f"0 to {header.last_offset_delta + 1}", found=header.record_count,
            )  # fmt: skip
        yield from self._check_leader_epoch(position, header)
        if header.last_offset - self._base_offset > MAX_RELATIVE_OFFSET:
            self._after_damage = True
            yield Finding(
                problem=Problem.OFFSET_RANGE, position=position, message="the offset is too far from the file name's",
                expected=f"at most {self._base_offset + MAX_RELATIVE_OFFSET}", found=header.last_offset,
            )  # fmt: skip
            return
        if header.base_offset < self.next_offset:
            yield self._backwards(position, header)
        elif header.base_offset > self.next_offset and not self._after_damage:
            self._note_gap(position, header)
        self._after_damage = header.base_offset < self.next_offset
        self.next_offset = header.next_offset
        self._is_first = False

    def _check_leader_epoch(self, position: int, header: BatchHeader) -> Iterator[Finding]:
        if header.leader_epoch == NO_LEADER_EPOCH:
            return
        if header.leader_epoch < max(self._leader_epoch, 0):
            yield Finding(
                problem=Problem.LEADER_EPOCH, position=position, message="the leader epoch goes backwards",
                expected=f"at least {max(self._leader_epoch, 0)}", found=header.leader_epoch,
            )  # fmt: skip
        self._leader_epoch = header.leader_epoch

    def _backwards(self, position: int, header: BatchHeader) -> Finding:
        if self._is_first and position == 0:
            problem, message = Problem.BASE_OFFSET, "the first batch lies before the offset in the file's name"
        else:
            problem, message = Problem.OFFSETS_BACKWARDS, "offsets go backwards"
        return Finding(
            problem=problem,
            position=position,
            message=message,
            expected=self.next_offset,
            found=header.base_offset,
        )

    def _note_gap(self, position: int, header: BatchHeader) -> None:
        self._gap_count += 1
        if self._first_gap is None:
            self._first_gap = Finding(
                problem=Problem.OFFSET_GAP, position=position, message="",
                expected=self.next_offset, found=header.base_offset,
            )  # fmt: skip

    def _gaps(self) -> Iterator[Finding]:
        if self._first_gap is not None:
            count = (
                "offsets are missing" if self._gap_count == 1 else f"offsets are missing in {self._gap_count} places"
            )
            yield replace(self._first_gap, message=f"{count}, as compaction leaves them")


def _bad_crc(batch: Batch, message: str = "the batch's CRC does not hold") -> Finding:
    return Finding(
        problem=Problem.CRC,
        position=batch.position,
        message=message,
        expected=f"{batch.header.crc:#010x}",
        found=f"{batch.crc:#010x}",
    )


def _torn(position: int, *, expected: int, found: int) -> Finding:
    message = "the file ends within a batch; its bytes"
    return Finding(problem=Problem.TORN_TAIL, position=position, message=message, expected=expected, found=found)
