"""The source and the dead letter topic in memory do what the real ones do; those are tested by the same words."""

from collections.abc import AsyncIterator

import anyio
import pytest

import gomq
from gomq.client.consuming.delivered import message_source
from gomq.client.delivering.source import Source
from gomq.errors import CorruptMessageError
from tests.support.virtual_source import DeadLetterBox, VirtualSource, message


@pytest.fixture(params=["virtual", "consumer"])
async def source(request: pytest.FixtureRequest, broker: gomq.Broker) -> AsyncIterator[Source]:
    if request.param == "virtual":
        yield VirtualSource(*(message(offset, value=b"%d" % offset) for offset in range(5)))
        return
    async with gomq.Producer(broker.address) as producer:
        await producer.publish_many("orders", [b"%d" % offset for offset in range(5)])
    async with gomq.Consumer(broker.address, "orders", replay=True) as consumer:
        yield message_source(consumer._intake, consumer._subscription)


async def test_messages_come_once_each_in_their_order_whichever_way_they_are_asked_for(source: Source):
    offsets: list[int] = []
    while len(offsets) < 5:
        found = source.take()
        offsets.append((found if found is not None else await source.next()).offset)

    assert offsets == list(range(5))
    assert source.take() is None


async def test_whoever_is_cancelled_has_lost_nothing(source: Source):
    offsets: list[int] = []
    for _ in range(5):
        with anyio.CancelScope() as scope:
            scope.cancel()
            offsets.append((await source.next()).offset)
        offsets.append((await source.next()).offset) if scope.cancelled_caught else None
    with anyio.move_on_after(0.01):
        await source.next()

    assert offsets == list(range(5))


async def test_it_says_which_topics_it_reads(source: Source):
    assert source.reads("orders")
    assert not source.reads("orders.dead")


async def test_its_end_and_its_failure_come_to_whoever_waits():
    failing, ending = VirtualSource(), VirtualSource()
    raised: list[BaseException] = []

    async def wait(source: VirtualSource) -> None:
        try:
            await source.next()
        except (StopAsyncIteration, gomq.GomqError) as error:
            raised.append(error)

    for source, end in ((failing, lambda: failing.fail(CorruptMessageError("torn"))), (ending, ending.close)):
        async with anyio.create_task_group() as group:
            group.start_soon(wait, source)
            await anyio.wait_all_tasks_blocked()
            end()
    assert [type(error) for error in raised] == [CorruptMessageError, StopAsyncIteration]


async def test_a_dead_letter_box_takes_nothing_while_it_fails_or_waits():
    box = DeadLetterBox()
    box.failure = CorruptMessageError("full")
    with pytest.raises(CorruptMessageError):
        await box.publish(message(0), reason="", attempts=1)
    box.failure, box.is_open = None, anyio.Event()
    with anyio.move_on_after(0.01):
        await box.publish(message(1), reason="", attempts=1)
    assert box.offsets == []
    box.is_open.set()
    await box.publish(message(2), reason="why", attempts=3)
    assert [(letter.offset, reason, attempts) for letter, reason, attempts in box.taken] == [(2, "why", 3)]
