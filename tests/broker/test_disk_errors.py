"""What the disk does to one partition or one request is told there, and nothing is made up."""

import errno
import logging
import os
from pathlib import Path

import pytest

import gomq
from gomq.errors import BrokerStartError
from gomq.protocol.api import Api
from gomq_storage.files import OsFile
from gomq_storage.layout import segment_file_name
from tests.broker.conftest import Disk
from tests.support.topics import create, delete, produce
from tests.support.wire import Wire, batch, connect, fetch_values, produce_values

CORRUPT, STORAGE = 2, 56


def overwrite(path: Path, position: int, raw: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(position)
        file.write(raw)


async def test_a_batch_that_is_damaged_on_disk_is_a_corrupt_message_and_the_others_are_served(wire: Wire, data: Path):
    await create(wire, "orders", partitions=2)
    for _ in range(2):
        await wire.ask(Api.PRODUCE, 9, **produce_values({"orders": {0: batch(b"x"), 1: batch(b"y")}}))
    overwrite(data / "orders-0" / segment_file_name(0), len(batch(b"x")) + 16, b"\0")
    answer = await wire.ask(Api.FETCH, 11, **fetch_values({"orders": [(0, 1), (1, 1)]}, max_wait=3_600_000))
    damaged, sound = answer.responses[0].partitions
    assert (damaged.error_code, damaged.records) == (CORRUPT, b"")
    assert (sound.error_code, len(sound.records)) == (0, len(batch(b"y")))


async def test_a_fetch_that_runs_out_of_descriptors_answers_with_what_it_could_open(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
):
    await create(wire, "orders", partitions=2)
    await wire.ask(Api.PRODUCE, 9, **produce_values({"orders": {0: batch(b"x"), 1: batch(b"y")}}))
    calls, whole = 0, OsFile.duplicate_descriptor

    def duplicate(file: OsFile) -> int:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return whole(file)

    monkeypatch.setattr(OsFile, "duplicate_descriptor", duplicate)
    values = fetch_values({"orders": [(0, 0), (1, 0)]})
    first = (await wire.ask(Api.FETCH, 11, **values)).responses[0].partitions
    assert [(entry.error_code, bool(entry.records)) for entry in first] == [(0, True), (0, False)]
    second = (await wire.ask(Api.FETCH, 11, **values)).responses[0].partitions
    assert [(entry.error_code, bool(entry.records)) for entry in second] == [(0, True), (0, True)]


async def test_a_disk_that_fails_is_told_to_whoever_changes_something(wire: Wire, disk: Disk):
    await create(wire, "orders")
    disk.is_broken = True
    assert await delete(wire, "orders") == STORAGE
    answer = await wire.ask(Api.INIT_PRODUCER_ID, producer_id=-1, producer_epoch=-1)
    assert (answer.error_code, answer.producer_id) == (STORAGE, -1)


async def test_a_torn_tail_is_cut_and_the_log_says_so(data: Path, caplog: pytest.LogCaptureFixture):
    async with gomq.Broker(data=data, listen="127.0.0.1:0") as broker, connect(broker.address) as wire:
        await create(wire, "orders")
        await produce(wire, "orders", b"x")
    log_file = data / "orders-0" / segment_file_name(0)
    with log_file.open("ab") as file:
        file.write(batch(b"torn")[:-1])
    async with gomq.Broker(data=data, listen="127.0.0.1:0") as broker, connect(broker.address) as wire:
        answer = await wire.ask(Api.FETCH, 11, **fetch_values({"orders": [(0, 0)]}))
        assert answer.responses[0].partitions[0].high_watermark == 1
    (record,) = [record for record in caplog.records if record.msg == "partition.recovered"]
    torn = len(batch(b"torn")) - 1
    assert record.levelno == logging.WARNING
    assert record.__dict__["truncated_bytes"] == torn
    kept_aside = log_file.with_name(f"{log_file.name}.torn-{len(batch(b'x'))}")
    assert record.__dict__["kept_aside"] == str(kept_aside)
    assert kept_aside.read_bytes() == batch(b"torn")[:torn]


async def test_a_broker_that_cannot_read_its_own_state_does_not_start_and_lets_go_of_the_directory(data: Path):
    async with gomq.Broker(data=data, listen="127.0.0.1:0") as broker, connect(broker.address) as wire:
        await create(wire, "orders")
        await create(wire, "bills")
    log_file = data / "__gomq_metadata-0" / segment_file_name(0)
    sound = log_file.read_bytes()
    overwrite(log_file, 100, b"\xff\xff")
    with pytest.raises(BrokerStartError, match="own state"):
        await gomq.Broker(data=data, listen="127.0.0.1:0").__aenter__()
    overwrite(log_file, 0, sound)
    async with gomq.Broker(data=data, listen="127.0.0.1:0") as broker, connect(broker.address) as wire:
        assert len((await wire.ask(Api.METADATA, 12, topics=None)).topics) == 2
