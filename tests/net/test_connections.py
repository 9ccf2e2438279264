"""How many connections there may be, whose time is up, and how they end when the broker stops."""

import anyio
import pytest

from gomq.net.connections import Connections, TooManyConnectionsError
from gomq.net.deadlines import Overdue, Standing
from gomq.net.limits import ConnectionLimits
from tests.support.waiting import until

IDLE = Standing(
    requests=1, received=9, has_part_of_request=False, is_waiting=False, answers=1, sent=9, is_sending=False
)  # fmt: skip


class Fake:
    """A connection that stands where a test puts it, and ends when it is told to."""

    def __init__(self, connections: Connections, standing: Standing = IDLE) -> None:
        self.now_at = standing
        self.peer_has_left = False
        self.ended: Overdue | None = None
        self.is_finishing = False
        self.keeps_memory = True
        self.looks = 0
        self._connections = connections
        connections.watch(self)

    def standing(self) -> Standing:
        self.looks += 1
        return self.now_at

    def is_abandoned(self) -> bool:
        return self.peer_has_left

    def end(self, overdue: Overdue) -> None:
        self.ended = overdue
        self._connections.forget(self)

    def finish(self) -> None:
        self.is_finishing = True
        if not self.now_at.is_waiting:
            self._connections.forget(self)

    def let_go_of_memory(self) -> None:
        self.keeps_memory = False


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_an_address_has_as_many_connections_as_it_may():
    connections = Connections(
        ConnectionLimits(connections_per_ip=2, connections_per_ip_overrides={"192.0.2.9": 3, "192.0.2.8": 0})
    )
    for address in ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.9", "192.0.2.9", "192.0.2.9"):
        connections.admit(address)
    for address in ("192.0.2.1", "192.0.2.9", "192.0.2.8"):
        with pytest.raises(TooManyConnectionsError, match=r"as many as max.connections.per.ip allows"):
            connections.admit(address)
    connections.leave("::ffff:192.0.2.1")
    connections.admit("192.0.2.1")
    assert len(connections) == 5
    for address in ("192.0.2.1", "192.0.2.1", "192.0.2.9", "192.0.2.9", "192.0.2.9"):
        connections.leave(address)
    assert (len(connections), dict(connections._by_address)) == (0, {}), "nothing is kept of who has left"


async def test_at_the_limit_the_next_connection_waits_until_one_ends_or_the_limit_rises():
    connections = Connections(ConnectionLimits(connections=1))
    await connections.wait_for_slot()
    connections.admit("192.0.2.1")
    accepted = 0

    async def accept() -> None:
        nonlocal accepted
        await connections.wait_for_slot()
        accepted += 1

    async with anyio.create_task_group() as group:
        group.start_soon(accept)
        await anyio.wait_all_tasks_blocked()
        assert accepted == 0
        connections.leave("192.0.2.1")
        await anyio.wait_all_tasks_blocked()
        assert accepted == 1
        connections.admit("192.0.2.1")
        group.start_soon(accept)
        await anyio.wait_all_tasks_blocked()
        connections.limits = ConnectionLimits(connections=2)
        await anyio.wait_all_tasks_blocked()
        assert accepted == 2


async def test_a_sweep_ends_the_idle_and_has_the_quiet_keep_little():
    time = Time()
    connections = Connections(ConnectionLimits(idle_seconds=100), clock=time)
    busy, idle = Fake(connections), Fake(connections)
    for time.now in range(0, 201, 50):
        busy.now_at = busy.now_at._replace(requests=busy.now_at.requests + 1, received=time.now + 10)
        await connections.sweep()
    assert (busy.ended, busy.keeps_memory, idle.keeps_memory) == (None, True, False)
    assert idle.ended == Overdue("it was idle for 150 s", is_blameless=True)


async def test_a_sweep_finds_peers_that_left_while_their_requests_wait():
    connections = Connections(ConnectionLimits(), clock=Time())
    waiting, reading = Fake(connections, IDLE._replace(is_waiting=True)), Fake(connections)
    waiting.peer_has_left = reading.peer_has_left = True
    await connections.sweep()
    assert waiting.ended is not None
    assert reading.ended is None, "it sees that by itself"


async def test_it_sweeps_by_itself_and_sleeps_where_there_is_nobody():
    connections = Connections(ConnectionLimits(first_request_seconds=0.02))
    async with anyio.create_task_group() as group:
        group.start_soon(connections.run)
        await anyio.wait_all_tasks_blocked()
        silent = Fake(connections, IDLE._replace(requests=0, received=0))
        with anyio.fail_after(20):
            while silent.ended is None:  # noqa: ASYNC110 - what ends it has no event
                await anyio.sleep(0.005)
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()


async def test_time_in_which_the_broker_itself_had_no_turn_counts_for_nobody():
    time = Time()
    connections = Connections(ConnectionLimits(idle_seconds=0.004), clock=time)
    async with anyio.create_task_group() as group:
        group.start_soon(connections.run)
        idle = Fake(connections)
        await until(lambda: idle.looks >= 2)
        for _ in range(2):
            time.now, seen = time.now + 100, idle.looks
            await until(lambda: idle.looks >= seen + 2)  # noqa: B023
            assert idle.ended is None

        def is_ended() -> bool:
            time.now += 0.001
            return idle.ended is not None

        await until(is_ended)
        group.cancel_scope.cancel()


async def test_a_drain_takes_no_time_where_nothing_is_under_way():
    connections = Connections(ConnectionLimits())
    fakes = [Fake(connections) for _ in range(3)]
    with anyio.fail_after(30):
        assert await connections.drain(60)
    assert all(fake.is_finishing for fake in fakes)
    late = Fake(connections)
    assert late.is_finishing, "who comes now is told at once"


async def test_a_drain_waits_for_what_is_under_way_but_not_for_ever():
    connections = Connections(ConnectionLimits())
    working = Fake(connections, IDLE._replace(is_waiting=True))
    assert not await connections.drain(0.01)
    async with anyio.create_task_group() as group:
        drained: list[bool] = []

        async def drain() -> None:
            drained.append(await connections.drain(60))

        group.start_soon(drain)
        await anyio.wait_all_tasks_blocked()
        connections.forget(working)
        with anyio.fail_after(30):
            await anyio.wait_all_tasks_blocked()
    assert drained == [True]
