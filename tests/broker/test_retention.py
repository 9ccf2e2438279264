"""Old segments go as a topic's retention says, first messages as clients ask; who reads them is not disturbed."""

from pathlib import Path
from typing import Any

import pytest

import gomq
from gomq.broker import BrokerConfig
from gomq.protocol.api import Api
from tests.support.brokers import broker_process
from tests.support.configs import set_config
from tests.support.running import bounds, fetch, now_ms, read_records, records_in_answer, running, send
from tests.support.topics import create, delete
from tests.support.waiting import until
from tests.support.wire import DEADLINE, Wire, batch, connect, fetch_values

OUT_OF_RANGE = 1
OFTEN: dict[str, Any] = {"retention_check_interval": 0.02, "compaction_interval": 0.02}
VALUE = b"x" * 1000
SEGMENT = {"segment.bytes": "4000"}
"""Three batches of ``VALUE`` each."""


def log_files(data: Path, suffix: str = "*.log") -> list[str]:
    return sorted(path.name for path in (data / "orders-0").glob(suffix))


async def fill(wire: Wire, count: int, *, time: int | None = None) -> None:
    for _ in range(count):
        assert (await send(wire, "orders", batch(VALUE, now_ms=time or now_ms())))[0] == 0


async def starts_at(wire: Wire, offset: int) -> None:
    """Wait until the topic starts at an offset or behind it."""
    while (await bounds(wire, "orders"))[0] < offset:
        pass


async def delete_records(wire: Wire, offset: int) -> None:
    partitions = [{"partition_index": 0, "offset": offset}]
    answer = await wire.ask(Api.DELETE_RECORDS, topics=[{"name": "orders", "partitions": partitions}])
    (found,) = answer.topics[0].partitions
    assert (found.error_code, found.low_watermark) == (0, offset)


async def test_a_topic_that_is_too_large_loses_its_oldest_segments(data: Path):
    async with running(data, **OFTEN) as wire:
        await create(wire, "orders", configs=SEGMENT | {"retention.bytes": "8000"})
        await fill(wire, 31)
        await starts_at(wire, 21)
        assert await bounds(wire, "orders") == (21, 31)
        assert (await fetch(wire, "orders", 20)).error_code == OUT_OF_RANGE
        found = await fetch(wire, "orders", 21)
        assert (found.error_code, found.log_start_offset) == (0, 21)
        assert len(await read_records(wire, "orders")) == 10
    async with running(data) as wire:
        assert await bounds(wire, "orders") == (21, 31)


async def test_messages_that_are_too_old_go_and_the_next_ones_go_on_where_they_ended(data: Path):
    async with running(data, **OFTEN) as wire:
        await create(wire, "orders", configs=SEGMENT | {"retention.ms": "3600000"})
        await fill(wire, 7, time=now_ms() - 7_200_000)
        await starts_at(wire, 7)
        await fill(wire, 7)
        assert await bounds(wire, "orders") == (7, 14)
        assert [record.offset for record in await read_records(wire, "orders")] == list(range(7, 14))


async def test_retention_that_is_set_later_counts(data: Path):
    async with running(data, **OFTEN) as wire:
        await create(wire, "orders", configs=SEGMENT)
        await fill(wire, 10)
        await set_config(wire, "orders", "retention.bytes", "1")
        await starts_at(wire, 9)
        assert await bounds(wire, "orders") == (9, 10), "the last segment stays: without it there would be less"


async def test_an_answer_that_is_being_sent_is_whole_though_its_segment_is_removed(data: Path):
    config = BrokerConfig(data=data, listen="127.0.0.1:0", **OFTEN)
    async with gomq.Broker(config=config) as broker, connect(broker.address) as wire, connect(broker.address) as slow:
        await create(wire, "orders", configs={"segment.bytes": "20000000", "file.delete.delay.ms": "0"})
        for _ in range(20):
            assert (await send(wire, "orders", batch(b"y" * 900_000)))[0] == 0
        values = fetch_values({"orders": [(0, 0)]}, max_bytes=40 << 20, partition_max_bytes=40 << 20)
        asked = await slow.send(Api.FETCH, 11, values)  # more than the sockets hold: it waits for the client
        assert await slow.has_answer(within=DEADLINE)
        await set_config(wire, "orders", "segment.bytes", "1000000")
        await fill(wire, 1)
        await delete_records(wire, 20)
        await until(lambda: log_files(data) == ["00000000000000000020.log"])
        await until(lambda: log_files(data, "*.deleted") == [])
        found = (await slow.receive(Api.FETCH, 11, asked)).responses[0].partitions[0]
        assert [record.offset for record in records_in_answer(found.records)] == list(range(20))


async def test_files_of_what_is_gone_stay_for_a_while_and_go_with_the_next_start(data: Path):
    async with running(data, **OFTEN) as wire:
        await create(wire, "orders", configs=SEGMENT | {"file.delete.delay.ms": "3600000"})
        await fill(wire, 10)
        await delete_records(wire, 6)
        await until(lambda: len(log_files(data, "*.deleted")) == 6)  # two segments with two indexes each
        assert "00000000000000000003.log.deleted" in log_files(data, "*.deleted")
        assert log_files(data) == ["00000000000000000006.log", "00000000000000000009.log"]
        assert len(await read_records(wire, "orders")) == 4
    async with running(data) as wire:
        assert log_files(data, "*.deleted") == []
        assert await bounds(wire, "orders") == (6, 10)


@pytest.mark.parametrize("is_killed", [False, True], ids=["stopped", "killed"])
async def test_deleted_records_do_not_come_back(data: Path, *, is_killed: bool):
    with broker_process(data) as process:
        async with connect(process.address) as wire:
            await create(wire, "orders", configs=SEGMENT)
            await fill(wire, 10)
            await delete_records(wire, 7)
            process.kill() if is_killed else process.terminate()
    assert len(log_files(data)) == 4, "nobody has looked for expired segments yet"
    async with running(data) as wire:
        assert log_files(data) == ["00000000000000000006.log", "00000000000000000009.log"]
        assert await bounds(wire, "orders") == (7, 10)
        assert (await fetch(wire, "orders", 6)).error_code == OUT_OF_RANGE
        assert [record.offset for record in await read_records(wire, "orders")] == [7, 8, 9]


async def test_all_records_deleted_leave_an_empty_log_that_goes_on(data: Path):
    async with running(data, **OFTEN) as wire:
        await create(wire, "orders", configs=SEGMENT)
        await fill(wire, 10)
        await delete_records(wire, 10)
        await until(lambda: "00000000000000000006.log" not in log_files(data))
    for end in (10, 11):
        async with running(data) as wire:
            assert await bounds(wire, "orders") == (10, end)
            await fill(wire, 1)


async def test_a_topic_that_is_deleted_while_files_wait_to_be_removed_is_gone(data: Path):
    async with running(data, **OFTEN) as wire:
        await create(wire, "orders", configs=SEGMENT | {"file.delete.delay.ms": "300"})
        await fill(wire, 10)
        await delete_records(wire, 9)
        await until(lambda: log_files(data, "*.deleted"))
        assert await delete(wire, "orders") == 0
        await create(wire, "orders", configs=SEGMENT)
        await fill(wire, 10)
        assert await bounds(wire, "orders") == (0, 10)
        assert len(log_files(data)) == 4
