"""DescribeProducers, version 0 (KIP-664): who has written to a partition lately, idempotently or in a transaction.

Kafka: ``UnifiedLog.activeProducers``. A partition that is named more than once is answered once: each answer may hold
thousands of producers.
"""

from typing import Any

from kio.schema.errors import ErrorCode

from gomq.broker.context import Request, Result, State
from gomq_storage.errors import StorageError
from gomq_storage.layout import topic_name_problem
from gomq_storage.producers import ActiveProducer


async def handle(state: State, request: Request) -> Result:
    """Tell the producers that each partition remembers."""
    wanted: dict[str, dict[int, None]] = {}
    for topic in request.body.topics:
        wanted.setdefault(topic.name, {}).update(dict.fromkeys(topic.partition_indexes))
    return {
        "throttle_time": 0,
        "topics": [
            {"name": name, "partitions": [_describe(state, name, index) for index in indexes]}
            for name, indexes in wanted.items()
        ],
    }


def _describe(state: State, name: str, index: int) -> dict[str, Any]:
    if (problem := topic_name_problem(name)) is not None:
        return _partition(index, ErrorCode.invalid_topic_exception, problem)
    partition = state.topics.partition(name, index)
    if partition is None:
        return _partition(index, ErrorCode.unknown_topic_or_partition, "there is no such topic or partition")
    try:
        producers = partition.log.active_producers()
    except StorageError as error:
        return _partition(index, ErrorCode.kafka_storage_error, str(error))
    return _partition(index, ErrorCode.none, None) | {"active_producers": [_producer(each) for each in producers]}


def _producer(producer: ActiveProducer) -> dict[str, int]:
    return {
        "producer_id": producer.producer_id,
        "producer_epoch": producer.epoch,
        "last_sequence": producer.last_sequence,
        "last_timestamp": producer.last_timestamp,
        "coordinator_epoch": producer.coordinator_epoch,
        "current_txn_start_offset": producer.txn_first_offset,
    }


def _partition(index: int, error_code: ErrorCode, message: str | None) -> dict[str, Any]:
    return {
        "partition_index": index,
        "error_code": error_code,
        "error_message": message,
        "active_producers": (),
    }
