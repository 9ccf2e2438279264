"""The load generator for brokers: librdkafka's C functions, without a Python object per message.

confluent-kafka tops out near 1.4 million messages/s in Python, below what the brokers do, so a comparison through it
would compare the load generator with itself. The library inside its wheel does more when it is called directly:
``rd_kafka_produce_batch`` takes an array of messages, ``rd_kafka_consume_callback`` hands each message to a C function.
"""

import ctypes
import time
from ctypes import POINTER, Structure, byref, c_char_p, c_int, c_int32, c_int64, c_size_t, c_void_p
from typing import Any, ClassVar, Final

from confluent_kafka import cimpl

from benchmarks.client_confluent import CONSUMER, PRODUCER
from benchmarks.job import Job, rate
from benchmarks.results import Figures, MeasurementError

_PRODUCER, _CONSUMER = 0, 1
_ANY_PARTITION: Final = -1
_BLOCK_WHEN_FULL: Final = 0x4
_AT_ONCE: Final = 10_000
_PATIENCE_MS: Final = 10_000


class _Message(Structure):
    """``rd_kafka_message_t``."""

    _fields_: ClassVar[Any] = (
        ("err", c_int),
        ("topic", c_void_p),
        ("partition", c_int32),
        ("payload", c_char_p),
        ("size", c_size_t),
        ("key", c_void_p),
        ("key_size", c_size_t),
        ("offset", c_int64),
        ("private", c_void_p),
    )


class _TopicPartition(Structure):
    """The first fields of ``rd_kafka_topic_partition_t``."""

    _fields_: ClassVar[Any] = (("topic", c_char_p), ("partition", c_int32), ("offset", c_int64))


_library: Final = ctypes.CDLL(cimpl.__file__)  # the symbols of the library it is linked to are found through it
for _name, _result, _arguments in (
    ("conf_new", c_void_p, ()),
    ("conf_set", c_int, (c_void_p, c_char_p, c_char_p, c_char_p, c_size_t)),
    ("new", c_void_p, (c_int, c_void_p, c_char_p, c_size_t)),
    ("topic_new", c_void_p, (c_void_p, c_char_p, c_void_p)),
    ("metadata", c_int, (c_void_p, c_int, c_void_p, c_void_p, c_int)),
    ("metadata_destroy", None, (c_void_p,)),
    ("produce_batch", c_int, (c_void_p, c_int32, c_int, c_void_p, c_int)),
    ("flush", c_int, (c_void_p, c_int)),
    ("queue_new", c_void_p, (c_void_p,)),
    ("consume_start_queue", c_int, (c_void_p, c_int32, c_int64, c_void_p)),
    ("consume_callback_queue", c_int, (c_void_p, c_int, c_void_p, c_void_p)),
    ("consume_stop", c_int, (c_void_p, c_int32)),
    ("position", c_int, (c_void_p, c_void_p)),
    ("topic_partition_list_new", c_void_p, (c_int,)),
    ("topic_partition_list_add", POINTER(_TopicPartition), (c_void_p, c_char_p, c_int32)),
):
    _function = getattr(_library, f"rd_kafka_{_name}")
    _function.restype, _function.argtypes = _result, _arguments


def produce(job: Job) -> Figures:
    """Publish the messages and wait for every acknowledgement."""
    handle = _client(_PRODUCER, {"bootstrap.servers": job.address, **PRODUCER, "acks": job.acks})
    topic = _library.rd_kafka_topic_new(handle, job.topic.encode(), None)
    _find_leader(handle, topic)
    value = job.value  # not copied by the library, so it has to outlive the flush
    messages = (_Message * _AT_ONCE)(*[_Message(payload=value, size=job.size) for _ in range(_AT_ONCE)])
    partition = 0 if job.partitions == 1 else _ANY_PARTITION
    started = time.perf_counter()
    left = job.count
    while left:
        count = min(left, _AT_ONCE)
        left -= _library.rd_kafka_produce_batch(topic, partition, _BLOCK_WHEN_FULL, byref(messages), count)
    if _library.rd_kafka_flush(handle, _PATIENCE_MS):
        raise MeasurementError("messages were not acknowledged in time")
    return rate(job.count, job.size, time.perf_counter() - started) | {"messages": job.count}


def _find_leader(handle: int, topic: int) -> None:
    """Wait until the library knows the topic's leader.

    Whoever fills its queue before that blocks with the topic's lock in hand, and the answer that would tell the leader
    waits for that lock for ever.
    """
    found = c_void_p()
    if _library.rd_kafka_metadata(handle, 0, topic, byref(found), _PATIENCE_MS):
        raise MeasurementError("no answer to a request for the topic's leader")
    _library.rd_kafka_metadata_destroy(found)


def consume(job: Job) -> Figures:
    """Read the topic from offset 0 to its end, again and again until the time is up."""
    handle = _client(_CONSUMER, {"bootstrap.servers": job.address, **CONSUMER})
    topic = _library.rd_kafka_topic_new(handle, job.topic.encode(), None)
    queue = _library.rd_kafka_queue_new(handle)
    partitions = _library.rd_kafka_topic_partition_list_new(job.partitions)
    positions = [
        _library.rd_kafka_topic_partition_list_add(partitions, job.topic.encode(), partition)
        for partition in range(job.partitions)
    ]
    started = time.perf_counter()
    messages = 0
    while messages == 0 or time.perf_counter() - started < job.seconds:
        for partition in range(job.partitions):
            _library.rd_kafka_consume_start_queue(topic, partition, 0, queue)
        served = 0
        # What is served includes a few events that are no messages; where the reader stands is the truth, but it is
        # the last pass's until the first message of this one.
        while served < job.count or sum(max(position.contents.offset, 0) for position in positions) < job.count:
            events = _library.rd_kafka_consume_callback_queue(queue, _PATIENCE_MS, _DISCARD, None)
            if events <= 0:
                raise MeasurementError(f"nothing more after {served} messages")
            served += events
            _library.rd_kafka_position(handle, partitions)
        for partition in range(job.partitions):
            _library.rd_kafka_consume_stop(topic, partition)
        messages += job.count
    return rate(messages, job.size, time.perf_counter() - started) | {"messages": messages}


_DISCARD: Final = ctypes.cast(_library.rd_kafka_message_leader_epoch, c_void_p)
"""A function that takes a message and does next to nothing, for a callback; its result is ignored."""


def _client(kind: int, settings: dict[str, str | int]) -> int:
    configuration = _library.rd_kafka_conf_new()
    error = ctypes.create_string_buffer(512)
    for name, value in settings.items():
        if _library.rd_kafka_conf_set(configuration, name.encode(), str(value).encode(), error, len(error)):
            raise MeasurementError(error.value.decode())
    handle: int | None = _library.rd_kafka_new(kind, configuration, error, len(error))
    if handle is None:
        raise MeasurementError(error.value.decode())
    return handle


OPERATIONS: Final = {"produce": produce, "consume": consume}
