"""Idempotent producers that send, send again and fail, and logs with anything in them, against a model of lists."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gomq_storage.batch import BatchHeader
from gomq_storage.errors import InvalidProducerEpochError, OutOfOrderSequenceError
from gomq_storage.producer_snapshot import decode_snapshot, encode_snapshot
from gomq_storage.producers import MAX_SEQUENCE, Producers
from tests.support.producer_headers import MARKER, TRANSACTIONAL, header_of


def sequences(first: int, count: int) -> list[int]:
    """Number records one by one."""
    numbers = [first]
    while len(numbers) < count:
        numbers.append(0 if numbers[-1] == MAX_SEQUENCE else numbers[-1] + 1)
    return numbers


@dataclass
class ModelProducer:
    """All batches of one producer's newest epoch, and the rest of what a log tells of it."""

    epoch: int
    batches: list[tuple[list[int], int, int]] = field(default_factory=list)
    """Of each its records' numbers, its base offset and timestamp."""
    time: int = -1
    coordinator_epoch: int = -1
    transaction: int = -1


class ProducersMachine(RuleBasedStateMachine):
    """Producers that send, send again and fail; logs with anything in them; markers, restarts and expiry."""

    def __init__(self) -> None:
        super().__init__()
        self.producers = Producers()
        self.model: dict[int, ModelProducer] = {}
        self.end = 0
        self.sent: list[BatchHeader] = []

    def add(self, header: BatchHeader) -> None:
        """Append a batch with data to both."""
        header = header._replace(base_offset=self.end)
        self.producers.note(header)
        known = self.model.setdefault(header.producer_id, ModelProducer(header.producer_epoch))
        if known.epoch != header.producer_epoch:
            known.epoch, known.batches = header.producer_epoch, []
        numbers = sequences(header.base_sequence, header.record_count)
        known.batches.append((numbers, self.end, header.max_timestamp))
        known.time = header.max_timestamp
        if header.is_transactional and known.transaction < 0:
            known.transaction = self.end
        self.end += header.record_count
        self.sent.append(header)

    def verdict(self, header: BatchHeader) -> Any:
        """Say what must become of a batch: an error's class, the base offset of its original, or None."""
        known = self.model.get(header.producer_id)
        if known is None:
            return None
        if header.producer_epoch < known.epoch:
            return InvalidProducerEpochError
        expected = 0
        if header.producer_epoch == known.epoch and known.batches:
            numbers = sequences(header.base_sequence, header.record_count)
            originals = [offset for each, offset, _ in known.batches[-5:] if each == numbers]
            if originals:
                return originals[0]
            expected = sequences(known.batches[-1][0][-1], 2)[1]
        return None if header.base_sequence == expected else OutOfOrderSequenceError

    def produce(self, header: BatchHeader) -> None:
        verdict = self.verdict(header)
        if isinstance(verdict, type):
            with pytest.raises(verdict):
                self.producers.check(header)
            return
        original = self.producers.check(header)
        if original is None:
            assert verdict is None
            self.add(header)
        else:
            assert original.base_offset == verdict
            assert original.last_offset == verdict + header.last_offset_delta

    @rule(
        producer_id=st.integers(0, 2), bump=st.sampled_from([-1, 0, 0, 0, 0, 1, 2]), count=st.integers(1, 4),
        ahead=st.sampled_from([0, 0, 0, 0, 1, -1, 7]), time=st.integers(0, 50),
        fresh=st.sampled_from([0, 0, 5, MAX_SEQUENCE, MAX_SEQUENCE - 3]),
    )  # fmt: skip
    def send(self, producer_id: int, bump: int, count: int, ahead: int, time: int, fresh: int) -> None:
        known = self.model.get(producer_id, ModelProducer(0))
        sequence = fresh
        if known.batches and not bump:
            sequence = (known.batches[-1][0][-1] + 1 + ahead) % (MAX_SEQUENCE + 1)
        self.produce(header_of(producer_id, sequence, epoch=max(known.epoch + bump, 0), count=count, time=time))

    @rule(back=st.integers(1, 12), longer=st.sampled_from([0, 0, 0, 1]))
    def send_again(self, back: int, longer: int) -> None:
        if len(self.sent) >= back:
            again = self.sent[-back]
            count = again.record_count + longer
            self.produce(again._replace(base_offset=0, record_count=count, last_offset_delta=count - 1))

    @rule(
        producer_id=st.integers(0, 2), epoch=st.integers(0, 3), count=st.integers(1, 4), time=st.integers(0, 50),
        sequence=st.integers(0, 9) | st.just(MAX_SEQUENCE), kind=st.sampled_from([0, TRANSACTIONAL]),
    )  # fmt: skip
    def find_in_the_log(self, producer_id: int, epoch: int, count: int, time: int, sequence: int, kind: int) -> None:
        self.add(header_of(producer_id, sequence, epoch=epoch, count=count, time=time, kind=kind))

    @rule(
        producer_id=st.integers(0, 2), epoch=st.integers(0, 4), time=st.integers(0, 50), coordinator=st.integers(0, 3)
    )
    def find_a_marker(self, producer_id: int, epoch: int, time: int, coordinator: int) -> None:
        marker = header_of(producer_id, -1, epoch=epoch, offset=self.end, time=time, kind=MARKER)
        self.producers.note(marker, coordinator_epoch=coordinator)
        known = self.model.setdefault(producer_id, ModelProducer(epoch))
        batches = known.batches if known.epoch == epoch else []
        self.model[producer_id] = ModelProducer(epoch, batches, time, coordinator)
        self.end += 1

    @rule()
    def restart_from_a_snapshot(self) -> None:
        self.producers = decode_snapshot(encode_snapshot(self.producers), self.end)
        for known in self.model.values():
            del known.batches[:-1]

    @rule(now=st.integers(0, 80))
    def expire(self, now: int) -> None:
        gone = [key for key, known in self.model.items() if known.transaction < 0 and known.time <= now - 40]
        assert self.producers.expire(now_ms=now, expiration_ms=40) == len(gone)
        for key in gone:
            del self.model[key]

    @invariant()
    def both_know_the_same(self) -> None:
        assert self.producers.end == self.end
        expected = set()
        for key, known in self.model.items():
            numbers, offset, _ = known.batches[-1] if known.batches else ([-1], -1, 0)
            delta = len(numbers) - 1
            last = (numbers[-1], offset + delta, delta)
            expected.add((key, known.epoch, *last, known.time, known.coordinator_epoch, known.transaction))
        assert set(self.producers.active()) == expected


TestProducers = ProducersMachine.TestCase
TestProducers.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
