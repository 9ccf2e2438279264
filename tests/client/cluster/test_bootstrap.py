"""Finding a cluster, and finding it again: several addresses, brokers that come and go, and no rush at dead ones."""

import socket
from functools import partial

import anyio
import pytest

from gomq.client.cluster.cluster import Purpose
from gomq.client.cluster.settings import ConnectionSettings
from gomq.errors import ClosedError, ConnectionFailedError, GomqError, UnsupportedVersionError
from gomq.protocol.api import Api, Versions
from tests.support.clusters import open_connections, reached
from tests.support.fake_broker import FakeCluster, hangs_up, stays_silent
from tests.support.waiting import until

QUICK = ConnectionSettings(first_backoff=0.01, max_backoff=0.02)


@pytest.fixture
def dead() -> str:
    """Two addresses where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as first, socket.create_server(("127.0.0.1", 0)) as second:
        ports = [each.getsockname()[1] for each in (first, second)]
    return ", ".join(f"127.0.0.1:{port}" for port in sorted(ports))


async def test_where_all_addresses_are_dead_one_error_names_them_all(dead: str):
    async with reached(dead) as cluster:
        with pytest.raises(ConnectionFailedError) as caught:
            await cluster.refresh(None)

    assert str(caught.value) == f"no connection to {dead}: Connection refused; is a broker running there?"
    assert caught.value.address == dead


async def test_an_address_that_is_silent_holds_nobody_up(fake: FakeCluster, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("gomq.client.cluster.cluster._HEAD_START", 0.02)
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with (
        listener,
        reached(f"127.0.0.1:{listener.extra(anyio.abc.SocketAttribute.local_port)},{fake.address}") as it,
    ):
        with anyio.fail_after(20):
            for _ in range(3):
                await it.refresh(None)


async def test_many_tasks_that_want_a_dead_broker_try_it_once(fake: FakeCluster):
    fake.always(Api.API_VERSIONS, hangs_up)
    errors: list[GomqError] = []
    async with reached(fake.address, ConnectionSettings(first_backoff=10.0, max_backoff=10.0)) as cluster:
        address = cluster._bootstrap[0]

        async def connect(purpose: Purpose) -> None:
            with pytest.raises(ConnectionFailedError, match="the broker closed the connection") as caught:
                await cluster._connect(address, purpose)
            errors.append(caught.value)

        with anyio.fail_after(20):
            async with anyio.create_task_group() as group:
                for _ in range(50):
                    group.start_soon(connect, Purpose.DATA)
            await connect(Purpose.CONTROL)

    assert len(fake.asked(Api.API_VERSIONS)) == 1
    assert len({id(error) for error in errors}) == 51


async def test_who_asks_while_every_address_is_left_alone_waits_for_the_first_pause_to_end(fake: FakeCluster):
    fake.next(Api.API_VERSIONS, hangs_up)
    async with reached(fake.address, QUICK) as cluster:
        with pytest.raises(ConnectionFailedError):
            await cluster.refresh(None)
        with anyio.fail_after(20):
            await cluster.refresh(None)


async def test_when_all_known_brokers_are_gone_the_first_address_is_asked_again(fake: FakeCluster):
    """KIP-899, KIP-1102: what ``metadata.recovery.strategy=rebootstrap`` does."""
    fake.answers.advertised = {1: 1}  # where nobody is
    async with reached(fake.address, QUICK) as cluster:
        await cluster.refresh(None)
        with pytest.raises(ConnectionFailedError, match=r"127\.0\.0\.1:1: "):
            await cluster.connect(1, Purpose.DATA)
        for connection in cluster._connections.values():
            connection.close()
        fake.answers.advertised = None
        await cluster.refresh(None)
        assert (await cluster.connect(1, Purpose.DATA)).is_open


async def test_addresses_that_are_no_brokers_any_more_are_forgotten(fake: FakeCluster):
    async with reached(fake.address, QUICK) as cluster:
        for port in range(1, 30):
            fake.answers.advertised = {1: port}
            await cluster.refresh(None)
            with pytest.raises(ConnectionFailedError):
                await cluster.connect(1, Purpose.DATA)

        assert len(cluster._opening) <= 3
        assert len(cluster._pauses._pauses) <= 2


async def test_each_purpose_has_a_connection_of_its_own(fake: FakeCluster):
    async with reached(fake.address) as cluster:
        await cluster.refresh(None)
        fake.next(Api.JOIN_GROUP, stays_silent)
        connections = {await cluster.connect(1, purpose) for purpose in Purpose}
        assert connections == {await cluster.connect(1, purpose) for purpose in Purpose}
        assert len(connections) == len(Purpose) == 4


async def test_both_sides_versions_are_told_where_none_is_common(fake: FakeCluster):
    fake.versions[Api.METADATA] = Versions(0, 3)
    async with reached(fake.address) as cluster:
        with pytest.raises(UnsupportedVersionError) as caught:
            await cluster.refresh(None)

    assert str(caught.value) == (
        f"{fake.address} serves no version of METADATA that this client speaks: it has 0 to 3, this client 4 to 12"
    )


def asked_more_than(fake: FakeCluster, number: int) -> bool:
    return len(fake.asked(Api.API_VERSIONS)) > number


async def test_cancelling_while_connecting_leaves_nothing_behind(fake: FakeCluster):
    fake.next(Api.API_VERSIONS, *[stays_silent] * 3)
    async with reached(fake.address) as cluster:
        for number in range(3):
            async with anyio.create_task_group() as group:
                group.start_soon(cluster.refresh, None)
                await until(partial(asked_more_than, fake, number))
                group.cancel_scope.cancel()
            assert open_connections(cluster) == 0
        await cluster.refresh(None)
        assert open_connections(cluster) == 1


async def test_a_connection_that_is_ready_only_when_the_client_has_closed_is_closed_too(fake: FakeCluster):
    async with reached(fake.address) as cluster:
        fake.next(Api.API_VERSIONS, stays_silent)
        async with anyio.create_task_group() as group:

            async def refresh() -> None:
                with pytest.raises((ClosedError, ConnectionFailedError)):
                    await cluster.refresh(None)

            group.start_soon(refresh)
            await until(lambda: fake.asked(Api.API_VERSIONS))
            cluster.close()
            fake.stop(1)
        with pytest.raises(ClosedError):
            await cluster._connect(cluster._bootstrap[0], Purpose.CONTROL)
        assert open_connections(cluster) == 0
