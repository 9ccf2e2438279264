"""confluent-kafka, which is librdkafka, against our broker."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

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

SECONDS = 40


def dotted(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name.replace("_", "."): value for name, value in settings.items()}


def publish(
    address: str, topic: str, sent: Iterable[NewRecord], *, partition: int = 0, **settings: Any
) -> list[KafkaError]:
    """Produce records and return what went wrong with any of them."""
    failures: list[KafkaError] = []
    producer = Producer({"bootstrap.servers": address, "linger.ms": 5, **dotted(settings)})

    def delivered(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failures.append(error)

    for record in sent:
        options = {"timestamp": record.timestamp, "headers": list(record.headers), "on_delivery": delivered}
        producer.produce(topic, record.value, record.key, partition, **options)
        producer.poll(0)
    assert producer.flush(SECONDS) == 0
    return failures


@contextmanager
def consumer(address: str, *assigned: TopicPartition, **settings: Any) -> Iterator[Consumer]:
    opened = Consumer({
        "bootstrap.servers": address,
        "group.id": "assigned by hand",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "fetch.wait.max.ms": 20,
        **dotted(settings),
    })  # fmt: skip
    opened.assign(list(assigned))
    try:
        yield opened
    finally:
        opened.close()


def read_to_end(source: Consumer, *, partitions: int = 1) -> list[Message]:
    """Consume until the end of each assigned partition is reached."""
    messages: list[Message] = []
    ended: set[int] = set()
    while len(ended) < partitions:
        polled = source.consume(5000, 0.05)
        for message in polled:
            error = message.error()
            if error is None:
                messages.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                ended.add(message.partition())
            else:
                raise KafkaException(error)
    return messages


def read_all(address: str, topic: str, *, partitions: int = 1) -> list[Message]:
    assigned = [TopicPartition(topic, index, OFFSET_BEGINNING) for index in range(partitions)]
    with consumer(address, *assigned) as source:
        return read_to_end(source, partitions=partitions)


def as_record(message: Message) -> tuple[int, NewRecord]:
    headers = tuple(message.headers() or ())
    return message.offset(), NewRecord(message.value(), message.key(), headers, message.timestamp()[1])


@pytest.mark.parametrize("codec", CODECS)
def test_messages_come_back_as_they_were_sent(served: ServedBroker, topic: str, codec: str):
    sent = records(MESSAGES)

    assert publish(served.address, topic, sent, compression_type=codec) == []

    assert [as_record(message) for message in read_all(served.address, topic)] == at_offsets(sent)
    assert_compressed(served.partition(topic), codec)


@pytest.mark.parametrize("acks", ["0", "1", "all"])
def test_every_kind_of_acknowledgement_works(served: ServedBroker, topic: str, acks: str):
    sent = records(500)
    create_topic(served.address, topic)

    assert publish(served.address, topic, sent, acks=acks) == []

    with consumer(served.address, TopicPartition(topic, 0, OFFSET_BEGINNING), enable_partition_eof=False) as source:
        messages = source.consume(len(sent), SECONDS)
    assert [as_record(message) for message in messages] == at_offsets(sent)


def test_an_idempotent_producer_has_an_id_of_its_own_and_numbers_its_messages(served: ServedBroker, topic: str):
    sent = records(MESSAGES)

    assert publish(served.address, topic, sent, enable_idempotence=True) == []
    assert publish(served.address, topic, sent, enable_idempotence=True) == []

    assert [as_record(message) for message in read_all(served.address, topic)] == at_offsets([*sent, *sent])
    batches = batches_in(served.partition(topic))
    producers = {batch["producer_id"] for batch in batches}
    assert len(producers) == 2
    assert min(producers) >= 0
    for producer in producers:
        numbered = [
            number
            for batch in batches
            if batch["producer_id"] == producer
            for number in range(batch["base_sequence"], batch["last_sequence"] + 1)
        ]
        assert numbered == list(range(MESSAGES))


def test_a_consumer_of_the_end_gets_only_what_is_sent_from_then_on(served: ServedBroker, topic: str):
    sent = records(200)
    publish(served.address, topic, sent[:100])

    with consumer(served.address, TopicPartition(topic, 0, OFFSET_END)) as source:
        before = read_to_end(source)
        publish(served.address, topic, sent[100:])
        after = read_to_end(source)

    assert before == []
    assert [as_record(message) for message in after] == at_offsets(sent[100:], first=100)


def test_a_consumer_starts_at_any_offset_even_within_a_batch(served: ServedBroker, topic: str):
    sent = records(1000)
    publish(served.address, topic, sent, compression_type="zstd", linger_ms=500)
    assert len(batches_in(served.partition(topic))) < 10

    with consumer(served.address, TopicPartition(topic, 0, 777)) as source:
        messages = read_to_end(source)

    assert [as_record(message) for message in messages] == at_offsets(sent[777:], first=777)


def test_messages_with_one_key_stay_in_one_partition_and_in_order(served: ServedBroker, topic: str):
    create_topic(served.address, topic, partitions=4)
    keys = [b"key %d" % (number % 50) for number in range(MESSAGES)]
    sent = [NewRecord(b"%d" % number, key, (), FIRST_TIMESTAMP) for number, key in enumerate(keys)]

    assert publish(served.address, topic, sent, partition=-1) == []

    messages = read_all(served.address, topic, partitions=4)
    assert len(messages) == MESSAGES
    assert {message.partition() for message in messages} == {0, 1, 2, 3}
    for key in set(keys):
        of_key = [message for message in messages if message.key() == key]
        assert len({message.partition() for message in of_key}) == 1
        assert [message.value() for message in of_key] == [record.value for record in sent if record.key == key]


def test_offsets_are_found_by_time(served: ServedBroker, topic: str):
    publish(served.address, topic, records(1000), batch_num_messages=100)
    wanted = records(1000)[640].timestamp

    with consumer(served.address) as source:
        (found,) = source.offsets_for_times([TopicPartition(topic, 0, wanted)], SECONDS)
        (none,) = source.offsets_for_times([TopicPartition(topic, 0, FIRST_TIMESTAMP + 10**9)], SECONDS)
        ends = source.get_watermark_offsets(TopicPartition(topic, 0), SECONDS)

    assert found.offset == 640
    assert none.offset == OFFSET_END
    assert ends == (0, 1000)


def test_an_admin_lists_first_last_and_newest_offsets(served: ServedBroker, topic: str):
    sent = records(300)
    newest_first = [*sent[150:], *sent[:150]]
    publish(served.address, topic, newest_first)

    client = admin(served.address)

    def offset_of(spec: OffsetSpec) -> int:
        partition = TopicPartition(topic, 0)
        offset: int = client.list_offsets({partition: spec})[partition].result(SECONDS).offset
        return offset

    assert offset_of(OffsetSpec.earliest()) == 0
    assert offset_of(OffsetSpec.latest()) == 300
    assert offset_of(OffsetSpec.max_timestamp()) == 149
    assert offset_of(OffsetSpec.for_timestamp(sent[160].timestamp)) == 10


def admin(address: str) -> AdminClient:
    return AdminClient({"bootstrap.servers": address})


def create_topic(address: str, topic: str, *, partitions: int = 1, config: Mapping[str, str] | None = None) -> None:
    create(address, NewTopic(topic, partitions, 1, config=config or {}))


def create(address: str, topic: NewTopic) -> None:
    client = admin(address)
    client.create_topics([topic])[topic.topic].result(SECONDS)


def delete_topic(address: str, topic: str) -> None:
    client = admin(address)
    client.delete_topics([topic])[topic].result(SECONDS)


def topics_of(address: str) -> dict[str, int]:
    """List topics and how many partitions each has."""
    listed = admin(address).list_topics(timeout=SECONDS).topics
    return {name: len(found.partitions) for name, found in listed.items()}


def error_of(failed: pytest.ExceptionInfo[KafkaException]) -> int:
    code: int = failed.value.args[0].code()
    return code


def test_topics_are_created_listed_and_deleted(served: ServedBroker, topic: str):
    create_topic(served.address, topic, partitions=3, config={"segment.bytes": "1048576"})
    assert topics_of(served.address)[topic] == 3
    assert served.partition(topic, 2).is_dir()

    with pytest.raises(KafkaException) as again:
        create_topic(served.address, topic)
    delete_topic(served.address, topic)
    with pytest.raises(KafkaException) as gone:
        delete_topic(served.address, topic)

    assert error_of(again) == KafkaError.TOPIC_ALREADY_EXISTS
    assert error_of(gone) == KafkaError.UNKNOWN_TOPIC_OR_PART
    assert topic not in topics_of(served.address)


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (NewTopic("confluent/slash", 1, 1), KafkaError.TOPIC_EXCEPTION),
        (NewTopic("confluent.replicated", 1, 3), KafkaError.INVALID_REPLICATION_FACTOR),
        (NewTopic("confluent.configured", 1, 1, config={"cleanup.policy": "nonsense"}), KafkaError.INVALID_CONFIG),
        (NewTopic("confluent.huge", 100_000, 1), KafkaError.INVALID_PARTITIONS),
    ],
    ids=["name", "replicas", "config", "partitions"],
)
def test_a_topic_that_cannot_be_is_refused_with_kafkas_error(served: ServedBroker, wanted: NewTopic, code: int):
    with pytest.raises(KafkaException) as refused:
        create(served.address, wanted)

    assert error_of(refused) == code
    assert wanted.topic not in topics_of(served.address)


def test_a_producer_creates_the_topic_it_needs(served: ServedBroker, topic: str):
    assert topic not in topics_of(served.address)

    assert publish(served.address, topic, records(1)) == []

    assert topics_of(served.address)[topic] == 1


def test_a_consumer_of_an_unknown_topic_gets_an_error_and_does_not_create_it(served: ServedBroker, topic: str):
    with consumer(served.address, TopicPartition(topic, 0, OFFSET_BEGINNING)) as source:
        (described,) = source.list_topics(topic, SECONDS).topics.values()
        with pytest.raises(KafkaException) as failed:
            source.get_watermark_offsets(TopicPartition(topic, 0), SECONDS)

    assert described.error is not None
    assert described.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART
    assert error_of(failed) == KafkaError._UNKNOWN_PARTITION
    assert topic not in topics_of(served.address)


def test_a_producer_fails_where_topics_are_not_created(served_without_auto_create: ServedBroker, topic: str):
    address = served_without_auto_create.address

    failures = publish(address, topic, records(3), topic_metadata_propagation_max_ms=0)

    assert [error.code() for error in failures] == 3 * [KafkaError.UNKNOWN_TOPIC_OR_PART]
    assert topic not in topics_of(address)


def test_a_partition_that_does_not_exist_is_an_error(served: ServedBroker, topic: str):
    create_topic(served.address, topic)

    failures = publish(served.address, topic, records(1), partition=7)

    assert [error.code() for error in failures] == [KafkaError._UNKNOWN_PARTITION]


def test_a_large_message_passes_and_one_that_is_too_large_is_refused(served: ServedBroker, topic: str):
    sent = [NewRecord(b"x" * size, b"key", (), FIRST_TIMESTAMP) for size in (1_000_000, 1_100_000, 10)]

    failures = publish(served.address, topic, sent, message_max_bytes=2_000_000, batch_num_messages=1)

    assert [error.code() for error in failures] == [KafkaError.MSG_SIZE_TOO_LARGE]
    assert [as_record(message)[1] for message in read_all(served.address, topic)] == [sent[0], sent[2]]


@pytest.fixture(scope="module")
def written(served: ServedBroker) -> Path:
    """A partition with batches in each codec, without and with a producer id."""
    for codec in CODECS:
        idempotent = codec == "zstd"
        failures = publish(
            served.address, "confluent.written", records(1000), compression_type=codec, enable_idempotence=idempotent
        )
        assert failures == []
    return served.partition("confluent.written")


def test_the_files_it_makes_are_sound(written: Path):
    sound_items(written)

    batches = batches_in(written)
    assert sum(batch["record_count"] for batch in batches) == 5000
    assert {batch["codec"] for batch in batches} == set(CODECS)


def test_kafka_reads_the_files_it_makes(written: Path):
    require_kafka()

    assert_kafka_prints_the_same(written)
