"""Consumers go on where they were when a broker is killed and a new one, of a later leader epoch, has its place."""

from pathlib import Path

import anyio
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

import gomq
from tests.support.brokers import broker_process
from tests.support.kafka import free_ports

TOPIC = "orders"
LIVES = 3
MESSAGES = 50
SECONDS = 40
QUICK = {"reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 100, "log_level": 0}


def publish(address: str, life: int) -> None:
    """Send messages of one life of the broker, whose topic is made in the first."""
    if life == 0:
        admin = AdminClient({"bootstrap.servers": address, **QUICK})
        admin.create_topics([NewTopic(TOPIC, 1, 1)])[TOPIC].result(SECONDS)
    producer = Producer({"bootstrap.servers": address, **QUICK})
    for number in range(MESSAGES):
        producer.produce(TOPIC, b"%d" % (life * MESSAGES + number), partition=0)
    assert producer.flush(SECONDS) == 0


def expected(life: int) -> list[tuple[int, bytes]]:
    return [(number, b"%d" % number) for number in range(life * MESSAGES, (life + 1) * MESSAGES)]


@pytest.fixture
def listen() -> str:
    """Where all lives of a broker listen."""
    return f"127.0.0.1:{free_ports(1)[0]}"


def test_librdkafkas_gets_each_message_once(tmp_path: Path, listen: str):
    settings = {"bootstrap.servers": listen, "group.id": "assigned by hand", "enable.auto.commit": False}
    source = Consumer({**settings, **QUICK, "auto.offset.reset": "error", "topic.metadata.refresh.interval.ms": 200})
    source.assign([TopicPartition(TOPIC, 0, OFFSET_BEGINNING)])
    for life in range(LIVES):
        with broker_process(tmp_path / "data", listen=listen) as process:
            publish(process.address, life)
            found: list[tuple[int, bytes | None]] = []
            while len(found) < MESSAGES:
                polled = [message for message in source.consume(MESSAGES, SECONDS) if message.error() is None]
                found += [(message.offset() or 0, message.value()) for message in polled]
            assert found == expected(life)
            process.kill()
    source.close()


async def test_ours_gets_each_message_once(tmp_path: Path, listen: str):
    async with anyio.create_task_group() as group:
        sender, receiver = anyio.create_memory_object_stream[tuple[int, bytes | None]](LIVES * MESSAGES)

        async def consume(*, task_status: anyio.abc.TaskStatus[None]) -> None:
            async with gomq.Consumer(listen, TOPIC, replay=True) as consumer, sender:
                task_status.started()
                async for message in consumer:
                    sender.send_nowait((message.offset, message.value))

        for life in range(LIVES):
            with broker_process(tmp_path / "data", listen=listen) as process:
                await anyio.to_thread.run_sync(publish, process.address, life)
                if life == 0:
                    await group.start(consume)
                with anyio.fail_after(SECONDS):
                    assert [await receiver.receive() for _ in range(MESSAGES)] == expected(life)
                if life == LIVES - 1:
                    group.cancel_scope.cancel()
                process.kill()
        receiver.close()
