"""Fetch and leader epochs: what a client read last against the log (KIP-595), who leads (KIP-951), and no replicas."""

from typing import Any

import pytest

import gomq
from gomq.net.address import parse_address
from gomq.protocol.api import Api
from tests.support.fetching import base_offsets, entries
from tests.support.topics import create, produce
from tests.support.wire import Wire, fetch_values, versions

OUT_OF_RANGE, NOT_LEADER, FENCED, UNKNOWN_EPOCH = 1, 6, 74, 75
LONG_MS = 3_600_000
SINCE_V12 = [version for version in versions(Api.FETCH) if version >= 12]


@pytest.fixture
async def wire(broker: gomq.Broker, wire: Wire) -> Wire:
    """A connection to a broker with a log of two batches of epoch 0 and two of epoch 2, which is the current one."""
    await create(wire, "orders")
    await produce(wire, "orders", b"0")
    await produce(wire, "orders", b"1")
    assert broker._state is not None
    partition = broker._state.topics.partition("orders", 0)
    assert partition is not None
    partition.leader_epoch = 2
    await produce(wire, "orders", b"2")
    await produce(wire, "orders", b"3")
    return wire


async def ask(wire: Wire, version: int, offset: int, **fields: Any) -> tuple[Any, Any]:
    """Fetch from an offset; the answer, and what it says of the partition."""
    topic_id = (await wire.ask(Api.METADATA, 12, topics=None)).topics[0].topic_id
    values = fetch_values({topic_id if version >= 13 else "orders": [(0, offset)]}, max_wait=LONG_MS)
    own = {name: value for name, value in fields.items() if name in {"last_fetched_epoch", "current_leader_epoch"}}
    values["topics"][0]["partitions"][0].update(own)
    answer = await wire.ask(Api.FETCH, version, **values, **{name: fields[name] for name in fields.keys() - own.keys()})
    (found,) = entries(answer)
    return answer, found


@pytest.mark.parametrize(("epoch", "offset"), [(0, 0), (0, 1), (0, 2), (2, 2), (2, 3), (-1, 3), (-5, 2)])
async def test_who_read_what_is_in_the_log_goes_on(wire: Wire, epoch: int, offset: int):
    for version in SINCE_V12:
        _, found = await ask(wire, version, offset, last_fetched_epoch=epoch)
        assert (found.error_code, found.diverging_epoch.epoch) == (0, -1)
        assert base_offsets(found.records)[0] == offset


@pytest.mark.parametrize(("epoch", "offset", "ends"), [(0, 3, (0, 2)), (1, 2, (0, 2)), (1, 1, (0, 2)), (2, 5, (2, 4))])
async def test_who_read_something_else_is_told_where_it_parts(
    wire: Wire, epoch: int, offset: int, ends: tuple[int, int]
):
    for version in SINCE_V12:
        _, found = await ask(wire, version, offset, last_fetched_epoch=epoch)
        assert (found.error_code, found.records, found.high_watermark, found.log_start_offset) == (0, b"", 4, 0)
        assert (found.diverging_epoch.epoch, found.diverging_epoch.end_offset) == ends


@pytest.mark.parametrize(("epoch", "offset"), [(3, 2), (2**31 - 1, 0), (0, -1), (1, -(2**63))])
async def test_an_epoch_that_never_was_and_an_offset_that_is_gone_are_out_of_range(wire: Wire, epoch: int, offset: int):
    _, found = await ask(wire, 12, offset, last_fetched_epoch=epoch)
    assert (found.error_code, found.diverging_epoch.epoch) == (OUT_OF_RANGE, -1)


async def test_who_believes_in_another_leader_is_told_and_later_clients_where_it_is(broker: gomq.Broker, wire: Wire):
    for version in [version for version in versions(Api.FETCH) if version >= 9]:
        host, port = parse_address(broker.address)
        for epoch, code in ((1, FENCED), (0, FENCED), (3, UNKNOWN_EPOCH)):
            answer, found = await ask(wire, version, 0, current_leader_epoch=epoch)
            assert (found.error_code, found.records) == (code, b"")
            if version >= 16 and code == FENCED:
                assert (found.current_leader.leader_id, found.current_leader.leader_epoch) == (1, 2)
                assert [(node.node_id, node.host, node.port) for node in answer.node_endpoints] == [(1, host, port)]
            elif version >= 16:
                assert answer.node_endpoints == ()
        for epoch in (-1, -2, 2):
            _, found = await ask(wire, version, 0, current_leader_epoch=epoch)
            assert found.error_code == 0


@pytest.mark.parametrize("replica_id", [0, 1, 7])
async def test_a_replica_is_refused_as_there_is_none(wire: Wire, replica_id: int):
    for version in versions(Api.FETCH):
        fields: dict[str, Any] = {
            "replica_id": replica_id,
            "replica_state": {"replica_id": replica_id, "replica_epoch": 3},
        }
        values = fetch_values({}) | fields
        topic_id = (await wire.ask(Api.METADATA, 12, topics=None)).topics[0].topic_id
        values["topics"] = fetch_values({topic_id if version >= 13 else "orders": [(0, 0)]})["topics"]
        for epoch, code in ((-1, NOT_LEADER), (2, UNKNOWN_EPOCH)):
            values["topics"][0]["partitions"][0]["current_leader_epoch"] = epoch
            (found,) = entries(await wire.ask(Api.FETCH, version, **values))
            assert found.error_code == (code if version >= 9 else NOT_LEADER)
            assert not found.records


async def test_who_looks_into_a_log_for_faults_may_read_it(wire: Wire):
    for version in versions(Api.FETCH):
        topic_id = (await wire.ask(Api.METADATA, 12, topics=None)).topics[0].topic_id
        values = fetch_values({topic_id if version >= 13 else "orders": [(0, 0)]})
        values |= {"replica_id": -2, "replica_state": {"replica_id": -2, "replica_epoch": -1}}
        (found,) = entries(await wire.ask(Api.FETCH, version, **values))
        assert base_offsets(found.records) == [0, 1, 2, 3]
