"""Messages put into a broker's topics by a test, on the broker's event loop: without a client, whatever the faults."""

import time
from collections.abc import Iterable, Sequence
from typing import Final

from kio.schema.errors import ErrorCode

from gomq.broker.catalogue import Topic
from gomq.broker.context import State
from gomq.broker.partition import Partition, wait_until
from gomq.broker.producing.validation import RejectedBatchError
from gomq.client.message import NewMessage, checked, normalize_headers
from gomq.client.producing.batch import size_of
from gomq.client.producing.partitioner import partition_of_key
from gomq.errors import InvalidPartitionsError, error_for
from gomq_storage.batch import HEADER_SIZE
from gomq_storage.record import NewRecord, encode_batch

_PRODUCE_VERSION: Final = 9
_BATCH_BYTES: Final = 256 << 10
_SECONDS: Final = 30.0


async def fill(state: State, name: str, messages: Iterable[bytes | NewMessage]) -> None:
    """Append messages to a topic, which is made where it is missing, and wait until consumers may see them.

    Messages with a key go where Kafka's producers put them, all others to the partitions in turn.

    Raises:
        BrokerError: the broker does not take them.
    """
    topic = state.topics.get(name)
    if topic is None:
        topic = await state.topics.create(name, partitions=state.config.default_partitions, configs={})
    by_partition: dict[int, list[NewRecord]] = {}
    for number, message in enumerate(messages):
        new = message if isinstance(message, NewMessage) else NewMessage(checked(message, "value"))
        by_partition.setdefault(_partition_of(new, number, topic), []).append(_record(new))
    for index, records in by_partition.items():
        partition = topic.partitions[index]
        for some in _portions(records, most=partition.log.config.max_message_bytes):
            await _append(state, partition, some)
        await _wait_for(partition, partition.log.log_end)


def _partition_of(message: NewMessage, number: int, topic: Topic) -> int:
    count = len(topic.partitions)
    if message.partition is not None:
        if not 0 <= message.partition < count:
            raise InvalidPartitionsError(
                f"topic {topic.name!r} has partitions 0 to {count - 1}, not {message.partition}"
            )
        return message.partition
    return partition_of_key(message.key, count) if message.key is not None else number % count


def _record(message: NewMessage) -> NewRecord:
    return NewRecord(
        checked(message.value, "value"), checked(message.key, "key"), normalize_headers(message.headers),
        message.timestamp,
    )  # fmt: skip


def _portions(records: Sequence[NewRecord], *, most: int) -> Iterable[Sequence[NewRecord]]:
    """Take as many together as make a batch of usual size, if the topic takes that."""
    portion: list[NewRecord] = []
    left = room = min(_BATCH_BYTES, most) - HEADER_SIZE
    for record in records:
        size = size_of(record)
        if portion and size > left:
            yield portion
            portion, left = [], room
        portion.append(record)
        left -= size
    if portion:
        yield portion


async def _wait_for(partition: Partition, end: int) -> None:
    await wait_until(lambda: partition.high_watermark >= end, [partition], seconds=_SECONDS)


async def _append(state: State, partition: Partition, records: Sequence[NewRecord]) -> None:
    batch = encode_batch(records, now_ms=time.time_ns() // 1_000_000)
    try:
        data, header, _ = await state.admission.admit(
            batch, partition, produce_version=_PRODUCE_VERSION, validation=state.config.message_validation
        )
    except RejectedBatchError as error:
        raise error_for(int(error.error_code or ErrorCode.unknown_server_error), str(error)) from error
    partition.append(data, header)
    state.flusher.appended(partition)
