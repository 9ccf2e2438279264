"""What one client sends, however bad, is an error code or the end of its own connection, and of nothing else."""

import logging
import socket
import struct
from contextlib import ExitStack, suppress
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import gomq
from gomq.broker import dispatch
from gomq.net.address import parse_address
from gomq.protocol.api import SERVED, Api
from tests.support.alive import alive, unharmed, works
from tests.support.brokers import broker_in_thread
from tests.support.corpus import sample_request
from tests.support.waiting import until
from tests.support.wire import (
    Wire,
    batch,
    connect,
    create_values,
    fetch_values,
    framed,
    metadata_values,
    produce_values,
    request_head,
    served_versions,
)

HOSTILE = {
    "size -1": struct.pack(">i", -1),
    "size 0": struct.pack(">i", 0),
    "size 3": struct.pack(">i", 3) + bytes(3),
    "size 7": struct.pack(">i", 7) + bytes(7),
    "size 2 GiB": struct.pack(">i", 2**31 - 1),
    "size 100 MiB and 1": struct.pack(">i", (100 << 20) + 1),
    "a TLS handshake": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "an HTTP request": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "zeros": framed(bytes(8)),
    "an unknown API": framed(request_head(9999, 0)),
    "an unknown version": framed(request_head(Api.METADATA, 99)),
    "a client id that is not there": framed(struct.pack(">hhih", Api.METADATA, 1, 1, 100)),
    "4 billion topics": framed(request_head(Api.METADATA, 12) + b"\xff\xff\xff\xff\x0f"),
    "2 billion topics": framed(request_head(Api.METADATA, 1) + struct.pack(">i", 2**31 - 1)),
    "4 billion tagged fields": framed(struct.pack(">hhih", Api.METADATA, 12, 1, 0) + b"\xff\xff\xff\xff\x0f"),
    "a million empty names": framed(request_head(Api.METADATA, 1) + struct.pack(">i", 10**6) + bytes(2 * 10**6)),
    "a name that is not UTF-8": framed(request_head(Api.METADATA, 1) + struct.pack(">ih", 1, 2) + b"\xff\xfe"),
    "a request cut off": framed(sample_request(Api.CREATE_TOPICS, 5)[4:-3]),
}


LOOKS_LIKE = {"a TLS handshake": "this looks like TLS", "an HTTP request": "this looks like an HTTP request"}
"""What the log says of some."""


@pytest.fixture
async def wire(wire: Wire) -> Wire:
    """A connection to a broker that has the topic ``orders``."""
    await wire.ask(Api.CREATE_TOPICS, **create_values("orders"))
    return wire


@pytest.mark.parametrize("name", list(HOSTILE))
async def test_hostile_bytes_end_their_connection_and_no_other_and_are_told_in_one_line(
    broker: gomq.Broker, name: str, caplog: pytest.LogCaptureFixture
):
    async with unharmed(broker.address):
        async with connect(broker.address) as hostile:
            await hostile.send_bytes(HOSTILE[name])
            assert await hostile.is_closed()
        await until(lambda: told(caplog))
    (record,) = told(caplog)
    assert LOOKS_LIKE.get(name, "") in record.reason
    assert len(record.reason) < 320


def told(caplog: pytest.LogCaptureFixture) -> list[Any]:
    return [record for record in caplog.records if record.msg.startswith("connection.")]


async def leave_at_every_byte(address: str, whole: bytes, *, step: int) -> None:
    for number, size in enumerate(range(0, len(whole), step), start=1):
        with socket.create_connection(parse_address(address)) as leaver:
            leaver.sendall(whole[:size])
        if number % 50 == 0:  # or they would wait to be accepted while this waits to connect
            assert await alive(address)
    assert await alive(address)


async def test_every_request_may_stop_at_any_byte(broker: gomq.Broker):
    async with unharmed(broker.address):
        for number, api in enumerate(SERVED):
            whole = sample_request(api, SERVED[api].newest)
            await leave_at_every_byte(broker.address, whole[number % 5 :], step=5)


@pytest.mark.soak
@pytest.mark.parametrize("api", list(SERVED))
async def test_every_version_of_every_request_may_stop_at_every_byte(broker: gomq.Broker, api: Api):
    async with unharmed(broker.address):
        for _, version in served_versions(api):
            await leave_at_every_byte(broker.address, sample_request(api, version), step=1)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory):
    """A broker for the tests that are not asynchronous."""
    with broker_in_thread(tmp_path_factory.mktemp("bad-input") / "data") as running:
        yield running.address


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_behind_a_good_head_are_answered_or_end_the_connection(address: str, data: st.DataObject):
    api, version = data.draw(st.sampled_from(list(served_versions())))
    frame = bytearray(sample_request(api, version)[4:])
    for _ in range(data.draw(st.integers(1, 5))):
        frame[data.draw(st.integers(8, len(frame) - 1))] = data.draw(st.integers(0, 255))
    is_survived(address, framed(bytes(frame)))


@given(sent=st.one_of(st.binary(max_size=300), st.binary(min_size=8, max_size=300).map(framed)))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_at_all_are_answered_or_end_the_connection(address: str, sent: bytes):
    is_survived(address, sent)


def is_survived(address: str, sent: bytes) -> None:
    """Send bytes and nothing else: the connection must end, and the next one be served."""
    with socket.create_connection(parse_address(address), timeout=10) as hostile:
        hostile.sendall(sent)
        hostile.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):
            while hostile.recv(65536):
                pass
    with socket.create_connection(parse_address(address), timeout=10) as healthy:
        healthy.sendall(sample_request(Api.API_VERSIONS, 0))
        assert healthy.recv(4)


@pytest.mark.parametrize("failure", [ZeroDivisionError("a bug"), MemoryError(), RecursionError()])
async def test_a_bug_in_a_handler_ends_its_connection_and_no_other(
    broker: gomq.Broker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, failure: Exception
):
    async def broken(*_: object) -> None:
        raise failure

    monkeypatch.setitem(dispatch._HANDLERS, Api.LIST_OFFSETS, broken)
    async with unharmed(broker.address), connect(broker.address) as unlucky:
        await unlucky.send_bytes(sample_request(Api.LIST_OFFSETS, 5))
        assert await unlucky.is_closed()
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.msg == "connection.failed"
    assert record.exc_info


async def test_a_bug_that_a_client_can_reach_does_not_fill_the_log(
    broker: gomq.Broker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setitem(dispatch._HANDLERS, Api.LIST_OFFSETS, broken)
    for _ in range(60):
        async with connect(broker.address) as unlucky:
            await unlucky.send_bytes(sample_request(Api.LIST_OFFSETS, 5))
            assert await unlucky.is_closed()
    assert 1 <= len(told(caplog)) < 30


async def test_several_requests_in_one_segment_are_answered_in_their_order(wire: Wire):
    apis = [(Api.METADATA, 1), (Api.API_VERSIONS, 0), (Api.METADATA, 12), (Api.FIND_COORDINATOR, 2)]
    requests = [sample_request(api, version, correlation_id=n) for n, (api, version) in enumerate(apis)]
    await wire.send_bytes(b"".join(requests))
    for number, (api, version) in enumerate(apis):
        await wire.receive(api, version, number)


async def test_produce_requests_and_others_behind_them_are_answered_in_their_order(wire: Wire):
    sent = [
        await wire.send(Api.PRODUCE, 9, produce_values({"orders": {0: batch(b"x")}}, acks=acks)) for acks in (-1, 1, -1)
    ]
    listed = await wire.send(Api.METADATA, 12, metadata_values("orders"))
    sent.append(await wire.send(Api.PRODUCE, 9, produce_values({"orders": {0: batch(b"x")}})))
    fetched = await wire.send(Api.FETCH, 11, fetch_values({"orders": [(0, 0)]}))
    answers = [await wire.receive(Api.PRODUCE, 9, number) for number in sent[:3]]
    await wire.receive(Api.METADATA, 12, listed)
    answers.append(await wire.receive(Api.PRODUCE, 9, sent[3]))
    assert [answer.responses[0].partition_responses[0].base_offset for answer in answers] == [0, 1, 2, 3]
    assert (await wire.receive(Api.FETCH, 11, fetched)).responses[0].partitions[0].high_watermark == 4


async def test_a_client_that_never_reads_holds_nobody_up(broker: gomq.Broker, wire: Wire):
    large = batch(bytes(1_000_000))
    for _ in range(8):
        await wire.ask(Api.PRODUCE, 9, **produce_values({"orders": {0: large}}))
    async with connect(broker.address) as deaf:
        values = fetch_values({"orders": [(0, 0)]}, max_bytes=50 << 20, partition_max_bytes=50 << 20)
        for _ in range(20):
            await deaf.send(Api.FETCH, 11, values)
        assert await works(wire)


async def test_idle_connections_are_allowed(broker: gomq.Broker, wire: Wire):
    with ExitStack() as stack:
        address = parse_address(broker.address)
        idle = [stack.enter_context(socket.create_connection(address)) for _ in range(150)]
        assert await works(wire)
        idle[0].sendall(sample_request(Api.API_VERSIONS, 0))
        with anyio.fail_after(10):
            await anyio.wait_readable(idle[0])
        assert idle[0].recv(4)


@pytest.mark.parametrize("client_id", [b"\r\nforged line", b"\x1b[31mred", b"\xff\xfe", b"%s%d{}", b"x" * 32767])
async def test_no_client_writes_lines_of_its_own_into_the_log(
    broker: gomq.Broker, wire: Wire, caplog: pytest.LogCaptureFixture, client_id: bytes
):
    caplog.set_level(logging.DEBUG)
    for api, body in ((9999, b""), (int(Api.METADATA), struct.pack(">i", 5)), (int(Api.PRODUCE), client_id[:40])):
        async with connect(broker.address) as hostile:
            await hostile.send_bytes(framed(request_head(api, 3, client_id=client_id) + body))
            assert await hostile.is_closed()
    name = "\r\nforged line\x1b[31m"
    await wire.ask(Api.METADATA, 12, **metadata_values(name, create=True))
    async with connect(broker.address) as hostile:
        await hostile.send(Api.PRODUCE, 9, produce_values({name: {0: batch(b"x")}}, acks=0))
        assert await hostile.is_closed()
    await until(lambda: len([record for record in caplog.records if record.msg == "connection.closed"]) >= 4)
    for record in caplog.records:
        if record.name.startswith("gomq"):
            text = f"{record.msg} {getattr(record, 'reason', '')} {getattr(record, 'peer', '')}"
            assert text.isprintable()
            assert len(text) < 500
