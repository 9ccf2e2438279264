"""What is taken from Metadata answers: leaders by their epochs, and nothing that no client could use."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, strategies as st

from gomq.client.cluster.metadata import ClusterMetadata, merge, read_metadata
from gomq.errors import ProtocolError
from gomq.protocol.api import SPOKEN, Api
from gomq.protocol.entities import build, schema
from gomq_storage.layout import TopicPartition

NO_ID = UUID(int=0)


def partition(index: int, *, leader: int = 1, epoch: int = 0) -> dict[str, Any]:
    return {
        "error_code": 0,
        "partition_index": index,
        "leader_id": leader,
        "leader_epoch": epoch,
        "replica_nodes": (1, 2),
        "isr_nodes": (1,),
        "offline_replicas": (),
    }


def topic(*partitions: dict[str, Any], code: int = 0, topic_id: UUID = NO_ID) -> dict[str, Any]:
    return {
        "error_code": code,
        "name": "orders",
        "topic_id": topic_id,
        "is_internal": False,
        "partitions": partitions,
        "topic_authorized_operations": -(2**31),
    }


def node(node_id: int, host: str = "127.0.0.1", port: int = 9092) -> dict[str, Any]:
    return {"node_id": node_id, "host": host, "port": port, "rack": None}


NODES = (node(1), node(2))


def read(*topics: dict[str, Any], nodes: Any = NODES, version: int = 12) -> ClusterMetadata:
    values = {
        "throttle_time": 0,
        "brokers": nodes,
        "cluster_id": "here",
        "controller_id": 1,
        "topics": topics,
        "cluster_authorized_operations": -(2**31),
    }
    return read_metadata(build(schema(Api.METADATA, version, "response"), values))


def leaders(metadata: ClusterMetadata) -> list[tuple[int | None, int | None]]:
    return [(each.leader, each.leader_epoch) for each in metadata.topics["orders"].partitions]


@pytest.mark.parametrize("version", range(SPOKEN[Api.METADATA].oldest, SPOKEN[Api.METADATA].newest + 1))
def test_every_version_is_read_and_epochs_are_believed_from_version_9_on(version: int):
    metadata = read(topic(partition(1, leader=2, epoch=7), partition(0)), version=version)

    assert leaders(metadata) == ([(1, 0), (2, 7)] if version >= 9 else [(1, None), (2, None)])
    assert (metadata.controller_id, set(metadata.brokers)) == (1, {1, 2})


@given(st.lists(st.tuples(st.integers(1, 2), st.integers(0, 5)), min_size=1, max_size=10))
def test_the_leader_of_the_newest_epoch_is_kept_in_whatever_order_answers_come(answers: list[tuple[int, int]]):
    known = ClusterMetadata()
    newest = (-1, -1)
    for leader, epoch in answers:
        known = merge(known, read(topic(partition(0, leader=leader, epoch=epoch))), is_whole=False)
        newest = (leader, epoch) if epoch >= newest[1] else newest
        assert leaders(known) == [newest]


def test_each_partition_is_as_new_as_the_newest_answer_about_it():
    known = read(topic(partition(0, leader=1, epoch=5), partition(1, leader=1, epoch=1)))
    answer = read(topic(partition(0, leader=2, epoch=4), partition(1, leader=2, epoch=2), partition(2, leader=2)))

    assert leaders(merge(known, answer, is_whole=True)) == [(1, 5), (2, 2), (2, 0)]


def test_a_topic_made_anew_begins_with_its_own_epochs():
    known = read(topic(partition(0, epoch=5), topic_id=uuid4()))
    answer = read(topic(partition(0, leader=2, epoch=0), topic_id=uuid4()))

    assert leaders(merge(known, answer, is_whole=False)) == [(2, 0)]


def test_a_topic_without_an_id_that_was_gone_in_between_begins_with_its_own_epochs():
    known = read(topic(partition(0, epoch=5)), version=9)
    gone = merge(known, read(topic(code=3), version=9), is_whole=False)
    assert gone.topics["orders"].error_code == 3

    assert leaders(merge(gone, read(topic(partition(0, leader=2)), version=9), is_whole=False)) == [(2, 0)]


def test_an_error_in_between_does_not_make_an_old_leader_new():
    known = read(topic(partition(0, leader=2, epoch=5)))
    failed = merge(known, read(topic(code=5)), is_whole=False)
    assert failed.topics["orders"].error_code == 5

    assert leaders(merge(failed, read(topic(partition(0, leader=1, epoch=4))), is_whole=False)) == [(2, 5)]


def test_topics_that_were_not_asked_for_stay_and_those_that_are_gone_go():
    known = read(topic(partition(0)))

    assert set(merge(known, read(), is_whole=False).topics) == {"orders"}
    assert set(merge(known, read(), is_whole=True).topics) == set()


@pytest.mark.parametrize("leader", [-1, -(2**31), 3, 2**31 - 1])
def test_a_leader_that_is_no_broker_is_none(leader: int):
    metadata = read(topic(partition(0, leader=leader)))

    assert leaders(metadata) == [(None, 0)]
    assert metadata.topics["orders"].leaderless == [0]


def test_a_controller_that_is_no_broker_is_none():
    assert read(nodes=[node(7)]).controller_id is None


@pytest.mark.parametrize("indexes", [[1], [0, 2], [2**31 - 1]])
def test_a_topic_of_which_a_broker_does_not_know_all_partitions_yet_is_not_available_yet(indexes: list[int]):
    found = read(topic(*map(partition, indexes))).topics["orders"]

    assert (found.error_code, found.partitions) == (5, ())


@pytest.mark.parametrize("indexes", [[0, 0], [-1, 0], [-(2**31)], [0, 1, 1]])
def test_partitions_that_cannot_be_are_refused(indexes: list[int]):
    with pytest.raises(ProtocolError, match="metadata of topic 'orders' has partitions"):
        read(topic(*map(partition, indexes)))


@pytest.mark.parametrize(
    ("nodes", "complaint"),
    [
        ([node(1), node(1, port=1)], "has node 1 twice"),
        ([node(-1)], "has node -1; ids begin with 0"),
        ([node(1, host="")], r"node 1 at '', port 9092, where no client can reach it; .* advertised.listeners"),
        ([node(1, host="h" * 32_000)], r"node 1 at 'h{255}', port 9092, where"),
        ([node(1, port=0)], r"port 0, where"),
        ([node(1, port=-5)], r"port -5, where"),
        ([node(1, port=65_536)], r"port 65536, where"),
    ],
    ids=["twice", "negative", "no host", "long host", "port 0", "negative port", "large port"],
)
def test_brokers_that_nobody_could_reach_are_refused(nodes: list[dict[str, Any]], complaint: str):
    with pytest.raises(ProtocolError, match=complaint):
        read(nodes=nodes)


def test_partitions_are_in_the_racks_of_their_replicas():
    nodes = (node(1) | {"rack": "here"}, node(2) | {"rack": "there"}, node(3))
    replicas = [(1, 2), (3,), (2, 9), ()]
    metadata = read(
        *[topic(*(partition(at) | {"replica_nodes": each} for at, each in enumerate(replicas)))], nodes=nodes
    )

    assert list(metadata.racks().values()) == [{"here", "there"}, set(), {"there"}, set()]
    assert list(metadata.racks()) == [TopicPartition("orders", index) for index in range(4)]
