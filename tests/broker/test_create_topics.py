"""CreateTopics: what a topic may be called, how many partitions it has, what can be set; and nothing else is made."""

import errno
import os
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given, strategies as st

import gomq
from gomq.broker import BrokerConfig
from gomq.broker.catalogue import NewTopic, in_groups
from gomq.protocol.api import Api
from gomq_storage.files import OsFiles
from tests.broker.conftest import Disk
from tests.support.topics import create, delete, folders, log_end, produce
from tests.support.wire import Wire, connect, create_values, fetch_values, metadata_values, versions

UNKNOWN, INVALID_TOPIC, EXISTS, PARTITIONS, REPLICATION, ASSIGNMENT, CONFIG, INVALID = 3, 17, 36, 37, 38, 39, 40, 42
TIMED_OUT, POLICY, STORAGE = 7, 44, 56
ILLEGAL = ["..", ".", "", "a/b", "../x", "/etc/x", "a\0", "a\n", "é", "\uff0e", "a b", "a:b", "x" * 250, "x" * 30_000]


async def test_every_version_creates_a_topic(wire: Wire, data: Path):
    for version in versions(Api.CREATE_TOPICS):
        (created,) = await create(wire, f"v{version}", version=version, partitions=2)
        assert (created.name, created.error_code, created.error_message) == (f"v{version}", 0, None)
        if version >= 5:
            assert (created.num_partitions, created.replication_factor) == (2, 1)
        if version >= 7:
            assert created.topic_id is not None
    assert folders(data) == {f"v{version}-{n}" for version in versions(Api.CREATE_TOPICS) for n in range(2)}


async def test_a_topic_that_is_there_is_not_created_again(wire: Wire):
    await create(wire, "orders")
    await produce(wire, "orders", b"x")
    assert [topic.error_code for topic in await create(wire, "orders")] == [EXISTS]
    assert await log_end(wire, "orders") == 1


async def test_a_name_given_twice_is_an_invalid_request_and_the_others_are_created(wire: Wire, data: Path):
    codes = {topic.name: topic.error_code for topic in await create(wire, "twice", "once", "twice")}
    assert codes == {"twice": INVALID, "once": 0}
    assert folders(data) == {"once-0"}


async def test_names_that_differ_in_dots_and_underscores_only_collide(wire: Wire):
    assert [topic.error_code for topic in await create(wire, "a.b_c")] == [0]
    assert [topic.error_code for topic in await create(wire, "a_b.c")] == [INVALID_TOPIC]
    assert await delete(wire, "a.b_c") == 0
    assert [topic.error_code for topic in await create(wire, "a_b.c")] == [0]
    assert [topic.error_code for topic in await create(wire, "a.b_c")] == [INVALID_TOPIC]


@pytest.mark.parametrize("partitions", [0, -2, 10_001, 2**31 - 1, -(2**31)])
async def test_a_number_of_partitions_that_cannot_be_is_refused(wire: Wire, data: Path, partitions: int):
    assert [topic.error_code for topic in await create(wire, "orders", partitions=partitions)] == [PARTITIONS]
    assert folders(data) == set()


@pytest.mark.parametrize("replication_factor", [0, 2, -2])
async def test_there_is_one_replica(wire: Wire, data: Path, replication_factor: int):
    values = create_values("orders")
    values["topics"][0]["replication_factor"] = replication_factor
    answer = await wire.ask(Api.CREATE_TOPICS, **values)
    assert [topic.error_code for topic in answer.topics] == [REPLICATION]
    assert folders(data) == set()


@pytest.mark.parametrize(
    ("assignments", "code"),
    [
        ({0: (1,), 1: (1,)}, 0),
        ({0: (1,), 2: (1,)}, ASSIGNMENT),
        ({0: (2,)}, ASSIGNMENT),
        ({0: (1, 1)}, ASSIGNMENT),
        ({0: ()}, ASSIGNMENT),
    ],
)
async def test_partitions_may_be_assigned_to_the_only_broker(wire: Wire, assignments: dict[int, Any], code: int):
    values = create_values("orders", partitions=-1)
    values["topics"][0] |= {
        "replication_factor": -1,
        "assignments": [{"partition_index": key, "broker_ids": ids} for key, ids in assignments.items()],
    }
    answer = await wire.ask(Api.CREATE_TOPICS, **values)
    assert [topic.error_code for topic in answer.topics] == [code]


async def test_a_topic_is_only_checked_where_the_request_says_so(wire: Wire, data: Path):
    answer = await wire.ask(Api.CREATE_TOPICS, **(create_values("orders", "..") | {"validate_only": True}))
    assert [topic.error_code for topic in answer.topics] == [0, INVALID_TOPIC]
    assert folders(data) == set()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("segment.bytes", "x"), ("segment.bytes", "13"), ("segment.bytes", str(2**31)), ("max.message.bytes", "-1"),
        ("no.such", "1"), ("cleanup.policy", "compress"), ("retention.ms", "-2"), ("segment.bytes", "\x1b" * 30_000),
        ("\x1b" * 30_000, "1"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("version", [4, 7])
async def test_a_config_that_cannot_be_honoured_is_refused(wire: Wire, data: Path, name: str, value: str, version: int):
    (topic,) = await create(wire, "orders", version=version, configs={name: value})
    assert topic.error_code == CONFIG
    assert topic.error_message
    assert folders(data) == set()


@pytest.mark.parametrize("name", ILLEGAL)
async def test_an_illegal_name_is_refused_by_every_api_and_nothing_is_written(wire: Wire, data: Path, name: str):
    everything_before = sorted(data.parent.rglob("*"))
    assert [topic.error_code for topic in await create(wire, name)] == [INVALID_TOPIC]
    answer = await wire.ask(Api.METADATA, 12, **metadata_values(name, create=True))
    assert [topic.error_code for topic in answer.topics] == [INVALID_TOPIC]
    assert await produce(wire, name, b"x") == UNKNOWN
    assert await delete(wire, name) == UNKNOWN
    answer = await wire.ask(Api.FETCH, 11, **fetch_values({name: [(0, 0)]}))
    assert answer.responses[0].partitions[0].error_code == UNKNOWN
    assert sorted(data.parent.rglob("*")) == everything_before


@pytest.mark.parametrize("name", ["x" * 249, "a-0", "A.b_c-9", "...", "-"])
async def test_a_legal_name_is_one_folder_in_the_data_directory(wire: Wire, data: Path, name: str):
    assert [topic.error_code for topic in await create(wire, name)] == [0]
    assert await produce(wire, name, b"x") == 0
    assert folders(data) == {f"{name}-0"}
    assert await delete(wire, name) == 0
    assert folders(data) == set()


@pytest.mark.parametrize("name", ["__consumer_offsets", "__gomq_metadata", "__cluster_metadata"])
async def test_what_the_broker_keeps_for_itself_is_not_for_clients_to_create(wire: Wire, data: Path, name: str):
    before = folders(data)
    assert [topic.error_code for topic in await create(wire, name)] == [INVALID_TOPIC]
    answer = await wire.ask(Api.METADATA, 12, **metadata_values(name, create=True))
    assert [topic.error_code for topic in answer.topics] == [UNKNOWN if "metadata" not in name else INVALID_TOPIC]
    assert folders(data) == before


async def test_one_request_makes_no_more_partitions_than_kafkas_controller_would(wire: Wire, data: Path):
    topics = await create(wire, "a", "b", "c", partitions=4000)
    assert [(topic.name, topic.error_code) for topic in topics] == [("a", POLICY), ("b", POLICY), ("c", POLICY)]
    assert folders(data) == set()


async def test_what_is_wrong_is_told_in_kafkas_order(wire: Wire):
    """The name, then whether it is there, then the configs, then how it is spread."""
    await create(wire, "there")
    values = create_values("a/b", "there", "new", "spread", partitions=0, configs={"no.such": "1"})
    for topic in values["topics"]:
        topic["replication_factor"] = 5
    values["topics"][3]["configs"] = []
    answer = await wire.ask(Api.CREATE_TOPICS, **values)
    assert [topic.error_code for topic in answer.topics] == [INVALID_TOPIC, EXISTS, CONFIG, REPLICATION]
    assert all(topic.configs == () and topic.num_partitions == -1 for topic in answer.topics)


async def test_a_request_whose_time_is_up_before_its_turn_creates_nothing_and_after_it_all(
    broker: gomq.Broker, wire: Wire, disk: Disk, data: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("gomq.broker.refusals._LEAST_PATIENCE", 0.05)
    disk.hold()
    async with connect(broker.address) as other:
        await other.send(Api.CREATE_TOPICS, 7, create_values("first") | {"timeout": 1})
        assert await anyio.to_thread.run_sync(disk.started.wait, 10)
        answer = await wire.ask(Api.CREATE_TOPICS, **(create_values("second") | {"timeout": 1}))
        assert [topic.error_code for topic in answer.topics] == [TIMED_OUT]
        disk.release()
        assert (await other.receive(Api.CREATE_TOPICS, 7)).topics[0].error_code == 0
    assert folders(data) == {"first-0"}


async def test_the_number_of_partitions_is_the_settings_where_none_is_given(data: Path):
    config = BrokerConfig(data=data, listen="127.0.0.1:0", default_partitions=4)
    async with gomq.Broker(config=config) as broker, connect(broker.address) as wire:
        (topic,) = await create(wire, "orders", partitions=-1)
        assert topic.num_partitions == 4
        assert len(folders(data)) == 4


async def test_topics_of_one_request_are_made_together_and_each_is_told_for_itself(
    wire: Wire, data: Path, monkeypatch: pytest.MonkeyPatch
):
    await create(wire, "there")
    synced: list[Path] = []
    sync_directory = OsFiles.sync_directory

    def noted(files: OsFiles, path: Path) -> None:
        synced.append(path)
        sync_directory(files, path)

    monkeypatch.setattr(OsFiles, "sync_directory", noted)
    names = [f"topic{number}" for number in range(20)]

    answered = await create(wire, "there", *names, "a.b", "a_b", partitions=2)

    codes = {topic.name: int(topic.error_code) for topic in answered}
    assert codes == {"there": EXISTS, **dict.fromkeys(names, 0), "a.b": 0, "a_b": INVALID_TOPIC}
    assert len({topic.topic_id for topic in answered if topic.error_code == 0}) == 21
    assert folders(data) == {"there-0", *(f"{name}-{index}" for name in [*names, "a.b"] for index in range(2))}
    assert synced.count(data) == 1


async def test_topics_that_the_disk_takes_are_made_though_another_of_the_request_is_not(
    wire: Wire, data: Path, monkeypatch: pytest.MonkeyPatch
):
    make_directory = OsFiles.make_directory

    def refuse_one(files: OsFiles, path: Path) -> None:
        if path.name == "second-0":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        make_directory(files, path)

    monkeypatch.setattr(OsFiles, "make_directory", refuse_one)

    answered = await create(wire, "first", "second", "third")

    assert {topic.name: int(topic.error_code) for topic in answered} == {"first": 0, "second": STORAGE, "third": 0}
    assert folders(data) == {"first-0", "third-0"}


@given(st.lists(st.tuples(st.sampled_from(["a.b", "a_b", "c"]), st.integers(1, 300), st.integers(0, 100_000))))
def test_groups_hold_all_topics_in_their_order_and_never_too_many_at_once(wanted: list[tuple[str, int, int]]):
    topics = [NewTopic(name, partitions, {"key": "x" * size}) for name, partitions, size in wanted]

    groups = [*in_groups(topics)]

    assert [topic for group in groups for topic in group] == topics
    for group in groups:
        names = [topic.name.replace(".", "_") for topic in group]
        assert len(set(names)) == len(names)
        assert len(group) == 1 or sum(topic.partitions for topic in group) <= 200
