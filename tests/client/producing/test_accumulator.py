"""The accumulator against a naive model: nothing is lost, doubled or reordered, and its size comes back to zero."""

from collections import defaultdict
from math import inf

import anyio
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gomq.client.producing.accumulator import Accumulator
from gomq.client.producing.batch import OutgoingBatch, batch_of_values, size_of
from gomq.client.producing.lane import Lane
from gomq.errors import BrokerError, ClosedError, DeliveryFailedError, GomqError
from gomq.protocol.frames import FrameSizeError
from gomq_storage.batch import read_header
from gomq_storage.compression import Codec
from gomq_storage.layout import TopicPartition
from gomq_storage.record import NewRecord, decode_batch

MAX_BATCH_BYTES = 300
TARGETS = [TopicPartition("orders", 0), TopicPartition("orders", 1)]
targets = st.sampled_from(TARGETS)


def added(accumulator: Accumulator, to: TopicPartition, record: NewRecord) -> tuple[OutgoingBatch, int]:
    """Add a record, to a new batch where it must be."""
    return accumulator.add_record(to, record) or accumulator.begin(to, record, now=0, deadline=10)


class AccumulatorMachine(RuleBasedStateMachine):
    """Records and whole batches go in; a broker takes, refuses, loses and stores them."""

    def __init__(self) -> None:
        super().__init__()
        self.accumulator = Accumulator(max_batch_bytes=MAX_BATCH_BYTES, buffer_bytes=2000, is_idempotent=False)
        self.number = 0
        self.waiting: dict[TopicPartition, list[bytes]] = defaultdict(list)
        """The model: values that are neither stored nor given up, by partition, in their order."""
        self.stored: dict[TopicPartition, list[bytes]] = defaultdict(list)
        self.contents: dict[OutgoingBatch, list[bytes]] = defaultdict(list)
        self.owners = (object(), object())

    def _new_value(self, size: int) -> bytes:
        self.number += 1
        return b"%06d" % self.number + bytes(size)

    @rule(to=targets, size=st.integers(0, 400))
    def add_record(self, to: TopicPartition, size: int) -> None:
        value = self._new_value(size)
        record = NewRecord(value, timestamp=0)
        batch, position = added(self.accumulator, to, record)
        self.contents[batch].append(value)
        self.waiting[to].append(value)
        assert position == len(self.contents[batch]) - 1
        assert len(self.contents[batch]) == 1 or batch.size <= MAX_BATCH_BYTES

    @rule(to=targets, count=st.integers(1, 5), owner=st.sampled_from([0, 1]))
    def add_batch(self, to: TopicPartition, count: int, owner: int) -> None:
        values = [self._new_value(3) for _ in range(count)]
        batch = batch_of_values(to, values, now=0, now_ms=0, deadline=10, codec=Codec.NONE, owner=self.owners[owner])
        self.accumulator.add_batch(batch)
        self.contents[batch] = values
        self.waiting[to] += values

    @precondition(lambda self: any(self.sendable()))
    @rule(data=st.data())
    def send(self, data: st.DataObject) -> None:
        batch = data.draw(st.sampled_from(self.sendable())).take()
        encoded = b"".join(batch.encode(Codec.NONE))
        assert [record.value for record in decode_batch(encoded, read_header(encoded))] == self.contents[batch]

    @precondition(lambda self: any(self.in_flight()))
    @rule(data=st.data(), outcome=st.sampled_from(["stored", "again", "split", "refused"]))
    def answer(self, data: st.DataObject, outcome: str) -> None:
        lane = data.draw(st.sampled_from(self.in_flight()))
        (batch,) = lane.travelling
        was_given_up = batch.done.is_set()
        match outcome:
            case "stored":
                first = len(self.stored[lane.target])
                self.accumulator.succeed(batch, base_offset=first, log_append_time=None)
                if not was_given_up:
                    self.stored[lane.target] += self.contents[batch]
                    self._forget(batch)
            case "again":
                lane.failed(batch, may_be_stored=True, retry_at=-inf)
                self.accumulator.forget_if_idle(lane)
            case "split" if batch.count > 1 and not was_given_up:
                self.accumulator.split(batch)
                middle = batch.count // 2
                for part, share in zip(batch.parts, (slice(None, middle), slice(middle, None)), strict=True):
                    self.contents[part] = self.contents[batch][share]
            case _:
                behind = self._behind(lane, batch)
                self.accumulator.fail(batch, BrokerError("no", code=10), gave_up=False)
                for each in [*([] if was_given_up else [batch]), *behind]:
                    self._forget(each)
        assert not batch.is_in_flight

    @precondition(lambda self: any(self.accumulator.unfinished()))
    @rule(data=st.data())
    def expire(self, data: st.DataObject) -> None:
        batch = data.draw(st.sampled_from(self.accumulator.unfinished()))
        behind = self._behind(self.accumulator.lane(batch.target), batch)
        self.accumulator.give_up(batch, BrokerError("late", code=7), gave_up=True)
        for each in (batch, *behind):
            self._forget(each)
            error = each.failure(range(each.count))
            assert isinstance(error, DeliveryFailedError)
            assert [undelivered.message.value for undelivered in error.undelivered] == self.contents[each]

    @staticmethod
    def _behind(lane: Lane[OutgoingBatch], batch: OutgoingBatch) -> list[OutgoingBatch]:
        everything = lane.unfinished
        place = everything.index(batch) + 1 if batch in everything else 0
        return [each for each in everything[place:] if each.owner is batch.owner and batch.owner is not None]

    @rule(owner=st.sampled_from([0, 1]))
    def withdraw(self, owner: int) -> None:
        here = self.accumulator.unfinished()
        self.accumulator.withdraw(self.owners[owner], TARGETS, None)
        for batch in here:
            if batch.owner is self.owners[owner] and not batch.is_in_flight:
                self._forget(batch)

    def _forget(self, batch: OutgoingBatch) -> None:
        assert batch.done.is_set()
        for value in self.contents[batch]:
            self.waiting[batch.target].remove(value)

    def sendable(self) -> list[Lane[OutgoingBatch]]:
        return [lane for lane in self.accumulator.busy() if lane.due_at(linger=0) < inf]

    def in_flight(self) -> list[Lane[OutgoingBatch]]:
        return [lane for lane in self.accumulator.busy() if any(batch.is_in_flight for batch in lane.travelling)]

    @invariant()
    def what_waits_is_what_the_model_says_in_its_order(self) -> None:
        for target in TARGETS:
            here = [value for batch in self.accumulator.lane(target).unfinished for value in self.contents[batch]]
            assert here == self.waiting[target]

    @invariant()
    def idle_queues_are_forgotten_and_the_size_is_that_of_what_waits(self) -> None:
        unfinished = self.accumulator.unfinished()
        assert bool(self.accumulator._size) == bool(unfinished)
        assert self.accumulator._size <= sum(batch.size for batch in {whole(each) for each in unfinished})
        for lane in self.accumulator.busy():
            assert not lane.is_idle

    def teardown(self) -> None:
        self.accumulator.close()
        assert self.accumulator.unfinished() == []
        assert self.accumulator._size == 0


def whole(batch: OutgoingBatch) -> OutgoingBatch:
    return batch if batch.parent is None else whole(batch.parent)


TestAccumulator = AccumulatorMachine.TestCase


def test_what_is_due_when():
    lane: Lane[OutgoingBatch] = Lane(TARGETS[0], is_idempotent=False)
    assert lane.due_at(linger=1) == inf
    lane.waiting.append(OutgoingBatch(TARGETS[0], now=5, deadline=100))
    assert lane.due_at(linger=1) == 6
    lane.waiting.append(OutgoingBatch(TARGETS[0], now=5.5, deadline=100))
    assert lane.due_at(linger=1) == -inf
    lane.retry_at = 50
    assert lane.due_at(linger=1) == 50
    lane.take()
    assert lane.due_at(linger=1) == inf


def test_a_size_is_never_less_than_what_the_record_takes():
    record = NewRecord(b"value", b"key", (("žluť", b"x"), ("null", None)), 0)
    batch = OutgoingBatch(TARGETS[0], now=0, deadline=0)
    batch.add(record, size_of(record))
    assert sum(map(len, batch.encode(Codec.NONE))) <= batch.size


@pytest.mark.parametrize("cause", [BrokerError("no", code=29), FrameSizeError(-1, 5), ClosedError("producer")])
def test_each_who_waits_gets_an_error_of_its_own_with_the_causes_data(cause: GomqError):
    batch = OutgoingBatch(TARGETS[0], now=0, deadline=0)
    batch.add(NewRecord(b"", timestamp=0), 21)
    batch.cause = cause
    first, second = batch.failure([0]), batch.failure([0])

    assert first is not second
    assert first is not cause
    assert (type(first), str(first), vars(first)) == (type(cause), str(cause), vars(cause))


async def test_a_closed_accumulator_takes_nothing_and_wakes_those_who_wait_for_room():
    accumulator = Accumulator(max_batch_bytes=100, buffer_bytes=100, is_idempotent=True)
    added(accumulator, TARGETS[0], NewRecord(bytes(200), timestamp=0))
    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(accumulator.wait_for_change)
            await anyio.wait_all_tasks_blocked()
            assert not accumulator.has_room
            accumulator.close()
    with pytest.raises(ClosedError):
        added(accumulator, TARGETS[0], NewRecord(b"", timestamp=0))


async def test_room_is_for_those_who_waited_longest_one_after_the_other():
    accumulator = Accumulator(max_batch_bytes=100, buffer_bytes=500, is_idempotent=True)
    first, second = (added(accumulator, TARGETS[0], NewRecord(bytes(400), timestamp=0))[0] for _ in range(2))
    came: list[int] = []
    scopes = [anyio.CancelScope() for _ in range(5)]

    async def wait(number: int) -> None:
        with scopes[number]:
            await accumulator.wait_for_room()
            came.append(number)

    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            for number in range(5):
                group.start_soon(wait, number)
                await anyio.wait_all_tasks_blocked()
            scopes[0].cancel()
            accumulator.give_up(first, ClosedError("producer"), gave_up=True)
            await anyio.wait_all_tasks_blocked()
            assert came == [1]
            added(accumulator, TARGETS[1], NewRecord(b"", timestamp=0))
            await anyio.wait_all_tasks_blocked()
            assert came == [1, 2]
            added(accumulator, TARGETS[1], NewRecord(bytes(100), timestamp=0))
            await anyio.wait_all_tasks_blocked()
            assert came == [1, 2]
            accumulator.give_up(second, ClosedError("producer"), gave_up=True)
            await anyio.wait_all_tasks_blocked()
            assert came == [1, 2, 3]  # and it adds nothing
            accumulator.close()
    assert came == [1, 2, 3, 4]
