"""Several deliveries in hand: order within a key or partition, what waits, who waits, partitions given away."""

from collections import defaultdict
from math import inf
from random import Random

import anyio
import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st

from gomq.client.delivering.deliveries import Deliveries
from gomq.client.delivering.delivery import Delivery
from gomq.client.delivering.ledger import Ledger
from gomq.client.delivering.settings import DeliverySettings
from gomq.client.message import Message
from gomq.errors import CorruptMessageError
from gomq_storage.layout import TopicPartition
from tests.support.virtual_source import DeadLetterBox, VirtualSource, deliveries_of, message
from tests.support.waiting import until

HERE, THERE = TopicPartition("orders", 0), TopicPartition("orders", 1)


async def in_hand(deliveries: Deliveries, count: int) -> list[Delivery]:
    with anyio.fail_after(20):
        return [await anext(deliveries) for _ in range(count)]


async def has_next(deliveries: Deliveries) -> bool:
    """Whether something comes that should not."""
    with anyio.move_on_after(0.01):
        await anext(deliveries)
        return True
    return False


async def acknowledge_next(deliveries: Deliveries) -> None:
    (delivery,) = await in_hand(deliveries, 1)
    await delivery.ack()


@pytest.mark.parametrize(
    ("order", "expected"), [("partition", [(0, 0), (1, 0)]), ("key", [(0, 0), (0, 1), (0, 3), (1, 0)])]
)
async def test_of_a_partition_or_key_one_is_in_hand_at_a_time(order: str, expected: list[tuple[int, int]]):
    source = VirtualSource(
        message(0, key=b"a"),
        message(1, key=b"b"),
        message(2, key=b"a"),
        message(3),
        message(4),
        message(0, partition=1),
    )
    deliveries = deliveries_of(source, order=order, concurrency=10)
    first = await in_hand(deliveries, len(expected))
    assert sorted((each.message.partition, each.message.offset) for each in first) == expected
    assert not await has_next(deliveries)
    await first[0].ack()

    assert (await in_hand(deliveries, 1))[0].message.offset == (1 if order == "partition" else 2)


async def test_no_more_are_in_hand_than_may_be():
    deliveries = deliveries_of(VirtualSource(*(message(0, partition=each) for each in range(5))), concurrency=3)
    first = await in_hand(deliveries, 3)
    assert not await has_next(deliveries)
    await first[1].ack()
    await acknowledge_next(deliveries)


async def test_the_commit_point_waits_for_the_first_unfinished_message():
    deliveries = deliveries_of(
        VirtualSource(*(message(each, key=b"%d" % each) for each in range(5))), order="key", concurrency=5
    )
    first = await in_hand(deliveries, 5)
    points = []
    for number in (1, 3, 0, 4, 2):
        await first[number].ack()
        points.append(deliveries.points()[HERE])

    assert points == [0, 0, 2, 2, 5]


async def test_what_waits_behind_a_busy_key_is_bounded():
    source = VirtualSource(*(message(each, key=b"a") for each in range(50)), message(50, key=b"b"))
    deliveries = deliveries_of(source, order="key", concurrency=2, max_waiting=10)
    first = await in_hand(deliveries, 1)
    assert not await has_next(deliveries)
    assert len(source.taken) == 11
    for offset in range(1, 41):
        await first[0].ack()
        first = await in_hand(deliveries, 1)
        assert first[0].message.offset == offset
        assert len(source.taken) <= 12 + offset


async def test_what_waits_is_bounded_in_bytes():
    source = VirtualSource(*(message(each, key=b"a", value=bytes(1000)) for each in range(50)))
    deliveries = deliveries_of(source, order="key", concurrency=2, max_waiting_bytes=5000)
    await in_hand(deliveries, 1)
    assert not await has_next(deliveries)
    assert len(source.taken) == 6


async def test_others_get_only_so_far_ahead_of_an_unfinished_message():
    source = VirtualSource(*(message(each, key=b"%d" % each) for each in range(50)))
    deliveries = deliveries_of(source, order="key", concurrency=2, max_ahead=10)
    (stuck,) = await in_hand(deliveries, 1)
    for _ in range(9):
        await acknowledge_next(deliveries)
    assert not await has_next(deliveries)
    await stuck.ack()
    await acknowledge_next(deliveries)
    assert deliveries.points() == {HERE: 11}


async def test_a_settled_delivery_wakes_whoever_waits_for_what_was_behind_it():
    deliveries = deliveries_of(VirtualSource(message(0), message(1)), concurrency=2)
    (first,) = await in_hand(deliveries, 1)
    got: list[int] = []

    async def wait() -> None:
        got.append((await anext(deliveries)).message.offset)

    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            assert got == []
            await first.ack()
    assert got == [1]


async def test_a_delivery_that_fails_wakes_whoever_waits_for_the_source_when_it_is_due():
    deliveries = deliveries_of(VirtualSource(message(0)), concurrency=2, backoff=0.02)
    (first,) = await in_hand(deliveries, 1)
    got: list[int] = []

    async def wait() -> None:
        got.append((await anext(deliveries)).attempt)

    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            async with first:
                raise LookupError
    assert got == [2]


async def test_a_woken_task_that_is_cancelled_passes_its_turn_on():
    deliveries = deliveries_of(VirtualSource(message(0)), concurrency=1, ack_timeout=60)
    (first,) = await in_hand(deliveries, 1)
    got: list[int] = []
    scopes = [anyio.CancelScope() for _ in range(3)]

    async def wait(scope: anyio.CancelScope) -> None:
        with scope:
            delivery = await anext(deliveries)
            got.append(delivery.attempt)
            await delivery.ack()

    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            for scope in scopes:
                group.start_soon(wait, scope)
                await anyio.wait_all_tasks_blocked()
            await first.retry(after=0)
            scopes[0].cancel()
            await until(lambda: got)
            group.cancel_scope.cancel()
    assert got == [2]


async def test_stop_and_failure_end_the_wait_of_every_task():
    deliveries = deliveries_of(VirtualSource(message(0)), concurrency=1, ack_timeout=60)
    (first,) = await in_hand(deliveries, 1)
    ended = 0

    async def wait() -> None:
        nonlocal ended
        assert [each async for each in deliveries] == []
        ended += 1

    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            deliveries.stop()
    assert ended == 3
    assert await first.ack()
    assert deliveries.points() == {HERE: 1}


@pytest.mark.parametrize("fails", [False, True])
async def test_stop_and_failure_end_the_wait_for_the_source(fails: bool):
    deliveries = deliveries_of(VirtualSource(), concurrency=2)
    ended: list[type[BaseException]] = []

    async def wait() -> None:
        try:
            await anext(deliveries)
        except (StopAsyncIteration, CorruptMessageError) as error:
            ended.append(type(error))

    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            group.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            deliveries.break_off(CorruptMessageError("torn")) if fails else deliveries.stop()
    assert ended == [CorruptMessageError if fails else StopAsyncIteration] * 2


@pytest.mark.parametrize("is_dropped", [False, True])
async def test_a_dead_letter_is_published_once_however_long_it_takes(is_dropped: bool):
    box = DeadLetterBox()
    box.is_open = anyio.Event()
    deliveries = deliveries_of(VirtualSource(message(0)), box, concurrency=2, ack_timeout=0.02, max_attempts=1)
    (delivery,) = await in_hand(deliveries, 1)

    async def wait() -> None:
        assert [each async for each in deliveries] == []

    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            if not is_dropped:
                group.start_soon(delivery.reject)
            group.start_soon(wait)
            group.start_soon(wait)
            await anyio.sleep(0.1)
            box.is_open.set()
            await until(lambda: deliveries.points() == {HERE: 1})
            deliveries.stop()
    assert box.offsets == [0]


async def test_whoever_has_waited_in_vain_for_a_time_to_come_is_woken_for_what_comes_later():
    deliveries = deliveries_of(VirtualSource(message(0), message(1)), ack_timeout=60)
    (first,) = await in_hand(deliveries, 1)
    await first.retry(after=0.02)
    got: list[Delivery] = []

    async def wait() -> None:
        got.append(await anext(deliveries))

    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            for _ in range(4):
                group.start_soon(wait)
            await until(lambda: got)
            await anyio.wait_all_tasks_blocked()
            await got[0].ack()
            await until(lambda: len(got) == 2)
            group.cancel_scope.cancel()
    assert [(each.message.offset, each.attempt) for each in got] == [(0, 2), (1, 1)]


def test_nobody_is_woken_for_a_message_that_is_due_while_no_more_may_be_in_hand():
    ledger = Ledger(DeliverySettings(concurrency=1))
    for partition in range(2):
        ledger.take(message(0, partition=partition))
    first = ledger.hand_out(0.0)
    assert first is not None
    ledger.fail(first, "no", pause=1.0, now=0.0)
    assert ledger.next_change() == 1.0
    second = ledger.hand_out(0.0)
    assert second is not None
    assert ledger.next_change() == inf
    ledger.finish(second)
    assert ledger.next_change() == 1.0


async def test_a_partition_is_drained_of_what_is_in_hand_and_nothing_more_of_it_is_handed_out():
    source = VirtualSource(*(message(each, key=b"%d" % (each % 3)) for each in range(9)), message(0, partition=1))
    deliveries = deliveries_of(source, order="key", concurrency=5)
    first = await in_hand(deliveries, 4)
    is_drained = False

    async def drain() -> None:
        nonlocal is_drained
        await deliveries.drain([HERE], within=60)
        is_drained = True

    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            group.start_soon(drain)
            await anyio.wait_all_tasks_blocked()
            assert not await has_next(deliveries)
            await first[0].ack()
            async with first[1]:
                raise LookupError
            assert not await has_next(deliveries)
            assert not is_drained
            await first[2].ack()
    assert is_drained
    assert deliveries.points() == {HERE: 1, THERE: 0}
    source.add(message(9))
    assert not await has_next(deliveries)
    assert await first[3].ack()
    deliveries.forget([HERE])
    assert deliveries.points() == {THERE: 1}
    source.add(message(1))
    await acknowledge_next(deliveries)
    assert deliveries.points() == {HERE: 2, THERE: 1}


async def test_what_is_acknowledged_after_the_drain_has_run_out_of_time_does_not_count():
    deliveries = deliveries_of(VirtualSource(message(3), message(4)), concurrency=2)
    (late,) = await in_hand(deliveries, 1)
    async with late:
        await deliveries.drain([HERE], within=0.01)
        assert not late.is_current
    assert not await late.ack()
    assert deliveries.points() == {HERE: 3}


async def test_a_lost_partition_that_comes_back_begins_anew():
    source = VirtualSource(message(0))
    deliveries = deliveries_of(source, concurrency=2)
    (lost,) = await in_hand(deliveries, 1)
    deliveries.forget([HERE])
    assert deliveries.points() == {}
    source.add(message(0), message(1))
    again = await in_hand(deliveries, 1)
    assert not await lost.ack()
    assert [each.message.offset for each in again] == [0]
    assert deliveries.points() == {HERE: 0}


async def test_who_seeks_back_gets_the_messages_again_and_older_deliveries_of_them_do_not_count():
    source = VirtualSource(*map(message, range(5)))
    deliveries = deliveries_of(source, concurrency=2)
    for _ in range(3):
        await acknowledge_next(deliveries)
    (old,) = await in_hand(deliveries, 1)
    source.add(message(1), message(2))
    again = await in_hand(deliveries, 1)

    assert (old.message.offset, again[0].message.offset) == (3, 1)
    assert not await old.ack()
    assert deliveries.points() == {HERE: 1}


class Schedule:
    """Workers whose every step a test chooses, and what they saw."""

    def __init__(self, messages: list[Message], order: str, concurrency: int) -> None:
        self.source = VirtualSource(*messages, at_once=2)
        self.box = DeadLetterBox()
        self.deliveries = deliveries_of(
            self.source, self.box, order=order, concurrency=concurrency, max_attempts=3, max_waiting=3
        )
        self.lane = (lambda each: each[:2]) if order == "partition" else (lambda each: (*each[:2], each.key))
        self.working: dict[object, Message] = {}
        self.finished: list[Message] = []
        self.concurrency = concurrency

    async def work(self, steps: Random) -> None:
        async for delivery in self.deliveries:
            found = delivery.message
            assert self.lane(found) not in self.working, "two of one lane at a time"
            self.working[self.lane(found)] = found
            assert len(self.working) <= self.concurrency
            outcome = steps.choice(("ack", "ack", "raise", "reject", "cancel"))
            with anyio.CancelScope() as scope:
                async with delivery:
                    for _ in range(steps.randrange(4)):
                        await anyio.lowlevel.checkpoint()
                    del self.working[self.lane(found)]
                    if outcome == "ack":
                        self.finished.append(found)
                    elif outcome == "raise":
                        raise LookupError
                    elif outcome == "reject":
                        await delivery.reject()
                    else:
                        scope.cancel()
                        await anyio.lowlevel.checkpoint()
            self.check_points()

    def check_points(self) -> None:
        done = {each[:3] for each in self.finished + [letter for letter, _, _ in self.box.taken]}
        for (topic, partition), point in self.deliveries.points().items():
            taken = [each.offset for each in self.source.taken if each.partition == partition]
            assert all((topic, partition, offset) in done for offset in taken if offset < point), "committed unhandled"


@given(
    messages=st.lists(st.tuples(st.integers(0, 1), st.sampled_from((None, b"a", b"b"))), max_size=12),
    order=st.sampled_from(("partition", "key")),
    concurrency=st.integers(1, 4),
    seed=st.integers(0, 1 << 32),
)
@hypothesis_settings(max_examples=40, deadline=None)
async def test_whatever_the_schedule_order_is_kept_all_is_handled_and_nothing_else_committed(
    messages: list[tuple[int, bytes | None]], order: str, concurrency: int, seed: int
):
    made = [message(number, partition=partition, key=key) for number, (partition, key) in enumerate(messages)]
    random = Random(seed)
    schedule = Schedule(made, order, concurrency)
    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            for _ in range(concurrency):
                group.start_soon(schedule.work, random)
            await until(lambda: len(schedule.finished) + len(schedule.box.taken) >= len(made))
            schedule.source.close()

    assert sorted(each.offset for each in schedule.finished + [each for each, _, _ in schedule.box.taken]) == list(
        range(len(made))
    )
    by_lane: dict[object, list[int]] = defaultdict(list)
    for each in schedule.finished:
        by_lane[schedule.lane(each)].append(each.offset)
    assert all(offsets == sorted(offsets) for offsets in by_lane.values())
    ends = {each.partition: each.offset + 1 for each in made}
    assert {target.partition: point for target, point in schedule.deliveries.points().items()} == ends
