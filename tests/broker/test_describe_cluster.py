"""DescribeCluster: one broker, which is its own controller, and what a client may do with it."""

import pytest

import gomq
from gomq.broker.operations import NOT_ASKED, ON_CLUSTER
from gomq.protocol.api import Api
from tests.support.wire import Wire, versions

MISMATCHED, UNSUPPORTED = 114, 115


@pytest.mark.parametrize("version", versions(Api.DESCRIBE_CLUSTER))
async def test_every_version_describes_the_cluster_of_one(broker: gomq.Broker, wire: Wire, version: int):
    answer = await wire.ask(Api.DESCRIBE_CLUSTER, version)
    known = (await wire.ask(Api.METADATA, 12, topics=())).cluster_id
    assert (answer.error_code, answer.error_message) == (0, None)
    assert (answer.cluster_id, answer.controller_id) == (known, 1)
    assert [(node.broker_id, f"{node.host}:{node.port}", node.rack) for node in answer.brokers] == [
        (1, broker.address, None)
    ]
    assert answer.cluster_authorized_operations == NOT_ASKED
    if version >= 1:
        assert answer.endpoint_type == 1
    if version >= 2:
        assert not answer.brokers[0].is_fenced


async def test_everything_may_be_done_with_it(wire: Wire):
    answer = await wire.ask(Api.DESCRIBE_CLUSTER, include_cluster_authorized_operations=True)
    assert answer.cluster_authorized_operations == ON_CLUSTER == 0b1_1111_1010_0000 & ~(1 << 6)


@pytest.mark.parametrize(("endpoint_type", "code"), [(2, MISMATCHED), (0, UNSUPPORTED), (3, UNSUPPORTED)])
async def test_there_are_no_endpoints_of_other_types(wire: Wire, endpoint_type: int, code: int):
    answer = await wire.ask(Api.DESCRIBE_CLUSTER, endpoint_type=endpoint_type)
    assert (answer.error_code, answer.brokers, answer.controller_id) == (code, (), -1)
    assert answer.error_message
