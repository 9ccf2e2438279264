"""Logs that are read while the broker works on them."""

import threading

from gomq.blocking import Admin
from gomq.errors import UnknownTopicError
from gomq.testing import BrokerThread
from gomq.testing.topic_reading import read_partition

LARGE = [b"x" * 100_000 for _ in range(30)]
"""More than is read at once."""


def test_what_is_deleted_meanwhile_is_left_out(thread: BrokerThread):
    thread.publish("orders", LARGE)
    topic = thread._running.state.topics.get("orders")
    assert topic is not None
    reading = read_partition(topic.partitions[0], 0)
    assert next(reading).offset == 0

    with Admin(thread.address) as admin:
        admin.delete_records("orders", before={0: len(LARGE) - 1})

    assert [*reading][-1].offset == len(LARGE) - 1


def test_a_topic_that_is_deleted_meanwhile_is_there_or_is_not(thread: BrokerThread):
    found: list[object] = []
    is_over = threading.Event()

    def look() -> None:
        while not is_over.is_set():
            try:
                found.append(len(thread.records("orders")))
            except UnknownTopicError:
                found.append(0)
            except Exception as error:  # noqa: BLE001 - what must not be
                found.append(error)

    looking = threading.Thread(target=look)
    looking.start()
    for _ in range(50):
        thread.create_topic("orders", configs={"file.delete.delay.ms": 0})
        thread.publish("orders", [b"a"])
        thread.delete_topic("orders")
    is_over.set()
    looking.join()

    assert set(found) <= {0, 1}
