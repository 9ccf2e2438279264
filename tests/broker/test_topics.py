"""Topics are created, deleted and created anew, each wholly or not at all, and a restart finds what there was."""

import os
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from uuid import UUID

import anyio
import pytest
from anyio import to_thread

import gomq
from gomq.protocol.api import Api
from gomq_storage.batch import walk
from gomq_storage.files import OsFile
from gomq_storage.layout import segment_file_name
from tests.broker.conftest import Disk
from tests.support.topics import create, delete, folders, log_end, produce
from tests.support.wire import (
    DEADLINE,
    Wire,
    batch,
    connect,
    create_values,
    fetch_values,
    metadata_values,
    produce_values,
    versions,
)

UNKNOWN, INVALID, STORAGE, UNKNOWN_ID = 3, 42, 56, 100


@asynccontextmanager
async def connect_to_new_broker(data: Path) -> AsyncIterator[Wire]:
    """Start a broker and connect to it; it stops at the end of the block, while the client is still there."""
    async with AsyncExitStack() as clients, gomq.Broker(data=data, listen="127.0.0.1:0") as broker:
        yield await clients.enter_async_context(connect(broker.address))


def is_stray_of(partition: str, folder: str) -> bool:
    return re.fullmatch(re.escape(partition) + r"\.[0-9a-f]{32}-stray", folder) is not None


async def test_every_version_deletes_a_topic_with_its_messages(wire: Wire, data: Path):
    for version in versions(Api.DELETE_TOPICS):
        await create(wire, "orders", partitions=2)
        await produce(wire, "orders", b"x")
        by_name = [{"name": "orders", "topic_id": None}]
        answer = await wire.ask(Api.DELETE_TOPICS, version, topic_names=("orders",), topics=by_name)
        assert [(entry.name, entry.error_code) for entry in answer.responses] == [("orders", 0)]
        assert folders(data) == set()


async def test_a_topic_is_deleted_by_its_id(wire: Wire, data: Path):
    (created,) = await create(wire, "orders")
    wanted = [{"name": None, "topic_id": key} for key in (UUID(int=9), created.topic_id, None)]
    answer = await wire.ask(Api.DELETE_TOPICS, 6, topics=wanted)
    codes = {entry.topic_id: entry.error_code for entry in answer.responses}
    assert codes == {UUID(int=9): UNKNOWN_ID, created.topic_id: 0, None: INVALID}
    assert folders(data) == set()


async def test_a_name_and_an_id_exclude_each_other(wire: Wire):
    (created,) = await create(wire, "orders")
    answer = await wire.ask(Api.DELETE_TOPICS, 6, topics=[{"name": "orders", "topic_id": created.topic_id}])
    assert [entry.error_code for entry in answer.responses] == [INVALID]


async def test_deleting_what_is_not_there_is_told(wire: Wire):
    assert await delete(wire, "orders") == UNKNOWN
    assert await delete(wire, "__gomq_metadata") == UNKNOWN


async def test_a_topic_created_anew_is_empty_and_has_another_id(wire: Wire):
    ids = set()
    for _ in range(3):
        (created,) = await create(wire, "orders")
        ids.add(created.topic_id)
        assert await log_end(wire, "orders") == 0
        assert await produce(wire, "orders", b"x", b"y") == 0
        assert await log_end(wire, "orders") == 2
        assert await delete(wire, "orders") == 0
    assert len(ids) == 3


async def test_a_restart_finds_topics_ids_configs_and_messages(data: Path):
    async with gomq.Broker(data=data, listen="127.0.0.1:0") as broker, connect(broker.address) as wire:
        await create(wire, "gone")
        (orders, small) = (
            *await create(wire, "orders", partitions=3),
            *await create(wire, "small", configs={"max.message.bytes": "100"}),
        )
        await produce(wire, "orders", b"1", b"2")
        await delete(wire, "gone")
    async with gomq.Broker(data=data, listen="127.0.0.1:0") as broker, connect(broker.address) as wire:
        answer = await wire.ask(Api.METADATA, 12, topics=None)
        found = {topic.name: (topic.topic_id, len(topic.partitions)) for topic in answer.topics}
        assert found == {"orders": (orders.topic_id, 3), "small": (small.topic_id, 1)}
        assert await produce(wire, "orders", b"3") == 0
        assert await produce(wire, "small", b"x" * 100) != 0
        fetched = await wire.ask(Api.FETCH, 11, **fetch_values({"orders": [(0, 0)]}))
        records = fetched.responses[0].partitions[0].records
        assert [(header.base_offset, header.record_count) for _, header in walk(records)] == [(0, 2), (2, 1)]


async def test_many_ask_for_the_same_new_topic_at_once_and_it_is_created_once(broker: gomq.Broker, data: Path):
    ids = set()

    async def ask() -> None:
        async with connect(broker.address) as wire:
            answer = await wire.ask(Api.METADATA, 12, **metadata_values("orders", create=True))
            assert answer.topics[0].error_code == 0
            ids.add(answer.topics[0].topic_id)

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(ask)
    assert len(ids) == 1
    assert folders(data) == {"orders-0"}


async def test_a_produce_that_waits_for_its_sync_is_told_when_the_topic_is_deleted(
    broker: gomq.Broker, wire: Wire, disk: Disk, data: Path
):
    await create(wire, "orders")
    disk.hold()
    await wire.send(Api.PRODUCE, 9, produce_values({"orders": {0: batch(b"x")}}))
    assert await to_thread.run_sync(disk.started.wait, DEADLINE)
    async with connect(broker.address) as other:
        await other.send(Api.DELETE_TOPICS, 5, {"topic_names": ("orders",)})
        await anyio.wait_all_tasks_blocked()
        disk.release()
        answer = await wire.receive(Api.PRODUCE, 9)
        assert answer.responses[0].partition_responses[0].error_code in {0, UNKNOWN}
        deleted = await other.receive(Api.DELETE_TOPICS, 5)
        assert [entry.error_code for entry in deleted.responses] == [0]
    assert folders(data) == set()


@pytest.mark.parametrize("api", [Api.CREATE_TOPICS, Api.DELETE_TOPICS])
async def test_a_broker_that_stops_within_a_change_of_topics_has_made_it_whole_or_not_at_all(
    data: Path, disk: Disk, api: Api
):
    async def release_once_the_broker_waits() -> None:
        await anyio.wait_all_tasks_blocked()
        disk.release()

    async with anyio.create_task_group() as group, connect_to_new_broker(data) as wire:
        await create(wire, "orders")
        await produce(wire, "orders", b"x")
        disk.hold()
        values = create_values("more", partitions=2) if api is Api.CREATE_TOPICS else {"topic_names": ("orders",)}
        await wire.send(api, 5, values)
        assert await to_thread.run_sync(disk.started.wait, DEADLINE)
        group.start_soon(release_once_the_broker_waits)
    async with gomq.Broker(data=data, listen="127.0.0.1:0") as broker, connect(broker.address) as wire:
        answer = await wire.ask(Api.METADATA, 12, topics=None)
        partitions = {f"{topic.name}-{entry.partition_index}" for topic in answer.topics for entry in topic.partitions}
        assert partitions == folders(data)
        assert all(entry.error_code == 0 for topic in answer.topics for entry in topic.partitions)


async def test_a_topic_that_cannot_be_written_leaves_nothing_behind(
    wire: Wire, data: Path, monkeypatch: pytest.MonkeyPatch
):
    calls, whole = 0, OsFile.sync

    def fail_the_fifth(file: OsFile) -> None:
        nonlocal calls
        calls += 1
        if calls == 5:
            raise OSError(28, os.strerror(28))
        whole(file)

    monkeypatch.setattr(OsFile, "sync", fail_the_fifth)
    assert [topic.error_code for topic in await create(wire, "orders", partitions=10)] == [STORAGE]
    assert folders(data) == set()
    assert [topic.error_code for topic in await create(wire, "orders", partitions=10)] == [0]
    assert len(folders(data)) == 10


async def test_messages_of_a_topic_that_no_record_speaks_of_never_become_a_new_topics(
    wire: Wire, data: Path, caplog: pytest.LogCaptureFixture
):
    await create(wire, "orders")
    await produce(wire, "orders", b"old")
    (data / "orders-0").rename(data / "bills-0")
    await delete(wire, "orders")
    (topic,) = await create(wire, "bills")
    assert topic.error_code == 0
    assert await log_end(wire, "bills") == 0
    (stray,) = folders(data) - {"bills-0"}
    assert is_stray_of("bills-0", stray)
    assert b"old" in (data / stray / segment_file_name(0)).read_bytes(), "a person decides what becomes of them"
    (told,) = [record for record in caplog.records if record.msg == "directory.left_behind"]
    assert stray in told.__dict__["problem"]


async def test_folders_that_belong_to_no_topic_are_told_at_a_start(data: Path, caplog: pytest.LogCaptureFixture):
    async with connect_to_new_broker(data) as wire:
        await create(wire, "orders", partitions=2)
    for folder in ("bills-0", "bills-7", "orders-2", "notes"):
        (data / folder).mkdir()
    async with connect_to_new_broker(data):
        pass
    told = [record.__dict__["problem"] for record in caplog.records if record.msg == "directory.left_behind"]
    assert [problem.partition(" of these")[0] for problem in told] == [f"{data}/bills-*: 2", f"{data}/orders-*: 1"]
    assert folders(data) == {"orders-0", "orders-1", "orders-2", "bills-0", "bills-7", "notes"}


async def test_what_was_put_aside_is_left_alone_by_a_restart(data: Path):
    (data / "orders-0").mkdir(parents=True)
    (data / "orders-0" / "notes.txt").write_text("mine")
    for _ in range(2):
        async with connect_to_new_broker(data) as wire:
            await create(wire, "orders")
    (stray,) = folders(data) - {"orders-0"}
    assert is_stray_of("orders-0", stray)
    assert (data / stray / "notes.txt").read_text() == "mine"


async def test_a_folder_that_a_crash_left_empty_is_no_hindrance(wire: Wire, data: Path):
    (data / "orders-0").mkdir()
    (topic,) = await create(wire, "orders")
    assert topic.error_code == 0
    assert await produce(wire, "orders", b"x") == 0
