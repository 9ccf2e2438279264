"""``Channel``: answers find whoever asked, and whatever goes wrong is told to all who wait."""

import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream

from gomq.errors import ConnectionFailedError, GomqError, ProtocolError, RequestTimeoutError
from gomq.net.channel import Channel, Request
from gomq.net.transport import PlainTransport
from gomq.protocol.api import Api
from tests.support.waiting import until


class Peer:
    """The other end of a channel's connection, driven by the test."""

    def __init__(self, stream: SocketStream) -> None:
        self.stream = stream
        self._received = b""

    async def receive(self) -> tuple[int, bytes]:
        """Correlation id and body of the next request, which this file's requests put behind their size."""
        while len(self._received) < 4 or len(self._received) < 4 + int.from_bytes(self._received[:4], "big"):
            self._received += await self.stream.receive()
        end = 4 + int.from_bytes(self._received[:4], "big")
        frame, self._received = self._received[4:end], self._received[end:]
        return int.from_bytes(frame[:4], "big"), frame[4:]

    async def answer(self, correlation_id: int, body: bytes) -> None:
        await self.stream.send(frame_of(correlation_id, body))

    def send_and_stand_still(self, data: bytes, *, seconds: float) -> None:
        """Send while nothing else in this process has a turn."""
        self.stream.extra(SocketAttribute.raw_socket).send(data)
        time.sleep(seconds)

    def hang_up_and_stand_still(self, *, seconds: float) -> None:
        """Send no more, likewise."""
        self.stream.extra(SocketAttribute.raw_socket).shutdown(socket.SHUT_WR)
        time.sleep(seconds)


def frame_of(correlation_id: int, body: bytes) -> bytes:
    return (4 + len(body)).to_bytes(4, "big") + correlation_id.to_bytes(4, "big") + body


def request_of(body: bytes, *, timeout: float = 10) -> Request:
    return Request(
        api=Api.METADATA,
        version=4,
        encode=lambda correlation_id: (
            [frame_of(correlation_id, b""), body] if not body else [frame_of(correlation_id, body)]
        ),
        timeout=timeout,
        decode=lambda frame: bytes(frame[4:]),
    )


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[Channel, Peer]]:
    ours, theirs = socket.socketpair()
    async with anyio.create_task_group() as group:
        channel = Channel(PlainTransport(ours), "peer:1", group, max_response_bytes=1000)
        group.start_soon(channel.run)
        async with await anyio.abc.UNIXSocketStream.from_socket(theirs) as stream:
            yield channel, Peer(stream)
        channel.close()


async def test_many_pipelined_requests_get_their_own_answers():
    answers: dict[bytes, bytes] = {}

    async def ask(body: bytes) -> None:
        answers[body] = await channel.request(request_of(body))

    async with connected() as (channel, peer), anyio.create_task_group() as group:
        for number in range(200):
            group.start_soon(ask, b"%d" % number)
        requests = [await peer.receive() for _ in range(200)]
        await peer.stream.send(b"".join(frame_of(number, b"re " + body) for number, body in requests))

    assert answers == {b"%d" % number: b"re %d" % number for number in range(200)}


async def test_an_answer_may_come_byte_by_byte():
    async def answer(peer: Peer) -> None:
        correlation_id, _ = await peer.receive()
        for byte in frame_of(correlation_id, b"slowly"):
            await peer.stream.send(bytes([byte]))
            await anyio.lowlevel.checkpoint()

    async with connected() as (channel, peer), anyio.create_task_group() as group:
        group.start_soon(answer, peer)
        assert await channel.request(request_of(b"?")) == b"slowly"


async def test_what_the_kernel_does_not_take_at_once_is_sent_whole_and_in_order():
    bodies = [bytes([number]) * 300_000 for number in range(5)]
    answers: list[Any] = []
    async with connected() as (channel, peer):
        for body in bodies:
            channel.post(request_of(body), lambda response, error: answers.append((response, error)))
        for body in bodies:
            correlation_id, received = await peer.receive()
            assert received == body
            await peer.answer(correlation_id, body[:1])
        await until(lambda: len(answers) == 5)

    assert answers == [(body[:1], None) for body in bodies]


async def test_a_request_that_wants_no_answer_is_done_once_it_is_sent():
    done: list[Any] = []
    async with connected() as (channel, peer):
        silent = replace(request_of(bytes(500_000)), is_answered=False)
        channel.post(silent, lambda response, error: done.append((response, error)))
        await anyio.wait_all_tasks_blocked()
        assert done == []
        await peer.receive()
        await until(lambda: done)
        async with anyio.create_task_group() as group:
            group.start_soon(answer_next, peer)
            assert await channel.request(request_of(b"?")) == b"!"

    assert done == [(None, None)]


async def answer_next(peer: Peer, count: int = 1) -> None:
    for _ in range(count):
        correlation_id, _ = await peer.receive()
        await peer.answer(correlation_id, b"!")


async def test_a_cancelled_request_leaves_the_connection_in_order():
    async with connected() as (channel, peer):
        with anyio.move_on_after(0.02) as scope:
            await channel.request(request_of(b"cancelled"))
        assert scope.cancelled_caught
        async with anyio.create_task_group() as group:
            group.start_soon(answer_next, peer, 2)
            assert await channel.request(request_of(b"next")) == b"!"
        assert channel.is_open


async def test_a_request_cancelled_while_it_is_sent_is_sent_to_its_end():
    async with connected() as (channel, peer):
        with anyio.move_on_after(0.02):
            await channel.request(request_of(bytes(1_000_000)))
        assert len((await peer.receive())[1]) == 1_000_000
        assert channel.is_open


async def test_an_overdue_answer_closes_the_connection_and_only_the_overdue_are_told_so():
    errors: dict[str, GomqError | None] = {}
    async with connected() as (channel, _):
        channel.post(request_of(b"", timeout=0.05), lambda _, error: errors.update(quick=error))
        channel.post(request_of(b"", timeout=60), lambda _, error: errors.update(patient=error))
        await until(lambda: len(errors) == 2)
        assert not channel.is_open

    assert isinstance(errors["quick"], RequestTimeoutError)
    assert str(errors["quick"]) == "peer:1 did not answer METADATA within 0.05 s"
    assert isinstance(errors["patient"], ConnectionFailedError)
    assert str(errors["patient"]) == "no connection to peer:1: it did not answer in time"


async def test_what_has_come_while_this_process_stood_still_is_no_late_answer():
    answers: list[Any] = []
    async with connected() as (channel, peer):
        for _ in range(2):
            channel.post(request_of(b"?", timeout=0.05), lambda response, error: answers.append((response, error)))
        requests = [await peer.receive() for _ in range(2)]
        frames = b"".join(frame_of(number, b"!") for number, _ in requests)
        peer.send_and_stand_still(frames, seconds=0.1)
        await until(lambda: len(answers) == 2)
        assert answers == [(b"!", None)] * 2
        async with anyio.create_task_group() as group:
            group.start_soon(answer_next, peer)
            assert await channel.request(request_of(b"next")) == b"!"


async def test_what_was_answered_too_little_while_this_process_stood_still_is_late():
    errors: list[GomqError | None] = []
    async with connected() as (channel, peer):
        channel.post(request_of(b"?", timeout=0.05), lambda _, error: errors.append(error))
        channel.post(request_of(b"?", timeout=0.05), lambda _, error: errors.append(error))
        first, _ = await peer.receive()
        peer.send_and_stand_still(frame_of(first, b"!") + frame_of(first + 1, b"half")[:-1], seconds=0.1)
        await until(lambda: len(errors) == 2)
        assert not channel.is_open
    assert errors[0] is None
    assert isinstance(errors[1], RequestTimeoutError)


async def test_a_peer_that_hangs_up_while_this_process_stands_still_is_not_called_late():
    async with connected() as (channel, peer):
        errors: list[GomqError | None] = []
        channel.post(request_of(b"?", timeout=0.05), lambda _, error: errors.append(error))
        await peer.receive()
        peer.hang_up_and_stand_still(seconds=0.1)
        await until(lambda: errors)
    assert str(errors[0]) == "no connection to peer:1: the broker closed the connection"


async def test_a_peer_that_takes_no_request_in_time_is_given_up():
    async with connected() as (channel, _):
        with pytest.raises((RequestTimeoutError, ConnectionFailedError), match=r"in time|within 0.05 s"):
            await channel.request(request_of(bytes(5_000_000), timeout=0.05))
        silent = replace(request_of(b"x"), is_answered=False)
        with pytest.raises(ConnectionFailedError):
            channel.post(silent, lambda *_: None)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (frame_of(77, b"!"), "answered request 77, which was not its turn"),
        (b"\x7f\xff\xff\xff", "frame of 2147483647 bytes; at most 1000 are taken"),
        (b"\0\0\0\x03abc", "frame of 3 bytes"),
        (b"\x16\x03\x01\x02", "this looks like TLS, which is not spoken here"),
    ],
    ids=["wrong id", "huge", "tiny", "tls"],
)
async def test_garbage_is_told_to_the_first_who_waits_and_its_consequence_to_the_others(data: bytes, complaint: str):
    errors: list[GomqError] = []

    async def ask() -> None:
        with pytest.raises(GomqError) as caught:
            await channel.request(request_of(b"?"))
        errors.append(caught.value)

    async with connected() as (channel, peer), anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        await peer.stream.send(data)

    assert sorted(type(error).__name__.replace("FrameSize", "Protocol") for error in errors) == [
        "ConnectionFailedError", "ConnectionFailedError", "ProtocolError",
    ]  # fmt: skip
    assert all(complaint in str(error) for error in errors)
    assert not channel.is_open


async def test_an_answer_to_nothing_closes_the_connection():
    async with connected() as (channel, peer):
        await peer.answer(1, b"!")
        await until(lambda: not channel.is_open)
        with pytest.raises(ConnectionFailedError, match="which was not its turn"):
            await channel.request(request_of(b"?"))


@pytest.mark.parametrize("sent", [b"", b"\0\0\0\x10half"], ids=["before", "within"])
async def test_a_peer_that_hangs_up_is_told_to_all_who_wait(sent: bytes):
    errors: list[GomqError] = []

    async def ask() -> None:
        with pytest.raises(ConnectionFailedError, match="peer:1: the broker closed the connection") as caught:
            await channel.request(request_of(b"?"))
        errors.append(caught.value)

    async with connected() as (channel, peer), anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        if sent:
            await peer.stream.send(sent)
        for _ in range(3):
            await peer.receive()
        await peer.stream.send_eof()

    assert len({id(error) for error in errors}) == 3


async def test_closing_tells_all_who_wait_and_closing_twice_is_fine():
    async with connected() as (channel, _), anyio.create_task_group() as group:

        async def ask() -> None:
            with pytest.raises(ConnectionFailedError, match="it was closed"):
                await channel.request(request_of(bytes(2_000_000)))

        group.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        channel.close()
        channel.close("again")


async def test_a_decoder_that_cannot_read_the_answer_fails_its_own_request():
    def fails(frame: memoryview) -> Any:
        raise ProtocolError(f"{len(frame)} bytes of nonsense")

    async with connected() as (channel, peer), anyio.create_task_group() as group:
        group.start_soon(answer_next, peer)
        with pytest.raises(ProtocolError, match="5 bytes of nonsense"):
            await channel.request(replace(request_of(b"?"), decode=fails))
