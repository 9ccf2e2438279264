"""Kafka Streams on our broker: a word count with its repartition topic and changelog, over kills and restarts."""

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from random import Random

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from tests.support.brokers import broker_process
from tests.support.kafka import STREAMS_RESET, free_ports
from tests.support.kafka_applications import Application, require_applications, run_application
from tests.support.kafka_tools import run_in_one_jvm
from tests.support.polling import wait_until

APPLICATION = "word-count"
FROM, TO = "lines", "words"
REPARTITION = f"{APPLICATION}-by-word-repartition"
CHANGELOG = f"{APPLICATION}-counts-changelog"
PARTITIONS = 3
SECONDS = 120
SOURCE = Path(__file__).parents[1] / "support" / "KafkaWordCount.java"
QUIET = {"log_level": 0, "reconnect.backoff.max.ms": 100}


class WordCount:
    """The application, what it was given, and what it made of that."""

    def __init__(self, address: str, directory: Path) -> None:
        self.address = address
        self.state = directory / "state"
        self._output = directory / "application.out"
        self._random = Random(7)
        self.sent: Counter[str] = Counter()

    def run(self) -> AbstractContextManager[Application]:
        arguments = (self.address, APPLICATION, str(self.state), FROM, TO)
        return run_application(self._output, str(SOURCE), *arguments)

    def send(self, lines: int) -> None:
        producer = Producer({"bootstrap.servers": self.address, **QUIET})
        for _ in range(lines):
            words = self._random.choices([f"word{number}" for number in range(50)], k=5)
            self.sent.update(words)
            producer.produce(FROM, " ".join(words))
        assert producer.flush(SECONDS) == 0

    def counted(self) -> Counter[str]:
        """Read the topic of counts, where the last of a word is the one that counts."""
        return Counter({key: int(value) for key, value in self._read(TO)})

    def ends(self, topic: str) -> list[tuple[int, int]]:
        """Where each of a topic's partitions begins and ends; nothing while the topic is not there."""
        with Consumer({"bootstrap.servers": self.address, "group.id": "nobody", **QUIET}) as consumer:
            if consumer.list_topics(topic, timeout=SECONDS).topics[topic].error is not None:
                return []
            return [consumer.get_watermark_offsets(TopicPartition(topic, index)) for index in range(PARTITIONS)]

    def is_at_rest(self) -> bool:
        """Whether all that was sent is counted and committed, and what lay between was deleted."""
        with Consumer({"bootstrap.servers": self.address, "group.id": APPLICATION, **QUIET}) as consumer:
            wanted = [TopicPartition(topic, index) for topic in (FROM, REPARTITION) for index in range(PARTITIONS)]
            committed = [each.offset for each in consumer.committed(wanted, timeout=SECONDS)]
        ends = [*self.ends(FROM), *self.ends(REPARTITION)]
        return (
            committed == [end for _, end in ends]
            and all(start == end for start, end in self.ends(REPARTITION))
            and self.counted() == self.sent
        )

    def _read(self, topic: str) -> Iterator[tuple[str, str]]:
        ends = dict(enumerate(self.ends(topic)))
        left = {index for index, (start, end) in ends.items() if start < end}
        settings = {"bootstrap.servers": self.address, "group.id": "nobody", **QUIET}
        with Consumer({**settings, "enable.auto.commit": False, "enable.partition.eof": True}) as consumer:
            consumer.assign([TopicPartition(topic, index, ends[index][0]) for index in left])
            while left:
                message = consumer.poll(SECONDS)
                assert message is not None
                if message.error() is not None:
                    left.discard(message.partition())
                else:
                    yield message.key().decode(), message.value().decode()


@pytest.fixture
def words(tmp_path: Path) -> WordCount:
    require_applications()
    return WordCount(f"127.0.0.1:{free_ports(1)[0]}", tmp_path)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_words_are_counted_once_over_a_kill_a_lost_state_a_restart_of_the_broker_and_a_reset(
    words: WordCount, tmp_path: Path
):
    data = tmp_path / "data"
    with broker_process(data, listen=words.address) as broker:
        admin = AdminClient({"bootstrap.servers": words.address, **QUIET})
        created = admin.create_topics(
            [NewTopic(FROM, PARTITIONS), NewTopic(TO, PARTITIONS, config={"cleanup.policy": "compact"})]
        )
        assert [done.result(SECONDS) for done in created.values()] == [None, None]
        words.send(1000)
        with words.run() as application:
            wait_until(words.is_at_rest, within=SECONDS)
            application.kill()
        words.send(1000)
        shutil.rmtree(words.state)  # it comes back from the changelog
        with words.run() as application:
            wait_until(words.is_at_rest, within=SECONDS)
            assert broker.terminate() == 0
            with broker_process(data, listen=words.address):
                words.send(1000)
                wait_until(words.is_at_rest, within=SECONDS)
                assert application.errors() == []
                application.terminate()
                assert sum(end for _, end in words.ends(CHANGELOG)) > 0

                reset = ("--application-id", APPLICATION, "--input-topics", FROM, "--force")
                done = run_in_one_jvm(STREAMS_RESET, "--bootstrap-server", words.address, *reset)
                assert (done.code, done.stderr) == (0, ""), done.stdout
                assert set(admin.list_topics(timeout=SECONDS).topics) == {FROM, TO, "__consumer_offsets"}
                shutil.rmtree(words.state)
                with words.run():
                    wait_until(words.is_at_rest, within=SECONDS)
