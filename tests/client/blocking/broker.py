"""What the tests of ``gomq.blocking`` do with a broker that runs in a thread."""

import time
from collections.abc import Callable

import gomq
import gomq.blocking
from gomq_storage.layout import TopicPartition

ORDERS = TopicPartition("orders", 0)


def fill(address: str, count: int, *, partitions: int = 1) -> None:
    """Publish b"0", b"1", ... to the partitions in turn."""
    with gomq.blocking.Producer(address) as producer:
        producer.create_topic("orders", partitions=partitions)
        values = [gomq.NewMessage(b"%d" % number, partition=number % partitions) for number in range(count)]
        producer.publish_many("orders", values)


def numbers(messages: list[gomq.Message]) -> list[int]:
    return [int(message.value or b"") for message in messages]


def some(consumer: gomq.blocking.Consumer, count: int) -> list[int]:
    return numbers([next(consumer) for _ in range(count)])


def eventually(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)
