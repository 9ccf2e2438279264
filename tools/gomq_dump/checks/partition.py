"""Check one partition: its segments in order, and all that is kept beside them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gomq_dump.checks.complaints import Complaints
from gomq_dump.checks.history import Counts, History
from gomq_dump.checks.leader_epochs import EpochCheck
from gomq_dump.checks.producers import ProducerCheck
from gomq_dump.checks.segment import Advance, check_segment
from gomq_dump.checks.snapshots import SnapshotFiles
from gomq_dump.checks.sources import walk_file
from gomq_dump.checks.transactions import OpenTransactions
from gomq_dump.findings import Finding
from gomq_dump.reading.inspection import Inspection, left_over
from gomq_dump.reading.kinds import METADATA_SNAPSHOT_SUFFIX
from gomq_dump.reading.paths import SegmentFile
from gomq_dump.reading.properties import walk_partition_metadata
from gomq_dump.reading.tables import walk_leader_epochs
from gomq_storage.epochs import EpochStart, LeaderEpochs
from gomq_storage.layout import (
    LEADER_EPOCH_FILE_NAME,
    LOG_SUFFIX,
    PARTITION_METADATA_FILE_NAME,
    SNAPSHOT_SUFFIX,
)

_TOPIC_ID = "topic_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was seen of one partition."""

    complaints: Complaints
    counts: Counts
    log_end: int | None
    """Offset behind its last batch; None where it has no log, or none that can be read."""
    topic_id: str | None
    """What ``partition.metadata`` says, if it is there."""


def check_partition(files: Sequence[SegmentFile], *, is_deep: bool, advance: Advance) -> Checked:
    """Check all files of a partition.

    Args:
        files: those of one directory, in the order in which ``paths.collect`` lists them.
        is_deep: whether records are looked at, too.
        advance: is told of the bytes of logs as they are looked at.
    """
    complaints = Complaints()
    kept = [file for file in files if not file.leftover]
    segments: dict[int, dict[str, SegmentFile]] = {}
    for file in kept:
        if file.is_segments:
            segments.setdefault(file.base_offset, {})[file.suffix] = file
    logs = [base_offset for base_offset, found in segments.items() if LOG_SUFFIX in found]
    history = _history(kept, logs[0] if logs else 0, complaints, is_deep=is_deep)
    for base_offset, found in segments.items():
        is_last = not logs or base_offset == logs[-1]
        check_segment(found, history, complaints, is_last=is_last, advance=advance)
    if history.is_begun:
        history.reach(history.end)
        history.epochs.finish(history.end)
        history.snapshots.finish(history.end)
    _check_others(kept, complaints, is_deep=is_deep)
    history.counts.files += sum(not file.is_segments for file in kept)
    topic_id = _read_topic_id(kept, complaints)
    for file in files:
        if file.leftover:
            complaints.add(file.path, left_over(file))
    log_end = history.end if history.is_begun or not logs else None
    return Checked(complaints=complaints, counts=history.counts, log_end=log_end, topic_id=topic_id)


def _history(files: Sequence[SegmentFile], start: int, complaints: Complaints, *, is_deep: bool) -> History:
    """Begin at the log's first offset, with what is written down of what was in front of it."""
    snapshots = SnapshotFiles([file for file in files if file.suffix == SNAPSHOT_SUFFIX], complaints)
    known = snapshots.take_start(start)
    is_known = start == 0 or known is not None
    undecided = {each.producer_id: each.txn_first_offset for each in known.active()} if known is not None else {}
    opened = {producer_id: first_offset for producer_id, first_offset in undecided.items() if first_offset >= 0}
    return History(
        end=start,
        producers=ProducerCheck(start, known),
        transactions=OpenTransactions(opened, are_all_known=is_known),
        epochs=_read_epochs(files, complaints),
        snapshots=snapshots,
        is_deep=is_deep,
    )


def _read_epochs(files: Iterable[SegmentFile], complaints: Complaints) -> EpochCheck:
    entries: list[EpochStart] = []
    path = ""
    damage = complaints.damage
    for file in files:
        if file.suffix == LEADER_EPOCH_FILE_NAME:
            path = file.path
            lines = walk_file(path, walk_leader_epochs, complaints.of(path))
            entries += [EpochStart(line.epoch, line.start_offset) for line in lines]
    is_sound = complaints.damage == damage
    return EpochCheck(LeaderEpochs(entries if is_sound else ()), complaints.of(path))


def _check_others(files: Iterable[SegmentFile], complaints: Complaints, *, is_deep: bool) -> None:
    """Check the snapshots of KRaft's metadata, each of which is a log of its own."""
    for file in files:
        if file.suffix == METADATA_SNAPSHOT_SUFFIX:
            for item in Inspection(with_records=is_deep).read(file):
                if isinstance(item, Finding):
                    complaints.add(file.path, item)


def _read_topic_id(files: Iterable[SegmentFile], complaints: Complaints) -> str | None:
    found = None
    for file in files:
        if file.suffix == PARTITION_METADATA_FILE_NAME:
            for line in walk_file(file.path, walk_partition_metadata, complaints.of(file.path)):
                found = line.value if line.name == _TOPIC_ID else found
    return found
