"""librdkafka's idempotent producers outlive brokers that stop or are killed: none is lost, none is there twice."""

from collections import defaultdict
from pathlib import Path
from random import Random
from typing import Any

import pytest
from confluent_kafka import KafkaError, Message, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from tests.interop.test_confluent_kafka import read_all
from tests.support.brokers import broker_process
from tests.support.kafka import free_ports

TOPIC = "orders"
PRODUCERS = 3
DEADLINE_SECONDS = 30


class Publishing:
    """Several producers of numbered messages, and what of these was acknowledged."""

    def __init__(self, address: str) -> None:
        settings: dict[str, Any] = {
            "bootstrap.servers": address,
            "enable.idempotence": True,
            "linger.ms": 1,
            "batch.num.messages": 20,
            "queue.buffering.max.messages": 300,
            "retry.backoff.ms": 20,
            "reconnect.backoff.ms": 20,
            "reconnect.backoff.max.ms": 100,
            "log_level": 0,
        }
        self.sent = [0] * PRODUCERS
        self.acknowledged = 0
        self._producers = [Producer(settings) for _ in range(PRODUCERS)]
        self._failures: list[KafkaError] = []

    def until(self, acknowledged: int) -> None:
        """Produce until so many messages are acknowledged, with more under way."""
        while self.acknowledged < acknowledged:
            for number, producer in enumerate(self._producers):
                try:
                    value = b"%d %d" % (number, self.sent[number])
                    producer.produce(TOPIC, value, partition=0, on_delivery=self._delivered)
                    self.sent[number] += 1
                except BufferError:
                    producer.poll(0.01)
                producer.poll(0)
            assert self._failures == []

    def finish(self) -> None:
        """Wait until all that was sent is acknowledged."""
        assert [producer.flush(DEADLINE_SECONDS) for producer in self._producers] == [0] * PRODUCERS
        assert self._failures == []
        assert self.acknowledged == sum(self.sent)

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            self._failures.append(error)
        else:
            self.acknowledged += 1


def publish_over_many_lives(data: Path, *, cycles: int, seed: int) -> None:
    """Publish while the broker is killed, or told to stop, at any moment, and started again on the same port."""
    random = Random(seed)
    (port,) = free_ports(1)
    listen = f"127.0.0.1:{port}"
    publishing = Publishing(listen)
    for cycle in range(cycles):
        with broker_process(data, listen=listen) as process:
            if cycle == 0:
                admin = AdminClient({"bootstrap.servers": listen, "log_level": 0})
                topic = NewTopic(TOPIC, 1, 1, config={"segment.bytes": "20000"})
                admin.create_topics([topic])[TOPIC].result(DEADLINE_SECONDS)
                del admin
            publishing.until(publishing.acknowledged + random.randrange(1, 1000))
            if cycle % 3 == 2:
                assert process.terminate() == 0
            else:
                process.kill()
    with broker_process(data, listen=listen):
        publishing.finish()
        numbers: dict[int, list[int]] = defaultdict(list)
        for message in read_all(listen, TOPIC):
            producer, number = map(int, (message.value() or b"").split())
            numbers[producer].append(number)
    assert numbers == {number: list(range(sent)) for number, sent in enumerate(publishing.sent)}


def test_each_message_is_there_once_and_in_order(tmp_path: Path):
    publish_over_many_lives(tmp_path / "data", cycles=4, seed=1)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_each_message_is_there_once_and_in_order_after_a_hundred_lives(tmp_path: Path):
    publish_over_many_lives(tmp_path / "data", cycles=100, seed=2)
