"""Other people's producers hear what Kafka's broker would tell them of timestamps, and why something is refused."""

import asyncio
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import InvalidTimestampError as AioInvalidTimestampError
from confluent_kafka import TIMESTAMP_CREATE_TIME, TIMESTAMP_LOG_APPEND_TIME, KafkaError, Message, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from gomq.protocol.api import Api
from tests.interop import test_confluent_kafka
from tests.interop.clients import CODECS, ServedBroker, assert_compressed, records, sound_items
from tests.support.brokers import broker_process
from tests.support.dumping import as_text
from tests.support.kafka import Kafka, dump_log_segments, require_kafka
from tests.support.segment_files import FIRST_TIMESTAMP
from tests.support.topics import until_led
from tests.support.wire import batch, connect, patched, produce_values, timed_batch

with warnings.catch_warnings():  # it reads its schemas, as it is imported, in a way that Python has deprecated
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import KafkaProducer
    from kafka.errors import InvalidTimestampError

DAY_MS: Final = 24 * 3_600_000
SECONDS: Final = 40
COUNT: Final = 200


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """aiokafka knows no other event loop."""
    return "asyncio"


@pytest.fixture(scope="module", params=["header", "full"])
def validating(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedBroker]:
    """A broker that looks at headers only, and one that looks at every message."""
    data = tmp_path_factory.mktemp("validating") / "data"
    with broker_process(data, "--message-validation", request.param) as broker:
        yield ServedBroker(broker.address, data)


def create(broker: ServedBroker | Kafka, topic: str, **configs: str) -> None:
    named = {name.replace("_", "."): value for name, value in configs.items()}
    admin = AdminClient({"bootstrap.servers": broker.address})
    admin.create_topics([NewTopic(topic, 1, 1, config=named)])[topic].result(SECONDS)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def deliver(broker: ServedBroker, topic: str, *timestamps: int, **settings: Any) -> list[tuple[KafkaError, Message]]:
    """Produce with librdkafka; what became of each message."""
    reports: list[tuple[KafkaError, Message]] = []
    producer = Producer({"bootstrap.servers": broker.address, "linger.ms": 50, **settings})
    for timestamp in timestamps:
        producer.produce(
            topic, b"x", b"k", timestamp=timestamp, on_delivery=lambda error, message: reports.append((error, message))
        )
    assert producer.flush(SECONDS) == 0
    return reports


@pytest.mark.parametrize("codec", CODECS)
def test_librdkafka_learns_the_append_time(validating: ServedBroker, topic: str, codec: str):
    create(validating, topic, message_timestamp_type="LogAppendTime")
    before = now_ms()
    reports = deliver(validating, topic, *[FIRST_TIMESTAMP] * COUNT, **{"compression.type": codec})
    stamps = {message.timestamp() for error, message in reports if error is None}
    assert len(reports) == COUNT
    assert {kind for kind, _ in stamps} == {TIMESTAMP_LOG_APPEND_TIME}
    assert all(before <= stamp <= now_ms() for _, stamp in stamps)
    consumed = test_confluent_kafka.read_all(validating.address, topic)
    assert {message.timestamp() for message in consumed} == stamps
    if codec != "none":
        assert_compressed(validating.partition(topic), codec)


def test_librdkafka_keeps_its_own_time_elsewhere(validating: ServedBroker, topic: str):
    create(validating, topic)
    (report,) = deliver(validating, topic, FIRST_TIMESTAMP)
    assert report[0] is None
    assert report[1].timestamp() == (TIMESTAMP_CREATE_TIME, FIRST_TIMESTAMP)


@pytest.mark.parametrize("idempotence", [False, True])
def test_librdkafka_hears_that_a_timestamp_is_not_taken(validating: ServedBroker, topic: str, idempotence: bool):
    create(validating, topic)
    settings = {"enable.idempotence": idempotence, "retries": 0 if not idempotence else 5}
    ((error, _),) = deliver(validating, topic, now_ms() + DAY_MS, **settings)
    assert error.code() == KafkaError.INVALID_TIMESTAMP
    (report,) = deliver(validating, topic, now_ms())
    assert report[0] is None


def test_librdkafka_hears_that_a_message_is_too_large(validating: ServedBroker, topic: str):
    create(validating, topic, max_message_bytes="1000")
    reports: list[KafkaError] = []
    producer = Producer({"bootstrap.servers": validating.address, "retries": 0})
    producer.produce(topic, bytes(2000), on_delivery=lambda error, _: reports.append(error))
    producer.flush(SECONDS)
    assert [error.code() for error in reports] == [KafkaError.MSG_SIZE_TOO_LARGE]


async def test_aiokafka_learns_the_append_time_and_hears_of_bad_timestamps(validating: ServedBroker, topic: str):
    create(validating, topic, message_timestamp_type="LogAppendTime")
    create(validating, topic + "-create")
    async with AIOKafkaProducer(bootstrap_servers=validating.address, compression_type="gzip") as producer:
        before = now_ms()
        told = await asyncio.wait_for(producer.send_and_wait(topic, b"x", timestamp_ms=5), SECONDS)
        assert (told.timestamp_type, before <= told.timestamp <= now_ms()) == (1, True)
        with pytest.raises(AioInvalidTimestampError):
            await producer.send_and_wait(topic + "-create", b"x", timestamp_ms=now_ms() + DAY_MS)
        told = await producer.send_and_wait(topic + "-create", b"x", timestamp_ms=5)
        assert (told.timestamp_type, told.timestamp) == (0, 5)


def test_kafka_python_learns_the_append_time_and_hears_of_bad_timestamps(validating: ServedBroker, topic: str):
    create(validating, topic, message_timestamp_type="LogAppendTime")
    create(validating, topic + "-create")
    producer = KafkaProducer(bootstrap_servers=validating.address, retries=0, enable_idempotence=False)
    try:
        before = now_ms()
        told = producer.send(topic, b"x", timestamp_ms=5).get(SECONDS)
        assert before <= told.timestamp <= now_ms()
        with pytest.raises(InvalidTimestampError):
            producer.send(topic + "-create", b"x", timestamp_ms=now_ms() + DAY_MS).get(SECONDS)
    finally:
        producer.close()


@pytest.mark.parametrize("codec", CODECS)
def test_everything_that_a_client_sends_is_good_for_full_validation(validating: ServedBroker, topic: str, codec: str):
    create(validating, topic)
    sent = records(2000)
    producer = Producer({"bootstrap.servers": validating.address, "compression.type": codec, "linger.ms": 100})
    errors: list[KafkaError | None] = []
    for record in sent:
        producer.produce(
            topic,
            record.value,
            record.key,
            timestamp=record.timestamp,
            headers=list(record.headers),
            on_delivery=lambda error, _: errors.append(error),
        )
    assert producer.flush(SECONDS) == 0
    assert errors == [None] * len(sent)
    consumed = test_confluent_kafka.read_all(validating.address, topic)
    assert [(message.key(), message.value()) for message in consumed] == [(each.key, each.value) for each in sent]


def test_kafkas_dump_tool_reads_append_times(validating: ServedBroker, topic: str):
    require_kafka()
    create(validating, topic, message_timestamp_type="LogAppendTime")
    deliver(validating, topic, *[FIRST_TIMESTAMP] * 3)
    items = sound_items(validating.partition(topic))
    theirs = dump_log_segments(sorted(validating.partition(topic).glob("*.*index")) + log_files(validating, topic))
    assert (theirs.exit_code, theirs.complaints) == (0, [])
    assert b"LogAppendTime" in theirs.stdout
    assert b"LogAppendTime" in as_text(items)


def log_files(broker: ServedBroker, topic: str) -> list[Path]:
    return sorted(broker.partition(topic).glob("*.log"))


GOOD: Final = batch(b"first", b"second", b"third")
SENT: Final[dict[str, bytes]] = {
    "a good batch": GOOD,
    "nothing": b"",
    "garbage": b"garbage",
    "cut off": GOOD[:-1],
    "bytes behind": GOOD + b"x",
    "two batches": GOOD + GOOD,
    "zeros behind": GOOD + bytes(12),
    "a wrong CRC": patched(GOOD, 70, b"\xff", crc=False),
    "magic 0": patched(GOOD, 16, b"\0"),
    "magic 1": patched(GOOD, 16, b"\1"),
    "magic 3": patched(GOOD, 16, b"\3"),
    "a length of 0": patched(GOOD, 8, bytes(4), crc=False),
    "a length of 1 GiB": patched(GOOD, 8, b"\x40\0\0\0", crc=False),
    "no records": patched(GOOD, 57, bytes(4)),
    "a count that lies": patched(GOOD, 57, b"\0\0\0\7"),
    "a delta that lies": patched(GOOD, 23, b"\0\0\0\7"),
    "a negative delta": patched(GOOD, 23, b"\xff\xff\xff\xfd"),
    "a base offset": patched(GOOD, 0, b"\0\0\0\0\0\0\0\5"),
    "a control batch": patched(GOOD, 21, b"\0\x20"),
    "a producer without a sequence": patched(GOOD, 43, b"\0" * 7 + b"\x09\0\0\xff\xff\xff\xff"),
    "a record's length": patched(GOOD, 61, b"\x7e"),
    "a record's key size": patched(GOOD, 65, b"\x40"),
    "too large": batch(bytes(1_048_588)),
    "a day ahead": timed_batch(2**62),
    "one of two a day ahead": timed_batch(5, 2**62),
}


async def test_kafka_says_the_same_of_every_batch(validating: ServedBroker, kafka_broker: Kafka, topic: str):
    """Of the messages themselves a broker that looks at headers says less; it is asked about the others."""
    for broker in (kafka_broker, validating):
        create(broker, topic)
    theirs, ours = [await answers(address, topic) for address in (kafka_broker.address, validating.address)]
    if "header" in topic:
        for name in ("a record's length", "a record's key size", "one of two a day ahead"):
            del theirs[name], ours[name]
    assert ours == theirs


async def answers(address: str, topic: str) -> dict[str, Any]:
    """Error code, base offset, log start and the records that are named, of each batch in turn."""
    found = {}
    async with connect(address) as wire:
        await until_led(wire, topic)
        for name, raw in SENT.items():
            response = await wire.ask(Api.PRODUCE, 9, **produce_values({topic: {0: raw}}))
            (answer,) = response.responses[0].partition_responses
            named = [each.batch_index for each in answer.record_errors]
            found[name] = (int(answer.error_code), answer.base_offset, answer.log_start_offset, named)
    return found
