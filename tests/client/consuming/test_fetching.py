"""Fetching through trouble: what passes is tried again, what does not reaches whoever iterates, behind the rest."""

from typing import Any

import anyio
import pytest

import gomq
from gomq.client.cluster.settings import ConnectionSettings
from gomq.client.consuming.settings import ConsumerSettings
from gomq.errors import (
    LeaderNotAvailableError,
    OffsetOutOfRangeError,
    ProtocolError,
)
from gomq.protocol.api import Api
from gomq_storage.compression import Codec
from gomq_storage.record import NewRecord, encode_batch
from tests.support.fake_broker import (
    Exchange,
    FakeCluster,
    Fault,
    answers_another_request,
    fails_with,
    hangs_up,
    hangs_up_in_the_middle,
    sends,
    stays_silent,
)
from tests.support.fake_partition import Partition
from tests.support.waiting import until

QUICK = ConnectionSettings(first_backoff=0.01, max_backoff=0.05, request_timeout=0.5)


def quick(**settings: Any) -> ConsumerSettings:
    return ConsumerSettings(**{"connection": QUICK, "max_wait": 0.1, **settings})


def batch_of(*values: bytes, codec: Codec = Codec.NONE) -> bytes:
    return encode_batch([NewRecord(value) for value in values], now_ms=0, codec=codec)


def fill(partition: Partition, count: int, *, first: int = 0) -> None:
    for number in range(first, first + count):
        partition.append(batch_of(b"%d" % number))


async def take(consumer: gomq.Consumer, count: int) -> list[bytes | None]:
    with anyio.fail_after(10):
        return [(await anext(consumer)).value for _ in range(count)]


def numbers(count: int, first: int = 0) -> list[bytes]:
    return [b"%d" % number for number in range(first, first + count)]


@pytest.mark.parametrize(
    "fault",
    [
        *(pytest.param(fails_with(code), id=f"error {code}") for code in (3, 5, 6, 7, 9, 56, 74)),
        pytest.param(hangs_up, id="closed connection"),
        pytest.param(hangs_up_in_the_middle, id="half an answer"),
        pytest.param(stays_silent, id="no answer"),
    ],
)
async def test_what_may_pass_is_fetched_again_without_loss_or_duplicates(fake: FakeCluster, fault: Fault):
    (partition,) = fake.answers.make_topic("orders")
    fill(partition, 10)
    fake.next(Api.FETCH, fault)
    async with gomq.Consumer(fake.address, "orders", replay=True, settings=quick()) as consumer:
        assert await take(consumer, 10) == numbers(10)
        fake.next(Api.FETCH, fault)
        fill(partition, 10, first=10)
        assert await take(consumer, 10) == numbers(10, first=10)


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        (answers_another_request, "which was not its turn"),
        (sends(b"\0\xff\xff"), "not a FetchResponse v17"),
        (sends(b"\x7f\xff\xff\xff", framed=False), "frame of 2147483647 bytes"),
    ],
    ids=["wrong id", "garbage", "huge"],
)
async def test_an_answer_that_is_none_ends_the_iteration_with_its_error(
    fake: FakeCluster, fault: Fault, complaint: str
):
    fake.answers.make_topic("orders")
    fake.next(Api.FETCH, fault)
    async with gomq.Consumer(fake.address, "orders", settings=quick()) as consumer:
        for _ in range(2):
            with anyio.fail_after(20), pytest.raises(ProtocolError, match=complaint):
                await anext(consumer)


async def test_partitions_are_followed_to_their_leaders(pair: FakeCluster):
    first, second = pair.answers.make_topic("orders", partitions=2)
    async with gomq.Consumer(pair.address, "orders", replay=True, settings=quick()) as consumer:
        first.append(batch_of(b"a"))
        second.append(batch_of(b"b"))
        assert sorted(await take(consumer, 2), key=str) == [b"a", b"b"]
        first.leader, second.leader = 2, 1
        first.append(batch_of(b"c"))
        second.append(batch_of(b"d"))
        assert sorted(await take(consumer, 2), key=str) == [b"c", b"d"]
        second.leader = -1
        second.append(batch_of(b"e"))
        first.append(batch_of(b"f"))
        assert await take(consumer, 1) == [b"f"]
        second.leader = 2
        assert await take(consumer, 1) == [b"e"]


async def test_a_node_that_is_gone_is_left_for_the_new_leader(pair: FakeCluster):
    (partition,) = pair.answers.make_topic("orders")
    fill(partition, 3)
    async with gomq.Consumer(pair.address, "orders", replay=True, settings=quick()) as consumer:
        assert await take(consumer, 3) == numbers(3)
        pair.stop(1)
        partition.leader = 2
        fill(partition, 3, first=3)
        assert await take(consumer, 3) == numbers(3, first=3)


async def test_a_broker_that_stays_away_is_given_up_in_the_end(fake: FakeCluster):
    (partition,) = fake.answers.make_topic("orders")
    fill(partition, 3)
    async with gomq.Consumer(fake.address, "orders", replay=True, settings=quick(retry_timeout=0.3)) as consumer:
        assert await take(consumer, 3) == numbers(3)
        fake.stop(1)
        with anyio.fail_after(20), pytest.raises(gomq.ConnectionFailedError, match=fake.address):
            await anext(consumer)


async def test_a_partition_that_stays_without_a_leader_is_given_up_in_the_end(fake: FakeCluster):
    (partition,) = fake.answers.make_topic("orders")
    async with gomq.Consumer(fake.address, "orders", replay=True, settings=quick(retry_timeout=0.3)) as consumer:
        partition.leader = -1
        with anyio.fail_after(20), pytest.raises(gomq.BrokerError, match="orders-0") as caught:
            await anext(consumer)
        assert caught.value.retriable
    assert isinstance(caught.value, LeaderNotAvailableError) or caught.value.code == 6


async def test_a_topic_deleted_under_way_ends_the_iteration(fake: FakeCluster, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("gomq.client.consuming.fetcher._UNKNOWN_TOPIC_PATIENCE", 0.2)
    (partition,) = fake.answers.make_topic("orders")
    fill(partition, 3)
    async with gomq.Consumer(fake.address, "orders", replay=True, settings=quick()) as consumer:
        assert await take(consumer, 3) == numbers(3)
        del fake.answers.topics["orders"]
        with anyio.fail_after(20), pytest.raises(gomq.UnknownTopicError, match="orders"):
            await anext(consumer)
    assert "orders" not in fake.answers.topics


async def test_an_offset_that_is_gone_is_an_error_and_is_not_asked_for_again(fake: FakeCluster):
    (partition,) = fake.answers.make_topic("orders")
    fill(partition, 3)
    async with gomq.Consumer(fake.address, "orders", replay=True, settings=quick()) as consumer:
        assert await take(consumer, 3) == numbers(3)
        partition.start = partition.end = 100
        partition.batches.clear()
        for _ in range(2):
            with anyio.fail_after(20), pytest.raises(OffsetOutOfRangeError, match="orders-0 has no offset 3"):
                await anext(consumer)
        asked = len(fake.asked(Api.FETCH))
        with anyio.move_on_after(0.1):
            await until(lambda: len(fake.asked(Api.FETCH)) > asked)
        assert len(fake.asked(Api.FETCH)) == asked


async def test_an_error_of_one_partition_comes_though_the_others_never_run_dry(pair: FakeCluster):
    first, second = pair.answers.make_topic("orders", partitions=2)
    fill(first, 50)
    async with gomq.Consumer(pair.address, "orders", replay=True, settings=quick(fetch_bytes=100)) as consumer:
        second.start = second.end = 100
        with anyio.fail_after(20), pytest.raises(OffsetOutOfRangeError, match="orders-1"):  # noqa: PT012 - the loop is tested
            async for _ in consumer:
                fill(first, 5, first=first.end)


async def test_after_stop_nothing_is_fetched_any_more(fake: FakeCluster):
    (partition,) = fake.answers.make_topic("orders")
    async with gomq.Consumer(fake.address, "orders", replay=True, settings=quick()) as consumer:
        await until(lambda: fake.asked(Api.FETCH))
        consumer.stop()
        fill(partition, 1)
        await anyio.wait_all_tasks_blocked()
        asked = len(fake.asked(Api.FETCH))
        fill(partition, 1)
        with anyio.move_on_after(0.15):
            await until(lambda: len(fake.asked(Api.FETCH)) > asked)
        assert len(fake.asked(Api.FETCH)) == asked


async def test_a_broker_that_answers_at_once_with_nothing_is_asked_with_pauses(fake: FakeCluster):
    fake.answers.make_topic("orders")

    async def nothing(exchange: Exchange) -> None:
        values = {"throttle_time": 0, "error_code": 0, "session_id": 0, "responses": []}
        await exchange.stream.send(exchange.frame(values))

    fake.always(Api.FETCH, nothing)
    connection = ConnectionSettings(first_backoff=0.05, max_backoff=0.05)
    settings = ConsumerSettings(connection=connection)
    async with gomq.Consumer(fake.address, "orders", settings=settings) as consumer:
        began = anyio.current_time()
        async with anyio.create_task_group() as group:
            group.start_soon(anext, consumer)
            await until(lambda: len(fake.asked(Api.FETCH)) >= 7)
            group.cancel_scope.cancel()

    assert anyio.current_time() - began >= 6 * 0.05 / 2  # a pause is between half of that and all of it


async def test_a_leader_that_moved_while_the_buffer_was_full_is_fetched_from(pair: FakeCluster):
    stays, moves = pair.answers.make_topic("orders", partitions=2)
    moves.leader = stays.leader = 1
    fill(stays, 1)
    fill(moves, 1)
    async with gomq.Consumer(pair.address, "orders", replay=True, settings=quick(buffer_bytes=1)) as consumer:
        await until(lambda: consumer._intake._buffer.size)
        await anyio.wait_all_tasks_blocked()
        moves.leader = 2
        assert consumer._cluster is not None
        await consumer._cluster.refresh(["orders"])
        fill(moves, 1, first=1)
        assert sorted(await take(consumer, 3)) == [b"0", b"0", b"1"]  # type: ignore[type-var]


@pytest.mark.parametrize("code", [6, 29])
async def test_looking_up_offsets_is_tried_again_where_that_may_help(fake: FakeCluster, code: int):
    (partition,) = fake.answers.make_topic("orders")
    fill(partition, 3)
    async with gomq.Consumer(fake.address, "orders", settings=quick()) as consumer:
        fake.next(Api.LIST_OFFSETS, fails_with(code))
        if code == 6:
            assert await consumer.end_offsets() == {("orders", 0): 3}
        else:
            with pytest.raises(gomq.BrokerError, match="orders-0") as caught:
                await consumer.end_offsets()
            assert caught.value.code == code


async def test_looking_up_offsets_outlasts_a_restart(fake: FakeCluster):
    (partition,) = fake.answers.make_topic("orders")
    fill(partition, 3)
    connection = ConnectionSettings(first_backoff=0.01, max_backoff=0.02)
    async with gomq.Consumer(fake.address, "orders", settings=ConsumerSettings(connection=connection)) as consumer:
        fake.stop(1)
        await anyio.wait_all_tasks_blocked()
        async with anyio.create_task_group() as group:

            async def look_up() -> None:
                assert await consumer.end_offsets() == {("orders", 0): 3}

            group.start_soon(look_up)
            with anyio.move_on_after(0.1):
                await anyio.sleep_forever()
            await fake.start(1)
