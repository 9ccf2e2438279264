"""The producer snapshots of a partition, each compared with what the log in front of its offset tells."""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

from gomq_dump.checks.complaints import Complaints
from gomq_dump.checks.producers import ProducerCheck
from gomq_dump.checks.sources import open_file
from gomq_dump.findings import Finding, Problem
from gomq_dump.reading.inspection import unreadable
from gomq_dump.reading.offset_entries import NOTHING
from gomq_dump.reading.paths import SegmentFile
from gomq_dump.reading.producer_entries import walk_producers
from gomq_dump.reading.reader import ByteReader
from gomq_storage.errors import CorruptFileError
from gomq_storage.producer_snapshot import decode_snapshot
from gomq_storage.producers import Producers

_MAX_COMPARED_BYTES: Final = 16 << 20


class SnapshotFiles:
    """The snapshots that the walk through the log has not come to yet.

    Args:
        files: all of the partition's, ascending.
        complaints: take what is wrong.
    """

    def __init__(self, files: Sequence[SegmentFile], complaints: Complaints) -> None:
        self.next_offset: int = NOTHING
        """That of the next snapshot."""
        self._files = list(reversed(files))
        self._complaints = complaints
        self._note_next()

    def take_start(self, offset: int) -> Producers | None:
        """Read what is told of the log in front of its first offset, if something is; older snapshots say nothing."""
        known = None
        while self.next_offset <= offset:
            file = self._files.pop()
            producers = self._read(file)
            known = producers if file.base_offset == offset else None
            self._note_next()
        return known

    def compare_up_to(self, offset: int, check: ProducerCheck) -> None:
        """Compare the snapshots up to an offset, which is that of the next batch, with what was seen so far."""
        while self.next_offset <= offset:
            file = self._files.pop()
            snapshot = self._read(file)
            if snapshot is not None:
                check.compare(snapshot, self._complaints.of(file.path))
            self._note_next()

    def finish(self, log_end: int) -> None:
        """The log ends here: what tells of more is wrong."""
        while self._files:
            file = self._files.pop()
            self._read(file)
            message = "the snapshot is of an offset that the log does not reach"
            finding = Finding(
                problem=Problem.SNAPSHOT, position=0, message=message,
                expected=f"at most {log_end}", found=file.base_offset,
            )  # fmt: skip
            self._complaints.add(file.path, finding)
        self._note_next()

    def _note_next(self) -> None:
        self.next_offset = self._files[-1].base_offset if self._files else NOTHING

    def _read(self, file: SegmentFile) -> Producers | None:
        """Read a snapshot; None where it is not as it should be, which is complained of."""
        complain = self._complaints.of(file.path)
        with ExitStack() as opened:
            reader = open_file(opened, file.path, complain)
            if reader is None:
                return None
            try:
                findings = [each for each in walk_producers(reader, file.base_offset) if isinstance(each, Finding)]
                for finding in findings:
                    complain(finding)
                return None if findings else _decode(reader, file.base_offset)
            except OSError as error:
                complain(unreadable(error))
                return None


def _decode(reader: ByteReader, offset: int) -> Producers | None:
    if reader.size > _MAX_COMPARED_BYTES:
        return None
    try:
        return decode_snapshot(bytes(reader.view(0, reader.size)), offset)
    except CorruptFileError:  # it has changed since it was looked at
        return None
