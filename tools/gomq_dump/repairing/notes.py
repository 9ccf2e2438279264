"""What a log's other files must say: producer snapshots, aborted transactions, leader epochs, the topic's id.

They are compared with the log as it will be. What agrees stays as it is; what does not is made anew from the batches,
as far as these tell: of producers whose batches have gone with old segments, an older snapshot tells.
"""

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from gomq_dump.reading.control import read_control
from gomq_dump.repairing.edits import Deed, Deeds
from gomq_storage.batch import Buffer, read_header
from gomq_storage.epochs import EpochStart, LeaderEpochs
from gomq_storage.errors import CorruptBatchError, CorruptFileError
from gomq_storage.layout import (
    LEADER_EPOCH_FILE_NAME,
    SNAPSHOT_SUFFIX,
    TXN_INDEX_SUFFIX,
    parse_snapshot_file_name,
    segment_file_name,
)
from gomq_storage.producer_recovery import replay_producers
from gomq_storage.producer_snapshot import decode_snapshot, encode_snapshot
from gomq_storage.producers import Producers
from gomq_storage.record import decode_batch
from gomq_storage.segment import Segment
from gomq_storage.txn_index import ENTRY, check_index
from gomq_storage.txn_scan import TransactionScan

Content = bytes | None
"""What a file must hold; None: it must not be there."""
_Transaction = tuple[int, int, int, int]
"""Producer, first and last offset, last stable offset."""


class MendedLog(NamedTuple):
    """A log as it will be."""

    segments: Sequence[Segment]
    """At least one."""
    log_end: int
    first_change: int | None
    """The first offset at which its batches are others than before; None where they are not."""
    last_change: int | None
    is_transactional: bool
    may_have_gaps: bool = False
    """Whether it was compacted."""

    @property
    def first_offset(self) -> int:
        """Where its first segment begins."""
        return self.segments[0].base_offset

    @property
    def ends(self) -> list[int]:
        """Where its segments end."""
        return [*(segment.base_offset for segment in self.segments[1:]), self.log_end]


class _Snapshots(NamedTuple):
    good: dict[int, bytes]
    bad: dict[int, str]
    """And why."""


def mend_snapshots(log: MendedLog, found: Mapping[str, bytes], deeds: Deeds) -> dict[str, Content]:
    """Say what the producer snapshots must hold that do not.

    Args:
        log: the log.
        found: the snapshots that there are.
        deeds: told what is done.
    """
    snapshots = _sort_out(log, found)
    if not snapshots.bad:
        return {}
    wanted = snapshots.bad.keys() & set(log.ends)
    if max(snapshots.bad) >= log.log_end and log.log_end > log.first_offset:
        wanted.add(log.log_end)
    made = make_snapshots(log, wanted, snapshots.good)
    changes: dict[str, Content] = {}
    for offset in sorted(snapshots.bad.keys() | made.keys()):
        name = segment_file_name(offset, SNAPSHOT_SUFFIX)
        if made.get(offset) == found.get(name):
            continue  # what is mended was none of its producers' doing
        changes[name] = made.get(offset)
        reason = snapshots.bad.get(offset, "it tells of producers up to the log's new end")
        deeds.add(Deed.REBUILD if offset in made else Deed.REMOVE, name, reason)
    return changes


def _sort_out(log: MendedLog, found: Mapping[str, bytes]) -> _Snapshots:
    snapshots = _Snapshots({}, {})
    for name, content in found.items():
        offset = parse_snapshot_file_name(name)
        if offset is None:
            continue
        try:
            decode_snapshot(content, end=offset)
        except CorruptFileError as error:
            snapshots.bad[offset] = error.reason
            continue
        if offset < log.first_offset:
            snapshots.bad[offset] = f"it is of offset {offset}, the log begins at {log.first_offset}"
        elif offset > log.log_end:
            snapshots.bad[offset] = f"it is of offset {offset}, the log ends at {log.log_end}"
        elif log.first_change is not None and offset > log.first_change:
            snapshots.bad[offset] = f"it tells of batches behind offset {log.first_change}, where the log is mended"
        else:
            snapshots.good[offset] = content
    return snapshots


def make_snapshots(log: MendedLog, offsets: Iterable[int], good: Mapping[int, bytes]) -> dict[int, bytes]:
    """Make the snapshots of some offsets, which are those of segments or the log's end.

    Args:
        log: the log.
        offsets: which.
        good: snapshots that are right, by their offset: the newest in front of what is wanted is gone on from.
    """
    made: dict[int, bytes] = {}
    for offset in sorted(offsets):
        before = {**good, **made}
        start = max((each for each in before if each <= offset), default=None)
        producers = Producers(end=log.first_offset)
        if start is not None:
            producers = decode_snapshot(before[start], end=start)
        for segment, end in zip(log.segments, log.ends, strict=True):
            if segment.base_offset < offset and end > producers.end:
                replay_producers(segment, producers)
        producers.end = offset
        made[offset] = encode_snapshot(producers)
    return made


def mend_transactions(log: MendedLog, found: Mapping[str, bytes], deeds: Deeds) -> dict[str, Content]:
    """Say what the indexes of aborted transactions must hold that do not.

    Args:
        log: the log.
        found: those that there are, and the snapshots.
        deeds: told what is done, and of transactions that lost their end.
    """
    names = {segment_file_name(segment.base_offset, TXN_INDEX_SUFFIX): segment for segment in log.segments}
    changes: dict[str, Content] = {}
    for name in found:
        if name.endswith(TXN_INDEX_SUFFIX) and name not in names:
            changes[name] = None
            deeds.add(Deed.REMOVE, name, "there is no such segment")
    if not log.is_transactional and not any(name in found for name in names):
        return changes
    unfinished = _open_at_start(log, found)
    is_partial = log.may_have_gaps or (log.first_offset > 0 and not _has_snapshot(log, found))
    for name, segment in names.items():
        scan = TransactionScan(segment, unfinished)
        scan.advance()
        unfinished = scan.open
        problem = _difference(bytes(scan.entries), found.get(name), segment, is_partial=is_partial)
        if problem is not None:
            changes[name] = bytes(scan.entries) or None
            deeds.add(Deed.REBUILD if scan.entries else Deed.REMOVE, name, problem)
    for producer_id, offset in unfinished.items():
        if log.last_change is not None and log.last_change >= offset:
            reason = f"producer {producer_id}'s transaction from offset {offset} on may have lost its end: {_HANGING}"
            deeds.add(Deed.NOTE, segment_file_name(log.segments[-1].base_offset), reason)
    return changes


_HANGING = "readers of committed messages stop there until the producer begins another"


def _has_snapshot(log: MendedLog, found: Mapping[str, bytes]) -> bool:
    return segment_file_name(log.first_offset, SNAPSHOT_SUFFIX) in found


def _open_at_start(log: MendedLog, found: Mapping[str, bytes]) -> dict[int, int]:
    content = found.get(segment_file_name(log.first_offset, SNAPSHOT_SUFFIX))
    with suppress(CorruptFileError):
        if content is not None:
            active = decode_snapshot(content, end=log.first_offset).active()
            return {each.producer_id: each.txn_first_offset for each in active if each.txn_first_offset >= 0}
    return {}


def _difference(wanted: bytes, found: bytes | None, segment: Segment, *, is_partial: bool) -> str | None:
    """Say what is wrong with an index.

    Where the log does not have all of its transactions any more, the index may say more than it does.
    """
    if found is None:
        return "it is missing" if wanted else None
    try:
        entries = check_index(found, base_offset=segment.base_offset)
    except CorruptFileError as error:
        return error.reason
    if len(entries) != len(found):
        return "it ends within an entry"
    told, seen = _transactions(entries), _transactions(wanted)
    if told == seen or (is_partial and _may_be(told, seen, segment)):
        return None
    return "its transactions are not those of the log"


def _may_be(told: list[_Transaction], seen: list[_Transaction], segment: Segment) -> bool:
    """Whether an index tells of all transactions that are seen, and of others only where a marker aborts them."""
    first_offsets = {(producer_id, last): first for producer_id, first, last, _ in seen}
    for producer_id, first, last, stable in told:
        first_seen = first_offsets.pop((producer_id, last), None)
        if first_seen is None and not _is_aborted(segment, producer_id, last):
            return False
        if first > (last if first_seen is None else first_seen) or stable > last + 1:
            return False
    return not first_offsets


def _is_aborted(segment: Segment, producer_id: int, offset: int) -> bool:
    place = segment.find(offset)
    if place is None:
        return False
    raw = segment.read(place[0].position, place[1])
    header = read_header(raw)
    if not header.is_control or (header.producer_id, header.last_offset) != (producer_id, offset):
        return False
    with suppress(CorruptBatchError):
        for record in decode_batch(raw, header):
            control = read_control(record.key, record.value)
            return control is not None and control.kind == "ABORT"
    return False


def _transactions(entries: Buffer) -> list[_Transaction]:
    return [entry[1:] for entry in ENTRY.iter_unpack(entries)]


def mend_epochs(log: MendedLog, found: bytes | None, deeds: Deeds) -> dict[str, Content]:
    """Say what the leader epochs' file must hold, if it holds something else.

    Those that began in the last segment may be missing: a broker learns of them from the batches. So may those in front
    of the first one, which begins where messages were deleted up to.
    """
    epochs, problem = LeaderEpochs(), None
    try:
        epochs = LeaderEpochs.decode(found or b"")
    except CorruptFileError as error:
        problem = error.reason
    before = epochs.entries
    if problem is None and _are_others(log, before):
        problem = "it is missing" if found is None else "it is not what the batches say"
    if problem is None:
        return {}
    observe_epochs(log, epochs)
    epochs.cut_end(log.log_end + 1)  # one that begins at the end stays: clients have been told of it
    deeds.add(Deed.REBUILD, LEADER_EPOCH_FILE_NAME, problem)
    return {LEADER_EPOCH_FILE_NAME: epochs.encode()}


def _are_others(log: MendedLog, before: tuple[EpochStart, ...]) -> bool:
    """Whether the batches tell of other epochs than these, from the first of them on."""
    epochs = LeaderEpochs(before)
    observe_epochs(log, epochs, start=before[0].start_offset if before else 0)
    epochs.cut_end(log.log_end + 1)
    known, added = epochs.entries[: len(before)], epochs.entries[len(before) :]
    return known != before or any(each.start_offset < log.segments[-1].base_offset for each in added)


def observe_epochs(log: MendedLog, epochs: LeaderEpochs, *, start: int = 0) -> None:
    """Take account of the leader epochs of all batches from an offset on."""
    for segment in log.segments:
        for _, header in segment.headers():
            if header.last_offset >= start:
                epochs.observe(header.leader_epoch, max(header.base_offset, start), header.last_offset)


def topic_id_problem(content: bytes) -> str | None:
    """Say what is wrong with a ``partition.metadata``. Kafka: ``PartitionMetadataFile``."""
    try:
        values = dict(line.split(": ", 1) for line in content.decode("ascii").splitlines() if line)
        found = values["topic_id"]
        raw = base64.urlsafe_b64decode(found + "==")
    except (UnicodeDecodeError, ValueError, KeyError, binascii.Error):
        return "it names no topic id"
    is_id = len(raw) == 16 and base64.urlsafe_b64encode(raw).decode().rstrip("=") == found
    return None if values.get("version") == "0" and is_id else "it names no topic id of a known version"
