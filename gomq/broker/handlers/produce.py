"""Produce, versions 3-13.  v7 zstd; v8 error messages; v9 flexible; v10 leader hints; v13 topics by id.

Each partition's batch is checked and appended to the page cache at once. ``acks=0`` is not answered, ``acks=1`` is
answered then, ``acks=all`` once the high watermark has passed the batch: see ``flusher.py``.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple
from uuid import UUID

from kio.schema.errors import ErrorCode

from gomq.broker.context import Request, Result, State
from gomq.broker.partition import Partition, wait_until
from gomq.broker.validation import RejectedBatchError, check_keys, validate
from gomq.errors import ProtocolError
from gomq.protocol.layout import NO_TOPIC_ID
from gomq.protocol.produce import ProducedPartition, encode_response
from gomq_storage.errors import BatchTooLargeError, InvalidProducerEpochError, OutOfOrderSequenceError, StorageError

_ACKS_ALL = -1
_ERROR_CODES: Final[dict[type[Exception], ErrorCode]] = {
    BatchTooLargeError: ErrorCode.message_too_large,
    InvalidProducerEpochError: ErrorCode.invalid_producer_epoch,
    OutOfOrderSequenceError: ErrorCode.out_of_order_sequence_number,
}
"""What a log's refusals are called; all else is the disk's fault."""


class _Appended(NamedTuple):
    topic: str | UUID
    partition: Partition | None
    """None when nothing was appended."""
    result: ProducedPartition
    end: int = 0
    """Where the high watermark must be for the batch to be safe."""


async def handle(state: State, request: Request) -> Result:
    """Append one batch to each partition."""
    acks = request.body.acks
    if acks not in {-1, 0, 1}:
        reason = f"acks must be -1, 0 or 1, not {acks}"
        refused = (_refused(entry, ErrorCode.invalid_required_acks, reason) for entry in _entries(request))
        return _respond(request, list(refused))
    appended = [_append(state, request, *entry) for entry in _entries(request)]
    if acks == 0:
        for failed in (entry.result for entry in appended if entry.result.error_code):
            # no answer was asked for; closing the connection is how Kafka tells
            raise ProtocolError(f"produce with acks=0 failed: {failed.error_message or failed.error_code}")
        return None
    waiting = [entry for entry in appended if entry.partition is not None]
    if acks == _ACKS_ALL and not all(map(_is_settled, waiting)):
        return lambda: _respond_when_safe(request, appended, waiting)
    return _respond(request, appended)


def _entries(request: Request) -> Iterator[tuple[str | UUID, Any]]:
    for topic in request.body.topic_data:
        key = (topic.topic_id or NO_TOPIC_ID) if request.version >= 13 else topic.name
        for partition in topic.partition_data:
            yield key, partition


def _append(state: State, request: Request, topic: str | UUID, data: Any) -> _Appended:  # noqa: ANN401
    partition = state.topics.partition(topic, data.index)
    if partition is None:
        return _refused((topic, data), _unknown(topic), "there is no such topic or partition")
    try:
        header = validate(data.records, produce_version=request.version)
        if partition.needs_keys and header.size <= partition.log.config.max_message_bytes:
            check_keys(data.records, header)
        first, last, is_duplicate = partition.append(data.records, header)
    except RejectedBatchError as error:
        return _refused((topic, data), error.error_code, error.message)
    except (OSError, StorageError) as error:
        return _refused((topic, data), _ERROR_CODES.get(type(error), ErrorCode.kafka_storage_error), str(error))
    if not is_duplicate:
        state.flusher.appended(partition)
    result = ProducedPartition(data.index, 0, base_offset=first, log_start_offset=partition.log.log_start)
    return _Appended(topic, partition, result, last + 1)


def _refused(entry: tuple[str | UUID, Any], error_code: ErrorCode, reason: str) -> _Appended:
    topic, data = entry
    return _Appended(topic, None, ProducedPartition(data.index, error_code, error_message=reason))


def _unknown(topic: str | UUID) -> ErrorCode:
    return ErrorCode.unknown_topic_id if isinstance(topic, UUID) else ErrorCode.unknown_topic_or_partition


def _is_settled(entry: _Appended) -> bool:
    partition = entry.partition
    return partition is None or partition.high_watermark >= entry.end or partition.problem is not None


async def _respond_when_safe(request: Request, appended: list[_Appended], waiting: list[_Appended]) -> list[bytes]:
    partitions = [entry.partition for entry in waiting if entry.partition is not None]
    seconds = max(request.body.timeout.total_seconds(), 0)
    await wait_until(lambda: all(map(_is_settled, waiting)), partitions, seconds=seconds)
    return _respond(request, [_judge(entry) for entry in appended])


def _judge(entry: _Appended) -> _Appended:
    """Turn an appended batch that did not become safe into an error."""
    partition = entry.partition
    if partition is None or partition.high_watermark >= entry.end:
        return entry
    index = entry.result.partition
    if partition.is_deleted:
        failed = ProducedPartition(index, _unknown(entry.topic), error_message="the topic was deleted")
    elif partition.problem is not None:
        failed = ProducedPartition(index, ErrorCode.kafka_storage_error, error_message=partition.problem)
    else:
        failed = ProducedPartition(index, ErrorCode.request_timed_out, error_message="the disk did not keep up")
    return entry._replace(result=failed)


def _respond(request: Request, appended: list[_Appended]) -> list[bytes]:
    topics: dict[str | UUID, list[ProducedPartition]] = {}
    for entry in appended:
        topics.setdefault(entry.topic, []).append(entry.result)
    return [encode_response(request.version, request.correlation_id, topics.items())]
