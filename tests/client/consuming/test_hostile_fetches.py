"""Brokers that answer a fetch with what no broker should: nothing crashes, comes twice or goes backwards."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import anyio
import pytest

import gomq
from gomq.errors import CorruptMessageError, LogTruncatedError, ProtocolError
from gomq.protocol.api import Api
from gomq_storage.batch import read_header, stamp
from gomq_storage.record import build_batch
from gomq_storage.varint import encode
from tests.client.consuming.test_fetching import batch_of, fill, numbers, quick, take
from tests.client.consuming.test_truncation import elect, old_versions
from tests.support.fake_broker import Exchange, FakeCluster, Fault

Twist = Callable[[dict[str, Any], Exchange], None]


def twisted(twist: Twist) -> Fault:
    """Answers, but for a twist to the one partition's part."""

    async def fault(exchange: Exchange) -> None:
        values = await exchange.right_answer_values()
        twist(values, exchange)
        await exchange.stream.send(exchange.frame(values))

    return fault


def twice(values: dict[str, Any], _: Exchange) -> None:
    values["responses"] *= 2
    values["responses"][0]["partitions"] *= 2


def not_asked_for(values: dict[str, Any], _: Exchange) -> None:
    (partition,) = values["responses"][0]["partitions"]
    values["responses"][0]["partitions"] += [partition | {"partition_index": index} for index in (1, 2**31 - 1)]
    values["responses"].append({"topic": "others", "topic_id": uuid4(), "partitions": [partition]})


def from_the_first(values: dict[str, Any], exchange: Exchange) -> None:
    (stored,) = exchange.cluster.answers.topics["orders"]
    values["responses"][0]["partitions"][0]["records"] = b"".join(batch for _, batch in stored.batches)


def doubled(values: dict[str, Any], _: Exchange) -> None:
    values["responses"][0]["partitions"][0]["records"] *= 2


def overlapping(values: dict[str, Any], _: Exchange) -> None:
    """Behind each batch one that begins within it."""
    partition = values["responses"][0]["partitions"][0]
    if data := partition["records"]:
        header = read_header(data)
        again = stamp(header, base_offset=max(0, header.base_offset - 1), leader_epoch=0) + data[16 : header.size]
        partition["records"] = data + again


def nothing_at_all(values: dict[str, Any], _: Exchange) -> None:
    values["responses"] = []


@pytest.mark.parametrize(
    "twist", [twice, not_asked_for, from_the_first, doubled, overlapping], ids=lambda twist: twist.__name__
)
async def test_each_message_comes_once_all_the_same(fake: FakeCluster, twist: Twist):
    (partition,) = fake.answers.make_topic("orders")
    fake.always(Api.FETCH, twisted(twist))
    async with gomq.Consumer(fake.address, "orders", replay=True, settings=quick(fetch_bytes=200)) as consumer:
        for first in range(0, 12, 4):
            partition.append(batch_of(*numbers(2, first=first)))
            partition.append(batch_of(*numbers(2, first=first + 2)))
            assert await take(consumer, 4) == numbers(4, first=first)
        assert await consumer.take(timeout=0.05) == []


async def test_an_offset_behind_which_there_is_none_is_an_error(fake: FakeCluster):
    def last_of_all(values: dict[str, Any], _: Exchange) -> None:
        raw = batch_of(b"last of all")
        batch = stamp(read_header(raw), base_offset=2**63 - 1, leader_epoch=0) + raw[16:]
        values["responses"][0]["partitions"][0]["records"] = batch

    fake.answers.make_topic("orders")
    fake.always(Api.FETCH, twisted(last_of_all))
    async with gomq.Consumer(fake.address, "orders", replay=True, settings=quick()) as consumer:
        with anyio.fail_after(20), pytest.raises(CorruptMessageError, match="base offset 9223372036854775807"):
            await anext(consumer)


async def test_a_record_that_lies_about_its_offset_does_not_move_the_position(fake: FakeCluster):
    (partition,) = fake.answers.make_topic("orders")
    fill(partition, 2)
    record = b"\x0e\0\0%s\1\2x\0"
    records = record % encode(0) + b"\x12" + (record % encode(5000))[1:] + record % encode(2)
    partition.append(build_batch(records, record_count=3, base_timestamp=0, max_timestamp=0))
    async with gomq.Consumer(fake.address, "orders", replay=True, settings=quick()) as consumer:
        assert await take(consumer, 2) == numbers(2)
        with (
            anyio.fail_after(20),
            pytest.raises(CorruptMessageError, match=r"orders-0 at offset 2: .* offset delta 5000"),
        ):
            await anext(consumer)
        assert consumer.position(0) == 2


async def test_answers_without_the_partition_are_asked_for_again_without_hurry(fake: FakeCluster):
    (partition,) = fake.answers.make_topic("orders")
    fill(partition, 2)
    fake.next(Api.FETCH, *[twisted(nothing_at_all)] * 3)
    async with gomq.Consumer(fake.address, "orders", replay=True, settings=quick()) as consumer:
        assert await take(consumer, 2) == numbers(2)


async def test_a_broker_that_always_says_diverging_is_no_endless_loop(fake: FakeCluster):
    (partition,) = fake.answers.make_topic("orders")
    fill(partition, 4)

    def diverging(values: dict[str, Any], exchange: Exchange) -> None:
        if exchange.body.topics[0].partitions[0].last_fetched_epoch >= 0:
            found = values["responses"][0]["partitions"][0]
            found |= {"records": b"", "diverging_epoch": {"epoch": 0, "end_offset": 0}}

    fake.always(Api.FETCH, twisted(diverging))
    async with gomq.Consumer(
        fake.address, "orders", replay=True, out_of_range="earliest", settings=quick()
    ) as consumer:
        with anyio.move_on_after(0.5):
            for _ in range(50):
                await anext(consumer)
    assert len(fake.asked(Api.FETCH)) < 150


@pytest.mark.parametrize(
    ("epoch", "end"), [(-1, -1), (0, -5), (7, 2), (2**31 - 1, 2**63 - 1)], ids=["none", "negative", "newer", "huge"]
)
async def test_ends_of_epochs_that_cannot_be_never_crash(fake: FakeCluster, epoch: int, end: int):
    old_versions(fake)
    (partition,) = fake.answers.make_topic("orders")
    fill(partition, 6)

    async def ends(exchange: Exchange) -> None:
        found = {"partition": 0, "error_code": 0, "leader_epoch": epoch, "end_offset": end}
        topics = [{"topic": "orders", "partitions": [found, found, found | {"partition": 9}]}]
        await exchange.stream.send(exchange.frame({"throttle_time": 0, "topics": topics}))

    fake.always(Api.OFFSET_FOR_LEADER_EPOCH, ends)
    async with gomq.Consumer(fake.address, "orders", replay=True, settings=quick()) as consumer:
        assert await take(consumer, 6) == numbers(6)
        elect(partition, cut=6, leader=1)
        if epoch == 2**31 - 1:
            assert await take(consumer, 4) == [b"new 0", b"new 1", b"new 2", b"new 3"]
        else:
            with anyio.fail_after(20), pytest.raises(LogTruncatedError, match="cut off at offset"):
                await anext(consumer)


async def test_epochs_of_other_partitions_only_are_no_answer(fake: FakeCluster):
    old_versions(fake)
    (partition,) = fake.answers.make_topic("orders")
    fill(partition, 2)

    async def nothing(exchange: Exchange) -> None:
        await exchange.stream.send(exchange.frame({"throttle_time": 0, "topics": []}))

    fake.always(Api.OFFSET_FOR_LEADER_EPOCH, nothing)
    async with gomq.Consumer(fake.address, "orders", replay=True, settings=quick()) as consumer:
        assert await take(consumer, 2) == numbers(2)
        elect(partition, cut=2, leader=1)
        with anyio.fail_after(20), pytest.raises(ProtocolError, match="orders-0, and does not mention it"):
            await anext(consumer)


async def test_a_marker_of_an_aborted_transaction_that_cannot_be_read_is_an_error_behind_what_comes_before_it(
    fake: FakeCluster,
):
    (partition,) = fake.answers.make_topic("orders")
    fill(partition, 3)
    raw = bytearray(batch_of(b"no marker"))
    raw[22] |= 0b11_0000  # transactional, control; its CRC does not hold any more
    raw[43:51] = (5).to_bytes(8, "big")
    partition.append(bytes(raw))
    partition.aborted = [(5, 0)]
    async with gomq.Consumer(
        fake.address, "orders", replay=True, isolation="read_committed", settings=quick()
    ) as consumer:
        assert await take(consumer, 3) == numbers(3)
        with anyio.fail_after(20), pytest.raises(CorruptMessageError, match="orders-0 at offset 3"):
            await anext(consumer)
