"""One connection: answers in the order of their requests, whatever the peer does; and nothing is left behind."""

import socket
from contextlib import suppress

import anyio
import pytest

from gomq.errors import ProtocolError
from gomq.net.session import Answer, Parts, Session
from gomq.net.transport import PlainTransport
from gomq.protocol.requests import RequestHead
from tests.support.session_peer import FETCH, PRODUCE, request, serving
from tests.support.waiting import until
from tests.support.wire import framed


class Gates:
    """A handler: Produce requests wait at a gate of their number, the others are answered at once."""

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.cancelled: list[int] = []
        self._gates: dict[int, anyio.Event] = {}

    def open(self, *numbers: int) -> None:
        for number in numbers:
            self._gate(number).set()

    async def __call__(self, head: RequestHead, frame: memoryview) -> Answer:
        assert len(frame) >= 10
        number = head.correlation_id
        self.taken.append(number)
        if head.api_key != PRODUCE:
            return [b"%d." % number]

        async def later() -> Parts:
            try:
                await self._gate(number).wait()
            except BaseException:
                self.cancelled.append(number)
                raise
            return [b"%d." % number]

        return later

    def _gate(self, number: int) -> anyio.Event:
        return self._gates.setdefault(number, anyio.Event())


async def test_answers_come_in_the_order_of_the_requests():
    gates = Gates()
    async with serving(gates) as peer:
        await peer.send(request(PRODUCE, 1), request(PRODUCE, 2), request(PRODUCE, 3), request(FETCH, 4))
        await until(lambda: gates.taken == [1, 2, 3])
        gates.open(3, 2)
        await anyio.wait_all_tasks_blocked()
        assert peer.nothing_came()
        gates.open(1)
        assert await peer.receive(8) == b"1.2.3.4."


async def test_other_requests_wait_until_the_produce_before_them_is_answered():
    gates = Gates()
    async with serving(gates) as peer:
        await peer.send(request(PRODUCE, 1), request(FETCH, 2), request(PRODUCE, 3))
        await anyio.wait_all_tasks_blocked()
        assert gates.taken == [1]
        gates.open(1)
        assert await peer.receive(4) == b"1.2."
        await until(lambda: gates.taken == [1, 2, 3])
        gates.open(3)
        assert await peer.receive(2) == b"3."


async def test_no_more_than_sixty_four_answers_wait():
    gates = Gates()
    async with serving(gates) as peer:
        await peer.send(*(request(PRODUCE, number) for number in range(100)))
        await until(lambda: len(gates.taken) == 64)
        await anyio.wait_all_tasks_blocked()
        assert len(gates.taken) == 64
        gates.open(*range(100))
        expected = b"".join(b"%d." % number for number in range(100))
        assert await peer.receive(len(expected)) == expected


async def test_a_request_may_come_one_byte_at_a_time():
    gates = Gates()
    async with serving(gates) as peer:
        for byte in framed(request(FETCH, 7)) + framed(request(FETCH, 8)):
            await peer.transport.send([bytes([byte])])
            await anyio.lowlevel.checkpoint()
        assert await peer.receive(4) == b"7.8."


async def test_an_answer_that_waits_is_cancelled_when_the_peer_goes_away():
    gates = Gates()
    async with serving(gates) as peer:
        await peer.send(request(PRODUCE, 1), request(PRODUCE, 2))
        await until(lambda: gates.taken == [1, 2])
        await anyio.wait_all_tasks_blocked()
        peer.transport.close()
        with anyio.fail_after(10):
            await peer.ended.wait()
        assert gates.cancelled == [1]
        assert peer.failure is None


async def test_a_request_without_an_answer_holds_nothing_up():
    async def handle(head: RequestHead, _: memoryview) -> Answer:
        return None if head.api_key == PRODUCE else [b"answer"]

    async with serving(handle) as peer:
        await peer.send(*(request(PRODUCE, number) for number in range(50)), request(FETCH, 50))
        assert await peer.receive(6) == b"answer"


@pytest.mark.parametrize("failure", [ProtocolError("no"), ValueError("a bug"), OSError("gone")])
@pytest.mark.parametrize("later", [False, True])
async def test_a_failure_ends_the_session_and_is_raised_as_it_is(failure: Exception, later: bool):
    async def fail() -> Parts:
        raise failure

    async def handle(_: RequestHead, __: memoryview) -> Answer:
        return fail if later else await fail()

    async with serving(handle) as peer:
        await peer.send(request(PRODUCE, 1))
        with anyio.fail_after(10):
            await peer.ended.wait()
        assert peer.failure is failure


async def test_of_two_failures_at_once_one_is_raised_and_not_a_group():
    async def waits_then_fails() -> Parts:
        try:
            await anyio.sleep_forever()
        finally:
            raise ValueError("second")

    async def handle(head: RequestHead, _: memoryview) -> Answer:
        if head.correlation_id == 1:
            return waits_then_fails
        await anyio.wait_all_tasks_blocked()
        raise ProtocolError("first")

    async with serving(handle) as peer:
        await peer.send(request(PRODUCE, 1), request(PRODUCE, 2))
        with anyio.fail_after(10):
            await peer.ended.wait()
        assert isinstance(peer.failure, ProtocolError | ValueError)


async def test_a_failure_while_the_broker_stops_does_not_outlive_the_cancellation():
    async def fails_when_cancelled() -> Parts:
        try:
            await anyio.sleep_forever()
        finally:
            raise OSError("the connection broke at this moment")

    async def handle(_: RequestHead, __: memoryview) -> Answer:
        return fails_when_cancelled

    ours, theirs = socket.socketpair()
    with theirs:
        session = Session(PlainTransport(ours), handle, max_request_bytes=1 << 20)

        async def contained() -> None:
            with suppress(OSError):
                await session.run()

        async with anyio.create_task_group() as group:
            group.start_soon(contained)
            theirs.sendall(framed(request(PRODUCE, 1)))
            await anyio.wait_all_tasks_blocked()
            group.cancel_scope.cancel()
        assert ours.fileno() == -1


async def test_a_peer_that_always_has_more_lets_others_have_their_turn():
    handled = 0

    async def handle(_: RequestHead, __: memoryview) -> Answer:
        nonlocal handled
        handled += 1
        return None

    async with serving(handle) as peer:
        await peer.send(*(request(PRODUCE, number) for number in range(1500)))
        most = 0
        while handled < 1500:
            before = handled
            await anyio.lowlevel.checkpoint()
            most = max(most, handled - before)
    assert most <= 64


async def test_a_frame_that_cannot_be_one_ends_the_session():
    gates = Gates()
    async with serving(gates) as peer:
        await peer.transport.send([framed(request(FETCH, 1)) + (-1).to_bytes(4, "big", signed=True)])
        assert await peer.receive(2) == b"1."
        with anyio.fail_after(10):
            await peer.ended.wait()
        assert isinstance(peer.failure, ProtocolError)


async def test_a_peer_that_leaves_within_a_frame_is_no_failure():
    gates = Gates()
    async with serving(gates) as peer:
        await peer.transport.send([framed(request(FETCH, 1))[:9]])
        await anyio.wait_all_tasks_blocked()
        peer.transport.close()
        with anyio.fail_after(10):
            await peer.ended.wait()
        assert (peer.failure, gates.taken) == (None, [])
