"""A lane against a naive broker: nothing is stored twice or out of order, and what is acknowledged is stored once.

The broker's rules are GoMQ's own, ``gomq_storage.producers``. Requests and answers get lost, errors come before or
after the batch is stored, deadlines pass, and what was sent on a connection that is given up is read much later.
"""

from copy import copy
from dataclasses import dataclass, field

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gomq.client.producing.identity import NO_IDENTITY, Identity
from gomq.client.producing.lane import MAX_IN_FLIGHT, Lane
from gomq_storage.batch import BatchHeader
from gomq_storage.errors import InvalidProducerEpochError, OutOfOrderSequenceError
from gomq_storage.layout import TopicPartition
from gomq_storage.producers import Producers

TARGET = TopicPartition("orders", 0)


@dataclass(eq=False)
class Some:
    """A batch of nothing but a name."""

    name: int
    count: int
    created_at: float = 0.0
    body: bytes | None = b""
    identity: Identity = NO_IDENTITY
    sequence: int = -1
    is_in_flight: bool = False
    was_first: bool = False
    may_be_stored: bool = False
    is_done: bool = False
    outcome: str = ""

    def number(self, identity: Identity, sequence: int) -> None:
        self.identity, self.sequence, self.may_be_stored = identity, sequence, False


@dataclass
class Log:
    """What a broker does with the batches of one partition."""

    stored: list[int] = field(default_factory=list)
    producers: Producers = field(default_factory=Producers)

    def append(self, batch: Some) -> str:
        header = BatchHeader(
            base_offset=self.producers.end, length=100, leader_epoch=0, magic=2, crc=0, attributes=0,
            last_offset_delta=batch.count - 1, base_timestamp=0, max_timestamp=0, producer_id=batch.identity[0],
            producer_epoch=batch.identity[1], base_sequence=batch.sequence, record_count=batch.count,
        )  # fmt: skip
        try:
            if self.producers.check(header) is not None:
                return "stored"
        except OutOfOrderSequenceError:
            return "out of order"
        except InvalidProducerEpochError:
            return "fenced"
        self.producers.note(header)
        self.stored.append(batch.name)
        return "stored"


class LaneMachine(RuleBasedStateMachine):
    """Batches go through a lane to a broker and come back with answers, or with none."""

    def __init__(self) -> None:
        super().__init__()
        self.lane: Lane[Some] = Lane(TARGET, is_idempotent=True)
        self.log = Log()
        self.batches: list[Some] = []
        self.on_the_way: list[Some] = []
        """Sent over the connection and not read by the broker."""
        self.given_up: list[list[Some]] = []
        """The same over connections that are closed here, as it was sent."""
        self.answers: list[tuple[Some, str]] = []
        self.ids = 0

    @precondition(lambda self: len(self.lane.waiting) < MAX_IN_FLIGHT)
    @rule(counts=st.lists(st.integers(1, 3), min_size=1, max_size=4))
    def publish(self, counts: list[int]) -> None:
        for count in counts:
            batch = Some(len(self.batches), count)
            self.batches.append(batch)
            self.lane.waiting.append(batch)

    @precondition(lambda self: self.lane.due_at(linger=0) < 10)
    @rule()
    def send(self) -> None:
        if self.lane.needs_identity:
            self.ids += 1
            self.lane.begin(Identity(self.ids, 0))
        while self.lane.due_at(linger=0) < 10 and not self.lane.needs_identity:
            self.on_the_way.append(self.lane.take())

    @precondition(lambda self: self.on_the_way)
    @rule(errors=st.lists(st.sampled_from(["", "before", "after", "refused"]), min_size=1, max_size=MAX_IN_FLIGHT))
    def broker_reads(self, errors: list[str]) -> None:
        for error in errors[: len(self.on_the_way)]:
            batch = self.on_the_way.pop(0)
            answer = error if error in {"before", "refused"} else self.log.append(batch)
            self.answers.append((batch, "after" if error == "after" else answer))

    @precondition(lambda self: self.answers)
    @rule(count=st.integers(1, MAX_IN_FLIGHT))
    def answers_come(self, count: int) -> None:
        for _ in range(min(count, len(self.answers))):
            self._settle(*self.answers.pop(0))

    @precondition(lambda self: self.on_the_way or self.answers)
    @rule(data=st.data())
    def connection_is_lost(self, data: st.DataObject) -> None:
        """The broker reads some of the requests now and the others later or never; no answer comes to any."""
        count = data.draw(st.integers(0, len(self.on_the_way)))
        for batch in self.on_the_way[:count]:
            self.log.append(batch)
        self.given_up.append([copy(batch) for batch in self.on_the_way[count:]])
        lost = [*(batch for batch, _ in self.answers), *self.on_the_way]
        self.answers, self.on_the_way = [], []
        for batch in lost:
            batch.may_be_stored = True
            self.lane.failed(batch, may_be_stored=True, retry_at=0)

    @precondition(lambda self: any(self.given_up))
    @rule(data=st.data())
    def broker_reads_what_was_given_up(self, data: st.DataObject) -> None:
        self.log.append(data.draw(st.sampled_from([sent for sent in self.given_up if sent])).pop(0))

    @precondition(lambda self: self.lane.unfinished)
    @rule(data=st.data())
    def deadline_passes(self, data: st.DataObject) -> None:
        batch = data.draw(st.sampled_from(self.lane.unfinished))
        batch.is_done, batch.outcome = True, "given up"
        self.lane.give_up(batch)

    def _settle(self, batch: Some, answer: str) -> None:
        match answer:
            case "stored":
                self.lane.acknowledged(batch)
                if not batch.is_done:
                    batch.is_done, batch.outcome = True, "acknowledged"
            case "before" | "after":
                self.lane.failed(batch, may_be_stored=answer == "after", retry_at=0)
            case "refused":
                self._refuse(batch, "refused")
            case "out of order":
                if not self.lane.out_of_order(batch, retry_at=0):
                    self._refuse(batch, "unknown")
            case _:
                if not self.lane.fenced(batch, retry_at=0):
                    self._refuse(batch, "unknown")

    def _refuse(self, batch: Some, outcome: str) -> None:
        if not batch.is_done:
            batch.is_done, batch.outcome = True, outcome
        self.lane.refused(batch)

    @invariant()
    def nothing_is_stored_twice_or_out_of_order(self) -> None:
        assert self.log.stored == sorted(set(self.log.stored))

    @invariant()
    def what_is_acknowledged_is_stored(self) -> None:
        assert {batch.name for batch in self.batches if batch.outcome == "acknowledged"} <= set(self.log.stored)

    @invariant()
    def no_more_is_on_its_way_than_a_broker_remembers(self) -> None:
        assert sum(batch.is_in_flight for batch in self.lane.travelling) <= MAX_IN_FLIGHT
        assert {id(batch) for batch in self.lane.travelling if batch.is_in_flight} == {
            id(batch) for batch in [*self.on_the_way, *(batch for batch, _ in self.answers)]
        }

    def teardown(self) -> None:
        """Without any more trouble all is delivered: nothing hangs."""
        for _ in range(20 * len(self.batches) + 20):
            if self.answers:
                self.answers_come(1)
            elif self.on_the_way:
                self.broker_reads([""])
            elif self.lane.due_at(linger=0) < 10:
                self.send()
        assert self.lane.is_idle
        self.nothing_is_stored_twice_or_out_of_order()
        self.what_is_acknowledged_is_stored()
        untroubled = [batch for batch in self.batches if batch.outcome == ""]
        assert untroubled == []


TestLane = LaneMachine.TestCase
TestLane.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
