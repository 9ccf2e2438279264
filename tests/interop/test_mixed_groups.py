"""Our members share a topic with those of other clients, on our broker and on a real Kafka, whoever leads.

One of each kind is tried every time, all of them with the long tests: each takes some seconds until all have noticed.
"""

from itertools import permutations
from typing import Any, Final

import anyio
import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from tests.interop.foreign_members import Join, MixedGroup, aiokafkas, javas, librdkafkas, ours
from tests.support.kafka import Kafka, require_kafka

PARTITIONS: Final = 6
THREE: Final = tuple(permutations((ours, aiokafkas, librdkafkas)))
pytestmark = pytest.mark.timeout(120)


def long(*values: Any) -> Any:
    """One of the long tests' parameters."""
    return pytest.param(*values, marks=pytest.mark.soak)


def ids(joins: Any) -> str | None:
    return "-".join(join.__name__ for join in joins) if isinstance(joins, tuple) else None


@pytest.fixture
def anyio_backend() -> str:
    """The only one that aiokafka runs on."""
    return "asyncio"


@pytest.fixture(params=["served", long("kafka_broker")])
def address(request: pytest.FixtureRequest, topic: str) -> str:
    """Of either broker, which has the test's topic."""
    found: str = request.getfixturevalue(request.param).address
    admin = AdminClient({"bootstrap.servers": found})
    for created in admin.create_topics([NewTopic(topic, PARTITIONS, 1)]).values():
        created.result()
    return found


async def come_and_go(address: str, topic: str, assignor: str, joins: tuple[Join, ...]) -> None:
    """Members come one by one, then the leader goes, and then the next one."""
    async with anyio.create_task_group() as tasks:
        group = MixedGroup(address, topic, assignor, PARTITIONS, tasks)
        for join in joins:
            await group.join(join)
        for _ in joins[1:]:
            await group.leave()
        await group.end()


@pytest.mark.parametrize("joins", [THREE[0], long(THREE[2]), long(THREE[4])], ids=ids)
@pytest.mark.parametrize("assignor", ["range", long("roundrobin")])
async def test_three_clients_share_a_topic(address: str, topic: str, assignor: str, joins: tuple[Join, ...]):
    await come_and_go(address, topic, assignor, joins)


@pytest.mark.parametrize("joins", [(ours, librdkafkas, ours), long((librdkafkas, ours, librdkafkas))], ids=ids)
async def test_cooperative_members_share_a_topic(address: str, topic: str, joins: tuple[Join, ...]):
    await come_and_go(address, topic, "cooperative-sticky", joins)


@pytest.mark.parametrize("joins", [(aiokafkas, ours, aiokafkas), long((ours, aiokafkas, ours))], ids=ids)
async def test_sticky_members_share_a_topic(address: str, topic: str, joins: tuple[Join, ...]):
    await come_and_go(address, topic, "sticky", joins)


async def test_two_clients_share_a_topic_of_a_real_kafka(kafka_broker: Kafka, topic: str):
    admin = AdminClient({"bootstrap.servers": kafka_broker.address})
    admin.create_topics([NewTopic(topic, PARTITIONS, 1)])[topic].result()
    await come_and_go(kafka_broker.address, topic, "range", (ours, librdkafkas))


@pytest.mark.soak
@pytest.mark.parametrize("joins", [(ours, javas), (javas, ours)], ids=ids)
@pytest.mark.parametrize("assignor", ["range", "roundrobin", "sticky", "cooperative-sticky"])
async def test_kafkas_own_client_shares_a_topic_with_ours(
    address: str, topic: str, assignor: str, joins: tuple[Join, ...]
):
    """A Java starts for each, which takes some seconds."""
    require_kafka()
    await come_and_go(address, topic, assignor, (*joins, ours))
