"""confluent-kafka as a client: Python around librdkafka.

The settings here are also those of the load generator, so that both drive librdkafka the same way.
"""

import time
from itertools import repeat
from typing import Final

from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition

from benchmarks.job import Job, latency, rate, read
from benchmarks.results import Figures, MeasurementError

PRODUCER: Final[dict[str, str | int]] = {
    "acks": "all",
    "log_level": 2,
    "linger.ms": 5,
    "batch.num.messages": 10_000,
    "batch.size": 1_000_000,
    "queue.buffering.max.messages": 500_000,
    "queue.buffering.max.kbytes": 512 * 1024,
    "socket.nagle.disable": "true",
}
CONSUMER: Final[dict[str, str | int]] = {
    "log_level": 2,
    "fetch.message.max.bytes": 4 * 1024 * 1024,
    "fetch.wait.max.ms": 10,
    "fetch.queue.backoff.ms": 5,  # the default, a second, stalls a reader that is quicker than that
    "queued.min.messages": 500_000,
    "queued.max.messages.kbytes": 256 * 1024,
    "socket.nagle.disable": "true",
}
_AT_ONCE: Final = 10_000
_PATIENCE_S: Final = 10.0
_CONSUME_S: Final = 0.05
_WARM_UP: Final = 20
"""Messages after which connections stand and everybody waits for the next one."""


def produce(job: Job) -> Figures:
    """Publish with ``produce()``, which buffers, and wait for every acknowledgement."""
    producer = Producer({"bootstrap.servers": job.address, **PRODUCER})
    _publish_one(producer, job)
    started = time.perf_counter()
    for value in repeat(job.value, job.count):
        try:
            producer.produce(job.topic, value, partition=0)
        except BufferError:
            producer.poll(0.01)
            producer.produce(job.topic, value, partition=0)
    left = producer.flush(_PATIENCE_S)
    if left:
        raise MeasurementError(f"{left} messages not acknowledged")
    return rate(job.count, job.size, time.perf_counter() - started)


def consume(job: Job) -> Figures:
    """Read on from the first message with ``consume()``, and look at every value."""
    consumer = Consumer(
        {"bootstrap.servers": job.address, "group.id": "bench", "enable.auto.commit": False, **CONSUMER}
    )
    consumer.assign([TopicPartition(job.topic, 0, 0)])
    consumer.consume(1, _PATIENCE_S)
    started = time.perf_counter()
    seen = total = 0
    while seen < job.count:
        # It waits out its timeout when there are fewer messages than asked for, so it is asked for what there is.
        messages = consumer.consume(min(_AT_ONCE, job.count - seen), _CONSUME_S)
        for message in messages:
            total += len(message.value() or b"")
        seen += len(messages)
    elapsed_s = time.perf_counter() - started
    consumer.close()
    return read(job, seen=seen, total=total, elapsed_s=elapsed_s)


def publish_one_by_one(job: Job) -> Figures:
    """Publish the next message when the one before is acknowledged."""
    producer = Producer({"bootstrap.servers": job.address, **PRODUCER, "linger.ms": 0})
    _publish_one(producer, job)
    samples: list[float] = []
    deadline = time.perf_counter() + job.seconds
    while len(samples) < job.count and time.perf_counter() < deadline:
        started = time.perf_counter()
        _publish_one(producer, job)
        samples.append(time.perf_counter() - started)
    return latency(samples)


def end_to_end(job: Job) -> Figures:
    """Publish the next message when a consumer that waits for it has had the one before."""
    producer = Producer({"bootstrap.servers": job.address, **PRODUCER, "linger.ms": 0})
    settings = {"bootstrap.servers": job.address, "group.id": "bench", "enable.auto.commit": False, **CONSUMER}
    consumer = Consumer({**settings, "fetch.wait.max.ms": 500})
    consumer.assign([TopicPartition(job.topic, 0, 0)])
    samples: list[float] = []
    deadline = time.perf_counter() + job.seconds
    while len(samples) < job.count and time.perf_counter() < deadline:
        started = time.perf_counter()
        producer.produce(job.topic, job.value, partition=0)
        producer.poll(0)
        if consumer.poll(_PATIENCE_S) is None:
            raise MeasurementError(f"nothing to consume within {_PATIENCE_S:g} s")
        samples.append(time.perf_counter() - started)
    consumer.close()
    return latency(samples[_WARM_UP:])


def first_message_of_a_group(job: Job) -> Figures:
    """Subscribe as a new group to a topic that holds a message, and wait for that."""
    _publish_one(Producer({"bootstrap.servers": job.address, **PRODUCER, "linger.ms": 0}), job)
    return {"elapsed_s": _first_message(job)}


def first_messages_of_groups(job: Job) -> Figures:
    """Subscribe as a new group, and then as another one."""
    return {**first_message_of_a_group(job), "again_s": _first_message(job)}


def _first_message(job: Job) -> float:
    started = time.perf_counter()
    settings = {"bootstrap.servers": job.address, "group.id": f"{job.topic}-{time.time_ns()}", **CONSUMER}
    consumer = Consumer({**settings, "auto.offset.reset": "earliest"})
    consumer.subscribe([job.topic])
    message = consumer.poll(job.seconds)
    elapsed_s = time.perf_counter() - started
    if message is None or message.error() is not None:
        raise MeasurementError(f"no message within {job.seconds:g} s")
    consumer.close()
    return elapsed_s


def _publish_one(producer: Producer, job: Job) -> None:
    acknowledged: list[Message] = []

    def on_delivery(error: object, message: Message) -> None:
        if error is not None:
            raise KafkaException(error)
        acknowledged.append(message)

    producer.produce(job.topic, job.value, partition=0, on_delivery=on_delivery)
    while not acknowledged:
        if not producer.poll(_PATIENCE_S):
            raise MeasurementError(f"not acknowledged within {_PATIENCE_S:g} s")


OPERATIONS: Final = {
    "produce": produce,
    "consume": consume,
    "publish_one_by_one": publish_one_by_one,
    "end_to_end": end_to_end,
    "first_message_of_a_group": first_message_of_a_group,
    "first_messages_of_groups": first_messages_of_groups,
}
