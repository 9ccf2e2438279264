"""Produce, versions 3-13.  v7 zstd; v8 error messages; v9 flexible; v10 leader hints; v13 topics by id.

Each partition's batch is checked and appended to the page cache, one after the other. ``acks=0`` is not answered,
``acks=1`` is answered then, ``acks=all`` once the high watermark has passed the batch: see ``flusher.py``. Where the
leader moved to is never told, as there is but one broker.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, Final, NamedTuple
from uuid import UUID

import anyio
from kio.schema.errors import ErrorCode

from gomq.broker.context import Request, Result, State
from gomq.broker.monitoring.metrics import Metrics
from gomq.broker.partition import Partition, wait_until
from gomq.broker.producing.validation import NotOneBatchError, RejectedBatchError
from gomq.errors import ProtocolError
from gomq.protocol.layout import NO_TOPIC_ID
from gomq.protocol.produce import ProducedPartition, RecordError, encode_response
from gomq_storage.errors import BatchTooLargeError, InvalidProducerEpochError, OutOfOrderSequenceError, StorageError

_ACKS_ALL: Final = -1
_NO_OFFSET: Final = -1
_ENTRIES_BEFORE_YIELD: Final = 100
"""Partitions after which one request lets others have their turn."""
_ERROR_CODES: Final[dict[type[Exception], ErrorCode]] = {
    BatchTooLargeError: ErrorCode.record_list_too_large,
    InvalidProducerEpochError: ErrorCode.invalid_producer_epoch,
    OutOfOrderSequenceError: ErrorCode.out_of_order_sequence_number,
}
"""What a log's refusals are called; all else is the disk's fault. What ``max.message.bytes`` forbids is refused before:
so a batch is too large for a log where it is larger than a segment."""
_TELL_LOG_START: Final = frozenset({
    ErrorCode.invalid_record, ErrorCode.invalid_timestamp, ErrorCode.invalid_producer_epoch,
    ErrorCode.out_of_order_sequence_number,
})  # fmt: skip
"""With these errors an answer has the log's start, as in Kafka: a producer sees whether what is missing was deleted."""


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
        return _respond(request, list(refused), state.metrics)
    appended: list[_Appended] = []
    for entry in _entries(request):
        appended.append(await _append(state, request, *entry))
        if len(appended) % _ENTRIES_BEFORE_YIELD == 0:
            await anyio.lowlevel.checkpoint()
    if acks == 0:
        for failed in (entry.result for entry in appended if entry.result.error_code):
            # no answer was asked for; closing the connection is how Kafka tells
            raise ProtocolError(f"produce with acks=0 failed: {failed.error_message or failed.error_code}")
        return None
    waiting = [entry for entry in appended if entry.partition is not None]
    if acks == _ACKS_ALL and not all(map(_is_settled, waiting)):
        seconds = max(request.body.timeout.total_seconds(), 0)
        head = request._replace(body=None)  # what is written down need not stay in memory until it is synced
        return partial(_respond_when_safe, head, appended, waiting, seconds, state.metrics)
    return _respond(request, appended, state.metrics)


def _entries(request: Request) -> Iterator[tuple[str | UUID, Any]]:
    for topic in request.body.topic_data:
        key = (topic.topic_id or NO_TOPIC_ID) if request.version >= 13 else topic.name
        for partition in topic.partition_data:
            yield key, partition


async def _append(state: State, request: Request, topic: str | UUID, data: Any) -> _Appended:  # noqa: ANN401
    found = state.topics.get(topic)
    if found is None or not 0 <= data.index < len(found.partitions):
        return _refused((topic, data), _unknown(topic), "there is no such topic or partition")
    if found.is_internal:
        return _refused((topic, data), ErrorCode.invalid_topic_exception, f"only the broker writes to {found.name}")
    partition = found.partitions[data.index]
    try:
        batch, header, log_append_time = await state.admission.admit(
            data.records,
            partition,
            produce_version=request.version,
            validation=state.config.message_validation,
        )
        first, last, is_duplicate = partition.append(batch, header)
    except (RejectedBatchError, OSError, StorageError) as error:
        return _refused_by(partition, (topic, data), error)
    if is_duplicate:
        log_append_time = partition.timestamp_of_duplicate(header)
    else:
        state.flusher.appended(partition)
    result = ProducedPartition(data.index, 0, first, log_append_time, partition.log.log_start)
    return _Appended(topic, partition, result, last + 1)


def _refused(entry: tuple[str | UUID, Any], error_code: ErrorCode, reason: str) -> _Appended:
    topic, data = entry
    return _Appended(topic, None, ProducedPartition(data.index, error_code, error_message=reason))


def _refused_by(partition: Partition, entry: tuple[str | UUID, Any], error: Exception) -> _Appended:
    """Say why a partition did not take a batch."""
    topic, data = entry
    record_errors: tuple[RecordError, ...] = ()
    if isinstance(error, RejectedBatchError):
        code, record_errors = error.error_code, error.record_errors
    elif partition.is_deleted:
        return _refused(entry, _unknown(topic), "the topic was deleted")
    else:
        code = _ERROR_CODES.get(type(error), ErrorCode.kafka_storage_error)
    tells = code in _TELL_LOG_START and not isinstance(error, NotOneBatchError) and not partition.is_offline
    log_start = partition.log.log_start if tells else _NO_OFFSET
    result = ProducedPartition(
        data.index, code, log_start_offset=log_start, error_message=str(error), record_errors=record_errors
    )
    return _Appended(topic, None, result)


def _unknown(topic: str | UUID) -> ErrorCode:
    return ErrorCode.unknown_topic_id if isinstance(topic, UUID) else ErrorCode.unknown_topic_or_partition


def _is_settled(entry: _Appended) -> bool:
    partition = entry.partition
    return partition is None or partition.high_watermark >= entry.end or partition.problem is not None


async def _respond_when_safe(
    request: Request,
    appended: list[_Appended],
    waiting: list[_Appended],
    seconds: float,
    metrics: Metrics | None,
) -> list[bytes]:
    partitions = [entry.partition for entry in waiting if entry.partition is not None]
    await wait_until(lambda: all(map(_is_settled, waiting)), partitions, seconds=seconds)
    return _respond(request, [_judge(entry) for entry in appended], metrics)


def _judge(entry: _Appended) -> _Appended:
    """Turn an appended batch that did not become safe into an error. Kafka: ``DelayedProduce``.

    Where the batch is stays in the answer, but where it may be gone.
    """
    partition = entry.partition
    if partition is None or partition.high_watermark >= entry.end:
        return entry
    result = entry.result
    if partition.is_deleted:
        failed = result._replace(error_code=_unknown(entry.topic), error_message="the topic was deleted")
    elif partition.problem is not None:
        code = ErrorCode.kafka_storage_error
        failed = ProducedPartition(result.partition, code, error_message=partition.problem)
    else:
        failed = result._replace(error_code=ErrorCode.request_timed_out, error_message="the disk did not keep up")
    return entry._replace(result=failed)


def _respond(request: Request, appended: list[_Appended], metrics: Metrics | None) -> list[bytes]:
    if metrics is not None:
        metrics.failed(request.api, (entry.result.error_code for entry in appended))
    topics: dict[str | UUID, list[ProducedPartition]] = {}
    for entry in appended:
        topics.setdefault(entry.topic, []).append(entry.result)
    return [encode_response(request.version, request.correlation_id, topics.items())]
