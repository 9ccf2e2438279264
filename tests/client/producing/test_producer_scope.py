"""What the producer's block promises: nothing outlives it, nothing is lost in silence, errors come by themselves."""

import asyncio
from typing import Any

import anyio
import pytest
from anyio import lowlevel

import gomq
from gomq.client.cluster.settings import ConnectionSettings
from gomq.client.producing.settings import ProducerSettings
from gomq.errors import ClosedError
from gomq.protocol.api import Api
from tests.support.fake_broker import FakeCluster, stays_silent, waits_for
from tests.support.waiting import until


async def test_outside_of_its_block_a_producer_says_so(fake: FakeCluster):
    producer = gomq.Producer(fake.address)
    calls = [
        lambda: producer.publish("orders", b"x"),
        lambda: producer.publish_many("orders", [b"x"]),
        lambda: producer.create_topic("orders"),
        producer.flush,
    ]
    for call in calls:
        with pytest.raises(ClosedError, match=r"use it inside of `async with Producer\(...\)`"):
            await call()
    async with producer:
        await producer.publish("orders", b"x")
    for call in calls:
        with pytest.raises(ClosedError, match="the producer is not open"):
            await call()


async def test_a_producer_is_entered_once(fake: FakeCluster):
    async with gomq.Producer(fake.address) as producer:
        pass
    with pytest.raises(RuntimeError, match="a Producer can be entered once"):
        await producer.__aenter__()


async def test_leaving_the_block_delivers_what_is_under_way(fake: FakeCluster):
    answer = anyio.Event()
    fake.next(Api.PRODUCE, waits_for(answer))
    receipts: list[gomq.Receipt] = []
    has_left = False

    async def publish(producer: gomq.Producer) -> None:
        receipts.append(await producer.publish("orders", b"x"))

    async def answer_once_it_is_asked() -> None:
        await until(lambda: fake.asked(Api.PRODUCE))
        await anyio.wait_all_tasks_blocked()
        assert not has_left
        answer.set()

    async with anyio.create_task_group() as group:
        async with gomq.Producer(fake.address, linger=3600) as producer:
            await producer.create_topic("orders")
            group.start_soon(publish, producer)
            group.start_soon(publish, producer)
            group.start_soon(answer_once_it_is_asked)
            await anyio.wait_all_tasks_blocked()
        has_left = True

    assert sorted(receipt.offset for receipt in receipts) == [0, 1]


async def test_an_exception_in_the_block_comes_out_by_itself(fake: FakeCluster):
    fake.always(Api.PRODUCE, stays_silent)
    with anyio.fail_after(10), pytest.raises(LookupError, match="mine"):
        async with gomq.Producer(fake.address):
            raise LookupError("mine")


async def test_an_exception_group_of_the_block_stays_the_one_it_is(fake: FakeCluster):
    mine = ExceptionGroup("mine", [LookupError("a")])
    with pytest.raises(ExceptionGroup) as caught:
        async with gomq.Producer(fake.address):
            raise mine
    assert caught.value is mine


@pytest.mark.parametrize("how", ["publish", "room", "publish_many", "topic"])
async def test_whoever_waits_elsewhere_is_told_when_the_block_ends_badly(fake: FakeCluster, how: str):
    fake.always(Api.PRODUCE, stays_silent)
    settings = ProducerSettings(max_batch_bytes=500, buffer_bytes=500)
    told: list[BaseException] = []

    async def wait(producer: gomq.Producer) -> None:
        try:
            match how:
                case "publish_many":
                    await producer.publish_many("orders", [bytes(100)] * 100)
                case "topic":
                    await producer.publish("unknown", b"x")
                case _:
                    await producer.publish("orders", bytes(300))
        except gomq.GomqError as error:
            told.append(error)

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            with pytest.raises(LookupError):  # noqa: PT012 - the block is what is tested
                async with gomq.Producer(fake.address, settings=settings) as producer:
                    await producer.create_topic("orders")
                    if how == "topic":
                        fake.always(Api.METADATA, stays_silent)
                    for _ in range(3 if how == "room" else 1):
                        group.start_soon(wait, producer)
                    await until(lambda: fake.asked(Api.PRODUCE) or how == "topic")
                    await anyio.wait_all_tasks_blocked()
                    raise LookupError

    assert [type(error) for error in told] == [ClosedError] * (3 if how == "room" else 1)
    assert len({id(error) for error in told}) == len(told)


async def test_whoever_still_connects_when_the_block_ends_is_told(fake: FakeCluster):
    fake.answers.make_topic("orders")
    told: list[BaseException] = []

    async def wait(producer: gomq.Producer) -> None:
        try:
            await producer.publish("other", b"x")
        except gomq.GomqError as error:
            told.append(error)

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group, gomq.Producer(fake.address) as producer:
            fake.stop(1)
            await until(lambda: not any(each.is_open for each in connections(producer)))
            await fake.start(1)
            fake.always(Api.API_VERSIONS, stays_silent)
            group.start_soon(wait, producer)
            await until(lambda: len(fake.asked(Api.API_VERSIONS)) > 1)

    assert [type(error) for error in told] == [ClosedError]


def connections(producer: gomq.Producer) -> list[Any]:
    assert producer._cluster is not None
    return list(producer._cluster._connections.values())


async def test_a_block_that_is_cancelled_ends_at_once(fake: FakeCluster):
    fake.always(Api.PRODUCE, stays_silent)
    with anyio.fail_after(10):
        with anyio.move_on_after(0.1) as scope:
            async with gomq.Producer(fake.address) as producer:
                await producer.publish("orders", b"x")
        assert scope.cancelled_caught


async def test_a_flush_on_leaving_can_be_cancelled(fake: FakeCluster):
    fake.always(Api.PRODUCE, stays_silent)
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            with anyio.move_on_after(0.2) as scope:
                async with gomq.Producer(fake.address) as producer:
                    await producer.create_topic("orders")
                    group.start_soon(swallow_closed, producer)
                    await until(lambda: fake.asked(Api.PRODUCE))
            assert scope.cancelled_caught


async def swallow_closed(producer: gomq.Producer) -> None:
    with pytest.raises(ClosedError):
        await producer.publish("orders", b"x")


@pytest.mark.parametrize("anyio_backend", [("asyncio", {"debug": True})], ids=["asyncio"])
async def test_asyncios_own_cancellation_is_not_swallowed(fake: FakeCluster):
    fake.always(Api.PRODUCE, stays_silent)

    async def publish() -> None:
        async with gomq.Producer(fake.address) as producer:
            await producer.publish("orders", b"x")

    task = asyncio.create_task(publish())
    await until(lambda: fake.asked(Api.PRODUCE))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_failure_inside_is_raised_by_the_block_and_not_in_a_group(
    fake: FakeCluster, monkeypatch: pytest.MonkeyPatch
):
    fake.always(Api.PRODUCE, stays_silent)

    def breaks() -> float:
        raise ArithmeticError("inside")

    with anyio.fail_after(10), pytest.raises(ArithmeticError, match="inside"):  # noqa: PT012 - the block is tested
        async with gomq.Producer(fake.address, delivery_timeout=0.1) as producer:
            await producer.create_topic("orders")
            monkeypatch.setattr(producer._sender, "_expire", breaks)
            await producer.publish("orders", b"x")


async def test_a_failure_inside_does_not_hide_one_of_the_block(fake: FakeCluster, monkeypatch: pytest.MonkeyPatch):
    def breaks() -> None:
        raise ArithmeticError("inside")

    with pytest.raises(ExceptionGroup) as caught:  # noqa: PT012 - the block is what is tested
        async with gomq.Producer(fake.address) as producer:
            await producer.create_topic("orders")
            for connection in connections(producer):
                monkeypatch.setattr(connection._channel, "_fail_waiting", lambda _: breaks())
            raise LookupError("mine")

    assert {type(error) for error in caught.value.exceptions} == {LookupError, ArithmeticError}


async def test_no_task_is_left_behind(fake: FakeCluster):
    async def names() -> set[str | None]:
        await anyio.wait_all_tasks_blocked()
        await lowlevel.checkpoint()
        return {task.name for task in anyio.get_running_tasks() if task.name and "gomq." in task.name}

    async with gomq.Producer(fake.address, settings=ProducerSettings(connection=ConnectionSettings())) as producer:
        await producer.publish("orders", b"x")
        assert await names()
    assert await names() == set()


async def test_an_entry_that_fails_leaves_nothing_open(fake: FakeCluster):
    fake.stop(1)
    await anyio.wait_all_tasks_blocked()
    producer = gomq.Producer(fake.address)
    with pytest.raises(gomq.ConnectionFailedError, match=fake.address):
        async with producer:
            raise AssertionError("not reached")
    with pytest.raises(ClosedError):
        await producer.publish("orders", b"x")
