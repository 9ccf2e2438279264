"""What we would say to an idempotent producer's batch, Apache Kafka says too."""

import random
import time

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from gomq.protocol.api import Api
from gomq_storage.batch import read_header
from gomq_storage.errors import InvalidProducerEpochError, OutOfOrderSequenceError
from gomq_storage.producers import MAX_SEQUENCE, Producers
from gomq_storage.record import NewRecord, build_batch, encode_records
from tests.support.kafka import Kafka
from tests.support.topics import until_led
from tests.support.wire import connect, produce_values

pytestmark = pytest.mark.timeout(120)

BATCHES = 600
OUT_OF_ORDER_SEQUENCE_NUMBER = 45
INVALID_PRODUCER_EPOCH = 47
PRODUCE_VERSION = 9


def batch_from(producer_id: int, epoch: int, sequence: int, count: int) -> bytes:
    now = time.time_ns() // 1_000_000
    return build_batch(
        encode_records([NewRecord(b"x")] * count, base_timestamp=now), record_count=count, base_timestamp=now,
        max_timestamp=now, producer_id=producer_id, producer_epoch=epoch, base_sequence=sequence,
    )  # fmt: skip


def our_answer(producers: Producers, batch: bytes) -> tuple[int, int]:
    """Append a batch to nothing but the producers' state; error code and base offset."""
    header = read_header(batch)
    try:
        original = producers.check(header)
    except OutOfOrderSequenceError:
        return OUT_OF_ORDER_SEQUENCE_NUMBER, -1
    except InvalidProducerEpochError:
        return INVALID_PRODUCER_EPOCH, -1
    if original is not None:
        return 0, original.base_offset
    base_offset = producers.end
    producers.note(header._replace(base_offset=base_offset))
    return 0, base_offset


def some_batch(source: random.Random, sent: list[bytes], *, first_id: int) -> bytes:
    """Choose one that goes on, is sent again, leaves a gap or is of another epoch."""
    if sent and source.random() < 0.3:
        return source.choice(sent[-15:])
    producer_id = first_id + source.randrange(3)
    earlier = [header for header in map(read_header, sent) if header.producer_id == producer_id]
    count = source.randint(1, 3)
    if not earlier:
        return batch_from(producer_id, source.randrange(3), source.choice([0, 9, MAX_SEQUENCE - 4]), count)
    last = earlier[-1]
    epoch = max(last.producer_epoch + source.choice([0, 0, 0, 0, 0, 0, 0, 1, -1]), 0)
    following = (last.base_sequence + last.record_count + source.choice([0, 0, 0, 0, 0, 0, 1, -1])) % (MAX_SEQUENCE + 1)
    is_newer = epoch > last.producer_epoch and source.random() < 0.8
    return batch_from(producer_id, epoch, 0 if is_newer else following, count)


async def test_kafka_takes_and_refuses_the_same_batches(kafka_broker: Kafka, topic: str):
    admin = AdminClient({"bootstrap.servers": kafka_broker.address})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)
    source = random.Random(7)
    producers, sent, answers = Producers(), list[bytes](), list[tuple[int, int]]()

    async with connect(kafka_broker.address) as wire:
        await until_led(wire, topic)
        for number in range(BATCHES):
            batch = some_batch(source, sent, first_id=1_000_000 + 3 * (number // 50))
            response = await wire.ask(Api.PRODUCE, PRODUCE_VERSION, **produce_values({topic: {0: batch}}))
            (theirs,) = response.responses[0].partition_responses
            ours = our_answer(producers, batch)
            assert (int(theirs.error_code), theirs.base_offset) == ours
            is_appended = ours[0] == 0 and ours not in answers
            answers.append(ours)
            if is_appended:
                sent.append(batch)

    duplicates = len([offset for error, offset in answers if not error]) - len(sent)
    refused = [error for error, _ in answers if error]
    assert min(duplicates, *map(refused.count, (OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_PRODUCER_EPOCH))) >= 10
