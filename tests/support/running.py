"""A broker with settings of its own and a connection to it, and what tests do over it with records."""

import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import gomq
from gomq.broker import BrokerConfig
from gomq.protocol.api import Api
from gomq_storage.batch import check_batch, walk
from gomq_storage.record import NewRecord, Record, build_batch, decode_batch, encode_batch, encode_records
from tests.support.wire import NOW_MS, Wire, connect, fetch_values, produce_values

LATEST: Final = -1
EARLIEST: Final = -2
_SERVE: Final = """
import sys
sys.modules["hypothesis"] = None  # as where GoMQ is used
from pathlib import Path
import anyio
from gomq.broker import Broker, BrokerConfig

async def serve():
    options = dict(zip(sys.argv, sys.argv[1:]))
    often = dict(checkpoint_interval=0.05, retention_check_interval=0.05, compaction_interval=0.01)
    config = BrokerConfig(data=Path(options["--data"]), listen=options["--listen"], **often)
    async with Broker(config=config) as broker:
        print(f"BROKERS={broker.address}", flush=True)
        await anyio.sleep_forever()

anyio.run(serve)
"""
BUSY: Final = (sys.executable, "-c", _SERVE)
"""To be put in front of a broker's command: one that keeps its logs in order all the time, to be ended by a kill."""


@asynccontextmanager
async def running(data: Path, **settings: Any) -> AsyncIterator[Wire]:
    """Run an embedded broker, and connect to it; the client is there until the broker has stopped."""
    config = BrokerConfig(data=data, listen="127.0.0.1:0", **settings)
    async with AsyncExitStack() as clients, gomq.Broker(config=config) as broker:
        yield await clients.enter_async_context(connect(broker.address))


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def keyed(values: Mapping[bytes, bytes | None], *, now_ms: int = NOW_MS) -> bytes:
    """Encode a batch that gives each key a value."""
    return encode_batch([NewRecord(value, key) for key, value in values.items()], now_ms=now_ms)


def sequenced(producer_id: int, sequence: int, *values: bytes, epoch: int = 0, now_ms: int = NOW_MS) -> bytes:
    """Encode values as an idempotent producer's batch."""
    return build_batch(
        encode_records(map(NewRecord, values), base_timestamp=now_ms),
        record_count=len(values),
        base_timestamp=now_ms,
        max_timestamp=now_ms,
        producer_id=producer_id,
        producer_epoch=epoch,
        base_sequence=sequence,
    )


async def send(wire: Wire, topic: str, raw: bytes, *, partition: int = 0, acks: int = -1) -> tuple[int, int]:
    """Produce one batch; error code and base offset."""
    answer = await wire.ask(Api.PRODUCE, 9, **produce_values({topic: {partition: raw}}, acks=acks))
    (found,) = answer.responses[0].partition_responses
    return int(found.error_code), found.base_offset


async def bounds(wire: Wire, topic: str, partition: int = 0) -> tuple[int, int]:
    """The first offset of a partition and its end."""
    offsets = []
    for timestamp in (EARLIEST, LATEST):
        entry = {"partition_index": partition, "current_leader_epoch": -1, "timestamp": timestamp}
        answer = await wire.ask(Api.LIST_OFFSETS, 5, topics=[{"name": topic, "partitions": [entry]}])
        (found,) = answer.topics[0].partitions
        assert found.error_code == 0
        offsets.append(int(found.offset))
    first, end = offsets
    return first, end


async def fetch(wire: Wire, topic: str, offset: int, *, partition: int = 0, leader_epoch: int = -1) -> Any:
    """Fetch from one partition, and return its answer."""
    values = fetch_values({topic: [(partition, offset)]}, leader_epoch=leader_epoch)
    answer = await wire.ask(Api.FETCH, 11, **values)
    (found,) = answer.responses[0].partitions
    return found


async def read_records(wire: Wire, topic: str, *, partition: int = 0, offset: int | None = None) -> list[Record]:
    """Read a partition from its start to its end as a consumer does: offsets ascend, and may have gaps."""
    offset = (await bounds(wire, topic, partition))[0] if offset is None else offset
    records: list[Record] = []
    while True:
        found = await fetch(wire, topic, offset, partition=partition)
        assert found.error_code == 0
        for record in records_in_answer(found.records or b""):
            if record.offset >= offset:
                records.append(record)
                offset = record.offset + 1
        last = [header.next_offset for _, header in walk(found.records or b"")][-1:]
        offset = max(offset, *last)
        if not found.records or offset >= found.high_watermark:
            assert [record.offset for record in records] == sorted({record.offset for record in records})
            return records


def records_in_answer(raw: bytes) -> list[Record]:
    """Decode whole batches, each of which must be sound."""
    found: list[Record] = []
    for position, header in walk(raw):
        batch = raw[position : position + header.size]
        check_batch(batch)
        found += decode_batch(batch, header)
    return found
