"""One delivery after the other: what leaving its block says, what is said in words, and what comes next."""

import asyncio

import anyio
import pytest

import gomq
from gomq.client.delivering.delivery import Delivery
from gomq.errors import ConfigurationError, CorruptMessageError, MessageNotHandledError
from gomq_storage.layout import TopicPartition
from tests.support.virtual_source import DeadLetterBox, VirtualSource, deliveries_of, message

HERE = TopicPartition("orders", 0)


def labels(deliveries: list[Delivery]) -> list[tuple[int, int]]:
    return [(each.message.offset, each.attempt) for each in deliveries]


async def test_leaving_the_block_acknowledges_and_the_next_message_follows():
    deliveries = deliveries_of(VirtualSource(*map(message, range(5))))
    seen: list[Delivery] = []
    async for delivery in deliveries:
        assert deliveries.points() == {HERE: delivery.message.offset}
        async with delivery as entered:
            assert entered is delivery
            seen.append(delivery)
        assert deliveries.points() == {HERE: delivery.message.offset + 1}
        if len(seen) == 5:
            break

    assert labels(seen) == [(offset, 1) for offset in range(5)]


async def test_an_exception_ends_in_the_block_and_the_message_comes_again_before_those_behind_it():
    deliveries = deliveries_of(VirtualSource(*map(message, range(3))))
    seen: list[Delivery] = []
    async for delivery in deliveries:
        seen.append(delivery)
        async with delivery:
            if delivery.message.offset == 1 and delivery.attempt < 4:
                raise LookupError(f"attempt {delivery.attempt}")
        if delivery.message.offset == 2:
            break

    assert labels(seen) == [(0, 1), (1, 1), (1, 2), (1, 3), (1, 4), (2, 1)]
    assert [str(each.failure) for each in seen] == ["None", "None", "attempt 1", "attempt 2", "attempt 3", "None"]
    assert deliveries.points() == {HERE: 3}


async def test_the_pause_before_the_next_attempt_is_kept_and_other_partitions_go_on_meanwhile():
    source = VirtualSource(message(0), message(1), message(0, partition=1), message(1, partition=1))
    deliveries = deliveries_of(source, backoff=0.2)
    failed_at = 0.0
    seen: list[tuple[int, int, int]] = []
    async for delivery in deliveries:
        seen.append((delivery.message.partition, delivery.message.offset, delivery.attempt))
        async with delivery:
            if seen == [(0, 0, 1)]:
                failed_at = anyio.current_time()
                raise LookupError
            if delivery.attempt == 2:
                assert anyio.current_time() >= failed_at + 0.1
        if len(seen) == 5:
            break

    assert seen == [(0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 0, 2), (0, 1, 1)]


async def test_a_block_that_takes_too_long_is_cancelled_and_the_message_comes_again():
    deliveries = deliveries_of(VirtualSource(message(0)), ack_timeout=0.05)
    with anyio.fail_after(20):
        async with await anext(deliveries) as first:
            await anyio.sleep_forever()
    second = await anext(deliveries)

    assert (first.attempt, second.attempt, second.failure) == (1, 2, None)
    async with second:
        pass
    assert deliveries.points() == {HERE: 1}


async def test_a_block_that_is_left_well_has_acknowledged_however_long_it_took():
    deliveries = deliveries_of(VirtualSource(message(0)), ack_timeout=0.001)
    async with await anext(deliveries):
        with anyio.CancelScope(shield=True):
            await anyio.sleep(0.01)

    assert deliveries.points() == {HERE: 1}


async def test_what_a_cancelled_block_raises_instead_counts_as_its_failure():
    deliveries = deliveries_of(VirtualSource(message(0)), ack_timeout=0.01)
    async with await anext(deliveries):
        try:
            await anyio.sleep_forever()
        finally:
            raise LookupError("while cleaning up")
    again = await anext(deliveries)

    assert (again.attempt, str(again.failure)) == (2, "while cleaning up")


async def test_a_group_of_tasks_that_is_cancelled_in_part_leaves_its_other_errors_as_the_failure():
    deliveries = deliveries_of(VirtualSource(message(0)), ack_timeout=0.05)

    async def fails_when_cancelled() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            raise LookupError("in a task")

    async with await anext(deliveries), anyio.create_task_group() as group:
        group.start_soon(fails_when_cancelled)
        group.start_soon(anyio.sleep_forever)
    again = await anext(deliveries)

    assert again.attempt == 2
    assert isinstance(again.failure, ExceptionGroup)


async def test_a_cancellation_from_outside_passes_through_and_that_attempt_does_not_count():
    deliveries = deliveries_of(VirtualSource(message(0), message(1)), ack_timeout=60, max_attempts=1)
    for _ in range(3):
        with anyio.CancelScope() as scope:
            async with await anext(deliveries) as delivery:
                scope.cancel()
                await anyio.lowlevel.checkpoint()
        assert scope.cancelled_caught
        assert labels([delivery]) == [(0, 1)]
        assert deliveries.points() == {HERE: 0}


class QuitError(BaseException):
    pass


async def raise_once_cancelled(error: BaseException) -> None:
    try:
        await anyio.sleep_forever()
    finally:
        raise error


async def test_what_is_no_exception_passes_through_beside_the_cancellation_of_a_block_that_takes_too_long():
    deliveries = deliveries_of(VirtualSource(message(0)), ack_timeout=0.02)
    with anyio.fail_after(20), pytest.raises(BaseExceptionGroup) as caught:  # noqa: PT012 - the block is what is tested
        async with await anext(deliveries), anyio.create_task_group() as group:
            group.start_soon(raise_once_cancelled, QuitError())
            group.start_soon(anyio.sleep_forever)
    assert [type(each) for each in caught.value.exceptions] == [QuitError]
    assert labels([await anext(deliveries)]) == [(0, 1)]


async def test_an_exception_beside_that_cancellation_is_not_swallowed_behind_an_acknowledgement():
    deliveries = deliveries_of(VirtualSource(message(0)), ack_timeout=0.02)

    async def acknowledge_too_late(delivery: Delivery) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            await delivery.ack()
            raise LookupError

    with anyio.fail_after(20), pytest.raises(ExceptionGroup):  # noqa: PT012 - the block is what is tested
        async with await anext(deliveries) as delivery, anyio.create_task_group() as group:
            group.start_soon(acknowledge_too_late, delivery)
            group.start_soon(anyio.sleep_forever)
    assert deliveries.points() == {HERE: 1}


@pytest.mark.parametrize("anyio_backend", [("asyncio", {})], ids=["asyncio"])
async def test_asyncios_own_cancellation_passes_through_and_that_attempt_does_not_count():
    deliveries = deliveries_of(VirtualSource(message(0)), ack_timeout=60, max_attempts=1)

    async def work() -> None:
        async with await anext(deliveries):
            await anyio.sleep_forever()

    task = asyncio.create_task(work())
    await anyio.wait_all_tasks_blocked()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert labels([await anext(deliveries)]) == [(0, 1)]


async def test_what_is_no_exception_passes_through():
    deliveries = deliveries_of(VirtualSource(message(0)))
    with pytest.raises(QuitError):
        async with await anext(deliveries):
            raise QuitError
    assert labels([await anext(deliveries)]) == [(0, 1)]


async def test_acknowledged_in_words():
    deliveries = deliveries_of(VirtualSource(message(0), message(1)))
    delivery = await anext(deliveries)
    before = delivery.is_current
    assert await delivery.ack()
    assert (before, delivery.is_current) == (True, False)
    assert not await delivery.ack()
    assert not await delivery.retry()
    assert not await delivery.reject("too late")
    assert deliveries.points() == {HERE: 1}
    assert labels([await anext(deliveries)]) == [(1, 1)]


async def test_an_exception_behind_an_acknowledgement_is_not_swallowed():
    deliveries = deliveries_of(VirtualSource(message(0)), ack_timeout=60)
    with pytest.raises(LookupError):  # noqa: PT012 - the block is what is tested
        async with await anext(deliveries) as delivery:
            await delivery.ack()
            raise LookupError
    assert deliveries.points() == {HERE: 1}


async def test_an_acknowledgement_in_the_block_ends_its_ack_timeout():
    deliveries = deliveries_of(VirtualSource(message(0)), ack_timeout=0.2)
    async with await anext(deliveries) as delivery:
        await delivery.ack()
        await anyio.sleep(0.25)
        is_reached = True

    assert is_reached


async def test_given_back_in_words_with_a_pause_of_ones_own():
    deliveries = deliveries_of(VirtualSource(message(0)), backoff=30)
    async with await anext(deliveries) as delivery:
        await delivery.retry(after=0.05)
    before = anyio.current_time()
    with anyio.fail_after(20):
        again = await anext(deliveries)

    assert (again.attempt, again.failure) == (2, None)
    assert anyio.current_time() >= before + 0.04
    with pytest.raises(ValueError, match="after must be 0 or more seconds"):
        await again.retry(after=-1)


async def test_a_message_without_any_more_attempts_goes_to_the_dead_letters_and_only_then_counts_as_done():
    box = DeadLetterBox()
    deliveries = deliveries_of(VirtualSource(message(0), message(1)), box, max_attempts=2)
    points: list[int] = []
    box.on_wait = lambda: points.append(deliveries.points()[HERE])
    for attempt in (1, 2):
        async with await anext(deliveries) as delivery:
            assert delivery.attempt == attempt
            raise LookupError("no")

    assert points == [0]
    assert deliveries.points() == {HERE: 1}
    assert [(each.offset, reason, attempts) for each, reason, attempts in box.taken] == [(0, "LookupError: no", 2)]
    assert labels([await anext(deliveries)]) == [(1, 1)]


async def test_a_rejected_message_goes_to_the_dead_letters_at_once():
    box = DeadLetterBox()
    deliveries = deliveries_of(VirtualSource(message(0)), box)
    await (await anext(deliveries)).reject("no such customer")

    assert [(reason, attempts) for _, reason, attempts in box.taken] == [("no such customer", 1)]
    assert deliveries.points() == {HERE: 1}


@pytest.mark.parametrize("how", ["raise", "reject", "retry", "dropped"])
async def test_without_dead_letters_a_message_that_is_given_up_ends_the_deliveries(how: str):
    deliveries = deliveries_of(VirtualSource(message(7), message(8)), max_attempts=1, ack_timeout=0.01)
    delivery = await anext(deliveries)
    match how:
        case "raise":
            async with delivery:
                raise LookupError("no")
        case "reject":
            await delivery.reject("no")
        case "retry":
            await delivery.retry()
        case _:
            pass

    for _ in range(2):
        with (
            anyio.fail_after(20),
            pytest.raises(MessageNotHandledError, match="orders-0 offset 7 not handled") as caught,
        ):
            await anext(deliveries)
        error = caught.value
        assert isinstance(error, gomq.DeliveryFailedError)
        assert (error.topic, error.partition, error.offset, error.attempts, error.count) == ("orders", 0, 7, 1, 1)
        assert isinstance(error.__cause__, LookupError) == (how == "raise")
    assert deliveries.points() == {HERE: 7}


async def test_dead_letters_that_are_not_taken_end_the_deliveries_and_say_why():
    box = DeadLetterBox()
    box.failure = CorruptMessageError("the disk is full")
    deliveries = deliveries_of(VirtualSource(message(0)), box, max_attempts=1)
    async with await anext(deliveries):
        raise LookupError("no")

    with pytest.raises(
        MessageNotHandledError, match=r"LookupError: no; topic 'orders\.dead' does not take it: the disk"
    ) as caught:
        await anext(deliveries)
    assert caught.value.__cause__ is box.failure
    assert deliveries.points() == {HERE: 0}


async def test_whoever_is_cancelled_while_a_dead_letter_is_published_leaves_it_to_the_next():
    box = DeadLetterBox()
    box.is_open = anyio.Event()
    deliveries = deliveries_of(VirtualSource(message(0), message(1)), box, max_attempts=1)
    box.on_wait = lambda: scope.cancel()  # noqa: PLW0108 - the scope is that of the time
    with anyio.CancelScope() as scope:
        async with await anext(deliveries):
            raise LookupError("no")
    assert scope.cancelled_caught
    with anyio.CancelScope() as scope:
        await anext(deliveries)
    assert scope.cancelled_caught
    assert (box.taken, deliveries.points()) == ([], {HERE: 0})
    box.is_open.set()

    assert labels([await anext(deliveries)]) == [(1, 1)]
    assert [(each.offset, reason) for each, reason, _ in box.taken] == [(0, "LookupError: no")]


async def test_a_dropped_delivery_comes_again_after_the_ack_timeout_and_what_is_said_of_the_old_one_is_too_late():
    deliveries = deliveries_of(VirtualSource(message(0), message(1)), ack_timeout=0.02)
    dropped = await anext(deliveries)
    with anyio.fail_after(20):
        again = await anext(deliveries)

    assert labels([dropped, again]) == [(0, 1), (0, 2)]
    assert not await dropped.ack()
    async with dropped:
        await anyio.sleep_forever()  # is cancelled at once
    assert deliveries.points() == {HERE: 0}
    async with again:
        pass
    assert deliveries.points() == {HERE: 1}


async def test_a_delivery_that_was_taken_back_cannot_be_acknowledged_before_its_next_attempt_either():
    deliveries = deliveries_of(VirtualSource(message(0)), ack_timeout=0.01, backoff=30)
    dropped = await anext(deliveries)
    with anyio.fail_after(20):
        while dropped.is_current:
            with anyio.move_on_after(0.05):
                await anext(deliveries)

    assert not await dropped.ack()
    assert deliveries.points() == {HERE: 0}


async def test_without_ack_timeout_a_dropped_delivery_is_an_error_that_says_what_to_do():
    deliveries = deliveries_of(VirtualSource(message(5), message(6)))
    dropped = await anext(deliveries)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match=r"orders-0 offset 5, attempt 1> was neither .* set ack_timeout"):
            await anext(deliveries)
    await dropped.ack()

    assert labels([await anext(deliveries)]) == [(6, 1)]


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
async def test_a_task_that_was_just_given_the_only_delivery_is_waited_for(turns: int):
    deliveries = deliveries_of(VirtualSource(*map(message, range(4))))
    handled: list[int] = []

    async def handle(delivery: Delivery) -> None:
        async with delivery:
            for _ in range(turns):
                await anyio.lowlevel.checkpoint()
            handled.append(delivery.message.offset)

    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            async for delivery in deliveries:
                assert handled == list(range(delivery.message.offset))
                group.start_soon(handle, delivery)
                if delivery.message.offset == 3:
                    break

    assert deliveries.points() == {HERE: 4}


async def test_a_block_is_entered_once():
    deliveries = deliveries_of(VirtualSource(message(0)))
    delivery = await anext(deliveries)
    async with delivery:
        pass
    with pytest.raises(RuntimeError, match="can be entered once"):
        async with delivery:
            raise AssertionError("not reached")


async def test_breaking_out_of_the_loop_leaves_what_is_in_hand_unfinished_and_the_rest_comes_later():
    deliveries = deliveries_of(VirtualSource(*map(message, range(3))))
    async for delivery in deliveries:
        assert labels([delivery]) == [(0, 1)]
        break
    assert deliveries.points() == {HERE: 0}
    await delivery.ack()
    assert labels([await anext(deliveries)]) == [(1, 1)]


async def test_the_end_of_the_source_ends_the_iteration_and_what_is_in_hand_still_counts():
    source = VirtualSource(message(0))
    deliveries = deliveries_of(source, concurrency=2)
    delivery = await anext(deliveries)
    async with anyio.create_task_group() as group:
        group.start_soon(anyio.lowlevel.checkpoint)
        source.close()
        assert [each async for each in deliveries] == []
    await delivery.ack()

    assert deliveries.points() == {HERE: 1}
    assert [each async for each in deliveries] == []


async def test_an_error_of_the_source_is_raised_where_the_next_one_is_asked_for():
    source = VirtualSource(message(0))
    source.fail(CorruptMessageError("torn"))
    deliveries = deliveries_of(source)
    async with await anext(deliveries):
        pass
    with pytest.raises(CorruptMessageError, match="torn"):
        await anext(deliveries)


async def test_attempts_that_fail_at_once_leave_room_for_a_cancellation():
    deliveries = deliveries_of(VirtualSource(message(0)), max_attempts=None)
    attempts = 0
    with anyio.CancelScope() as scope:
        async for delivery in deliveries:
            async with delivery:
                attempts += 1
                if attempts == 50:
                    scope.cancel()
                raise LookupError

    assert (scope.cancelled_caught, attempts) == (True, 50)


def test_dead_letters_onto_a_topic_that_is_consumed_are_refused():
    source = VirtualSource()
    source.reads = lambda topic: topic.startswith("orders")  # type: ignore[method-assign]
    with pytest.raises(ConfigurationError, match=r"dead_letter is 'orders\.dead', which is among the topics"):
        deliveries_of(source, DeadLetterBox())
