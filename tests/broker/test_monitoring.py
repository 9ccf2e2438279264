"""/metrics, /healthz and /readyz of a broker, asked as Prometheus and probes do, and as nobody should."""

import re
import socket
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest

import gomq
from gomq.broker import BrokerConfig
from gomq.broker.monitoring import collect, server
from gomq.broker.topics import Topics
from gomq.errors import BrokerStartError
from gomq.net.address import parse_address
from gomq.protocol.api import Api
from tests.broker.conftest import Disk
from tests.support.http import ask_http, scrape, send_raw
from tests.support.running import send
from tests.support.waiting import until
from tests.support.wire import Wire, batch, connect, create_values, fetch_values, produce_values

DOCUMENTED = Path(__file__).resolve().parents[2] / "docs" / "operations.md"


def monitored(data: Path, **settings: Any) -> gomq.Broker:
    config = BrokerConfig(data=data, listen="127.0.0.1:0", metrics_listen="127.0.0.1:0", **settings)
    return gomq.Broker(config=config)


@pytest.fixture
async def watched(data: Path) -> AsyncIterator[gomq.Broker]:
    async with monitored(data) as broker:
        yield broker


def page_of(broker: gomq.Broker) -> str:
    assert broker.metrics_address is not None
    return broker.metrics_address


@pytest.fixture
async def http(watched: gomq.Broker) -> str:
    """Where the watched broker answers HTTP."""
    return page_of(watched)


@pytest.fixture
async def client(watched: gomq.Broker) -> AsyncIterator[Wire]:
    async with connect(watched.address) as wire:
        yield wire


async def test_without_being_asked_for_it_nothing_is_answered_or_counted(broker: gomq.Broker):
    assert broker.metrics_address is None
    assert broker._state is not None
    assert broker._state.metrics is None


async def test_a_broker_at_work_is_alive_and_ready(http: str):
    for path, body in (("/healthz", b"ok\n"), ("/readyz", b"ready\n"), ("/readyz?x=1", b"ready\n")):
        answer = await ask_http(http, path)
        assert (answer.status, answer.body) == (200, body)
        assert answer.headers["connection"] == "close"
    assert (await ask_http(http, "/healthz", method="HEAD")).body == b""


async def test_a_broker_that_opens_its_logs_is_alive_and_not_ready(data: Path, monkeypatch: pytest.MonkeyPatch):
    opening, may_go_on = threading.Event(), threading.Event()
    open_topics = Topics.open

    def slowly(*arguments: Any) -> Topics:
        opening.set()
        assert may_go_on.wait(10)
        return open_topics(*arguments)

    monkeypatch.setattr(Topics, "open", slowly)
    broker = monitored(data)
    async with anyio.create_task_group() as group:
        is_over = anyio.Event()

        async def serve() -> None:
            async with broker:
                await is_over.wait()

        group.start_soon(serve)
        await until(opening.is_set)
        try:
            answer = await ask_http(page_of(broker), "/readyz")
            assert answer.status == 503
            assert answer.body == b"starting: the logs are being opened and checked\n"
            assert (await ask_http(page_of(broker), "/healthz")).status == 200
            assert (await scrape(page_of(broker))).value("gomq_ready") == 0
        finally:
            may_go_on.set()
        await until(lambda: broker._listeners)
        assert (await ask_http(page_of(broker), "/readyz")).status == 200
        is_over.set()


async def test_a_failed_sync_makes_a_broker_unready_and_says_why(data: Path, disk: Disk):
    async with monitored(data) as broker, connect(broker.address) as wire:
        await wire.ask(Api.CREATE_TOPICS, **create_values("orders"))
        disk.is_broken = True
        code, _ = await send(wire, "orders", batch(b"x"))
        assert code == 56
        answer = await ask_http(page_of(broker), "/readyz")
        assert answer.status == 503
        assert answer.body.startswith(b"the disk has failed: ")
        assert (await ask_http(page_of(broker), "/healthz")).status == 200
        scraped = await scrape(page_of(broker))
        assert scraped.value("gomq_ready") == 0
        assert scraped.value("gomq_request_errors_total", api="PRODUCE", error="KAFKA_STORAGE_ERROR") == 1


async def test_what_goes_in_and_out_is_counted_by_topic_and_partition(client: Wire, http: str):
    await client.ask(Api.CREATE_TOPICS, **create_values("orders", partitions=2))
    raw = batch(b"one", b"two", b"three")
    await send(client, "orders", raw)
    await send(client, "orders", raw, partition=1)
    await client.ask(Api.FETCH, 11, **fetch_values({"orders": [(0, 0)]}))

    scraped = await scrape(http)

    assert scraped.value("gomq_topic_messages_in_total", topic="orders") == 6
    assert scraped.value("gomq_topic_bytes_in_total", topic="orders") == 2 * len(raw)
    assert scraped.value("gomq_topic_bytes_out_total", topic="orders") == len(raw)
    for partition in "01":
        labels = {"topic": "orders", "partition": partition}
        assert scraped.value("gomq_partition_log_start_offset", **labels) == 0
        assert scraped.value("gomq_partition_log_end_offset", **labels) == 3
        assert scraped.value("gomq_partition_high_watermark", **labels) == 3
        assert scraped.value("gomq_partition_size_bytes", **labels) == len(raw)
        assert scraped.value("gomq_partition_segments", **labels) == 1
    assert scraped.value("gomq_group_commit_batches_sum") == 2
    assert scraped.value("gomq_flush_duration_seconds_count") == 2


async def test_requests_their_errors_and_how_long_they_take_are_counted_by_api(client: Wire, http: str):
    await client.ask(Api.PRODUCE, 9, **produce_values({"missing": {0: batch(b"x"), 1: batch(b"y")}}))
    await client.ask(Api.FETCH, 11, **fetch_values({"missing": [(0, 0)]}))
    await client.ask(Api.METADATA, 9, topics=[{"name": "missing"}], allow_auto_topic_creation=False)

    scraped = await scrape(http)

    for api in ("PRODUCE", "FETCH", "METADATA"):
        assert scraped.value("gomq_requests_total", api=api) == 1
        assert scraped.value("gomq_request_duration_seconds_count", api=api) == 1
        assert scraped.value("gomq_request_duration_seconds_bucket", api=api, le="+Inf") == 1
        errors = 2 if api == "PRODUCE" else 1
        assert scraped.value("gomq_request_errors_total", api=api, error="UNKNOWN_TOPIC_OR_PARTITION") == errors


async def test_connections_and_waiting_requests_are_shown_while_they_last(watched: gomq.Broker, http: str):
    async def shown(name: str, **labels: str) -> float:
        return (await scrape(http)).value(name, **labels)

    async with connect(watched.address) as wire:
        await wire.ask(Api.CREATE_TOPICS, **create_values("orders"))
        await wire.send(Api.FETCH, 11, fetch_values({"orders": [(0, 0)]}, max_wait=60_000))
        with anyio.fail_after(10):
            while await shown("gomq_requests_waiting", api="FETCH") != 1:  # noqa: ASYNC110 - it has no event
                await anyio.sleep(0.01)
        assert await shown("gomq_connections", listener="PLAINTEXT") == 1
    with anyio.fail_after(10):
        while await shown("gomq_connections", listener="PLAINTEXT") != 0:  # noqa: ASYNC110 - it has no event
            await anyio.sleep(0.01)
    assert await shown("gomq_requests_waiting", api="FETCH") == 0
    assert await shown("gomq_connections_accepted_total", listener="PLAINTEXT") == 1


async def test_connections_that_are_refused_are_counted(data: Path):
    async with monitored(data, max_connections_per_ip=1) as broker, connect(broker.address) as wire:
        await wire.ask(Api.METADATA, 9, topics=())
        assert await send_raw(broker.address, b"x") == b""
        scraped = await scrape(page_of(broker))
        assert scraped.value("gomq_connections_refused_total") == 1
        assert scraped.value("gomq_connections", listener="PLAINTEXT") == 1


async def test_a_peer_cannot_make_metrics_of_its_own(watched: gomq.Broker, http: str):
    for key in (-1, 999, 32_767):
        raw = key.to_bytes(2, "big", signed=True) + b"\0\0\0\0\0\1\0\5hello"
        await send_raw(watched.address, len(raw).to_bytes(4, "big") + raw)

    scraped = await scrape(http)

    assert scraped.value("gomq_requests_total", api="UNKNOWN") == 3
    assert scraped.value("gomq_requests_refused_total", api="UNKNOWN") == 3
    assert "hello" not in str(scraped.samples)


async def test_of_many_only_so_many_are_shown(client: Wire, http: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(collect, "MOST_SAMPLES", 3)
    for name in ("a", "b"):
        await client.ask(Api.CREATE_TOPICS, **create_values(name, partitions=4))

    scraped = await scrape(http)

    assert sum(name == "gomq_partition_segments" for name, _ in scraped.samples) == 3
    assert scraped.value("gomq_metrics_left_out", of="partitions") == 5
    assert scraped.value("gomq_metrics_left_out", of="topics") == 0
    assert scraped.value("gomq_partitions") == 8


async def commit(wire: Wire, group: str, topic: str, offset: int) -> int:
    """Commit an offset for a group without members; the error code."""
    partition = {
        "partition_index": 0, "committed_offset": offset, "committed_leader_epoch": -1, "committed_metadata": "",
    }  # fmt: skip
    answer = await wire.ask(
        Api.OFFSET_COMMIT,
        6,
        group_id=group,
        generation_id_or_member_epoch=-1,
        member_id="",
        topics=[{"name": topic, "partitions": [partition]}],
    )
    return int(answer.topics[0].partitions[0].error_code)


async def test_groups_their_members_and_lag_are_shown(client: Wire, http: str):
    await client.ask(Api.CREATE_TOPICS, **create_values("orders"))
    await send(client, "orders", batch(*[b"x"] * 10))
    assert await commit(client, "billing", "orders", 4) == 0

    scraped = await scrape(http)

    assert scraped.value("gomq_group_lag", group="billing", topic="orders", partition="0") == 6
    assert scraped.value("gomq_groups", state="Empty") == 1
    assert scraped.value("gomq_group_members", group="billing") == 0


async def test_every_metric_is_documented_and_every_documented_one_is_there(client: Wire, http: str):
    await client.ask(Api.CREATE_TOPICS, **create_values("orders"))
    await client.ask(Api.METADATA, 9, topics=[{"name": "missing"}], allow_auto_topic_creation=False)

    documented = set(re.findall(r"`((?:gomq|process)_[a-z_]+)`", DOCUMENTED.read_text()))

    assert documented - (await scrape(http)).names() == {"gomq_group_members", "gomq_group_lag"}, "there is no group"
    assert (await scrape(http)).names() <= documented


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"POST /metrics HTTP/1.1\r\n\r\n", b"405"),
        (b"GET /secret HTTP/1.1\r\n\r\n", b"404"),
        (b"GET /../../etc/passwd HTTP/1.1\r\n\r\n", b"404"),
        (b"\x16\x03\x01\x02\x00\x01\n", b"400"),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 2000, b"431"),
        (b"x" * 100_000, b"414"),
    ],
)
async def test_what_is_no_question_is_refused_and_the_next_one_answered(http: str, raw: bytes, status: bytes):
    answer = await send_raw(http, raw)

    assert not answer or answer.split()[1] == status, "a reset may overtake the answer to what was not read"
    assert (await ask_http(http, "/healthz")).status == 200


async def test_who_says_nothing_does_not_keep_others_from_being_answered(watched: gomq.Broker, http: str):
    host, port = parse_address(http)
    crowd = [socket.create_connection((host, port)) for _ in range(10)]
    try:
        assert (await ask_http(http, "/healthz")).status == 200
        more = [socket.create_connection((host, port)) for _ in range(30)]
        crowd += more
        async with connect(watched.address) as wire:
            assert (await wire.ask(Api.METADATA, 9, topics=())).topics == ()
    finally:
        for connection in crowd:
            connection.close()
    await until(lambda: watched._monitoring is not None and watched._monitoring._server._connections == 0)
    assert (await ask_http(http, "/healthz")).status == 200


async def test_who_says_nothing_is_not_waited_for_without_end(http: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(server, "_DEADLINE_SECONDS", 0.05)

    assert await send_raw(http, b"GET /metrics HT") == b""


async def test_a_group_with_an_endless_name_has_a_label_that_ends(client: Wire, http: str):
    await client.ask(Api.CREATE_TOPICS, **create_values("orders"))
    for name in ("g" * 1000, "g" * 1001):
        assert await commit(client, name, "orders", 0) == 0

    scraped = await scrape(http)

    labels = {dict(labels)["group"] for name, labels in scraped.samples if name == "gomq_group_lag"}
    assert {len(label) for label in labels} == {255}
    assert len(labels) == 2


async def test_a_port_for_metrics_that_is_in_use_is_one_clear_error(data: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = "{}:{}".format(*taken.getsockname())
        config = BrokerConfig(data=data, listen="127.0.0.1:0", metrics_listen=address)
        with pytest.raises(BrokerStartError, match=f"cannot listen on {address}: the port is in use"):
            async with gomq.Broker(config=config):
                pytest.fail("the broker started")
    assert list(data.parent.iterdir()) == []


async def test_what_retention_removes_is_counted(data: Path):
    async with monitored(data) as broker, connect(broker.address) as wire:
        configs = {"segment.bytes": "200", "retention.bytes": "1"}
        await wire.ask(Api.CREATE_TOPICS, **create_values("orders", configs=configs))
        for _ in range(5):
            await send(wire, "orders", batch(b"x" * 100))
        assert broker._monitoring is not None
        assert broker._monitoring._sources is not None
        await broker._monitoring._sources.housekeeping.enforce_retention()
        scraped = await scrape(page_of(broker))
        assert scraped.value("gomq_retention_segments_removed_total") == 4
        assert scraped.value("gomq_retention_bytes_removed_total") > 400
