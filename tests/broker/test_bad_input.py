"""What one client sends, however bad, is an error code or the end of its own connection, and of nothing else."""

import logging
import socket
import struct
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import gomq
from gomq.broker import dispatch
from gomq.protocol.api import SERVED, Api
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


async def works(wire: Wire) -> bool:
    """Publish a message and fetch it again, on a connection that was open all the time."""
    answer = await wire.ask(Api.PRODUCE, 9, **produce_values({"orders": {0: batch(b"x")}}))
    (produced,) = answer.responses[0].partition_responses
    answer = await wire.ask(Api.FETCH, 11, **fetch_values({"orders": [(0, produced.base_offset)]}))
    return bool(produced.error_code == 0 and answer.responses[0].partitions[0].records)


@pytest.fixture
async def wire(wire: Wire) -> Wire:
    """A connection to a broker that has the topic ``orders``."""
    await wire.ask(Api.CREATE_TOPICS, **create_values("orders"))
    return wire


@pytest.mark.parametrize("data_sent", list(HOSTILE.values()), ids=list(HOSTILE))
async def test_hostile_bytes_end_their_connection_and_no_other(broker: gomq.Broker, wire: Wire, data_sent: bytes):
    async with connect(broker.address) as hostile:
        await hostile.send_bytes(data_sent)
        with anyio.fail_after(2):
            assert await hostile.is_closed()
    assert await works(wire)


async def test_every_request_may_stop_at_any_byte(broker: gomq.Broker, wire: Wire):
    for api, version in [entry for entry in served_versions() if entry[1] == SERVED[entry[0]].newest]:
        whole = sample_request(api, version)
        for size in range(0, len(whole), 5):
            async with connect(broker.address) as leaver:
                await leaver.send_bytes(whole[:size])
    assert await works(wire)
    assert broker._state is not None
    await until(lambda: open_connections(broker) == 1)


def open_connections(broker: gomq.Broker) -> int:
    """How many connections the broker has, as the kernel sees it."""
    port = int(broker.address.rpartition(":")[2])
    established = "01"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(f":{port:04X}") and row[3] == established for row in rows)


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
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10) as hostile:
        hostile.sendall(framed(bytes(frame)))
        hostile.shutdown(socket.SHUT_WR)
        while hostile.recv(65536):
            pass
    with socket.create_connection((host, int(port)), timeout=10) as healthy:
        healthy.sendall(sample_request(Api.API_VERSIONS, 0))
        assert healthy.recv(4)


async def test_a_bug_in_a_handler_ends_its_connection_and_no_other(
    broker: gomq.Broker, wire: Wire, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    async def broken(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setitem(dispatch._HANDLERS, Api.METADATA, broken)
    async with connect(broker.address) as unlucky:
        await unlucky.send(Api.METADATA, 1, {"topics": None})
        assert await unlucky.is_closed()
    assert await works(wire)
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.msg == "connection.failed"
    assert record.exc_info


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
    host, _, port = broker.address.rpartition(":")
    idle = [socket.create_connection((host, int(port))) for _ in range(150)]
    try:
        assert await works(wire)
        idle[0].sendall(sample_request(Api.API_VERSIONS, 0))
        await until(lambda: idle[0].recv(4, socket.MSG_DONTWAIT | socket.MSG_PEEK) if can_read(idle[0]) else b"")
    finally:
        for connection in idle:
            connection.close()


def can_read(connection: socket.socket) -> bool:
    try:
        return bool(connection.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK))
    except BlockingIOError:
        return False


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
