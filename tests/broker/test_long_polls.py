"""Waiting for what others do ends when the broker stops, and only then."""

import anyio

from gomq.broker.long_polls import LongPolls


async def wait(polls: LongPolls, woken: list[bool], event: anyio.Event | None = None) -> None:
    with polls.wait():
        await (event or anyio.Event()).wait()
    woken.append(True)


async def test_all_that_wait_go_on_when_it_is_over_and_so_does_who_comes_later():
    polls, woken = LongPolls(), list[bool]()
    async with anyio.create_task_group() as group:
        group.start_soon(wait, polls, woken)
        group.start_soon(wait, polls, woken)
        await anyio.wait_all_tasks_blocked()
        assert (len(polls), woken, polls.is_over) == (2, [], False)
        polls.end()
        group.start_soon(wait, polls, woken)
        with anyio.fail_after(20):
            while len(woken) < 3:
                await anyio.lowlevel.checkpoint()
    assert (len(polls), polls.is_over) == (0, True)


async def test_a_wait_that_ends_by_itself_or_is_cancelled_is_forgotten():
    polls, woken, event = LongPolls(), list[bool](), anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(wait, polls, woken, event)
        await anyio.wait_all_tasks_blocked()
        event.set()
    assert (len(polls), woken) == (0, [True])
    async with anyio.create_task_group() as group:
        group.start_soon(wait, polls, woken)
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    assert (len(polls), woken) == (0, [True]), "whoever is cancelled does not go on"
