"""Produce: what is acknowledged, when, and what is refused with which of Kafka's codes."""

import struct
from typing import Any, Final
from uuid import UUID

import pytest

import gomq
from gomq.broker import BrokerConfig
from gomq.protocol.api import Api
from gomq_storage.batch import walk
from gomq_storage.compression import Codec
from gomq_storage.config import LogConfig
from tests.broker.conftest import Disk
from tests.support.wire import (
    NOW_MS,
    Wire,
    batch,
    connect,
    create_values,
    fetch_values,
    metadata_values,
    patched,
    produce_values,
    versions,
)

CORRUPT, UNKNOWN, TIMED_OUT, TOO_LARGE, LIST_TOO_LARGE, REQUIRED_ACKS = 2, 3, 7, 10, 18, 21
TIMESTAMP, CODEC, INVALID_RECORD, UNKNOWN_ID = 32, 76, 87, 100


@pytest.fixture
async def wire(wire: Wire) -> Wire:
    """A connection to a broker that has the topic ``orders`` with two partitions."""
    await wire.ask(Api.CREATE_TOPICS, **create_values("orders", partitions=2))
    return wire


async def produce(wire: Wire, records: bytes | None, *, version: int = 9, partition: int = 0, acks: int = -1) -> Any:
    """Produce one batch and return the partition's answer."""
    answer = await wire.ask(Api.PRODUCE, version, **produce_values({"orders": {partition: records}}, acks=acks))
    return answer.responses[0].partition_responses[0]


async def log_end(wire: Wire, partition: int = 0) -> int:
    entry = {"partition_index": partition, "current_leader_epoch": -1, "timestamp": -1}
    answer = await wire.ask(Api.LIST_OFFSETS, 5, topics=[{"name": "orders", "partitions": [entry]}])
    offset: int = answer.topics[0].partitions[0].offset
    return offset


async def topic_id(wire: Wire) -> UUID:
    found: UUID = (await wire.ask(Api.METADATA, 12, **metadata_values("orders"))).topics[0].topic_id
    return found


async def test_every_version_appends_and_tells_the_base_offset(wire: Wire):
    key = await topic_id(wire)
    for number, version in enumerate(versions(Api.PRODUCE)):
        topic = key if version >= 13 else "orders"
        values = produce_values({topic: {0: batch(b"first", b"second")}})
        answer = await wire.ask(Api.PRODUCE, version, **values)
        (produced,) = answer.responses[0].partition_responses
        assert (produced.error_code, produced.base_offset, produced.log_append_time) == (0, 2 * number, None)
        if version >= 5:
            assert produced.log_start_offset == 0
    assert await log_end(wire) == 2 * len(versions(Api.PRODUCE))


@pytest.mark.parametrize("acks", [1, -1])
async def test_acknowledged_batches_have_offsets_that_go_on(wire: Wire, acks: int):
    offsets = [(await produce(wire, batch(b"x", b"y", b"z"), acks=acks)).base_offset for _ in range(3)]
    assert offsets == [0, 3, 6]


async def test_acks_0_is_not_answered_and_appended_all_the_same(wire: Wire):
    for _ in range(3):
        await wire.send(Api.PRODUCE, 9, produce_values({"orders": {0: batch(b"x")}}, acks=0))
    assert (await produce(wire, batch(b"y"))).base_offset == 3


@pytest.mark.parametrize("records", [b"", b"garbage", patched(batch(b"x"), 17, b"\0\0\0\0", crc=False)])
async def test_acks_0_that_fails_closes_the_connection(broker: gomq.Broker, wire: Wire, records: bytes):
    await wire.send(Api.PRODUCE, 9, produce_values({"orders": {0: records}}, acks=0))
    assert await wire.is_closed()
    async with connect(broker.address) as other:
        assert await log_end(other) == 0


@pytest.mark.parametrize("acks", [2, -2, 32767])
async def test_other_acks_are_refused(wire: Wire, acks: int):
    assert (await produce(wire, batch(b"x"), acks=acks)).error_code == REQUIRED_ACKS
    assert await log_end(wire) == 0


_GOOD: Final = batch(b"first", b"second", b"third")
_BAD: Final[list[tuple[str, int, bytes | None]]] = [
    ("null", INVALID_RECORD, None),
    ("empty", INVALID_RECORD, b""),
    ("a wrong CRC", CORRUPT, patched(_GOOD, 70, b"\xff", crc=False)),
    ("a byte of the CRC changed", CORRUPT, patched(_GOOD, 17, b"\0", crc=False)),
    ("magic 0", INVALID_RECORD, patched(_GOOD, 16, b"\0")),
    ("magic 1", INVALID_RECORD, patched(_GOOD, 16, b"\1")),
    ("magic 3", CORRUPT, patched(_GOOD, 16, b"\3")),
    ("a negative magic", CORRUPT, patched(_GOOD, 16, b"\xff")),
    ("a message of format 0", INVALID_RECORD, struct.pack(">qiIbbii", 0, 14, 0, 0, 0, -1, -1)),
    ("a length of 0", CORRUPT, patched(_GOOD, 8, struct.pack(">i", 0), crc=False)),
    ("a negative length", CORRUPT, patched(_GOOD, 8, struct.pack(">i", -1), crc=False)),
    ("a length of 2 GiB", INVALID_RECORD, patched(_GOOD, 8, struct.pack(">i", 2**31 - 1), crc=False)),
    ("a length of 13", CORRUPT, patched(_GOOD, 8, struct.pack(">i", 13), crc=False)),
    ("a length that ends within the header", CORRUPT, patched(_GOOD, 8, struct.pack(">i", 48), crc=False)[:60]),
    ("a length too long by one", INVALID_RECORD, patched(_GOOD, 8, struct.pack(">i", len(_GOOD) - 11), crc=False)),
    ("a length too short by one", CORRUPT, patched(_GOOD, 8, struct.pack(">i", len(_GOOD) - 13), crc=False)),
    ("cut off", INVALID_RECORD, _GOOD[:-1]),
    ("less than a header", INVALID_RECORD, _GOOD[:60]),
    ("less than a magic", INVALID_RECORD, _GOOD[:16]),
    ("what cannot be a batch behind", CORRUPT, _GOOD + bytes(12)),
    ("two batches", INVALID_RECORD, _GOOD + _GOOD),
    ("no records", INVALID_RECORD, patched(_GOOD, 57, struct.pack(">i", 0))),
    ("a negative count", INVALID_RECORD, patched(_GOOD, 57, struct.pack(">i", -1))),
    ("a count of 2 billion", INVALID_RECORD, patched(_GOOD, 57, struct.pack(">i", 2**31 - 1))),
    ("a last offset delta that lies", INVALID_RECORD, patched(_GOOD, 23, struct.pack(">i", 7))),
    ("a negative last offset delta", INVALID_RECORD, patched(_GOOD, 23, struct.pack(">i", -3))),
    ("a control batch", INVALID_RECORD, patched(_GOOD, 21, struct.pack(">h", 0b10_0000))),
    ("a transactional batch", INVALID_RECORD, patched(_GOOD, 21, struct.pack(">h", 0b1_0000))),
    ("log append time", TIMESTAMP, patched(_GOOD, 21, struct.pack(">h", 0b1000))),
    ("gzip that is none", CORRUPT, patched(_GOOD, 21, struct.pack(">h", 1))),
    ("lz4 that is none", CORRUPT, patched(_GOOD, 21, struct.pack(">h", 3))),
    ("lz4 whose blocks are linked", CORRUPT, patched(batch(b"x" * 99, codec=Codec.LZ4), 65, b"\x40")),
    ("zstd that is none", CORRUPT, patched(_GOOD, 21, struct.pack(">h", 4))),
    ("codec 5", CODEC, patched(_GOOD, 21, struct.pack(">h", 5))),
    ("codec 7", CODEC, patched(_GOOD, 21, struct.pack(">h", 7))),
    ("a base offset", INVALID_RECORD, patched(_GOOD, 0, struct.pack(">q", 5))),
    ("a negative base offset", INVALID_RECORD, patched(_GOOD, 0, struct.pack(">q", -5))),
    ("a producer without a sequence", INVALID_RECORD, patched(_GOOD, 43, struct.pack(">qhi", 9, 0, -1))),
    ("too large", TOO_LARGE, batch(bytes(1_048_588))),
    ("too large, and a wrong CRC", TOO_LARGE, patched(batch(bytes(1_048_588)), 17, b"\0\0\0\0", crc=False)),
]


@pytest.mark.parametrize(("records", "code"), [pytest.param(raw, code, id=name) for name, code, raw in _BAD])
async def test_a_bad_batch_is_refused_and_the_others_of_the_request_are_appended(
    wire: Wire, records: bytes | None, code: int
):
    values = produce_values({"orders": {0: records, 1: batch(b"good")}})
    answer = await wire.ask(Api.PRODUCE, 9, **values)
    bad, good = answer.responses[0].partition_responses
    assert (bad.index, bad.error_code, bad.base_offset) == (0, code, -1)
    assert bad.error_message
    assert (good.index, good.error_code, good.base_offset) == (1, 0, 0)
    assert await log_end(wire) == 0


async def test_the_beginning_of_another_batch_is_left_out(wire: Wire):
    assert (await produce(wire, _GOOD + _GOOD[:-1])).error_code == 0
    answer = await wire.ask(Api.FETCH, 11, **fetch_values({"orders": [(0, 0)]}))
    assert len(answer.responses[0].partitions[0].records) == len(_GOOD)


@pytest.mark.parametrize(
    ("fault", "log_start"), [("cut off", -1), ("a byte of the CRC changed", -1), ("too large", -1), ("no records", 0)]
)
async def test_a_refusal_tells_the_logs_start_where_kafkas_does(wire: Wire, fault: str, log_start: int):
    await produce(wire, _GOOD)
    (records,) = (raw for name, _, raw in _BAD if name == fault)
    assert (await produce(wire, records)).log_start_offset == log_start


async def test_a_batch_larger_than_a_segment_is_refused_as_that(wire: Wire):
    configs = {"segment.bytes": "150", "max.message.bytes": "300"}
    await wire.ask(Api.CREATE_TOPICS, **create_values("small", configs=configs))
    sizes = {len(raw): raw for raw in (batch(bytes(count)) for count in (70, 80, 81, 200, 230, 231))}
    codes = {}
    for size, raw in sizes.items():
        answer = await wire.ask(Api.PRODUCE, 9, **produce_values({"small": {0: raw}}))
        codes[size] = answer.responses[0].partition_responses[0].error_code
    assert codes == {size: 0 if size <= 150 else LIST_TOO_LARGE if size <= 300 else TOO_LARGE for size in sizes}
    assert set(codes.values()) == {0, LIST_TOO_LARGE, TOO_LARGE}


@pytest.mark.parametrize("timestamp", [0, -1, -2, NOW_MS])
async def test_old_timestamps_are_kept_as_they_are(wire: Wire, timestamp: int):
    raw = patched(patched(batch(b"x"), 27, struct.pack(">q", timestamp)), 35, struct.pack(">q", timestamp))
    assert (await produce(wire, raw)).error_code == 0
    answer = await wire.ask(Api.FETCH, 11, **fetch_values({"orders": [(0, 0)]}))
    ((_, header),) = walk(answer.responses[0].partitions[0].records)
    assert header.max_timestamp == timestamp


async def test_zstd_needs_version_7(wire: Wire):
    compressed = batch(b"x" * 1000, codec=Codec.ZSTD)
    assert (await produce(wire, compressed, version=6)).error_code == CODEC
    assert (await produce(wire, compressed, version=7)).error_code == 0


@pytest.mark.parametrize("codec", list(Codec))
async def test_what_the_producer_compressed_is_served_as_it_is(wire: Wire, codec: Codec):
    sent = batch(b"x" * 1000, b"y" * 1000, codec=codec)
    await produce(wire, sent)
    answer = await wire.ask(Api.FETCH, 11, **fetch_values({"orders": [(0, 0)]}))
    served = answer.responses[0].partitions[0].records
    assert served[16:] == sent[16:], "only base offset and leader epoch are the broker's"
    assert served[:16] == struct.pack(">qii", 0, len(sent) - 12, 0)


@pytest.mark.parametrize(
    ("topic", "partition"), [("orders", 2), ("orders", -1), ("orders", 2**31 - 1), ("bills", 0), ("", 0), ("..", 0)]
)
async def test_an_unknown_topic_or_partition_is_refused(wire: Wire, topic: str, partition: int):
    answer = await wire.ask(Api.PRODUCE, 9, **produce_values({topic: {partition: batch(b"x")}}))
    assert answer.responses[0].name == topic
    assert answer.responses[0].partition_responses[0].error_code == UNKNOWN


@pytest.mark.parametrize("key", [UUID(int=5), None])
async def test_an_unknown_topic_id_is_refused(wire: Wire, key: UUID | None):
    answer = await wire.ask(Api.PRODUCE, 13, **produce_values({key: {0: batch(b"x")}}))
    assert answer.responses[0].topic_id == key
    assert answer.responses[0].partition_responses[0].error_code == UNKNOWN_ID


async def test_a_request_without_batches_has_an_answer_without_any(wire: Wire):
    assert (await wire.ask(Api.PRODUCE, 9, **produce_values({}))).responses == ()
    assert (await wire.ask(Api.PRODUCE, 9, **produce_values({"orders": {}}))).responses == ()


async def test_a_topics_own_limit_decides_what_is_too_large(wire: Wire):
    await wire.ask(Api.CREATE_TOPICS, **create_values("small", configs={"max.message.bytes": "200"}))
    raws = {"small": {0: batch(b"x" * 200)}, "orders": {0: batch(b"x" * 200)}}
    answer = await wire.ask(Api.PRODUCE, 9, **produce_values(raws))
    codes = {topic.name: topic.partition_responses[0].error_code for topic in answer.responses}
    assert codes == {"small": TOO_LARGE, "orders": 0}


@pytest.mark.parametrize("timeout_ms", [20, 0, -1])
async def test_where_a_batch_is_that_did_not_become_safe_in_time_is_told(wire: Wire, disk: Disk, timeout_ms: int):
    await produce(wire, _GOOD)
    disk.hold()
    values = produce_values({"orders": {0: batch(b"x"), 1: b""}}, timeout=timeout_ms)
    late, bad = (await wire.ask(Api.PRODUCE, 9, **values)).responses[0].partition_responses
    assert (late.error_code, late.base_offset, late.log_start_offset) == (TIMED_OUT, 3, 0)
    assert (bad.error_code, bad.base_offset) == (INVALID_RECORD, -1)
    disk.release()
    assert (await produce(wire, batch(b"y"))).base_offset == 4


async def test_a_request_larger_than_the_limit_closes_the_connection(data):
    config = BrokerConfig(data=data, listen="127.0.0.1:0", max_request_bytes=1000, log=LogConfig())
    async with gomq.Broker(config=config) as broker:
        async with connect(broker.address) as wire:
            await wire.send(Api.PRODUCE, 9, produce_values({"orders": {0: batch(bytes(1000))}}))
            assert await wire.is_closed()
        async with connect(broker.address) as wire:
            await wire.ask(Api.METADATA, 12, topics=None)
