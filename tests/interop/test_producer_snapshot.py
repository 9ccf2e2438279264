"""Producer snapshots that Apache Kafka wrote are read, and written again to the byte; it reads ours."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from struct import unpack_from

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from gomq_storage.batch import BatchHeader, walk
from gomq_storage.errors import CorruptFileError
from gomq_storage.layout import SNAPSHOT_SUFFIX, segment_file_name
from gomq_storage.producer_snapshot import decode_snapshot, encode_snapshot
from gomq_storage.producers import ActiveProducer, Producers
from gomq_storage.record import decode_batch
from tests.support.kafka import Kafka, dump_log_segments, require_kafka

pytestmark = pytest.mark.timeout(120)

TOPIC = "snapshot.producers"
SEGMENT_BYTES = 1 << 20  # the least that Kafka 4 takes
DEADLINE_SECONDS = 30


def fill_a_segment(producer: Producer) -> None:
    for _ in range(SEGMENT_BYTES // 5000):
        producer.produce(TOPIC, os.urandom(5000), partition=0)
    assert producer.flush(DEADLINE_SECONDS) == 0


def transactional(kafka: Kafka, name: str) -> Producer:
    """Make a producer that has begun a transaction and written something."""
    producer = Producer({"bootstrap.servers": kafka.address, "transactional.id": name})
    producer.init_transactions(DEADLINE_SECONDS)
    producer.begin_transaction()
    for number in range(10):
        producer.produce(TOPIC, b"%d" % number, partition=0)
    assert producer.flush(DEADLINE_SECONDS) == 0
    return producer


def snapshots_in(partition: Path) -> dict[int, bytes]:
    """Read the snapshots of a partition once there is one for each segment but the first."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        ends = sorted(int(path.stem) for path in partition.glob("*.log"))[1:]
        try:
            found = {end: (partition / segment_file_name(end, SNAPSHOT_SUFFIX)).read_bytes() for end in ends}
            for end, data in found.items():
                decode_snapshot(data, end)
        except (FileNotFoundError, CorruptFileError):  # Kafka writes them behind our back
            assert time.monotonic() < deadline, "Kafka has not written its snapshots"
            time.sleep(0.05)
        else:
            return found


def batches_in(partition: Path) -> Iterator[tuple[BatchHeader, int | None]]:
    """Read the headers in all segments, each with the coordinator epoch inside if it is a marker's."""
    for path in sorted(partition.glob("*.log")):
        data = path.read_bytes()
        for position, header in walk(data):
            marker = decode_batch(data[position:], header)[0].value if header.is_control else None
            yield header, None if marker is None else unpack_from(">hi", marker)[1]


@pytest.fixture(scope="module")
def kafka_partition(kafka_broker: Kafka) -> Path:
    """A partition with several segments that idempotent and transactional producers wrote; one is not done."""
    admin = AdminClient({"bootstrap.servers": kafka_broker.address})
    topic = NewTopic(TOPIC, 1, 1, config={"segment.bytes": str(SEGMENT_BYTES)})
    admin.create_topics([topic])[TOPIC].result(DEADLINE_SECONDS)
    first, second = (
        Producer({"bootstrap.servers": kafka_broker.address, "enable.idempotence": True, "linger.ms": 5})
        for _ in range(2)
    )
    fill_a_segment(first)
    transactional(kafka_broker, "snapshot.committed").commit_transaction(DEADLINE_SECONDS)
    transactional(kafka_broker, "snapshot.aborted").abort_transaction(DEADLINE_SECONDS)
    unfinished = transactional(kafka_broker, "snapshot.unfinished")
    fill_a_segment(second)
    fill_a_segment(first)
    partition = kafka_broker.data / f"{TOPIC}-0"
    snapshots_in(partition)
    del unfinished
    return partition


def test_kafkas_snapshots_are_written_again_to_the_byte(kafka_partition: Path):
    snapshots = snapshots_in(kafka_partition)

    assert len(snapshots) >= 2
    for end, data in snapshots.items():
        assert encode_snapshot(decode_snapshot(data, end)) == data
    last = decode_snapshot(snapshots[max(snapshots)], max(snapshots)).active()
    assert len(last) == 5
    assert len([producer for producer in last if producer.txn_first_offset >= 0]) == 1


def test_the_log_tells_us_what_it_told_kafka(kafka_partition: Path):
    snapshots = snapshots_in(kafka_partition)
    producers = Producers()

    compared = 0
    for header, coordinator_epoch in batches_in(kafka_partition):
        if header.base_offset in snapshots:
            theirs = decode_snapshot(snapshots[header.base_offset], header.base_offset)
            assert sorted(producers.active()) == sorted(theirs.active())
            assert producers.end == theirs.end
            compared += 1
        producers.note(header, coordinator_epoch=coordinator_epoch)

    assert compared == len(snapshots)


def test_kafka_prints_the_snapshots_that_we_write(tmp_path: Path):
    require_kafka()
    told = [
        ActiveProducer(7, 2, 30, 500, 10, 1_700_000_000_000, 4, 490),
        ActiveProducer(2**63 - 1, 32767, 0, 501, 0, -1, -1, -1),
        ActiveProducer(9, 0, -1, -1, 0, 1_700_000_000_001, 0, -1),
        ActiveProducer(10, 0, 2, 900, 9, 1_700_000_000_002, -1, -1),  # its numbers started again within the batch
    ]
    path = tmp_path / segment_file_name(1000, SNAPSHOT_SUFFIX)
    path.write_bytes(encode_snapshot(Producers.restored(told, end=1000)))

    dump = dump_log_segments([path])

    assert (dump.exit_code, dump.complaints) == (0, [])
    names = ["producerId", "producerEpoch", "coordinatorEpoch", "currentTxnFirstOffset", "lastTimestamp"]
    of_last_batch = ["firstSequence", "lastSequence", "lastOffset", "offsetDelta", "timestamp"]
    words = [line.split() for line in dump.stdout.decode().splitlines()[1:]]
    assert words[0][::2] == [f"{name}:" for name in (*names, *of_last_batch)]
    assert [line[1::2] for line in words] == [
        ["7", "2", "4", "OptionalLong[490]", "1700000000000", "20", "30", "500", "10", "1700000000000"],
        ["9223372036854775807", "32767", "-1", "OptionalLong.empty", "-1", "0", "0", "501", "0", "-1"],
        ["9", "0", "0", "OptionalLong.empty", "1700000000001"],
        ["10", "0", "-1", "OptionalLong.empty", "1700000000002", "2147483641", "2", "900", "9", "1700000000002"],
    ]
