"""What one connection may take of memory and time, and how it ends when its time is up or the broker stops."""

import socket

import anyio
import pytest

from gomq.net.connections import Connections
from gomq.net.deadlines import Overdue
from gomq.net.limits import ConnectionLimits
from gomq.net.request_memory import RequestMemory
from gomq.net.session import Answer, OverdueError, Parts, Session
from gomq.net.transport import PlainTransport
from gomq.protocol.requests import RequestHead
from tests.support.session_peer import FETCH, PRODUCE, Peer, request, serving
from tests.support.waiting import until
from tests.support.wire import framed

LARGE = request(FETCH, 1) + bytes(200_000)
OVERDUE = Overdue("its time was up", is_blameless=False)


async def answer_at_once(head: RequestHead, _: memoryview) -> Answer:
    return [b"%d." % head.correlation_id]


def buffered(peer: Peer) -> int:
    """Bytes of memory that a session has for what comes."""
    return len(peer.session._frames._buffer)


async def ended(peer: Peer) -> BaseException | None:
    with anyio.fail_after(10):
        await peer.ended.wait()
    return peer.failure


async def test_a_large_request_waits_for_memory_and_small_ones_never_do():
    memory = RequestMemory(100)
    await memory.take(100, "another")
    async with (
        serving(answer_at_once, memory=memory) as peer,
        serving(answer_at_once, memory=memory) as small,
        anyio.create_task_group() as group,
    ):
        group.start_soon(peer.send, LARGE)
        await until(lambda: memory.waiting == 1)
        assert buffered(peer) < 100_000, "nothing was allocated for what may not come in yet"
        await small.send(request(FETCH, 2), request(FETCH, 3) + bytes(60_000))
        assert await small.receive(4) == b"2.3."
        assert peer.nothing_came()
        memory.give_back(100, "another")
        assert await peer.receive(2) == b"1."
    assert memory.taken_bytes == 0


async def test_memory_is_given_back_when_the_peer_leaves_within_its_request():
    memory = RequestMemory(1 << 20)
    async with serving(answer_at_once, memory=memory) as peer:
        await peer.transport.send([framed(LARGE)[:150_000]])
        await until(lambda: memory.taken_bytes == len(LARGE))
    assert memory.taken_bytes == 0


async def test_a_peer_that_leaves_while_it_waits_for_memory_is_noticed_and_ended():
    memory = RequestMemory(100)
    await memory.take(100, "another")
    async with serving(answer_at_once, memory=memory) as peer:
        async with anyio.create_task_group() as group:
            group.start_soon(peer.transport.send, [framed(LARGE)[:100_000]])
            await until(lambda: memory.waiting == 1)
            assert not peer.session.is_abandoned()
            group.cancel_scope.cancel()
        peer.transport.close()
        assert peer.session.is_abandoned()
        peer.session.end(OVERDUE)
        assert isinstance(await ended(peer), OverdueError)
    assert (memory.waiting, memory.taken_bytes) == (0, 100)


async def test_a_connection_that_had_a_large_request_keeps_little_of_it():
    async with serving(answer_at_once, max_request_bytes=60 << 20) as peer:
        await peer.send(request(FETCH, 1) + bytes(50 << 20))
        assert await peer.receive(2) == b"1."
        await peer.send(request(FETCH, 2))
        assert await peer.receive(2) == b"2."
        assert buffered(peer) <= 16 << 10
        peer.session.let_go_of_memory()
        assert buffered(peer) == 0
        await peer.send(request(FETCH, 3))
        assert await peer.receive(2) == b"3."


async def test_a_new_connection_takes_no_buffer_until_something_may_have_come_and_a_quiet_one_none_at_all():
    connections = Connections(ConnectionLimits())
    async with serving(answer_at_once) as peer:
        await peer.send(request(FETCH, 1))
        assert await peer.receive(2) == b"1."
        connections.watch(peer.session)
        for _ in range(3):
            await connections.sweep()
            await anyio.sleep(0.001)
        assert buffered(peer) == 0


async def test_memory_is_not_let_go_of_under_a_request_that_is_coming_in():
    async with serving(answer_at_once) as peer:
        whole = framed(request(FETCH, 1))
        await peer.transport.send([whole[:7]])
        await until(lambda: peer.session.standing().has_part_of_request)
        peer.session.let_go_of_memory()
        await peer.transport.send([whole[7:]])
        assert await peer.receive(2) == b"1."


@pytest.mark.parametrize("sent", [b"", framed(request(FETCH, 1))[:9]], ids=["nothing", "a part of a request"])
async def test_a_connection_whose_time_is_up_ends_and_says_why(sent: bytes):
    async with serving(answer_at_once) as peer:
        await peer.transport.send([sent] if sent else [])
        await anyio.wait_all_tasks_blocked()
        peer.session.end(OVERDUE)
        failure = await ended(peer)
    assert isinstance(failure, OverdueError)
    assert (str(failure), failure.is_blameless) == ("its time was up", False)


async def test_a_reader_that_does_not_read_shows_in_what_deadlines_go_by():
    async def large(_: RequestHead, __: memoryview) -> Answer:
        return [bytes(8 << 20)]

    async with serving(large) as peer:
        await peer.send(request(FETCH, 1))
        await until(lambda: peer.session.standing().is_sending)
        await anyio.wait_all_tasks_blocked()
        standing = peer.session.standing()
        assert (standing.answers, standing.sent < 8 << 20) == (1, True)
        await peer.receive(1 << 20)
        assert peer.session.standing().sent > standing.sent
        peer.session.end(OVERDUE)
        assert isinstance(await ended(peer), OverdueError)


async def test_a_session_that_is_ended_before_it_began_serves_nothing():
    ours, theirs = socket.socketpair()
    with theirs:
        session = Session(PlainTransport(ours), answer_at_once, max_request_bytes=1 << 20)
        session.end(OVERDUE)
        theirs.sendall(framed(request(FETCH, 1)))
        with pytest.raises(OverdueError):
            await session.run()
        assert ours.fileno() == -1


class Slow:
    """A handler whose answers come when a test says so: Produce's later, others' within the handler."""

    def __init__(self) -> None:
        self.may_answer = anyio.Event()
        self.taken: list[int] = []

    async def __call__(self, head: RequestHead, _: memoryview) -> Answer:
        self.taken.append(head.correlation_id)
        answer: Parts = [b"%d." % head.correlation_id]

        async def later() -> Parts:
            await self.may_answer.wait()
            return answer

        return later if head.api_key == PRODUCE else await later()


@pytest.mark.parametrize("api", [PRODUCE, FETCH])
async def test_at_a_stop_what_is_being_handled_is_answered_and_nothing_else_is_begun(api: int):
    slow = Slow()
    async with serving(slow) as peer:
        await peer.send(request(api, 1))
        await until(lambda: slow.taken == [1])
        await peer.send(request(FETCH, 2))
        await anyio.wait_all_tasks_blocked()
        peer.session.finish()
        await anyio.wait_all_tasks_blocked()
        assert not peer.ended.is_set()
        slow.may_answer.set()
        assert await peer.receive(2) == b"1."
        assert await ended(peer) is None
    assert slow.taken == [1]


@pytest.mark.parametrize("sent", [b"", framed(request(FETCH, 1))[:9]], ids=["nothing", "a part of a request"])
async def test_at_a_stop_a_connection_ends_at_once_where_nothing_is_under_way(sent: bytes):
    async with serving(answer_at_once) as peer:
        await peer.transport.send([sent] if sent else [])
        await anyio.wait_all_tasks_blocked()
        peer.session.finish()
        assert await ended(peer) is None


async def test_at_a_stop_nobody_waits_for_memory():
    memory = RequestMemory(100)
    await memory.take(100, "another")
    async with serving(answer_at_once, memory=memory) as peer, anyio.create_task_group() as group:
        group.start_soon(peer.transport.send, [framed(LARGE)[:100_000]])
        await until(lambda: memory.waiting == 1)
        peer.session.finish()
        assert await ended(peer) is None
        group.cancel_scope.cancel()
    assert memory.waiting == 0


async def test_answers_that_wait_hold_back_requests_of_many_bytes():
    slow = Slow()
    async with serving(slow, max_request_bytes=10 << 20) as peer, anyio.create_task_group() as group:
        large = request(PRODUCE, 1) + bytes(6 << 20)
        group.start_soon(peer.send, *[large] * 6)
        await until(lambda: len(slow.taken) == 3)
        await anyio.wait_all_tasks_blocked()
        assert len(slow.taken) == 3
        slow.may_answer.set()
        assert await peer.receive(12) == b"1." * 6
