"""Fetches within a session (KIP-227), over the wire: what is new, what is left out, and whose turn it is."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import gomq
from gomq.broker.fetching import reading as fetch_reading
from gomq.protocol.api import Api
from tests.support.fetching import SessionClient, base_offsets, entries, indexes, parked
from tests.support.running import running
from tests.support.waiting import until
from tests.support.wire import Wire, batch, connect, create_values, fetch_values, produce_values

OUT_OF_RANGE, UNKNOWN, NOT_FOUND, WRONG_EPOCH, UNKNOWN_ID, WRONG_TOPICS = 1, 3, 70, 71, 100, 106
LONG_MS = 3_600_000
PARTITIONS = 4


@pytest.fixture
async def wire(wire: Wire) -> Wire:
    """A connection to a broker that has the topic ``orders`` with four partitions."""
    await wire.ask(Api.CREATE_TOPICS, **create_values("orders", partitions=PARTITIONS))
    return wire


@pytest.fixture
async def other(broker: gomq.Broker) -> AsyncIterator[Wire]:
    """Another connection."""
    async with connect(broker.address) as connection:
        yield connection


async def produce(wire: Wire, raw: bytes, *, partition: int = 0) -> None:
    answer = await wire.ask(Api.PRODUCE, 9, **produce_values({"orders": {partition: raw}}))
    assert answer.responses[0].partition_responses[0].error_code == 0


async def topic_key(wire: Wire, version: int) -> Any:
    """How the topic is called in a version: by name, or by id."""
    topic_id = (await wire.ask(Api.METADATA, 12, topics=None)).topics[0].topic_id
    return topic_id if version >= 13 else "orders"


async def begun(wire: Wire, version: int = 11, *, count: int = PARTITIONS) -> SessionClient:
    """Begin a session with all partitions, which are empty and known to be so."""
    client = SessionClient(wire, version)
    key = await topic_key(wire, version)
    assert indexes(await client.fetch({key: [(index, 0) for index in range(count)]})) == list(range(count))
    assert client.session_id > 0
    return client


@pytest.mark.parametrize("version", [7, 11, 12, 13, 18])
async def test_a_session_tells_only_what_is_new(wire: Wire, version: int):
    client = await begun(wire, version)
    assert entries(await client.fetch()) == []
    await produce(wire, batch(b"a"), partition=2)
    (found,) = entries(await client.fetch())
    assert (found.partition_index, found.high_watermark, base_offsets(found.records)) == (2, 1, [0])
    assert indexes(await client.fetch()) == [2]  # the client did not say that it has it
    assert entries(await client.fetch({await topic_key(wire, version): [(2, 1)]})) == []
    assert client.epoch == 5


async def test_a_client_without_a_session_gets_none(wire: Wire):
    answer = await wire.ask(Api.FETCH, 11, **fetch_values({"orders": [(0, 0)]}))
    assert (answer.error_code, answer.session_id, indexes(answer)) == (0, 0, [0])


async def test_the_start_of_a_log_is_news(wire: Wire, other: Wire):
    await produce(wire, batch(b"a"))
    client = await begun(wire)
    await client.fetch({"orders": [(0, 1)]})
    partition = {"partition_index": 0, "offset": 1}
    await other.ask(Api.DELETE_RECORDS, topics=[{"name": "orders", "partitions": [partition]}])
    (found,) = entries(await client.fetch())
    assert (found.partition_index, found.log_start_offset) == (0, 1)
    assert entries(await client.fetch()) == []


async def test_an_error_is_told_each_time_and_its_end_too(wire: Wire):
    client = await begun(wire)
    for _ in range(2):
        (found,) = entries(await client.fetch({"orders": [(1, 9)]}))
        assert (found.partition_index, found.error_code) == (1, OUT_OF_RANGE)
    assert [
        (entry.partition_index, entry.error_code) for entry in entries(await client.fetch({"orders": [(1, 0)]}))
    ] == [(1, 0)]


async def test_a_partition_may_be_added_and_forgotten(wire: Wire):
    client = await begun(wire, count=2)
    assert indexes(await client.fetch({"orders": [(3, 0)]})) == [3]
    await client.fetch(forget={"orders": [0, 3, 99], "nowhere": [0]})
    for partition in range(PARTITIONS):
        await produce(wire, batch(b"a"), partition=partition)
    assert indexes(await client.fetch()) == [1]


async def test_a_session_whose_partitions_are_all_forgotten_is_over(wire: Wire):
    client = await begun(wire, count=1)
    session_id = client.session_id
    answer = await client.fetch(forget={"orders": [0]}, max_wait=LONG_MS)
    assert (answer.error_code, answer.session_id, entries(answer)) == (0, 0, [])
    client.session_id, client.epoch = session_id, 2
    assert (await client.fetch()).error_code == NOT_FOUND


async def test_partitions_that_gave_records_go_to_the_end(wire: Wire):
    one = batch(b"x" * 1000)
    for partition in range(PARTITIONS):
        for _ in range(3):
            await produce(wire, one, partition=partition)
    client = await begun(wire)
    turns = [indexes(await client.fetch(max_bytes=len(one), partition_max_bytes=len(one))) for _ in range(6)]
    assert turns == [[0], [1], [2], [3], [0], [1]]


async def test_partitions_for_whose_files_there_was_no_room_come_first_the_next_time(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(fetch_reading, "MAX_FILES", 3)
    one = batch(b"x" * 1000)
    for partition in range(PARTITIONS):
        for _ in range(3):
            await produce(wire, one, partition=partition)
    client = await begun(wire)
    turns = [indexes(await client.fetch(partition_max_bytes=len(one))) for _ in range(4)]
    assert turns == [[0, 1, 2], [3, 0, 1], [2, 3, 0], [1, 2, 3]]


@pytest.mark.parametrize("session_id", [123, -1, 2**31 - 1, -(2**31)])
async def test_a_session_that_never_was_is_not_found(wire: Wire, session_id: int):
    for epoch in (1, 2**31 - 1, -2):
        values = fetch_values({"orders": [(0, 0)]}, session_id=session_id, session_epoch=epoch, max_wait=LONG_MS)
        answer = await wire.ask(Api.FETCH, 11, **values)
        assert (answer.error_code, answer.session_id, entries(answer)) == (NOT_FOUND, 0, [])


@pytest.mark.parametrize("session_id", [123, -1, 2**31 - 1, -(2**31)])
async def test_a_full_fetch_may_name_any_session(wire: Wire, session_id: int):
    values = fetch_values({"orders": [(0, 0)]}, session_id=session_id, session_epoch=0)
    answer = await wire.ask(Api.FETCH, 11, **values)
    assert answer.error_code == 0
    assert answer.session_id not in {0, session_id}


@pytest.mark.parametrize("epoch", [2, 3, -2, 2**31 - 1])
async def test_an_epoch_that_does_not_follow_is_refused_and_the_session_stays(wire: Wire, epoch: int):
    client = await begun(wire)
    client.epoch = epoch
    answer = await client.fetch(max_wait=LONG_MS)
    assert (answer.error_code, answer.session_id, entries(answer)) == (WRONG_EPOCH, 0, [])
    client.epoch = 1
    assert (await client.fetch()).error_code == 0


async def test_a_session_goes_on_with_the_way_in_which_it_names_topics(wire: Wire):
    for version, other in ((12, 13), (13, 12)):
        client = await begun(wire, version)
        client.version = other
        assert (await client.fetch(max_wait=LONG_MS)).error_code == WRONG_TOPICS
        client.version = version
        assert (await client.fetch()).error_code == 0


@pytest.mark.parametrize("epoch", [0, -1])
async def test_a_full_fetch_ends_the_session_it_names(wire: Wire, epoch: int):
    client = await begun(wire)
    values = fetch_values({"orders": [(0, 0)]}, session_id=client.session_id, session_epoch=epoch)
    answer = await wire.ask(Api.FETCH, 11, **values)
    assert (answer.session_id == 0) == (epoch == -1)
    assert (await client.fetch()).error_code == NOT_FOUND


async def test_a_session_belongs_to_no_connection(wire: Wire, other: Wire):
    client = await begun(wire)
    client.wire = other
    assert (await client.fetch()).error_code == 0


async def test_a_request_that_another_one_overtakes_is_refused(broker: gomq.Broker, wire: Wire, other: Wire):
    client, twin = await begun(wire), SessionClient(other)
    await client.send(max_wait=LONG_MS)
    await until(lambda: parked(broker, "orders") == 1)
    twin.session_id, twin.epoch = client.session_id, 2
    await twin.send(max_wait=LONG_MS)
    await until(lambda: parked(broker, "orders") == 2)
    async with connect(broker.address) as third:
        await produce(third, batch(b"a"))
    assert (await client.receive()).error_code == WRONG_EPOCH
    assert indexes(await twin.receive()) == [0]


async def test_a_wait_within_a_session_ends_with_what_comes_to_any_of_its_partitions(wire: Wire, other: Wire):
    client = await begun(wire)
    await client.send(max_wait=LONG_MS)
    await produce(other, batch(b"a"), partition=3)
    assert indexes(await client.receive()) == [3]


async def test_a_wait_that_ends_without_news_has_nothing_to_tell(wire: Wire):
    client = await begun(wire)
    answer = await client.fetch(max_wait=1)
    assert (answer.error_code, answer.session_id, answer.responses) == (0, client.session_id, ())


@pytest.mark.parametrize("version", [12, 13])
async def test_a_topic_that_is_deleted_is_told_until_it_is_forgotten(wire: Wire, other: Wire, version: int):
    client = await begun(wire, version, count=1)
    key = await topic_key(wire, version)
    await other.ask(Api.DELETE_TOPICS, 5, topic_names=("orders",))
    for _ in range(2):
        (found,) = entries(await client.fetch(max_wait=LONG_MS))
        assert found.error_code == (UNKNOWN_ID if version >= 13 else UNKNOWN)
    assert (await client.fetch(forget={key: [0]})).session_id == 0


async def test_unknown_partitions_are_answered_behind_those_that_are_there_and_stay_in_the_session(wire: Wire):
    client = SessionClient(wire)
    answer = await client.fetch({"nowhere": [(0, 0)], "orders": [(9, 0), (1, 0)]})
    assert [(topic.topic, [entry.partition_index for entry in topic.partitions]) for topic in answer.responses] == [
        ("orders", [1]),
        ("nowhere", [0]),
        ("orders", [9]),
    ]
    assert sorted(indexes(await client.fetch())) == [0, 9]


async def test_there_are_as_many_sessions_as_slots(data: Path):
    async with running(data, fetch_session_slots=1) as wire:
        await wire.ask(Api.CREATE_TOPICS, **create_values("orders", partitions=PARTITIONS))
        first = await begun(wire)
        second = SessionClient(wire)
        assert indexes(await second.fetch({"orders": [(0, 0)]})) == [0]
        assert second.session_id == 0
        assert (await first.fetch()).error_code == 0


async def test_a_session_of_more_partitions_than_are_kept_is_not_made(wire: Wire):
    client = SessionClient(wire)
    answer = await client.fetch({"nowhere": [(index, 0) for index in range(10_001)]})
    assert (answer.error_code, answer.session_id, len(entries(answer))) == (0, 0, 10_001)
