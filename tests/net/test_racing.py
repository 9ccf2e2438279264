"""Several attempts at the same thing: head starts, the first to succeed, and what becomes of the others."""

from collections.abc import Awaitable, Callable

import anyio
import pytest

from gomq.net.racing import first_to_succeed
from tests.support.waiting import until


class Course:
    """What attempts did, and what was discarded of what they made."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.cancelled: list[str] = []
        self.discarded: list[str] = []
        self.may_succeed = anyio.Event()

    def fails(self, name: str) -> Callable[[], Awaitable[str]]:
        async def attempt() -> str:
            self.started.append(name)
            await anyio.lowlevel.checkpoint()
            raise OSError(name)

        return attempt

    def succeeds(self, name: str) -> Callable[[], Awaitable[str]]:
        async def attempt() -> str:
            self.started.append(name)
            return name

        return attempt

    def waits(self, name: str) -> Callable[[], Awaitable[str]]:
        async def attempt() -> str:
            self.started.append(name)
            try:
                await self.may_succeed.wait()
            except BaseException:
                self.cancelled.append(name)
                raise
            return name

        return attempt

    async def run(
        self, *attempts: Callable[[], Awaitable[str]], head_start: float = 60
    ) -> tuple[list[str], dict[int, OSError]]:
        return await first_to_succeed(attempts, head_start=head_start, failure=OSError, discard=self.discarded.append)


async def test_the_first_that_succeeds_is_all_that_is_tried():
    course = Course()
    won, failures = await course.run(course.fails("a"), course.succeeds("b"), course.succeeds("c"))

    assert (won, course.started) == (["b"], ["a", "b"])
    assert str(failures[0]) == "a"


async def test_one_that_does_not_end_is_overtaken_and_cancelled():
    course = Course()
    with anyio.fail_after(20):
        won, failures = await course.run(course.waits("a"), course.succeeds("b"), head_start=0.01)

    assert (won, failures, course.cancelled, course.discarded) == (["b"], {}, ["a"], [])


async def test_one_that_was_overtaken_may_win_all_the_same():
    course = Course()
    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:

            async def run() -> None:
                won, failures = await course.run(course.waits("a"), course.fails("b"), head_start=0.01)
                assert (won, list(failures)) == (["a"], [1])

            group.start_soon(run)
            await anyio.wait_all_tasks_blocked()
            await until(lambda: "b" in course.started)
            course.may_succeed.set()


async def test_what_succeeds_at_the_same_moment_is_discarded():
    course = Course()
    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:

            async def run() -> None:
                won, _ = await course.run(course.waits("a"), course.waits("b"), head_start=0.0)
                assert sorted(won + course.discarded) == ["a", "b"]

            group.start_soon(run)
            await until(lambda: len(course.started) == 2)
            course.may_succeed.set()


@pytest.mark.parametrize("count", [0, 1, 3])
async def test_where_all_fail_each_reason_is_told(count: int):
    course = Course()
    won, failures = await course.run(*(course.fails(str(number)) for number in range(count)))

    assert won == []
    assert [str(failures[number]) for number in range(count)] == list(map(str, range(count)))


@pytest.mark.parametrize("count", [1, 2])
async def test_cancelling_ends_all_attempts(count: int):
    course = Course()
    with anyio.move_on_after(0.05) as scope:
        await course.run(*(course.waits(str(number)) for number in range(count)), head_start=0.0)

    assert scope.cancelled_caught
    assert sorted(course.cancelled) == list(map(str, range(count)))


async def test_what_nobody_expects_is_raised_by_itself():
    async def breaks() -> str:
        raise KeyError("a bug")

    with pytest.raises(KeyError, match="a bug"):
        await Course().run(breaks, Course().waits("b"), head_start=0.0)
