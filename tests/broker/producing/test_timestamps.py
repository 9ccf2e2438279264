"""Whose clock a message's timestamp is read from, and which timestamps are taken: as the topic says, at any time."""

from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest

from gomq.broker.config import MessageValidation
from gomq.protocol.api import Api
from gomq_storage.batch import HEADER, BatchHeader, check_batch, walk
from gomq_storage.compression import Codec
from gomq_storage.config import LogConfig, TimestampType
from gomq_storage.record import NewRecord, build_batch, decode_batch, encode_records
from tests.support.configs import own_configs, set_config, value_of
from tests.support.running import fetch, now_ms, read_records, running, send, sequenced
from tests.support.topics import create
from tests.support.wire import NOW_MS, Wire, batch, patched, produce_values, timed_batch, versions

INVALID_TIMESTAMP, INVALID_CONFIG = 32, 40
HOUR_MS: Final = 3_600_000
APPEND_TIME: Final = {"message.timestamp.type": "LogAppendTime"}
FULL: Final[dict[str, Any]] = {"message_validation": MessageValidation.FULL}


async def produce(wire: Wire, raw: bytes, *, topic: str = "orders", version: int = 9) -> Any:
    """Produce one batch, and return the partition's answer."""
    answer = await wire.ask(Api.PRODUCE, version, **produce_values({topic: {0: raw}}))
    return answer.responses[0].partition_responses[0]


async def stored(wire: Wire, *, offset: int = 0) -> tuple[bytes, BatchHeader]:
    """Fetch a batch as it was written; its CRC must be right."""
    raw = (await fetch(wire, "orders", offset)).records
    _, header = next(walk(raw))
    return raw[: header.size], check_batch(raw[: header.size])


def in_ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


@pytest.mark.parametrize("codec", [Codec.NONE, Codec.LZ4])
async def test_a_topic_of_log_append_time_gives_the_brokers(wire: Wire, codec: Codec):
    await create(wire, "orders", configs=APPEND_TIME)
    sent = timed_batch(100, 300, 200, codec=codec)
    before = now_ms()
    answer = await produce(wire, sent)
    after = now_ms()
    assert (answer.error_code, answer.base_offset) == (0, 0)
    stamp = in_ms(answer.log_append_time)
    assert before <= stamp <= after
    raw, header = await stored(wire)
    assert (header.is_log_append_time, header.max_timestamp, header.codec) == (True, stamp, codec)
    assert header.base_timestamp == 100, "what the producer said is kept"
    assert raw[HEADER.size :] == sent[HEADER.size :]
    assert [record.timestamp for record in await read_records(wire, "orders")] == [stamp] * 3


async def test_every_version_tells_the_append_time(wire: Wire):
    await create(wire, "orders", configs=APPEND_TIME)
    for version in [each for each in versions(Api.PRODUCE) if each < 13]:
        before = now_ms()
        answer = await produce(wire, batch(b"x"), version=version)
        assert before <= in_ms(answer.log_append_time) <= now_ms()


async def test_a_look_up_by_time_goes_by_the_append_time(wire: Wire):
    await create(wire, "orders", configs=APPEND_TIME)
    stamps = [in_ms((await produce(wire, timed_batch(5000, 1000))).log_append_time) for _ in range(3)]
    for wanted, offset in ((1000, 0), (stamps[0], 0), (stamps[-1] + 1, -1)):
        entry = {"partition_index": 0, "current_leader_epoch": -1, "timestamp": wanted}
        answer = await wire.ask(Api.LIST_OFFSETS, 5, topics=[{"name": "orders", "partitions": [entry]}])
        (found,) = answer.topics[0].partitions
        assert (found.error_code, found.offset) == (0, offset)


async def test_of_append_time_a_producer_may_send_any_timestamp(wire: Wire):
    await create(wire, "orders", configs={**APPEND_TIME, "message.timestamp.after.max.ms": "0"})
    for timestamp in (2**62, 0, -5):
        assert (await produce(wire, timed_batch(timestamp))).error_code == 0


async def test_a_duplicate_is_told_the_append_time_of_the_first(wire: Wire):
    await create(wire, "orders", configs=APPEND_TIME)
    first = await produce(wire, sequenced(7, 0, b"x"))
    while now_ms() <= in_ms(first.log_append_time):
        pass  # a clock of milliseconds goes on within one
    again = await produce(wire, sequenced(7, 0, b"x"))
    assert (again.error_code, again.base_offset, again.log_append_time) == (0, 0, first.log_append_time)


@pytest.mark.parametrize("validation", list(MessageValidation))
@pytest.mark.parametrize("configs", [{}, APPEND_TIME])
async def test_no_producer_says_that_the_brokers_clock_was_used(
    data: Path, validation: MessageValidation, configs: dict[str, str]
):
    async with running(data, message_validation=validation) as wire:
        await create(wire, "orders", configs=configs)
        answer = await produce(wire, patched(batch(b"x", b"y"), 21, b"\0\x08"))
        assert answer.error_code == INVALID_TIMESTAMP
        assert [each.batch_index for each in answer.record_errors] == [0, 1]


@pytest.mark.parametrize("validation", list(MessageValidation))
async def test_a_timestamp_more_than_an_hour_ahead_is_refused(data: Path, validation: MessageValidation):
    async with running(data, message_validation=validation) as wire:
        await create(wire, "orders")
        assert (await produce(wire, timed_batch(now_ms() + HOUR_MS))).error_code == 0
        for timestamp in (now_ms() + HOUR_MS + 60_000, 2**63 - 1, -(2**63)):
            answer = await produce(wire, timed_batch(timestamp))
            assert (answer.error_code, answer.base_offset, answer.log_start_offset) == (INVALID_TIMESTAMP, -1, 0)
            assert f"timestamp {timestamp} is {'later' if timestamp > 0 else 'earlier'} than " in answer.error_message
            (error,) = answer.record_errors
            assert (error.batch_index, str(timestamp) in error.batch_index_error_message) == (0, True)
        assert (await produce(wire, timed_batch(0, -1))).error_code == 0


@pytest.mark.parametrize("version", [each for each in versions(Api.PRODUCE) if each < 13])
async def test_versions_before_8_hear_the_code_alone(wire: Wire, version: int):
    await create(wire, "orders")
    answer = await produce(wire, timed_batch(2**62), version=version)
    assert answer.error_code == INVALID_TIMESTAMP
    assert bool(getattr(answer, "record_errors", ())) == bool(getattr(answer, "error_message", "")) == (version >= 8)


async def test_a_limit_that_is_changed_counts_at_once(wire: Wire):
    await create(wire, "orders")
    for before_ms, code in (("1000", INVALID_TIMESTAMP), (str(2**63 - 1), 0), ("0", INVALID_TIMESTAMP)):
        await set_config(wire, "orders", "message.timestamp.before.max.ms", before_ms)
        assert (await produce(wire, timed_batch(NOW_MS))).error_code == code
    await set_config(wire, "orders", "message.timestamp.type", "LogAppendTime")
    assert (await produce(wire, timed_batch(NOW_MS))).error_code == 0
    await set_config(wire, "orders", "message.timestamp.type", "CreateTime")
    assert (await produce(wire, timed_batch(NOW_MS))).error_code == INVALID_TIMESTAMP
    await set_config(wire, "orders", "message.timestamp.before.max.ms", "9223372036854775807")
    answer = await produce(wire, timed_batch(NOW_MS))
    assert (answer.error_code, answer.log_append_time) == (0, None)
    assert [record.timestamp >= NOW_MS for record in await read_records(wire, "orders")] == [True] * 3


async def test_the_settings_outlive_a_restart(data: Path):
    async with running(data) as wire:
        await create(wire, "orders", configs={**APPEND_TIME, "message.timestamp.after.max.ms": "7"})
    async with running(data) as wire:
        assert await own_configs(wire, "orders") == {**APPEND_TIME, "message.timestamp.after.max.ms": "7"}
        assert (await produce(wire, batch(b"x"))).log_append_time is not None


async def test_the_brokers_default_counts_where_a_topic_says_nothing(data: Path):
    log = LogConfig(message_timestamp_type=TimestampType.LOG_APPEND_TIME, message_timestamp_before_max_ms=5)
    async with running(data, log=log) as wire:
        await create(wire, "orders")
        await create(wire, "bills", configs={"message.timestamp.type": "CreateTime"})
        assert await value_of(wire, "orders", "message.timestamp.type") == "LogAppendTime"
        assert (await produce(wire, batch(b"x"))).log_append_time is not None
        assert (await produce(wire, batch(b"x"), topic="bills")).error_code == INVALID_TIMESTAMP


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("message.timestamp.type", "createtime"),
        ("message.timestamp.type", ""),
        ("message.timestamp.before.max.ms", "-1"),
        ("message.timestamp.after.max.ms", "9223372036854775808"),
    ],
)
async def test_a_setting_that_cannot_be_is_refused(wire: Wire, name: str, value: str):
    answer = await wire.ask(
        Api.CREATE_TOPICS,
        5,
        topics=[
            {
                "name": "orders",
                "num_partitions": 1,
                "replication_factor": 1,
                "assignments": [],
                "configs": [{"name": name, "value": value}],
            }
        ],
        validate_only=False,
    )
    assert answer.topics[0].error_code == INVALID_CONFIG
    assert name in answer.topics[0].error_message


def lying(*timestamps: int, largest: int) -> bytes:
    """Encode records whose header has another largest timestamp than they."""
    records = [NewRecord(b"x", timestamp=timestamp) for timestamp in timestamps]
    return build_batch(
        encode_records(records, base_timestamp=timestamps[0]),
        record_count=len(records),
        base_timestamp=timestamps[0],
        max_timestamp=largest,
    )


async def test_the_header_is_believed_where_the_records_are_not_read(wire: Wire):
    await create(wire, "orders")
    assert (await produce(wire, lying(5, 2**62, largest=7))).error_code == 0
    assert (await stored(wire))[1].max_timestamp == 7
    answer = await produce(wire, lying(5, 6, largest=2**62))
    assert (answer.error_code, answer.record_errors) == (INVALID_TIMESTAMP, ())


async def test_the_records_are_believed_where_they_are_read(data: Path):
    async with running(data, **FULL) as wire:
        await create(wire, "orders")
        answer = await produce(wire, lying(5, 2**62, 6, largest=7))
        assert answer.error_code == INVALID_TIMESTAMP
        assert [each.batch_index for each in answer.record_errors] == [1]
        assert (await produce(wire, lying(5, 9, 6, largest=2**62))).error_code == 0
        raw, header = await stored(wire)
        assert header.max_timestamp == 9, "as Kafka writes it"
        assert [record.timestamp for record in decode_batch(raw, header)] == [5, 9, 6]


async def test_a_compacted_topic_has_append_times_too(wire: Wire):
    await create(wire, "orders", configs={**APPEND_TIME, "cleanup.policy": "compact"})
    keyed = build_batch(
        encode_records([NewRecord(b"x", b"k")], base_timestamp=5), record_count=1, base_timestamp=5, max_timestamp=5
    )
    assert await send(wire, "orders", keyed) == (0, 0)
    assert (await stored(wire))[1].is_log_append_time
