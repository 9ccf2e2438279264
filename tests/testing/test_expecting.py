"""Messages that a test expects while a block runs, and members that it waits for."""

import threading
import time

import anyio
import pytest

import gomq
import gomq.blocking
from gomq.client.message import Message
from gomq.testing import BrokerThread
from gomq.testing.expecting import complaint

SOON = 0.02
"""Seconds that a test waits for what does not come."""


def test_what_comes_in_the_block_is_new_and_nothing_else(gomq_broker: BrokerThread, gomq_topic: str):
    gomq_broker.publish(gomq_topic, [b"old"])

    with gomq_broker.expect(gomq_topic, 2) as new:
        assert new == []
        gomq_broker.publish(gomq_topic, [b"a", b"b"])

    assert [message.value for message in new] == [b"a", b"b"]
    assert [message.offset for message in new] == [1, 2]


def test_the_end_of_the_block_waits_for_what_is_on_its_way(gomq_broker: BrokerThread, gomq_topic: str):
    later = threading.Timer(SOON, gomq_broker.publish, (gomq_topic, [b"a"]))

    with gomq_broker.expect(gomq_topic) as new:
        later.start()

    assert [message.value for message in new] == [b"a"]
    later.join()


def test_a_topic_need_not_exist_before(gomq_broker: BrokerThread):
    later = threading.Timer(SOON, gomq_broker.publish, ("made-meanwhile", [b"a"]))

    with gomq_broker.expect("made-meanwhile") as new:
        later.start()

    assert [message.value for message in new] == [b"a"]
    later.join()


def test_all_partitions_count(gomq_broker: BrokerThread):
    gomq_broker.create_topic("parted", partitions=3)

    with gomq_broker.expect("parted", 3) as new:
        gomq_broker.publish("parted", [gomq.NewMessage(b"", partition=index) for index in (0, 2, 2)])

    assert [(message.partition, message.offset) for message in new] == [(0, 0), (2, 0), (2, 1)]


def test_it_can_be_used_for_one_block_after_the_other(gomq_broker: BrokerThread, gomq_topic: str):
    expectation = gomq_broker.expect(gomq_topic)
    with expectation as first:
        gomq_broker.publish(gomq_topic, [b"a"])
    with expectation as second:
        gomq_broker.publish(gomq_topic, [b"b"])

    assert [[message.value for message in new] for new in (first, second)] == [[b"a"], [b"b"]]


def test_fewer_fail_and_show_what_came(gomq_broker: BrokerThread, gomq_topic: str):
    with (
        pytest.raises(
            AssertionError, match=f"2 new messages expected in topic '{gomq_topic}', 1 came within 0.02 s:\n"
        ),
        gomq_broker.expect(gomq_topic, 2, timeout=SOON),
    ):
        gomq_broker.publish(gomq_topic, [b"a"])


def test_more_fail_too(gomq_broker: BrokerThread, gomq_topic: str):
    with (
        pytest.raises(
            AssertionError, match=r"1 new message expected in topic .*, 2 came:\n  0:0 key=None value=b'a'\n"
        ),
        gomq_broker.expect(gomq_topic),
    ):
        gomq_broker.publish(gomq_topic, [b"a", b"b"])


def test_none_are_expected_without_waiting(gomq_broker: BrokerThread, gomq_topic: str):
    started = time.monotonic()
    with gomq_broker.expect(gomq_topic, 0, timeout=60) as new:
        pass

    assert not new
    assert time.monotonic() - started < 30


def test_an_error_in_the_block_is_not_waited_for(gomq_broker: BrokerThread, gomq_topic: str):
    started = time.monotonic()
    with pytest.raises(ZeroDivisionError), gomq_broker.expect(gomq_topic, timeout=60):
        raise ZeroDivisionError

    assert time.monotonic() - started < 30


async def test_a_tests_own_event_loop_goes_on_meanwhile(gomq_broker: BrokerThread, gomq_topic: str, gomq_producer):
    async with (
        gomq_producer() as producer,
        anyio.create_task_group() as group,
        gomq_broker.expect(gomq_topic) as new,
    ):
        group.start_soon(producer.publish, gomq_topic, b"a")

    assert [message.value for message in new] == [b"a"]


async def test_waiting_can_be_cancelled(gomq_broker: BrokerThread, gomq_topic: str):
    with anyio.move_on_after(SOON) as scope:
        async with gomq_broker.expect(gomq_topic, timeout=5):
            pass

    assert scope.cancelled_caught


def test_members_of_a_group_are_waited_for(
    gomq_broker: BrokerThread, gomq_topic: str, gomq_group: str, gomq_blocking_consumer
):
    with gomq_blocking_consumer(gomq_topic, group=gomq_group), gomq_blocking_consumer(gomq_topic, group=gomq_group):
        gomq_broker.wait_for_group(gomq_group, members=2)
    gomq_broker.wait_for_group(gomq_group, members=0)


def test_members_that_do_not_come_are_told(gomq_broker: BrokerThread, gomq_topic: str, gomq_group: str):
    with pytest.raises(TimeoutError, match=f"there is no group '{gomq_group}'; there are: "):
        gomq_broker.wait_for_group(gomq_group, timeout=SOON)
    with gomq.blocking.Consumer(gomq_broker.address, gomq_topic, group=gomq_group):
        gomq_broker.wait_for_group(gomq_group)
        words = f"group '{gomq_group}' is Stable and has 1 members; 2 with their partitions were expected within 0.02 s"
        with pytest.raises(TimeoutError, match=words):
            gomq_broker.wait_for_group(gomq_group, members=2, timeout=SOON)


def test_a_complaint_shows_the_first_messages_and_not_all_of_a_long_one():
    came = [Message("orders", 0, number, -1, None, b"x" * 500, ()) for number in range(12)]

    lines = complaint("orders", 1, came, 5.0).splitlines()

    assert lines[0] == "1 new message expected in topic 'orders', 12 came:"
    assert (len(lines), lines[-1]) == (12, "  and 2 more")
    assert len(max(lines, key=len)) < 120
    assert complaint("orders", 3, [], 5.0) == "3 new messages expected in topic 'orders', none came within 5 s"
