"""Looks at what a fetch wants: what there is, within its limits, and whether that is enough to answer.

Kafka: ``ReplicaManager.readFromLog``, ``Partition.fetchRecords`` and ``DelayedFetch``. The partitions are looked at in
their order until ``max_bytes`` are found; the first batch found is taken whole however small the limits are (KIP-74),
and of a later partition whose first batch does not fit nothing is. Nor is there anything of the partitions behind the
``MAX_FILES`` first that had something: each takes a descriptor until its records are sent, and a client that does not
read must not have them all. Within a session the others come first the next time. Kafka has no such bound.

Nothing here waits, unless told that it may.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, TypeAlias
from uuid import UUID

from kio.schema.errors import ErrorCode

from gomq.broker.fetching.values import Found, Wanted
from gomq.broker.partition import Partition
from gomq.broker.topics import Topics
from gomq.protocol.fetch import EpochEndOffset, FetchedPartition
from gomq_storage.batch import NO_LEADER_EPOCH
from gomq_storage.epochs import UNDEFINED
from gomq_storage.errors import CorruptBatchError, OffsetOutOfRangeError, StorageError, WouldWaitError
from gomq_storage.log import Log
from gomq_storage.log_values import LogPosition, LogSlice

CONSUMER: Final = -1
"""Stands for the id of a replica where a request is a consumer's."""
MAX_FILES: Final = 64
"""Partitions of which one answer holds records."""


Target: TypeAlias = tuple[Wanted, Partition]
"""A partition that is there, and what is wanted of it."""


class Terms(NamedTuple):
    """What counts for all partitions of a fetch. Kafka: ``FetchParams``."""

    min_bytes: int
    max_bytes: int
    committed: bool = False
    """Whether only messages are wanted whose transactions are decided."""
    replica_id: int = CONSUMER


class Waiting(NamedTuple):
    """A partition that had too little."""

    target: Target
    start: LogPosition
    """Where the fetch begins in its log."""


def find_targets(topics: Topics, wanted: Iterable[Wanted]) -> tuple[list[Target], list[Found]]:
    """Find the partitions, and say of the rest that there are none such."""
    targets: list[Target] = []
    unknown: list[Found] = []
    for each in wanted:
        partition = topics.partition(each.topic, each.partition_index)
        if partition is not None:
            targets.append((each, partition))
        elif isinstance(each.topic, UUID) and topics.get(each.topic) is None:
            unknown.append(_failed(each, ErrorCode.unknown_topic_id))
        else:
            unknown.append(_failed(each, ErrorCode.unknown_topic_or_partition))
    return targets, unknown


def look(targets: Iterable[Target], terms: Terms, *, may_wait: bool = False) -> list[Found]:
    """Find what there is in each partition, within the limit over all of them.

    Args:
        targets: in order.
        terms: the limits.
        may_wait: whether this may take as long as reading segments; in a worker thread it may.

    Raises:
        WouldWaitError: it takes that long, and may not.
    """
    found: list[Found] = []
    left, is_first, files_left = terms.max_bytes, True, MAX_FILES
    for target in targets:
        one = _look_at(target, terms, min(target[0].max_bytes, left), is_first=is_first, may_wait=may_wait)
        if one.records is not None:
            files_left -= 1
            left = max(left - one.records.size, 0) if files_left else 0
            is_first = False
        found.append(one)
    return found


def is_enough(found: Sequence[Found], terms: Terms) -> bool:
    """Whether to answer at once: with so many bytes, or an error. Kafka: ``ReplicaManager.fetchMessages``."""
    size = 0
    for one in found:
        if one.result.error_code or one.result.diverging is not None:
            return True
        if one.records is not None:
            size += one.records.size
    return size >= terms.min_bytes


def wait_for(targets: Sequence[Target], found: Sequence[Found], terms: Terms) -> list[Waiting]:
    """Note where each partition's fetch begins; errors are those of ``Log.read``."""
    return [Waiting(target, _start(target, one, terms)) for target, one in zip(targets, found, strict=True)]


def has_come(waiting: Iterable[Waiting], terms: Terms) -> bool:
    """Whether enough has come since, or something to be told. Kafka: ``DelayedFetch.tryComplete``.

    Only positions are compared: no file is looked at. A partition counts up to its own limit; one whose fetch ends
    with a segment, as there is a later one by now, is enough by itself.
    """
    size = 0
    for (wanted, partition), start in waiting:
        if partition.is_offline or partition.log.log_start > wanted.offset:
            return True
        try:
            end = _end(partition, terms)
        except (OSError, StorageError):
            return True  # who looks finds out
        if end.offset <= start.offset:
            continue
        if end.segment_base_offset != start.segment_base_offset:
            return True
        size += min(end.position - start.position, wanted.max_bytes)
    return size >= terms.min_bytes


def _start(target: Target, one: Found, terms: Terms) -> LogPosition:
    (wanted, partition), records = target, one.records
    end = _end(partition, terms)
    if records is None and wanted.offset < end.offset:  # there is something, and no room for it
        records = partition.log.read(wanted.offset, max_bytes=0, upto=end, may_wait=False)
    if records is None:
        return max(end, end._replace(offset=wanted.offset))
    return LogPosition(wanted.offset, records.segment.base_offset, records.position)


def _look_at(target: Target, terms: Terms, max_bytes: int, *, is_first: bool, may_wait: bool) -> Found:
    wanted, partition = target
    if partition.is_deleted:
        by_id = isinstance(wanted.topic, UUID)
        return _failed(wanted, ErrorCode.unknown_topic_id if by_id else ErrorCode.unknown_topic_or_partition)
    epoch = wanted.leader_epoch
    if epoch not in (NO_LEADER_EPOCH, partition.leader_epoch) or terms.replica_id > CONSUMER:
        return _failed(wanted, _refusal(target), leader_epoch=partition.leader_epoch)
    try:
        return _read(target, terms, max_bytes, is_first=is_first, may_wait=may_wait)
    except OffsetOutOfRangeError:
        return _failed(wanted, ErrorCode.offset_out_of_range)
    except WouldWaitError:
        raise
    except CorruptBatchError as error:
        partition.report_unreadable(error)
        return _failed(wanted, ErrorCode.corrupt_message)
    except (OSError, StorageError) as error:
        partition.report_unreadable(error)
        return _failed(wanted, ErrorCode.kafka_storage_error)


def _refusal(target: Target) -> ErrorCode:
    """Say why a request may not read a partition: another idea of its leader, or it is no consumer's."""
    wanted, partition = target
    if code := partition.epoch_problem(wanted.leader_epoch):
        return code
    # No replica is known here. Kafka: Partition.followerReplicaOrThrow.
    return ErrorCode.not_leader_or_follower if wanted.leader_epoch < 0 else ErrorCode.unknown_leader_epoch


def _read(target: Target, terms: Terms, max_bytes: int, *, is_first: bool, may_wait: bool) -> Found:
    wanted, partition = target
    log, visible, transactions = partition.log, partition.visible, partition.transactions
    log_start, end = log.log_start, visible.offset
    stable_end = transactions.last_stable_offset(end)
    diverging = _diverging(wanted, log, log_start) if wanted.last_fetched_epoch >= 0 else None
    records: LogSlice | None = None
    aborted: list[tuple[int, int]] | None = [] if terms.committed else None
    if diverging is None and wanted.offset != end:  # most partitions of most fetches have nothing new
        if terms.committed and stable_end != end:
            visible = transactions.last_stable(visible, may_wait=may_wait)
        if max_bytes < 0 and wanted.offset < visible.offset:
            return _failed(wanted, ErrorCode.unknown_server_error)  # as Kafka does for a limit that cannot be
        records = log.read(
            wanted.offset, max_bytes=max_bytes, upto=visible, at_least_one_batch=is_first, may_wait=may_wait
        )
        if records is not None and records.is_cut_short:
            records = None
        elif records is not None and terms.committed:
            aborted = [each[:2] for each in transactions.aborted(records, wanted.offset, may_wait=may_wait)]
    result = FetchedPartition(wanted.partition_index, 0, end, stable_end, log_start, aborted, diverging)
    return Found(wanted, result, records)


def _end(partition: Partition, terms: Terms) -> LogPosition:
    """Find up to where a fetch may read."""
    if not terms.committed:
        return partition.visible
    return partition.transactions.last_stable(partition.visible, may_wait=False)


def _diverging(wanted: Wanted, log: Log, log_start: int) -> EpochEndOffset | None:
    """Compare what a client fetched last with the log (KIP-595). Kafka: ``Partition.readRecords``.

    Raises:
        OffsetOutOfRangeError: there is no telling.
    """
    found = log.epochs.end_of(wanted.last_fetched_epoch, log_end=log.log_end)
    if found == UNDEFINED or wanted.offset < log_start:
        raise OffsetOutOfRangeError(wanted.offset, log_start=log_start, log_end=log.log_end)
    if found.epoch < wanted.last_fetched_epoch or found.end_offset < wanted.offset:
        return EpochEndOffset(found.epoch, found.end_offset)
    return None


def _failed(wanted: Wanted, error_code: ErrorCode, *, leader_epoch: int | None = None) -> Found:
    told = leader_epoch if error_code in _TELLS_LEADER else None
    return Found(wanted, FetchedPartition(wanted.partition_index, error_code, leader_epoch=told))


_TELLS_LEADER: Final = {ErrorCode.not_leader_or_follower, ErrorCode.fenced_leader_epoch}
"""The client learns who the leader is (KIP-951)."""
