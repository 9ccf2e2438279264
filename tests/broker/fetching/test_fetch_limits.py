"""What a fetch counts: bytes within its limits, what is enough to answer, and how long it waits for the rest."""

from pathlib import Path
from typing import Any

import pytest

import gomq
from gomq.broker.fetching import reading as fetch_reading
from gomq.protocol.api import Api
from tests.support.brokers import broker_process
from tests.support.fetching import base_offsets, entries, parked
from tests.support.running import running
from tests.support.waiting import until
from tests.support.wire import Wire, batch, connect, create_values, fetch_values, produce_values

SERVER_ERROR, OUT_OF_RANGE, NOT_LEADER, STORAGE_ERROR = -1, 1, 6, 56
LONG_MS = 3_600_000
ONE = batch(b"x" * 400_000)
SMALL = batch(b"y" * 1000)


@pytest.fixture
async def wire(wire: Wire) -> Wire:
    """A connection to a broker that has the topic ``orders`` with three partitions, of two large batches a segment."""
    configs = {"segment.bytes": "1048576"}
    await wire.ask(Api.CREATE_TOPICS, **create_values("orders", partitions=3, configs=configs))
    return wire


async def produce(wire: Wire, *batches: bytes, partition: int = 0) -> None:
    for raw in batches:
        answer = await wire.ask(Api.PRODUCE, 9, **produce_values({"orders": {partition: raw}}))
        assert answer.responses[0].partition_responses[0].error_code == 0


async def fetch(wire: Wire, *offsets: tuple[int, int], version: int = 11, **limits: int) -> list[Any]:
    return entries(await wire.ask(Api.FETCH, version, **fetch_values({"orders": offsets}, **limits)))


async def test_a_later_partition_whose_first_batch_does_not_fit_gives_nothing_rather_than_a_part(wire: Wire):
    await produce(wire, SMALL)
    await produce(wire, SMALL, SMALL, partition=1)
    first, second = await fetch(wire, (0, 0), (1, 0), max_bytes=len(SMALL) + 500)
    assert (len(first.records), len(second.records)) == (len(SMALL), 0)
    first, second = await fetch(wire, (0, 0), (1, 0), max_bytes=2 * len(SMALL) + 500)
    assert (len(first.records), len(second.records)) == (len(SMALL), len(SMALL) + 500)


async def test_a_partition_that_gives_nothing_leaves_the_room_to_the_next(wire: Wire):
    await produce(wire, SMALL)
    await produce(wire, ONE, partition=1)
    await produce(wire, SMALL, partition=2)
    found = await fetch(wire, (0, 0), (1, 0), (2, 0), max_bytes=3 * len(SMALL))
    assert [len(entry.records) for entry in found] == [len(SMALL), 0, len(SMALL)]


async def test_an_answer_holds_records_of_so_many_partitions_and_tells_of_the_others(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(fetch_reading, "MAX_FILES", 2)
    for partition in range(3):
        await produce(wire, SMALL, partition=partition)
    found = await fetch(wire, (0, 0), (1, 0), (2, 0), max_wait=LONG_MS, min_bytes=3 * len(SMALL))
    assert [len(entry.records) for entry in found] == [len(SMALL), len(SMALL), 0]
    assert [(entry.error_code, entry.high_watermark) for entry in found] == [(0, 1)] * 3


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_who_does_not_read_leaves_descriptors_to_others(data: Path):
    partitions, raw = 150, batch(b"x" * 160_000)  # more than the kernel takes for who does not read
    with broker_process(data, command=["bash", "-c", 'ulimit -n 110; exec "$@"', "bash"]) as process:
        async with connect(process.address) as wire, connect(process.address) as dead:
            await wire.ask(Api.CREATE_TOPICS, **create_values("orders", partitions=partitions))
            await wire.ask(Api.PRODUCE, 9, **produce_values({"orders": dict.fromkeys(range(partitions), raw)}))
            offsets = [(index, 0) for index in range(partitions)]
            await dead.send(Api.FETCH, 11, fetch_values({"orders": offsets}, max_bytes=1 << 30))
            assert await dead.has_answer(within=10)
            assert [len(entry.records) for entry in await fetch(wire, (149, 0))] == [len(raw)]


async def test_the_first_partition_that_has_something_gives_a_whole_batch_wherever_it_is(wire: Wire):
    await produce(wire, ONE, partition=1)
    await produce(wire, SMALL, partition=2)
    found = await fetch(wire, (0, 0), (1, 0), (2, 0), max_bytes=10, partition_max_bytes=10)
    assert [len(entry.records) for entry in found] == [0, len(ONE), 0]


@pytest.mark.parametrize("limits", [{"max_bytes": -1}, {"partition_max_bytes": -1}, {"max_bytes": -(2**31)}])
async def test_a_negative_limit_is_an_error_where_there_is_something_to_read(wire: Wire, limits: dict[str, int]):
    await produce(wire, SMALL)
    full, empty = await fetch(wire, (0, 0), (1, 0), max_wait=LONG_MS, **limits)
    assert (full.error_code, full.high_watermark, full.records) == (SERVER_ERROR, -1, b"")
    assert (empty.error_code, empty.high_watermark, empty.records) == (0, 0, b"")


@pytest.mark.parametrize("min_bytes", [0, -1, -(2**31)])
async def test_who_wants_no_bytes_does_not_wait(wire: Wire, min_bytes: int):
    (found,) = await fetch(wire, (0, 0), max_wait=LONG_MS, min_bytes=min_bytes)
    assert found.records == b""


async def test_nobody_waits_for_more_than_the_answer_may_hold(wire: Wire):
    await produce(wire, SMALL)
    (found,) = await fetch(wire, (0, 0), max_wait=LONG_MS, min_bytes=2**31 - 1, max_bytes=len(SMALL))
    assert len(found.records) == len(SMALL)


async def test_the_brokers_own_limit_bounds_what_is_waited_for(data: Path):
    async with running(data, max_fetch_bytes=1024) as wire:
        await wire.ask(Api.CREATE_TOPICS, **create_values("orders"))
        await produce(wire, SMALL)
        (found,) = await fetch(wire, (0, 0), max_wait=LONG_MS, min_bytes=2**31 - 1, max_bytes=2**31 - 1)
        assert len(found.records) == len(SMALL)


async def test_what_is_there_in_several_partitions_counts_together(wire: Wire):
    await produce(wire, SMALL)
    await produce(wire, SMALL, partition=1)
    found = await fetch(wire, (0, 0), (1, 0), max_wait=LONG_MS, min_bytes=2 * len(SMALL))
    assert [len(entry.records) for entry in found] == [len(SMALL), len(SMALL)]


async def test_a_partition_counts_no_more_than_its_own_limit(broker: gomq.Broker, wire: Wire):
    await produce(wire, SMALL, SMALL, SMALL)
    limits = {"max_wait": LONG_MS, "min_bytes": 2 * len(SMALL), "partition_max_bytes": len(SMALL)}
    await wire.send(Api.FETCH, 11, fetch_values({"orders": [(0, 0), (1, 0)]}, **limits))
    await until(lambda: parked(broker))
    async with connect(broker.address) as other:
        await produce(other, SMALL)
        await until(lambda: parked(broker))
        await produce(other, SMALL, partition=1)
    found = entries(await wire.receive(Api.FETCH, 11))
    assert [base_offsets(entry.records) for entry in found] == [[0], [0]]


async def test_the_end_of_a_segment_that_has_another_behind_it_is_not_waited_for(wire: Wire):
    await produce(wire, ONE, ONE, ONE)
    (found,) = await fetch(wire, (0, 1), max_wait=LONG_MS, min_bytes=2 * len(ONE))
    assert base_offsets(found.records) == [1]


async def test_a_new_segment_ends_a_wait(broker: gomq.Broker, wire: Wire):
    await produce(wire, ONE, ONE)
    limits = {"max_wait": LONG_MS, "min_bytes": 4 * len(ONE), "max_bytes": 10 << 20, "partition_max_bytes": 10 << 20}
    await wire.send(Api.FETCH, 11, fetch_values({"orders": [(0, 0)]}, **limits))
    await until(lambda: parked(broker))
    async with connect(broker.address) as other:
        await produce(other, ONE)
    (found,) = entries(await wire.receive(Api.FETCH, 11))
    assert base_offsets(found.records) == [0, 1]


async def test_deleting_what_is_waited_for_ends_the_wait(broker: gomq.Broker, wire: Wire):
    await produce(wire, SMALL, SMALL)
    await wire.send(Api.FETCH, 11, fetch_values({"orders": [(0, 0)]}, max_wait=LONG_MS, min_bytes=1 << 20))
    await until(lambda: parked(broker))
    async with connect(broker.address) as other:
        partition = {"partition_index": 0, "offset": 1}
        await other.ask(Api.DELETE_RECORDS, topics=[{"name": "orders", "partitions": [partition]}])
    (found,) = entries(await wire.receive(Api.FETCH, 11))
    assert found.error_code == OUT_OF_RANGE


async def test_what_is_unknown_is_told_with_what_others_had_to_be_waited_for(broker: gomq.Broker, wire: Wire):
    await wire.send(Api.FETCH, 11, fetch_values({"nowhere": [(0, 0)], "orders": [(0, 0)]}, max_wait=LONG_MS))
    await until(lambda: parked(broker))
    async with connect(broker.address) as other:
        await produce(other, SMALL)
    answer = await wire.receive(Api.FETCH, 11)
    assert [topic.topic for topic in answer.responses] == ["orders", "nowhere"]


@pytest.mark.parametrize("level", [2, -1, 127, -128])
async def test_a_level_of_isolation_that_is_none_is_an_error(wire: Wire, level: int):
    for version in (4, 12, 13, 18):
        topic_id = (await wire.ask(Api.METADATA, 12, topics=None)).topics[0].topic_id
        values = fetch_values({topic_id if version >= 13 else "orders": [(0, 0), (1, 0)]}, max_wait=LONG_MS)
        answer = await wire.ask(Api.FETCH, version, **{**values, "isolation_level": level})
        assert [entry.error_code for entry in entries(answer)] == (
            [] if version >= 13 else [SERVER_ERROR, SERVER_ERROR]
        )
        assert version < 7 or answer.error_code == SERVER_ERROR


@pytest.mark.parametrize("version", [4, 12, 18])
async def test_neighbours_of_one_topic_are_answered_together_in_the_order_of_the_request(wire: Wire, version: int):
    await wire.ask(Api.CREATE_TOPICS, **create_values("bills", partitions=2))
    ids = {topic.name: topic.topic_id for topic in (await wire.ask(Api.METADATA, 12, topics=None)).topics}
    names = {name: topic_id if version >= 13 else name for name, topic_id in ids.items()}
    values = fetch_values({names["orders"]: [(1, 0), (0, 0)], names["bills"]: [(1, 0)]})
    values["topics"].append({**values["topics"][0], "partitions": values["topics"][0]["partitions"][:0]})
    values["topics"].append(fetch_values({names["orders"]: [(2, 0)]})["topics"][0])
    answer = await wire.ask(Api.FETCH, version, **values)
    assert [[entry.partition_index for entry in topic.partitions] for topic in answer.responses] == [[1, 0], [1], [2]]


@pytest.mark.parametrize("version", [4, 5, 6, 11])
async def test_a_log_that_cannot_be_used_is_told_in_words_that_the_version_has(
    broker: gomq.Broker, wire: Wire, version: int
):
    await produce(wire, SMALL, partition=1)
    assert broker._state is not None
    partition = broker._state.topics.partition("orders", 0)
    assert partition is not None
    log = partition.take_log()
    assert log is not None
    log.abandon()
    failed, found = await fetch(wire, (0, 0), (1, 0), version=version, max_wait=LONG_MS)
    assert failed.error_code == (NOT_LEADER if version < 6 else STORAGE_ERROR)
    assert base_offsets(found.records) == [0]
