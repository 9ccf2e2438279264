"""Brokers that mean harm: whatever they say, a client raises one clear error in time, and takes little memory."""

import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import anyio
import pytest

import gomq
from gomq.client.cluster.cluster import Purpose
from gomq.client.cluster.settings import ConnectionSettings
from gomq.client.consuming.settings import ConsumerSettings
from gomq.client.producing.settings import ProducerSettings
from gomq.errors import BrokerError, ConnectionFailedError, GomqError, ProtocolError, RequestTimeoutError
from gomq.protocol.api import Api
from gomq.protocol.responses import encode_response
from tests.support.clusters import reached
from tests.support.fake_broker import Exchange, FakeCluster, Fault, sends, stays_silent

QUICK = ConnectionSettings(first_backoff=0.005, max_backoff=0.02)
IMPATIENT = ConnectionSettings(connect_timeout=0.15)
MOST_BYTES = 32 << 20
SECONDS = 20
HUGE = 2**31 - 1


@pytest.fixture(autouse=True)
def bounded_memory() -> Iterator[None]:
    """What a client takes for what it was sent."""
    tracemalloc.start()
    yield
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MOST_BYTES


def metadata(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Fault:
    """Answers as a broker does, but for what a test changes."""

    async def fault(exchange: Exchange) -> None:
        values = await exchange.cluster.answers.to(Api.METADATA, exchange.body, node=exchange.node)
        assert values is not None
        await exchange.stream.send(exchange.frame(values | change(values)))

    return fault


def node(node_id: int = 1, host: str = "127.0.0.1", port: int = 9) -> dict[str, Any]:
    return {"node_id": node_id, "host": host, "port": port, "rack": None}


def with_partitions(*indexes: int, leader: int = 1) -> Fault:
    def change(values: dict[str, Any]) -> dict[str, Any]:
        partitions = [
            {
                "error_code": 0,
                "partition_index": index,
                "leader_id": leader,
                "leader_epoch": 0,
                "replica_nodes": (),
                "isr_nodes": (),
                "offline_replicas": (),
            }
            for index in indexes
        ]
        return {"topics": [each | {"error_code": 0, "partitions": partitions} for each in values["topics"]]}

    return metadata(change)


@pytest.mark.parametrize(
    "fault",
    [
        metadata(lambda _: {"brokers": [node(1), node(1)]}),
        metadata(lambda _: {"brokers": [node(-1)]}),
        metadata(lambda _: {"brokers": [node(host="h" * 32_000)]}),
        metadata(lambda _: {"brokers": [node(host="")]}),
        metadata(lambda _: {"brokers": [node(port=0)]}),
        metadata(lambda _: {"brokers": [node(port=-1)]}),
        metadata(lambda _: {"brokers": [node(port=70_000)]}),
        with_partitions(0, 0),
        with_partitions(-1, 0),
        sends(b"\0" + b"\xff" * 64),
        sends(b"\0\0\0\0\0" + b"\xff\xff\xff\xff\x0f" * 10),
        sends(b"\0\0\0\0\0\xff\xff\xff\xff\x07"),
        sends(b""),
        sends(b"\x7f\xff\xff\xff" + bytes(100), framed=False),
        sends(b"\xff\xff\xff\xff" + bytes(100), framed=False),
    ],
    ids=[
        "node twice", "negative node", "long host", "no host", "port 0", "negative port", "large port",
        "partition twice", "negative partition", "garbage", "many brokers", "2^31 brokers", "nothing", "2 GiB",
        "negative size",
    ],
)  # fmt: skip
async def test_metadata_that_is_none_is_a_broken_answer(fake: FakeCluster, fault: Fault):
    fake.answers.make_topic("orders")
    async with reached(fake.address, QUICK) as cluster:
        fake.always(Api.METADATA, fault)
        with anyio.fail_after(SECONDS), pytest.raises(ProtocolError):
            await cluster.find_topic("orders", may_create=False)
        del fake._always[Api.METADATA]
        with anyio.fail_after(SECONDS):
            assert (await cluster.find_topic("orders", may_create=False)).has_leaders


@pytest.mark.parametrize(
    "fault",
    [with_partitions(HUGE), with_partitions(1, 2, 3), with_partitions(0, leader=77), with_partitions(0, leader=-7)],
    ids=["partition 2^31", "no partition 0", "leader that is no broker", "negative leader"],
)
async def test_topics_that_nobody_leads_are_given_up_in_time(fake: FakeCluster, fault: Fault):
    fake.answers.make_topic("orders")
    fake.always(Api.METADATA, fault)
    async with reached(fake.address, QUICK) as cluster:
        with anyio.fail_after(SECONDS), pytest.raises(BrokerError, match="'orders'"):
            await cluster.find_topic("orders", may_create=True, patience=0.1)
        assert cluster.leader("orders", 0) is None
        with pytest.raises(ConnectionFailedError, match="no broker of the cluster has this id"):
            await cluster.connect(77, Purpose.DATA)


async def answers_endlessly(exchange: Exchange) -> None:
    """A list of APIs that has no end, in a frame as large as frames may be."""
    await exchange.stream.send((HUGE // 32).to_bytes(4, "big") + exchange.head.correlation_id.to_bytes(4, "big"))
    while True:
        await exchange.stream.send(b"\0\0" + bytes(4096))


async def drips(exchange: Exchange) -> None:
    """Sends a right answer so slowly that it never ends, and yet is never silent."""
    await exchange.stream.send((1 << 16).to_bytes(4, "big"))
    while True:
        await exchange.stream.send(b"\0")
        await anyio.sleep(0.01)


async def refuses_every_version(exchange: Exchange) -> None:
    offered = exchange.cluster.answers.api_versions({}, error_code=35)
    await exchange.stream.send(encode_response(Api.API_VERSIONS, 0, exchange.head.correlation_id, offered))


async def offers_impossible_versions(exchange: Exchange) -> None:
    keys = [{"api_key": api, "min_version": 9, "max_version": -9} for api in Api]
    values = {"error_code": 0, "api_keys": keys, "throttle_time": 0}
    await exchange.stream.send(exchange.frame(values))


async def answers_as_another_api(exchange: Exchange) -> None:
    values = await exchange.cluster.answers.to(Api.METADATA, _AllTopics, node=exchange.node)
    assert values is not None
    await exchange.stream.send(encode_response(Api.METADATA, 9, exchange.head.correlation_id, values))


class _AllTopics:
    topics = None
    allow_auto_topic_creation = False


@pytest.mark.parametrize(
    "fault",
    [
        answers_endlessly, drips, refuses_every_version, offers_impossible_versions, answers_as_another_api,
        stays_silent, sends(b"HTTP/1.1 400 Bad Request\r\n\r\n", framed=False),
        sends(b"\x16\x03\x01\x02\0\x01", framed=False),
    ],
    ids=["endless", "dripping", "refused", "impossible", "another API", "silent", "HTTP", "TLS"],
)  # fmt: skip
@pytest.mark.parametrize("client", [gomq.Producer, gomq.Admin, gomq.Consumer])
async def test_who_is_no_broker_is_told_within_the_time_to_connect(fake: FakeCluster, fault: Fault, client: Any):
    fake.always(Api.API_VERSIONS, fault)
    made = client_of(client, fake.address)
    with anyio.fail_after(SECONDS), pytest.raises(GomqError) as caught:
        async with made:
            raise AssertionError("not reached")

    assert fake.address in str(caught.value)


def client_of(client: Any, address: str) -> Any:
    if client is gomq.Producer:
        return client(address, settings=ProducerSettings(connection=IMPATIENT))
    if client is gomq.Consumer:
        return client(address, "orders", settings=ConsumerSettings(connection=IMPATIENT))
    return client(address, settings=IMPATIENT)


async def test_a_broker_that_answers_everything_twice_is_left(fake: FakeCluster):
    async def twice(exchange: Exchange) -> None:
        frame = await exchange.right_answer()
        assert frame is not None
        await exchange.stream.send(frame + frame)

    fake.answers.make_topic("orders")
    async with reached(fake.address, QUICK) as cluster:
        fake.always(Api.METADATA, twice)
        with anyio.fail_after(SECONDS):
            for _ in range(5):
                try:
                    assert (await cluster.find_topic("orders", may_create=False)).has_leaders
                except GomqError as error:
                    assert isinstance(error, ConnectionFailedError | ProtocolError)  # noqa: PT017


async def test_an_answer_that_drips_ends_with_its_deadline(fake: FakeCluster):
    async with reached(fake.address, replace(QUICK, request_timeout=0.5)) as cluster:
        await cluster.refresh([])
        fake.always(Api.METADATA, drips)
        with anyio.fail_after(SECONDS), pytest.raises(RequestTimeoutError):
            await cluster.refresh([])


async def test_an_answer_that_is_no_message_is_refused_where_a_fetch_would_not_be(fake: FakeCluster):
    async with reached(fake.address, QUICK) as cluster:
        await cluster.refresh([])
        fake.always(Api.METADATA, sends((20 << 20).to_bytes(4, "big"), framed=False))
        with anyio.fail_after(SECONDS), pytest.raises(ProtocolError, match="at most 16777216 are taken"):
            await cluster.refresh([])


def coordinated_by(node_id: int, *, code: int = 0) -> Fault:
    """Names a coordinator, whoever that is."""
    found = {"node_id": node_id, "host": "127.0.0.1", "port": 1, "error_code": code, "error_message": None}

    async def fault(exchange: Exchange) -> None:
        keys = getattr(exchange.body, "coordinator_keys", ()) or (getattr(exchange.body, "key", ""),)
        values = found | {"throttle_time": 0, "coordinators": [found | {"key": key} for key in keys]}
        await exchange.stream.send(exchange.frame(values))

    return fault


async def is_not_the_coordinator(exchange: Exchange) -> None:
    groups = [
        {
            "error_code": 16,
            "error_message": None,
            "group_id": group,
            "group_state": "",
            "protocol_type": "",
            "protocol_data": "",
            "members": (),
            "authorized_operations": -(2**31),
        }
        for group in exchange.body.groups
    ]
    await exchange.stream.send(exchange.frame({"throttle_time": 0, "groups": groups}))


@pytest.mark.parametrize(
    "fault",
    [coordinated_by(77), coordinated_by(-1), coordinated_by(-1, code=15), coordinated_by(1), sends(b"\0\xff\xff")],
    ids=["nobody", "no node", "not available", "itself, which denies it", "garbage"],
)
async def test_a_coordinator_that_is_none_is_given_up_in_time(fake: FakeCluster, fault: Fault):
    fake.always(Api.FIND_COORDINATOR, fault)
    fake.always(Api.DESCRIBE_GROUPS, is_not_the_coordinator)
    async with gomq.Admin(fake.address, settings=QUICK, retry_timeout=0.3) as admin:
        with anyio.fail_after(SECONDS), pytest.raises(GomqError):
            await admin.describe_group("billing")

    assert len(fake.asked(Api.FIND_COORDINATOR)) < 100
