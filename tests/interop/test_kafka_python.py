"""kafka-python against our broker."""

import uuid
import warnings
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gomq_storage.record import NewRecord
from tests.interop.clients import (
    CODECS,
    MESSAGES,
    ServedBroker,
    assert_compressed,
    assert_kafka_prints_the_same,
    at_offsets,
    batches_in,
    records,
    sound_items,
)
from tests.support.kafka import require_kafka
from tests.support.segment_files import FIRST_TIMESTAMP

with warnings.catch_warnings():  # it reads its schemas, as it is imported, in a way that Python has deprecated
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition, codec as kafka_codec
    from kafka.admin import NewTopic
    from kafka.consumer.fetcher import ConsumerRecord
    from kafka.errors import (
        InvalidReplicationFactorError,
        InvalidTopicError,
        KafkaError,
        KafkaTimeoutError,
        MessageSizeTooLargeError,
        TopicAlreadyExistsError,
        UnknownTopicOrPartitionError,
    )

SECONDS = 40


def installed_codecs() -> list[str]:
    """List those that kafka-python has a library for."""
    return [codec for codec in CODECS if codec == "none" or getattr(kafka_codec, f"has_{codec}")()]


def publish(
    address: str, topic: str, sent: Iterable[NewRecord], *, partition: int | None = 0, **settings: Any
) -> list[Any]:
    """Produce records and return each one's metadata, or what went wrong with it."""
    options = {"linger_ms": 5, "enable_idempotence": False, "acks": "all", **settings}
    with closing(KafkaProducer(bootstrap_servers=address, **options)) as producer:
        pending = [
            producer.send(
                topic,
                value=record.value,
                key=record.key,
                headers=list(record.headers),
                partition=partition,
                timestamp_ms=record.timestamp,
            )
            for record in sent
        ]
        producer.flush(SECONDS)
    assert all(future.is_done for future in pending)
    return [future.exception or future.value for future in pending]


def consumer(address: str, topic: str, *, partitions: int = 1, **settings: Any) -> "closing[KafkaConsumer]":
    opened = KafkaConsumer(bootstrap_servers=address, auto_offset_reset="earliest", **settings)
    opened.assign([TopicPartition(topic, index) for index in range(partitions)])
    return closing(opened)


def read_to_end(source: KafkaConsumer) -> list[ConsumerRecord]:
    """Consume until the present end of all assigned partitions is reached."""
    ends = source.end_offsets(source.assignment())
    messages: list[ConsumerRecord] = []
    while any(source.position(partition) < end for partition, end in ends.items()):
        for polled in source.poll(timeout_ms=1000).values():
            messages += polled
    return messages


def read_all(address: str, topic: str, *, partitions: int = 1) -> list[ConsumerRecord]:
    with consumer(address, topic, partitions=partitions) as source:
        return read_to_end(source)


def as_record(message: ConsumerRecord) -> tuple[int, NewRecord]:
    return message.offset, NewRecord(message.value, message.key, tuple(message.headers), message.timestamp)


@pytest.mark.parametrize("codec", CODECS)
def test_messages_come_back_as_they_were_sent(served: ServedBroker, topic: str, codec: str):
    if codec not in installed_codecs():
        pytest.skip(f"kafka-python has no library for {codec} here: pip install 'kafka-python[{codec}]'")
    sent = records(MESSAGES, null_headers=False)

    stored = publish(served.address, topic, sent, compression_type=None if codec == "none" else codec)

    assert [metadata.offset for metadata in stored] == list(range(MESSAGES))
    assert [as_record(message) for message in read_all(served.address, topic)] == at_offsets(sent)
    assert_compressed(served.partition(topic), codec)


@pytest.mark.parametrize("acks", [0, 1, "all"])
def test_every_kind_of_acknowledgement_works(served: ServedBroker, topic: str, acks: Any):
    sent = records(500, null_headers=False)
    create(served.address, NewTopic(topic, 1, 1))

    publish(served.address, topic, sent, acks=acks)

    with consumer(served.address, topic, consumer_timeout_ms=1000 * SECONDS) as source:
        messages = [message for _, message in zip(sent, source, strict=False)]
    assert [as_record(message) for message in messages] == at_offsets(sent)


def test_an_idempotent_producer_has_an_id_of_its_own_and_numbers_its_messages(served: ServedBroker, topic: str):
    sent = records(1000, null_headers=False)

    for _ in range(2):
        publish(served.address, topic, sent, enable_idempotence=True)

    assert [as_record(message) for message in read_all(served.address, topic)] == at_offsets([*sent, *sent])
    batches = batches_in(served.partition(topic))
    producers = {batch["producer_id"] for batch in batches}
    assert len(producers) == 2
    assert min(producers) >= 0
    numbered = [number for batch in batches for number in range(batch["base_sequence"], batch["last_sequence"] + 1)]
    assert numbered == 2 * list(range(1000))


def test_a_consumer_of_the_end_gets_only_what_is_sent_from_then_on(served: ServedBroker, topic: str):
    sent = records(200, null_headers=False)
    publish(served.address, topic, sent[:100])

    with consumer(served.address, topic) as source:
        source.seek_to_end()
        assert source.position(TopicPartition(topic, 0)) == 100
        publish(served.address, topic, sent[100:])
        messages = read_to_end(source)

    assert [as_record(message) for message in messages] == at_offsets(sent[100:], first=100)


def test_a_consumer_starts_at_any_offset_even_within_a_batch(served: ServedBroker, topic: str):
    sent = records(1000, null_headers=False)
    publish(served.address, topic, sent, compression_type="gzip", batch_size=1 << 20)
    assert len(batches_in(served.partition(topic))) < 10

    with consumer(served.address, topic) as source:
        source.seek(TopicPartition(topic, 0), 777)
        messages = read_to_end(source)

    assert [as_record(message) for message in messages] == at_offsets(sent[777:], first=777)


def test_messages_with_one_key_stay_in_one_partition_and_in_order(served: ServedBroker, topic: str):
    create(served.address, NewTopic(topic, 4, 1))
    keys = [b"key %d" % (number % 50) for number in range(2000)]
    sent = [NewRecord(b"%d" % number, key, (), FIRST_TIMESTAMP) for number, key in enumerate(keys)]

    publish(served.address, topic, sent, partition=None)

    messages = read_all(served.address, topic, partitions=4)
    assert len(messages) == 2000
    assert {message.partition for message in messages} == {0, 1, 2, 3}
    for key in set(keys):
        of_key = [message for message in messages if message.key == key]
        assert len({message.partition for message in of_key}) == 1
        assert [message.value for message in of_key] == [record.value for record in sent if record.key == key]


def test_offsets_are_found_by_time(served: ServedBroker, topic: str):
    sent = records(1000, null_headers=False)
    publish(served.address, topic, sent, batch_size=1000)
    partition = TopicPartition(topic, 0)

    with consumer(served.address, topic) as source:
        found = source.offsets_for_times({partition: sent[640].timestamp})[partition]
        none = source.offsets_for_times({partition: FIRST_TIMESTAMP + 10**9})
        beginning = source.beginning_offsets([partition])
        end = source.end_offsets([partition])

    assert (found.offset, found.timestamp) == (640, sent[640].timestamp)
    assert none == {partition: None}
    assert (beginning, end) == ({partition: 0}, {partition: 1000})


@pytest.fixture(scope="module")
def admin(served: ServedBroker) -> Iterator[KafkaAdminClient]:
    with closing(KafkaAdminClient(bootstrap_servers=served.address)) as client:
        yield client


def create(address: str, topic: NewTopic) -> None:
    with closing(KafkaAdminClient(bootstrap_servers=address)) as client:
        client.create_topics([topic])


def test_topics_are_created_described_listed_and_deleted(admin: KafkaAdminClient, topic: str):
    admin.create_topics([NewTopic(topic, 3, 1)])
    admin.wait_for_topics([topic])
    (described,) = admin.describe_topics([topic])
    assert [partition["partition_index"] for partition in described["partitions"]] == [0, 1, 2]
    assert topic in admin.list_topics()

    with pytest.raises(TopicAlreadyExistsError):
        admin.create_topics([NewTopic(topic, 1, 1)])
    admin.delete_topics([topic])
    with pytest.raises(UnknownTopicOrPartitionError):
        admin.delete_topics([topic])

    assert topic not in admin.list_topics()


def test_a_topic_is_deleted_by_its_id(admin: KafkaAdminClient, topic: str):
    admin.create_topics([NewTopic(topic, 1, 1)])
    (described,) = admin.describe_topics([topic])

    admin.delete_topics([uuid.UUID(described["topic_id"])])

    assert topic not in admin.list_topics()


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        (NewTopic("kafka-python/slash", 1, 1), InvalidTopicError),
        (NewTopic("kafka-python.replicated", 1, 3), InvalidReplicationFactorError),
    ],
    ids=["name", "replicas"],
)
def test_a_topic_that_cannot_be_is_refused_with_kafkas_error(
    admin: KafkaAdminClient, wanted: NewTopic, error: type[KafkaError]
):
    with pytest.raises(error):
        admin.create_topics([wanted])

    assert wanted.name not in admin.list_topics()


def test_a_producer_creates_the_topic_it_needs(served: ServedBroker, admin: KafkaAdminClient, topic: str):
    assert topic not in admin.list_topics()

    publish(served.address, topic, records(1))

    assert topic in admin.list_topics()


def test_a_producer_fails_where_topics_are_not_created(served_without_auto_create: ServedBroker, topic: str):
    address = served_without_auto_create.address

    with (
        closing(KafkaProducer(bootstrap_servers=address, max_block_ms=500)) as producer,
        pytest.raises(KafkaTimeoutError),
    ):
        producer.send(topic, b"x")

    with closing(KafkaAdminClient(bootstrap_servers=address)) as client:
        assert topic not in client.list_topics()


def test_a_consumer_of_an_unknown_topic_sees_none(served_without_auto_create: ServedBroker, topic: str):
    # Consumers of 3.0.12 always ask for topics to be created, whatever ``allow_auto_create_topics`` says.
    with consumer(served_without_auto_create.address, topic) as source:
        for ask in (partial(source.poll, timeout_ms=300), partial(source.partitions_for_topic, topic)):
            with suppress(UnknownTopicOrPartitionError):  # raised or not, as it happens to ask again in that time
                assert not ask()
    assert not list(served_without_auto_create.data.glob(f"{topic}-*"))


def test_describing_a_topic_does_not_create_it(admin: KafkaAdminClient, topic: str):
    (described,) = admin.describe_topics([topic])

    assert described["error_code"] == UnknownTopicOrPartitionError.errno
    assert topic not in admin.list_topics()


def test_a_large_message_passes_and_one_that_is_too_large_is_refused(served: ServedBroker, topic: str):
    sent = [NewRecord(b"x" * size, b"key", (), FIRST_TIMESTAMP) for size in (1_000_000, 1_100_000, 10)]

    first, refused, last = publish(served.address, topic, sent, max_request_size=2_000_000)

    assert (first.offset, last.offset) == (0, 1)
    assert isinstance(refused, MessageSizeTooLargeError)
    assert [as_record(message)[1] for message in read_all(served.address, topic)] == [sent[0], sent[2]]


@pytest.fixture(scope="module")
def written(served: ServedBroker) -> Path:
    """A partition with batches in each codec, without and with a producer id."""
    for codec in installed_codecs():
        for idempotent in (False, True):
            publish(
                served.address,
                "kafka-python.written",
                records(500, null_headers=False),
                compression_type=None if codec == "none" else codec,
                enable_idempotence=idempotent,
            )
    return served.partition("kafka-python.written")


def test_the_files_it_makes_are_sound(written: Path):
    sound_items(written)

    batches = batches_in(written)
    assert {batch["codec"] for batch in batches} == set(installed_codecs())
    assert sum(batch["record_count"] for batch in batches) == 1000 * len(installed_codecs())


def test_kafka_reads_the_files_it_makes(written: Path):
    require_kafka()

    assert_kafka_prints_the_same(written)
