"""A broker whose disk has no room left at all: deleting records gives it some, and it takes messages again."""

from pathlib import Path

import pytest
from kio.schema.errors import ErrorCode

from gomq.protocol.api import Api
from tests.support.brokers import broker_process
from tests.support.running import bounds, now_ms, send
from tests.support.small_disk import small_disk
from tests.support.topics import create
from tests.support.waiting import until
from tests.support.wire import Wire, batch, connect

DISK_BYTES = 16 << 20
OFTEN = ("--log-retention-check-interval-ms", "50", "--log-cleaner-backoff-ms", "50")
VALUE = b"x" * 100_000
CONFIGS = {"segment.bytes": "1000000", "file.delete.delay.ms": "0"}
"""Nine batches of ``VALUE`` in each segment."""


async def publish(wire: Wire) -> int:
    return (await send(wire, "orders", batch(VALUE, now_ms=now_ms())))[0]


async def delete_records(wire: Wire, offset: int) -> int:
    partitions = [{"partition_index": 0, "offset": offset}]
    answer = await wire.ask(Api.DELETE_RECORDS, topics=[{"name": "orders", "partitions": partitions}])
    return int(answer.topics[0].partitions[0].error_code)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # the broker is another process
async def test_a_full_disk_takes_messages_again_once_records_are_deleted(tmp_path: Path):
    with small_disk(tmp_path, size=DISK_BYTES) as disk:
        if disk is None:
            pytest.skip("a user may have no namespace here")
        data = disk.inside / "data"
        with broker_process(data, *OFTEN, command=disk.enter) as process:
            async with connect(process.address) as wire:
                await create(wire, "orders", configs=CONFIGS)
                for _ in range(30):
                    assert await publish(wire) == 0
                disk.fill()
                assert await publish(wire) == ErrorCode.kafka_storage_error
                assert await delete_records(wire, 20) == ErrorCode.kafka_storage_error, "nothing can be written down"
                await until(lambda: disk.free_bytes > 1_000_000)
                assert await publish(wire) == 0
                assert await delete_records(wire, 20) == 0
                start, end = await bounds(wire, "orders")
            process.kill()
        assert (start, end) == (20, 31)
        disk.clear()
        disk.fill()
        with broker_process(data, command=disk.enter) as process:
            async with connect(process.address) as wire:
                assert await bounds(wire, "orders") == (20, 31), "it starts without any room, too"
