"""Reaching a cluster: which addresses are tried, what each failure says, and brokers of other ages."""

import socket
import time
from pathlib import Path
from typing import Any

import anyio
import pytest

import gomq
from gomq.client.cluster.settings import ConnectionSettings
from gomq.errors import ConfigurationError, GomqError, ProtocolError, RequestTimeoutError, UnsupportedVersionError
from gomq.protocol.api import SPOKEN, Api, Versions
from tests.support.clusters import open_connections, reached
from tests.support.fake_broker import Exchange, FakeCluster, Fault, answers, fails_with, hangs_up, sends, stays_silent
from tests.support.waiting import until


@pytest.fixture
def dead_address() -> str:
    """Where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"


async def test_the_first_address_may_be_dead(broker: gomq.Broker, dead_address: str):
    async with gomq.Producer(f"{dead_address},{broker.address}") as producer:
        await producer.publish("orders", b"x")
    async with gomq.Consumer(f"{dead_address}, {broker.address}", "orders", replay=True) as consumer:
        assert (await anext(consumer)).value == b"x"


async def test_the_first_address_may_belong_to_something_else(fake: FakeCluster, broker: gomq.Broker):
    fake.always(Api.API_VERSIONS, sends(b"HTTP/1.1 400 Bad Request\r\n\r\n", framed=False))
    async with gomq.Admin(f"{fake.address},{broker.address}") as admin:
        assert await admin.list_topics() == []


async def test_a_broker_is_given_another_chance_where_this_process_itself_stood_still(
    fake: FakeCluster, monkeypatch: pytest.MonkeyPatch
):
    async def answers_too_late(exchange: Exchange) -> None:
        time.sleep(0.6)  # noqa: ASYNC251 - nobody is to have a turn
        await answers(exchange)

    monkeypatch.setattr("gomq.client.cluster.connection._STOOD_STILL_SECONDS", 0.1)
    fake.next(Api.API_VERSIONS, answers_too_late)
    async with gomq.Admin(fake.address, settings=ConnectionSettings(connect_timeout=0.4)) as admin:
        await admin.list_topics()


@pytest.mark.parametrize("client", [gomq.Producer, gomq.Admin, lambda address: gomq.Consumer(address, "orders")])
async def test_where_nobody_listens_the_address_and_the_reason_are_told(client: Any, dead_address: str):
    with anyio.fail_after(20), pytest.raises(gomq.ConnectionFailedError) as caught:
        async with client(dead_address):
            raise AssertionError("not reached")

    assert str(caught.value) == f"no connection to {dead_address}: Connection refused; is a broker running there?"
    assert caught.value.address == dead_address


async def test_a_host_that_does_not_exist_is_told():
    with pytest.raises(gomq.ConnectionFailedError, match=r"no connection to no-such-host.invalid:9092: "):
        async with gomq.Admin("no-such-host.invalid"):
            raise AssertionError("not reached")


@pytest.mark.parametrize("address", ["", "localhost:-1", "localhost:x", "::1", "[::1", "localhost:99999", "a:1,,b:1"])
async def test_what_is_no_address_is_refused_and_what_would_be_is_shown(address: str):
    with pytest.raises(ConfigurationError, match=r"is not an address: HOST:PORT is wanted, such as 127.0.0.1:9092"):
        async with gomq.Admin(address):
            raise AssertionError("not reached")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_a_name_reaches_the_broker(broker: gomq.Broker, host: str):
    async with gomq.Admin(f"{host}:{broker.address.rpartition(':')[2]}") as admin:
        assert await admin.list_topics() == []


async def test_ipv6_reaches_the_broker(data: Path):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 on this machine")
    async with gomq.Broker(data=data, listen="[::1]:0") as broker:
        assert broker.address.startswith("[::1]:")
        async with gomq.Producer(broker.address) as producer:
            assert (await producer.publish("orders", b"x")).offset == 0


@pytest.mark.parametrize(
    ("fault", "kind", "complaint"),
    [
        (hangs_up, gomq.ConnectionFailedError, "the broker closed the connection"),
        (stays_silent, gomq.ConnectionFailedError, "no answer within 0.2 s"),
        (sends(b"\0\0\0\0\0\x7f"), ProtocolError, "ApiVersionsResponse"),
        (sends(b"\0\x23\0\0\0\0"), ProtocolError, "does not say which versions it serves"),
        (fails_with(42), gomq.BrokerError, "does not say which versions it serves"),
    ],
    ids=["hangs up", "is silent", "garbage", "refuses both versions", "refuses"],
)
async def test_a_peer_that_is_no_broker_is_told_apart(
    fake: FakeCluster, fault: Fault, kind: type[GomqError], complaint: str
):
    fake.always(Api.API_VERSIONS, fault)
    settings = ConnectionSettings(connect_timeout=0.2 if fault is stays_silent else 20)
    with anyio.fail_after(20), pytest.raises(kind, match=complaint):
        async with gomq.Admin(fake.address, settings=settings):
            raise AssertionError("not reached")


async def test_a_broker_that_does_not_know_the_newest_api_versions_is_asked_again_in_the_oldest(fake: FakeCluster):
    fake.versions[Api.API_VERSIONS] = Versions(0, 0)
    async with gomq.Admin(fake.address) as admin:
        assert await admin.list_topics() == []

    assert [request.head.version for request in fake.asked(Api.API_VERSIONS)] == [0]


@pytest.mark.parametrize("which", ["oldest", "newest"])
async def test_everything_works_in_the_oldest_and_in_the_newest_versions(fake: FakeCluster, which: str):
    for api, versions in SPOKEN.items():
        version = getattr(versions, which)
        fake.versions[api] = Versions(version, version)
    async with gomq.Admin(fake.address) as admin, gomq.Producer(fake.address) as producer:
        assert await admin.create_topic("orders", partitions=2)
        await producer.publish("orders", b"x", partition=1)
        assert (await admin.describe_topic("orders")).partitions[1].end_offset == 1
        async with gomq.Consumer(fake.address, "orders", replay=True) as consumer:
            assert (await anext(consumer)).value == b"x"
        assert await admin.delete_topic("orders")


async def test_metadata_that_does_not_mention_the_topic_is_a_broken_answer(fake: FakeCluster):
    async with gomq.Admin(fake.address) as admin:
        fake.next(Api.METADATA, answers_for_no_topic)
        with pytest.raises(ProtocolError, match="does not mention it"):
            await admin.describe_topic("orders")


async def answers_for_no_topic(exchange: Exchange) -> None:
    values = await exchange.cluster.answers.to(Api.METADATA, exchange.body, node=1)
    assert values is not None
    await exchange.stream.send(exchange.frame(values | {"topics": []}))


async def test_an_api_that_the_broker_lacks_is_named(fake: FakeCluster):
    del fake.versions[Api.CREATE_TOPICS]
    async with gomq.Admin(fake.address) as admin:
        with pytest.raises(
            UnsupportedVersionError, match=r"CREATE_TOPICS that this client speaks: it has none, this client 2 to "
        ):
            await admin.create_topic("orders")


async def test_a_broker_that_does_not_answer_is_given_up_and_connected_to_anew(fake: FakeCluster):
    async with gomq.Admin(fake.address, request_timeout=0.5) as admin:
        fake.next(Api.METADATA, stays_silent)
        with pytest.raises(RequestTimeoutError, match=r"did not answer METADATA within 0.5 s"):
            await admin.list_topics()
        assert await admin.list_topics() == []


async def test_a_connection_that_the_broker_closed_is_made_anew(fake: FakeCluster):
    async with reached(fake.address) as cluster:
        await cluster.refresh(None)
        fake.stop(1)
        await until(lambda: not open_connections(cluster))
        await fake.start(1)
        await cluster.refresh(None)


async def test_the_nodes_that_are_known_are_asked_when_the_first_is_gone(pair: FakeCluster):
    first = pair.address.split(",")[0]
    async with reached(first) as cluster:
        assert len((await cluster.refresh(None)).brokers) == 2
        pair.stop(1)
        await until(lambda: not open_connections(cluster))
        await cluster.refresh(None)


async def test_two_connections_to_a_broker_are_enough(fake: FakeCluster):
    async with gomq.Producer(fake.address) as producer, anyio.create_task_group() as group:
        for number in range(50):
            group.start_soon(producer.publish, f"orders-{number % 7}", b"x")

    assert len({id(request.stream) for request in fake.requests}) == 2
