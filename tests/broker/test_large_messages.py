"""Requests and answers of thousands of elements: nobody else waits for them."""

import time
from typing import Any

import anyio
import pytest

import gomq
from gomq.broker.large_messages import FEW_ELEMENTS, is_large
from gomq.protocol.api import Api
from gomq.protocol.shape import MAX_REQUEST_ELEMENTS
from tests.support.wire import Wire, connect, create_values, metadata_values, produce_values


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, False),
        ({"name": "x" * 10_000, "raw": bytes(10_000)}, False),
        ({"topics": [{}] * FEW_ELEMENTS}, False),
        ({"topics": [{}] * (FEW_ELEMENTS + 1)}, True),
        ({"topics": [{"partitions": (0,) * (FEW_ELEMENTS - 2)}] * 1}, False),
        ({"topics": [{"partitions": (0,) * (FEW_ELEMENTS // 2)}] * 3}, True),
        ({"topics": [{"partitions": [{"replicas": [1]}] * 400}] * 2}, True),
    ],
)
def test_elements_of_all_arrays_make_an_answer_large(values: dict[str, Any], expected: bool):
    assert is_large(values) is expected


async def longest_pause(stop: anyio.Event) -> float:
    """Measure for how many seconds of its own work the event loop let nobody have a turn."""
    longest, last = 0.0, time.thread_time()
    while not stop.is_set():
        await anyio.sleep(0.0005)
        now = time.thread_time()
        longest, last = max(longest, now - last), now
    return longest


@pytest.mark.parametrize("count", [1, MAX_REQUEST_ELEMENTS])
async def test_as_many_topics_as_may_be_asked_for_are_answered_one_by_one_while_others_have_their_turn(
    broker: gomq.Broker, count: int
):
    names = [f"t{number}" for number in range(count)]
    stop, pauses = anyio.Event(), []

    async def watch() -> None:
        pauses.append(await longest_pause(stop))

    async with connect(broker.address) as wire, anyio.create_task_group() as group:
        group.start_soon(watch)
        await wire.send(Api.METADATA, 12, metadata_values(*names))
        with anyio.fail_after(30):
            frame = await wire.receive_frame()
        stop.set()
    assert frame.count(b"\x00\x03") >= count, "unknown, each of them"
    assert pauses[0] < 0.5 or count == 1


async def test_one_more_element_than_may_be_is_the_end_of_the_connection(broker: gomq.Broker):
    async with connect(broker.address) as wire:
        await wire.send(Api.METADATA, 12, metadata_values(*["t"] * (MAX_REQUEST_ELEMENTS + 1)))
        assert await wire.is_closed()


async def test_a_request_for_very_many_partitions_lets_others_have_their_turn(broker: gomq.Broker, wire: Wire):
    await wire.ask(Api.CREATE_TOPICS, **create_values("orders"))
    partitions = dict.fromkeys(range(20_000))
    async with connect(broker.address) as busy:
        await busy.send(Api.PRODUCE, 9, produce_values({"orders": partitions}))
        with anyio.fail_after(10):
            assert (await wire.ask(Api.METADATA, 12, **metadata_values("orders"))).topics[0].error_code == 0
        with anyio.fail_after(30):
            answer = await busy.receive(Api.PRODUCE, 9)
    results = answer.responses[0].partition_responses
    assert len(results) == 20_000
    assert {result.error_code for result in results[1:]} == {3}
