"""Large requests share what memory there is: nobody starves, nothing leaks, nothing waits for ever."""

import anyio
from hypothesis import given, settings, strategies as st

from gomq.net.request_memory import RequestMemory

LARGEST = 60


async def test_as_in_kafka_all_is_given_while_any_is_left():
    memory = RequestMemory(100)
    await memory.take(49, "a")
    await memory.take(90, "b")
    assert memory.taken_bytes == 139
    with anyio.move_on_after(0) as scope:
        await memory.take(1, "c")
    assert scope.cancelled_caught
    assert (memory.taken_bytes, memory.waiting) == (139, 0)


async def test_those_who_wait_are_served_in_their_order():
    memory = RequestMemory(10)
    await memory.take(10, "z")
    order: list[str] = []

    async def take(owner: str) -> None:
        await memory.take(10, owner)
        order.append(owner)
        memory.give_back(10, owner)

    async with anyio.create_task_group() as group:
        for owner in "abc":
            group.start_soon(take, owner)
            await anyio.wait_all_tasks_blocked()
        memory.give_back(10, "z")
    assert order == ["a", "b", "c"]
    assert memory.taken_bytes == 0


async def test_one_address_never_has_more_than_half_and_one_request():
    memory = RequestMemory(100)
    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(memory.take, 20, "greedy")
        await anyio.wait_all_tasks_blocked()
        assert (memory.taken_bytes, memory.waiting) == (60, 7)
        await memory.take(20, "modest")
        memory.give_back(20, "modest")
        assert memory.taken_bytes == 60, "the half that the greedy one has had is enough"
        group.cancel_scope.cancel()


async def test_without_a_limit_nobody_waits():
    memory = RequestMemory(None)
    with anyio.fail_after(20):
        for _ in range(10):
            await memory.take(1 << 40, "a")


async def test_who_is_cancelled_while_being_served_has_it_or_gives_it_back():
    memory = RequestMemory(10)
    await memory.take(10, "z")
    has_it = False

    async def take() -> None:
        nonlocal has_it
        await memory.take(10, "a")
        has_it = True

    async with anyio.create_task_group() as group:
        group.start_soon(take)
        await anyio.wait_all_tasks_blocked()
        memory.give_back(10, "z")
        group.cancel_scope.cancel()
    assert memory.taken_bytes == (10 if has_it else 0)


@settings(max_examples=40, deadline=None)
@given(
    requests=st.lists(st.tuples(st.integers(1, LARGEST), st.sampled_from("abc"), st.integers(0, 3)), max_size=25),
    total=st.integers(60, 120),
)
def test_every_request_is_served_in_the_end_and_the_limit_is_passed_by_one_at_most(
    requests: list[tuple[int, str, int]], total: int
):
    memory = RequestMemory(total)
    served = 0

    async def one(size: int, owner: str, turns: int) -> None:
        nonlocal served
        await memory.take(size, owner)
        assert memory.taken_bytes < total + LARGEST
        for _ in range(turns):
            await anyio.lowlevel.checkpoint()
        memory.give_back(size, owner)
        served += 1

    async def run() -> None:
        with anyio.fail_after(10):
            async with anyio.create_task_group() as group:
                for request in requests:
                    group.start_soon(one, *request)

    anyio.run(run)
    assert (served, memory.taken_bytes, memory.waiting) == (len(requests), 0, 0)


async def test_what_is_granted_to_who_has_just_gone_is_there_for_others():
    memory = RequestMemory(10)
    await memory.take(10, "a")
    async with anyio.create_task_group() as group:
        group.start_soon(memory.take, 10, "b")
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
        memory.give_back(10, "a")
        assert (memory.taken_bytes, memory.waiting) == (10, 0)
    assert memory.taken_bytes == 0
