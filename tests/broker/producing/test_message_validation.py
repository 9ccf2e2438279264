"""Messages are looked at where the broker is set to, or the topic is compacted; nobody waits for long."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

import gomq
from gomq.broker.config import MessageValidation
from gomq.protocol.api import Api
from gomq.protocol.configs import ConfigOperation, ResourceType
from gomq_storage.batch import HEADER_SIZE
from gomq_storage.compression import Codec
from gomq_storage.record import NewRecord, build_batch, encode_batch, encode_records
from tests.support.configs import alter_incrementally
from tests.support.running import bounds, read_records, running, send
from tests.support.topics import create
from tests.support.wire import NOW_MS, Wire, connect, patched, produce_values

CORRUPT, TOO_LARGE, INVALID_TOPIC, CODEC, INVALID_RECORD = 2, 10, 17, 76, 87
COMPACTED: Final = {"cleanup.policy": "compact"}
LONG: Final = 2000
"""Records that are too many to be checked on the event loop."""


@pytest.fixture(params=["full", "compacted"])
async def wire(request: pytest.FixtureRequest, data: Path) -> Any:
    """A connection to a broker with the topics ``orders`` and ``bills``, whose messages are looked at."""
    is_full = request.param == "full"
    validation = MessageValidation.FULL if is_full else MessageValidation.HEADER
    async with running(data, message_validation=validation) as connection:
        await create(connection, "orders", "bills", configs={} if is_full else COMPACTED)
        yield connection


def keyed(count: int, *, size: int = 1, first: int = 0) -> list[NewRecord]:
    return [NewRecord(b"x" * size, b"%d" % (number % 50)) for number in range(first, first + count)]


def good(count: int = 3, codec: Codec = Codec.NONE) -> bytes:
    return encode_batch(keyed(count), now_ms=NOW_MS, codec=codec)


def changed(codec: Codec, change: Callable[[bytearray], None], *, count: int = 3) -> bytes:
    """Encode three records that were changed before they were compressed; the header says ``count``."""
    data = bytearray(encode_records(keyed(3), base_timestamp=NOW_MS))
    change(data)
    return build_batch(bytes(data), record_count=count, base_timestamp=NOW_MS, max_timestamp=NOW_MS, codec=codec)


def put(position: int, value: int) -> Callable[[bytearray], None]:
    def change(data: bytearray) -> None:
        data[position] = value

    return change


SIZE: Final = len(encode_records(keyed(1), base_timestamp=NOW_MS))
FAULTS: Final[dict[str, Callable[[Codec], bytes]]] = {
    "a length too long": lambda codec: changed(codec, put(0, 2 * SIZE)),
    "a length too short": lambda codec: changed(codec, put(0, 2 * SIZE - 4)),
    "a negative length": lambda codec: changed(codec, put(0, 1)),
    "an offset twice": lambda codec: changed(codec, put(SIZE + 3, 0)),
    "an offset left out": lambda codec: changed(codec, put(2 * SIZE + 3, 6)),
    "a key longer than the record": lambda codec: changed(codec, put(4, 120)),
    "a value longer than the record": lambda codec: changed(codec, put(6, 120)),
    "a header that is not there": lambda codec: changed(codec, put(8, 2)),
    "a negative count of headers": lambda codec: changed(codec, put(8, 1)),
    "more records than said": lambda codec: changed(codec, put(0, 2 * SIZE - 2), count=2),
    "fewer records than said": lambda codec: changed(codec, put(0, 2 * SIZE - 2), count=4),
    "two billion records": lambda codec: changed(codec, put(0, 2 * SIZE - 2), count=2**31 - 1),
    "bytes behind the records": lambda codec: changed(codec, lambda data: data.extend(b"\0")),
}


@pytest.mark.parametrize("codec", [Codec.NONE, Codec.ZSTD])
async def test_records_that_are_none_are_refused_and_the_others_of_the_request_appended(wire: Wire, codec: Codec):
    for number, (fault, make) in enumerate(FAULTS.items()):
        values = produce_values({"orders": {0: make(codec)}, "bills": {0: good()}})
        answer = await wire.ask(Api.PRODUCE, 9, **values)
        bad, fine = (topic.partition_responses[0] for topic in answer.responses)
        assert (bad.error_code, bad.base_offset, bad.record_errors) == (INVALID_RECORD, -1, ()), fault
        assert bad.error_message
        assert (fine.error_code, fine.base_offset) == (0, 3 * number)
    assert await bounds(wire, "orders") == (0, 0)


async def test_good_records_are_taken_as_they_are(wire: Wire):
    sent = [(codec, count) for codec in Codec for count in (1, 100, LONG)]
    for codec, count in sent:
        assert (await send(wire, "orders", good(count, codec)))[0] == 0
    keys = [each.key for _, count in sent for each in keyed(count)]
    assert [record.key for record in await read_records(wire, "orders")] == keys


@pytest.mark.parametrize("codec", [codec for codec in Codec if codec])
async def test_what_cannot_be_decompressed_is_corrupt(wire: Wire, codec: Codec):
    raw = good(50, codec)
    assert await send(wire, "orders", patched(raw[:-9], 8, (len(raw) - 9 - 12).to_bytes(4, "big"))) == (CORRUPT, -1)


async def test_nobody_looks_where_only_headers_are_checked(broker: gomq.Broker):
    async with connect(broker.address) as wire:
        await create(wire, "orders")
        assert await send(wire, "orders", FAULTS["a length too long"](Codec.NONE)) == (0, 0)


async def test_how_closely_messages_are_looked_at_may_change_at_any_time(broker: gomq.Broker):
    async with connect(broker.address) as wire:
        await create(wire, "orders")
        for value, code in (("full", INVALID_RECORD), ("header", 0)):
            operation = ("gomq.message.validation", ConfigOperation.SET, value)
            done = await alter_incrementally(wire, "1", operation, resource_type=ResourceType.BROKER)
            assert done == (0, None)
            assert (await send(wire, "orders", FAULTS["an offset twice"](Codec.NONE)))[0] == code


@pytest.mark.parametrize("count", [3, LONG])
async def test_records_without_a_key_are_named_where_a_topic_is_compacted(broker: gomq.Broker, count: int):
    async with connect(broker.address) as wire:
        await create(wire, "orders", configs=COMPACTED)
        records = keyed(count)
        for number in (1, count - 1):
            records[number] = NewRecord(b"x")
        raw = encode_batch(records, now_ms=NOW_MS)
        answer = await wire.ask(Api.PRODUCE, 9, **produce_values({"orders": {0: raw}}))
        (found,) = answer.responses[0].partition_responses
        assert (found.error_code, found.base_offset, found.log_start_offset) == (INVALID_RECORD, -1, 0)
        assert [each.batch_index for each in found.record_errors] == [1, count - 1]
        assert all("no key" in each.batch_index_error_message for each in found.record_errors)
        assert f"2 of {count} records" in found.error_message


async def test_clients_write_to_no_topic_of_the_brokers_own(broker: gomq.Broker):
    async with connect(broker.address) as wire:
        found = await wire.ask(Api.FIND_COORDINATOR, 2, key="group", key_type=0)
        assert found.error_code == 0
        assert await send(wire, "__consumer_offsets", good()) == (INVALID_TOPIC, -1)


@pytest.mark.parametrize("is_stream", [False, True])
async def test_snappy_that_claims_to_be_large_is_refused_at_once(wire: Wire, is_stream: bool):
    claims = b"\xff\xff\xff\xff\x0f" + bytes(100)  # a block of 4 GiB
    if is_stream:
        claims = b"\x82SNAPPY\0" + (1).to_bytes(4, "big") * 2 + len(claims).to_bytes(4, "big") + claims
    raw = build_batch(bytes(len(claims)), record_count=1, base_timestamp=NOW_MS, max_timestamp=NOW_MS)
    raw = patched(patched(raw, HEADER_SIZE, claims), 21, b"\0\2")
    assert (await send(wire, "orders", raw))[0] in {CORRUPT, TOO_LARGE}
