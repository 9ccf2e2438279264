"""Metadata: who and what there is. A topic comes into being only where the request and the settings both allow it."""

from pathlib import Path
from uuid import UUID

import pytest

import gomq
from gomq.broker import BrokerConfig
from gomq.broker.operations import NOT_ASKED, ON_CLUSTER, ON_TOPIC
from gomq.protocol.api import Api
from tests.support.wire import Wire, connect, create_values, metadata_values, produce_values, versions

UNKNOWN, INVALID_TOPIC, UNKNOWN_ID, LEADER_NOT_AVAILABLE, INVALID = 3, 17, 100, 5, 42


def folders(data: Path) -> set[str]:
    return {entry.name for entry in data.iterdir() if entry.is_dir()} - {"__gomq_metadata-0"}


async def test_a_topic_is_described_in_every_version(broker: gomq.Broker, wire: Wire):
    await wire.ask(Api.CREATE_TOPICS, **create_values("orders", partitions=2))
    for version in versions(Api.METADATA):
        await check_description(broker, wire, version)


async def check_description(broker: gomq.Broker, wire: Wire, version: int) -> None:
    answer = await wire.ask(Api.METADATA, version, **metadata_values("orders"))
    assert [(node.node_id, f"{node.host}:{node.port}") for node in answer.brokers] == [(1, broker.address)]
    (topic,) = answer.topics
    assert (topic.error_code, topic.name) == (0, "orders")
    assert [(entry.error_code, entry.partition_index, entry.leader_id) for entry in topic.partitions] == [
        (0, 0, 1),
        (0, 1, 1),
    ]
    assert all((entry.replica_nodes, entry.isr_nodes) == ((1,), (1,)) for entry in topic.partitions)
    if version >= 1:
        assert answer.controller_id == 1
    if version >= 10:
        assert topic.topic_id is not None


@pytest.mark.parametrize("version", [3, 4, 8, 13])
async def test_an_unknown_topic_is_created_only_where_the_request_allows_it(wire: Wire, data: Path, version: int):
    answer = await wire.ask(Api.METADATA, version, **metadata_values("orders", create=False))
    always_allowed = version < 4
    assert [topic.error_code for topic in answer.topics] == [0 if always_allowed else UNKNOWN]
    assert folders(data) == ({"orders-0"} if always_allowed else set())
    answer = await wire.ask(Api.METADATA, version, **metadata_values("orders", create=True))
    assert [(topic.error_code, len(topic.partitions)) for topic in answer.topics] == [(0, 1)]
    assert folders(data) == {"orders-0"}


async def test_no_topic_is_created_where_the_settings_forbid_it(data: Path):
    config = BrokerConfig(data=data, listen="127.0.0.1:0", auto_create_topics=False)
    async with gomq.Broker(config=config) as broker, connect(broker.address) as wire:
        answer = await wire.ask(Api.METADATA, 12, **metadata_values("orders", create=True))
        assert [topic.error_code for topic in answer.topics] == [UNKNOWN]
        assert folders(data) == set()


async def test_a_topic_created_by_asking_has_the_default_number_of_partitions(data: Path):
    config = BrokerConfig(data=data, listen="127.0.0.1:0", default_partitions=3)
    async with gomq.Broker(config=config) as broker, connect(broker.address) as wire:
        answer = await wire.ask(Api.METADATA, 12, **metadata_values("orders", create=True))
        assert [len(topic.partitions) for topic in answer.topics] == [3]


async def test_all_topics_are_asked_for_with_null(wire: Wire):
    await wire.ask(Api.CREATE_TOPICS, **create_values("a", "b"))
    for version in versions(Api.METADATA):
        answer = await wire.ask(Api.METADATA, version, topics=() if version == 0 else None)
        assert sorted(topic.name for topic in answer.topics) == ["a", "b"]


@pytest.mark.parametrize("version", [1, 4, 13])
async def test_no_topics_are_asked_for_with_an_empty_list(wire: Wire, version: int):
    await wire.ask(Api.CREATE_TOPICS, **create_values("a"))
    assert (await wire.ask(Api.METADATA, version, topics=())).topics == ()


async def test_the_brokers_own_topic_is_not_listed_and_cannot_be_had(wire: Wire):
    assert (await wire.ask(Api.METADATA, 12, topics=None)).topics == ()
    answer = await wire.ask(Api.METADATA, 12, **metadata_values("__gomq_metadata", create=True))
    assert [topic.error_code for topic in answer.topics] == [INVALID_TOPIC]


@pytest.mark.parametrize("version", [12, 13])
async def test_topics_are_found_by_id(wire: Wire, version: int):
    (created,) = (await wire.ask(Api.CREATE_TOPICS, **create_values("orders"))).topics
    by_id = [{"name": None, "topic_id": key} for key in (created.topic_id, UUID(int=7), None)]
    answer = await wire.ask(Api.METADATA, version, topics=by_id)
    assert [(topic.error_code, topic.name) for topic in answer.topics] == [
        (0, "orders"),
        (UNKNOWN_ID, None),
        (UNKNOWN_ID, None),
    ]


async def test_where_name_and_id_are_given_the_id_counts(wire: Wire):
    orders, _ = (await wire.ask(Api.CREATE_TOPICS, **create_values("orders", "bills"))).topics
    answer = await wire.ask(Api.METADATA, 12, topics=[{"name": "bills", "topic_id": orders.topic_id}])
    assert [topic.name for topic in answer.topics] == ["orders"]


@pytest.mark.parametrize("version", [10, 11])
@pytest.mark.parametrize(("name", "topic_id"), [(None, None), ("orders", UUID(int=7)), (None, UUID(int=7))])
async def test_versions_before_12_know_topics_by_name_only(
    wire: Wire, version: int, name: str | None, topic_id: UUID | None
):
    await wire.ask(Api.CREATE_TOPICS, **create_values("orders"))
    wanted = [{"name": "orders", "topic_id": None}, {"name": name, "topic_id": topic_id}]
    answer = await wire.ask(Api.METADATA, version, topics=wanted)
    assert {int(topic.error_code) for topic in answer.topics} == {INVALID}


@pytest.mark.parametrize("version", [8, 9, 10])
async def test_what_a_client_may_do_is_told_where_it_asks(wire: Wire, version: int):
    await wire.ask(Api.CREATE_TOPICS, **create_values("orders"))
    asked = {"include_cluster_authorized_operations": True, "include_topic_authorized_operations": True}
    answer = await wire.ask(Api.METADATA, version, topics=None, **asked)
    assert (answer.cluster_authorized_operations, answer.topics[0].topic_authorized_operations) == (
        ON_CLUSTER,
        ON_TOPIC,
    )
    answer = await wire.ask(Api.METADATA, version, topics=None)
    assert (answer.cluster_authorized_operations, answer.topics[0].topic_authorized_operations) == (
        NOT_ASKED,
        NOT_ASKED,
    )


async def test_one_request_creates_so_many_topics_and_is_told_to_ask_again_for_the_rest(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("gomq.broker.handlers.metadata.MAX_CREATED_AT_ONCE", 2)
    for codes in ([0, 0, LEADER_NOT_AVAILABLE], [0, 0, 0]):
        answer = await wire.ask(Api.METADATA, 12, **metadata_values("a", "b", "c", create=True))
        assert [topic.error_code for topic in answer.topics] == codes


async def test_a_topic_asked_for_twice_is_described_once(wire: Wire):
    answer = await wire.ask(Api.METADATA, 12, **metadata_values("orders", "orders", create=True))
    assert [topic.name for topic in answer.topics] == ["orders"]


@pytest.mark.parametrize("version", [0, 5, 12])
async def test_a_partition_that_cannot_be_opened_has_no_leader_and_the_others_have(data: Path, version: int):
    async with gomq.Broker(data=data, listen="127.0.0.1:0") as broker, connect(broker.address) as wire:
        await wire.ask(Api.CREATE_TOPICS, **create_values("orders", partitions=2))
    (data / "orders-0").rename(data.parent / "taken-away")
    async with gomq.Broker(data=data, listen="127.0.0.1:0") as broker, connect(broker.address) as wire:
        answer = await wire.ask(Api.METADATA, version, **metadata_values("orders"))
        (topic,) = answer.topics
        assert [(entry.error_code, entry.leader_id) for entry in topic.partitions] == [
            (LEADER_NOT_AVAILABLE, -1),
            (0, 1),
        ]
        if version >= 5:
            assert [entry.offline_replicas for entry in topic.partitions] == [(1,), ()]
        produced = await wire.ask(Api.PRODUCE, 9, **produce_values({"orders": {0: None}}))
        assert produced.responses[0].partition_responses[0].error_code != 0


async def test_the_address_that_is_told_is_the_one_the_client_came_by(data: Path):
    async with gomq.Broker(data=data, listen="0.0.0.0:0") as broker:
        assert broker.address.startswith("127.0.0.1:")
        async with connect(broker.address.replace("127.0.0.1", "127.0.0.2")) as wire:
            answer = await wire.ask(Api.METADATA, 12, topics=())
            assert answer.brokers[0].host == "127.0.0.2"


async def test_the_cluster_id_is_the_data_directorys_own(data: Path):
    ids = []
    for _ in range(2):
        async with gomq.Broker(data=data, listen="127.0.0.1:0") as broker, connect(broker.address) as wire:
            ids.append((await wire.ask(Api.METADATA, 12, topics=())).cluster_id)
    assert ids[0] == ids[1]
    assert len(ids[0]) == 22
