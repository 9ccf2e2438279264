"""Requests and answers of thousands of elements: nobody else waits for them."""

import threading
import time
from typing import Any

import anyio
import pytest

import gomq
from gomq.broker import large_messages
from gomq.broker.groups.members import JoinRequest, Protocol
from gomq.broker.groups.waiting import Waiting
from gomq.broker.large_messages import FEW_ELEMENTS, is_large
from gomq.protocol.api import Api
from gomq.protocol.responses import encode_response
from gomq.protocol.shape import MAX_REQUEST_ELEMENTS
from tests.support.membership import end_join, join, start_join
from tests.support.offsets import commit_values
from tests.support.waiting import until
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


@pytest.fixture
def laid_out(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Api, bool]]:
    """Every answer laid out by a schema, and whether that was on the event loop."""
    answers: list[tuple[Api, bool]] = []

    def noting(api: Api, version: int, correlation_id: int, values: Any) -> bytes:
        answers.append((api, threading.current_thread() is threading.main_thread()))
        return encode_response(api, version, correlation_id, values)

    monkeypatch.setattr(large_messages, "encode_response", noting)
    return answers


@pytest.mark.parametrize("count", [1, FEW_ELEMENTS])
async def test_a_commit_of_many_partitions_that_waits_for_the_disk_is_answered_by_a_worker_thread(
    wire: Wire, laid_out: list[tuple[Api, bool]], count: int
):
    await wire.ask(Api.CREATE_TOPICS, **create_values("orders"))
    values = commit_values("readers", {"orders": {0: 1}})
    answer = await wire.ask(Api.OFFSET_COMMIT, 8, **{**values, "topics": values["topics"] * count})
    assert len(answer.topics[0].partitions) == count
    assert laid_out[-1] == (Api.OFFSET_COMMIT, count == 1)


@pytest.mark.parametrize("count", [1, FEW_ELEMENTS])
async def test_a_leader_that_waits_for_many_is_told_of_them_by_a_worker_thread(
    broker: gomq.Broker, wire: Wire, laid_out: list[tuple[Api, bool]], count: int
):
    assert broker._state is not None
    groups = broker._state.groups
    leader = (await join(wire, "group", version=3)).member_id
    await groups.join("group", a_member("first"), Waiting())
    await join(wire, "group", version=3, member_id=leader)
    await start_join(wire, "group", version=3, member_id=leader, protocols={"range": b"others"})
    await until(lambda: groups.group("group").roster.joining_count == 1)  # type: ignore[union-attr]
    for number in range(count):
        await groups.join("group", a_member(f"member-{number}"), Waiting())
    await groups.join("group", a_member("", member_id="first"), Waiting())
    answer = await end_join(wire, version=3)
    assert len(answer.members) == count + 2
    assert laid_out[-1] == (Api.JOIN_GROUP, count == 1)


def a_member(name: str, *, member_id: str = "") -> JoinRequest:
    return JoinRequest(
        ticket=Waiting(), member_id=member_id, new_member_id=name, instance_id=None, client_id="client",
        client_host="/127.0.0.1", session_timeout_ms=10_000, rebalance_timeout_ms=60_000, protocol_type="consumer",
        protocols=(Protocol("range", b"topics"),), is_told_its_id=False, can_skip_assignment=False,
    )  # fmt: skip
