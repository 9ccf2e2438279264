"""Members that we did not write share a topic: they join, leave, come back and are replaced."""

import logging
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

import anyio
import pytest
from aiokafka import AIOKafkaConsumer
from confluent_kafka import Consumer, KafkaError, Message
from confluent_kafka.admin import AdminClient, NewTopic

from tests.interop.clients import ServedBroker

with warnings.catch_warnings():  # it reads its schemas, as it is imported, in a way that Python has deprecated
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import KafkaConsumer

PARTITIONS: Final = 4
SECONDS: Final = 40
FAST: Final = {"heartbeat_interval_ms": 200, "session_timeout_ms": 6000}


@pytest.fixture
def anyio_backend() -> str:
    """The only one that aiokafka runs on."""
    return "asyncio"


@pytest.fixture
def shared(served: ServedBroker, topic: str) -> str:
    """A topic with several partitions."""
    admin = AdminClient({"bootstrap.servers": served.address})
    for created in admin.create_topics([NewTopic(topic, PARTITIONS, 1)]).values():
        created.result()
    return topic


class Member:
    """A consumer of librdkafka, and what it was told."""

    def __init__(self, served: ServedBroker, topic: str, **settings: Any) -> None:
        self.events: list[tuple[str, int]] = []
        self.error: KafkaError | None = None
        names = {name.replace("_", "."): value for name, value in settings.items()}
        self.consumer = Consumer({
            "bootstrap.servers": served.address,
            "group.id": topic,
            "heartbeat.interval.ms": 200,
            "session.timeout.ms": 6000,
            "log_level": 0,
            **names,
        })  # fmt: skip
        self.consumer.subscribe(
            [topic],
            on_assign=lambda _, partitions: self.events.append(("assigned", len(partitions))),
            on_revoke=lambda _, partitions: self.events.append(("revoked", len(partitions))),
        )

    @property
    def partitions(self) -> set[int]:
        """What it consumes."""
        return {each.partition for each in self.consumer.assignment()}

    def poll(self) -> None:
        """Let it do its work."""
        message: Message | None = self.consumer.poll(0.02)
        if message is not None and message.error() is not None:
            self.error = message.error()


@contextmanager
def members(served: ServedBroker, topic: str, *settings: dict[str, Any]) -> Iterator[list[Member]]:
    """Open members one after the other, and close them in the end."""
    with ExitStack() as stack:
        opened = [Member(served, topic, **each) for each in settings]
        for member in opened:
            stack.callback(member.consumer.close)
        yield opened


def poll_until(condition: Callable[[], object], *polls: Callable[[], object]) -> None:
    """Let members work until a condition holds."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        for poll in polls:
            poll()


def wait_a_little() -> None:
    """What members do who work in threads of their own."""
    time.sleep(0.02)


def share(*members: Member) -> bool:
    """Whether all partitions are consumed, each by one, and everybody has some."""
    parts = [member.partitions for member in members]
    return all(parts) and sum(map(len, parts)) == PARTITIONS == len(set().union(*parts))


def described(served: ServedBroker, group: str) -> Any:
    admin = AdminClient({"bootstrap.servers": served.address})
    return admin.describe_consumer_groups([group])[group].result()


@pytest.mark.parametrize("strategy", ["range", "roundrobin", "cooperative-sticky"])
def test_confluent_kafkas_consumers_join_and_leave(served: ServedBroker, shared: str, strategy: str):
    settings = {"partition_assignment_strategy": strategy}
    with members(served, shared, settings, settings) as (one, two):
        poll_until(lambda: share(one, two), one.poll, two.poll)
        group = described(served, shared)
        assert (group.state.name, group.partition_assignor, len(group.members)) == ("STABLE", strategy, 2)
        one.consumer.close()
        poll_until(lambda: share(two), two.poll)


def test_confluent_kafkas_cooperative_consumer_keeps_what_it_can(served: ServedBroker, shared: str):
    settings = {"partition_assignment_strategy": "cooperative-sticky"}
    with members(served, shared, settings) as (one,):
        poll_until(lambda: share(one), one.poll)
        with members(served, shared, settings) as (two,):
            poll_until(lambda: share(one, two), one.poll, two.poll)
            assert ("revoked", PARTITIONS // 2) in one.events
            assert ("revoked", PARTITIONS) not in one.events


def test_confluent_kafkas_static_member_comes_back_and_another_with_its_name_fences_it(
    served: ServedBroker, shared: str
):
    left, right = {"group_instance_id": "left"}, {"group_instance_id": "right"}
    with members(served, shared, left, right) as (one, two):
        poll_until(lambda: share(one, two), one.poll, two.poll)
        had = one.partitions
        one.consumer.close()
        two.events.clear()
        with members(served, shared, left) as (back,):
            poll_until(lambda: share(back, two), back.poll, two.poll)
            assert back.partitions == had
            assert two.events == []  # nobody had to join again
            with members(served, shared, left) as (usurper,):
                poll_until(lambda: back.error is not None, back.poll, usurper.poll, two.poll)
                assert back.error is not None
                assert "fenced" in str(back.error)
                assert {member.group_instance_id for member in described(served, shared).members} == {"left", "right"}


async def test_aiokafkas_consumers_join_and_leave(served: ServedBroker, shared: str, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.ERROR)
    values: dict[str, Any] = {"bootstrap_servers": served.address, "group_id": shared, **FAST}
    one, two = AIOKafkaConsumer(shared, **values), AIOKafkaConsumer(shared, **values)
    with anyio.fail_after(SECONDS):
        await one.start()
        await two.start()
        try:
            while not len(one.assignment()) == len(two.assignment()) == PARTITIONS // 2:  # noqa: ASYNC110 - theirs
                await anyio.sleep(0.02)
            assert not one.assignment() & two.assignment()
            await one.stop()
            while len(two.assignment()) != PARTITIONS:  # noqa: ASYNC110
                await anyio.sleep(0.02)
        finally:
            await one.stop()
            await two.stop()


class PythonMember(threading.Thread):
    """A consumer of kafka-python in a thread of its own: what one waits for, another must be able to do."""

    def __init__(self, served: ServedBroker, topic: str, **settings: Any) -> None:
        super().__init__()
        self.partitions: set[int] = set()
        self._stopping = threading.Event()
        self._consumer = KafkaConsumer(bootstrap_servers=served.address, group_id=topic, **settings, **FAST)
        # What it has not heard of before it assigns, it forgets for minutes.
        assert self._consumer.partitions_for_topic(topic) is not None
        self._consumer.subscribe([topic])

    def run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._consumer.poll(50)
                self.partitions = {each.partition for each in self._consumer.assignment()}
        finally:
            self._consumer.close()

    def stop(self) -> None:
        """Leave the group, unless it is a static member."""
        self._stopping.set()
        self.join(SECONDS)
        assert not self.is_alive()


@contextmanager
def python_member(served: ServedBroker, topic: str, **settings: Any) -> Iterator[PythonMember]:
    """Let a member of kafka-python work in this block."""
    member = PythonMember(served, topic, **settings)
    member.start()
    try:
        yield member
    finally:
        member.stop()


def test_kafka_pythons_consumers_join_and_leave(served: ServedBroker, shared: str):
    with python_member(served, shared) as one:
        with python_member(served, shared) as two:
            poll_until(lambda: len(one.partitions) == len(two.partitions) == PARTITIONS // 2, wait_a_little)
            assert not one.partitions & two.partitions
        poll_until(lambda: len(one.partitions) == PARTITIONS, wait_a_little)


def test_kafka_pythons_static_member_comes_back(served: ServedBroker, shared: str):
    with python_member(served, shared, group_instance_id="one") as one:
        poll_until(lambda: len(one.partitions) == PARTITIONS, wait_a_little)
    (before,) = described(served, shared).members
    with python_member(served, shared, group_instance_id="one") as again:
        poll_until(lambda: len(again.partitions) == PARTITIONS, wait_a_little)
        (member,) = described(served, shared).members
    assert member.group_instance_id == before.group_instance_id == "one"
    assert member.member_id != before.member_id
