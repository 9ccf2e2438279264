"""The handler form: as many tasks as are wanted, and how they end."""

import functools

import anyio
import pytest

from gomq.client.delivering.delivery import Delivery
from gomq.client.delivering.handling import handle_all
from gomq.errors import ConfigurationError, CorruptMessageError, MessageNotHandledError
from gomq_storage.layout import TopicPartition
from tests.support.virtual_source import VirtualSource, deliveries_of, message
from tests.support.waiting import until


async def test_each_message_is_handled_and_so_many_at_a_time():
    source = VirtualSource(*(message(each, key=b"%d" % each) for each in range(20)))
    deliveries = deliveries_of(source, concurrency=4, order="key")
    at_work, most = 0, 0
    handled: list[int] = []

    async def handle(delivery: Delivery) -> None:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        await anyio.wait_all_tasks_blocked()
        at_work -= 1
        handled.append(delivery.message.offset)
        if len(handled) == 20:
            source.close()

    with anyio.fail_after(10):
        await handle_all(deliveries, handle, concurrency=4)

    assert (sorted(handled), most) == (list(range(20)), 4)
    assert deliveries.points() == {TopicPartition("orders", 0): 20}


async def test_a_handler_that_raises_gets_the_message_again():
    source = VirtualSource(message(0), message(1))
    deliveries = deliveries_of(source)
    attempts: list[tuple[int, int]] = []

    async def handle(delivery: Delivery) -> None:
        attempts.append((delivery.message.offset, delivery.attempt))
        if delivery.attempt < 3:
            raise LookupError
        if delivery.message.offset == 1:
            source.close()

    with anyio.fail_after(10):
        await handle_all(deliveries, handle, concurrency=1)
    assert attempts == [(0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (1, 3)]


async def test_a_stop_lets_those_at_work_finish_and_begins_with_no_more():
    source = VirtualSource(*(message(0, partition=each) for each in range(9)))
    deliveries = deliveries_of(source, concurrency=3)
    go_on = anyio.Event()
    begun, handled = 0, 0

    async def handle(_: Delivery) -> None:
        nonlocal begun, handled
        begun += 1
        await go_on.wait()
        handled += 1

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(functools.partial(handle_all, deliveries, handle, concurrency=3))
            await until(lambda: begun == 3)
            deliveries.stop()
            await anyio.wait_all_tasks_blocked()
            go_on.set()

    assert (begun, handled) == (3, 3)
    assert sorted(deliveries.points().values()) == [1, 1, 1]


async def test_a_message_that_is_given_up_is_raised_by_itself_and_cancels_the_handlers_at_work():
    source = VirtualSource(*(message(0, partition=each) for each in range(3)))
    deliveries = deliveries_of(source, concurrency=3, max_attempts=1)
    cancelled = 0

    async def handle(delivery: Delivery) -> None:
        nonlocal cancelled
        if delivery.message.partition == 2:
            await anyio.wait_all_tasks_blocked()
            raise LookupError("no")
        try:
            await anyio.sleep_forever()
        finally:
            cancelled += 1

    with anyio.fail_after(10), pytest.raises(MessageNotHandledError, match=r"orders-2 offset 0 .* LookupError: no"):
        await handle_all(deliveries, handle, concurrency=3)
    assert cancelled == 2
    assert {target.partition: point for target, point in deliveries.points().items()} == {0: 0, 1: 0, 2: 0}


async def test_an_error_of_the_source_is_raised_by_itself():
    source = VirtualSource()
    source.fail(CorruptMessageError("torn"))

    async def handle(_: Delivery) -> None:
        raise AssertionError("not reached")

    with anyio.fail_after(10), pytest.raises(CorruptMessageError, match="torn"):
        await handle_all(deliveries_of(source, concurrency=3), handle, concurrency=3)


@pytest.mark.parametrize("wraps", [False, True])
async def test_a_handler_that_is_not_asynchronous_is_refused_and_nothing_counts_as_handled(wraps: bool):
    def handle(_: Delivery) -> None:
        pass

    deliveries = deliveries_of(VirtualSource(message(0)))
    handler = functools.partial(handle) if wraps else handle
    with anyio.fail_after(10), pytest.raises(ConfigurationError, match="is not asynchronous: make it `async def`"):
        await handle_all(deliveries, handler, concurrency=1)  # type: ignore[arg-type]
    assert deliveries.points() == {TopicPartition("orders", 0): 0}


async def test_whoever_cancels_it_has_lost_nothing():
    deliveries = deliveries_of(VirtualSource(message(0)), concurrency=3, max_attempts=1)

    async def handle(_: Delivery) -> None:
        scope.cancel()
        await anyio.sleep_forever()

    with anyio.fail_after(10):
        with anyio.CancelScope() as scope:
            await handle_all(deliveries, handle, concurrency=3)
        again = await anext(deliveries)

    assert scope.cancelled_caught
    assert (again.message.offset, again.attempt) == (0, 1)
