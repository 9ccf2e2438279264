"""What a real Kafka writes into __consumer_offsets is read here, and written again it is the same to the byte."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from gomq.broker.groups.records import (
    GroupMetadataKey,
    OffsetCommitKey,
    OffsetCommitValue,
    UnknownKey,
    decode_group_metadata,
    decode_key,
    decode_offset_commit,
    encode_group_metadata,
    encode_key,
    encode_offset_commit,
    version_of,
)
from gomq_storage.batch import walk
from gomq_storage.record import Record, decode_batch
from tests.support.kafka import Kafka

pytestmark = pytest.mark.timeout(120)

SECONDS = 60


def consumer_of(broker: Kafka, group: str, **settings: object) -> Consumer:
    return Consumer({"bootstrap.servers": broker.address, "group.id": group, "enable.auto.commit": False, **settings})


def records_in(broker: Kafka) -> Iterator[Record]:
    """Read all records of the only partition of __consumer_offsets from its files."""
    for path in sorted(Path(broker.data / "__consumer_offsets-0").glob("*.log")):
        data = path.read_bytes()
        for position, header in walk(data):
            if not header.is_control:
                yield from decode_batch(memoryview(data)[position:], header)


def written_again(record: Record) -> tuple[bytes | None, bytes | None]:
    """Decode a record, and encode it in the same version."""
    key = decode_key(record.key or b"")
    value = record.value
    if isinstance(key, UnknownKey):
        return record.key, value
    if value is not None and isinstance(key, OffsetCommitKey):
        value = encode_offset_commit(decode_offset_commit(value), version=version_of(value))
    elif value is not None:
        value = encode_group_metadata(decode_group_metadata(value), version=version_of(value))
    return encode_key(key), value


def assert_written_again_the_same(broker: Kafka) -> None:
    found = list(records_in(broker))
    assert [written_again(record) for record in found] == [(record.key, record.value) for record in found]


def commits_of(broker: Kafka, group: str) -> dict[tuple[str, int], OffsetCommitValue]:
    found: dict[tuple[str, int], OffsetCommitValue] = {}
    for record in records_in(broker):
        key = decode_key(record.key or b"")
        if isinstance(key, OffsetCommitKey) and key.group == group and record.value is not None:
            found[key.topic, key.partition] = decode_offset_commit(record.value)
    return found


def fill(broker: Kafka, topic: str) -> None:
    producer = Producer({"bootstrap.servers": broker.address})
    for number in range(5):
        producer.produce(topic, b"%d" % number)
    assert producer.flush(SECONDS) == 0


def poll_until(consumer: Consumer, is_done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not is_done():
        assert time.monotonic() < deadline
        consumer.poll(0.1)


def test_a_committed_offset_is_read_from_kafkas_files(kafka_broker: Kafka, topic: str):
    fill(kafka_broker, topic)
    consumer = consumer_of(kafka_broker, topic)
    before_ms = time.time_ns() // 1_000_000
    consumer.commit(offsets=[TopicPartition(topic, 0, 3, metadata="žluť", leader_epoch=0)], asynchronous=False)
    consumer.close()

    commit = commits_of(kafka_broker, topic)[topic, 0]

    metadata = commit.metadata.removesuffix("\0")  # confluent_kafka also sends the zero that ends a string in C
    assert (commit.offset, metadata, commit.leader_epoch) == (3, "žluť", 0)
    assert before_ms - 1000 <= commit.commit_timestamp <= time.time_ns() // 1_000_000 + 1000
    assert_written_again_the_same(kafka_broker)


def test_a_groups_members_are_read_from_kafkas_files(kafka_broker: Kafka, topic: str):
    fill(kafka_broker, topic)
    consumer = consumer_of(
        kafka_broker, topic, **{"group.instance.id": "first", "client.id": "me", "session.timeout.ms": 7000}
    )
    consumer.subscribe([topic])
    poll_until(consumer, lambda: bool(consumer.assignment()))
    consumer.commit(offsets=[TopicPartition(topic, 0, 5)], asynchronous=False)

    values = [
        decode_group_metadata(record.value)
        for record in records_in(kafka_broker)
        if decode_key(record.key or b"") == GroupMetadataKey(group=topic) and record.value is not None
    ]
    consumer.close()

    group = values[-1]
    (member,) = group.members
    assert (group.protocol_type, group.generation, group.leader) == ("consumer", 1, member.member_id)
    assert (member.group_instance_id, member.client_id, member.session_timeout_ms) == ("first", "me", 7000)
    assert topic.encode() in member.subscription
    assert topic.encode() in member.assignment
    assert_written_again_the_same(kafka_broker)
