"""``gomq mirror --follow``: what goes on beside the copying, and how far it is, where somebody sees it."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, Protocol

import anyio

from gomq.cli.asking import notice
from gomq.cli.mirror import output
from gomq.errors import GomqError
from gomq.net.scope import first_failure

if TYPE_CHECKING:
    from gomq.client.mirroring.mirror import Mirror
    from gomq.client.mirroring.plan import MirrorPlan

_LOOK_SECONDS: Final = 2.0
"""How often it is asked how far the mirror is behind."""
_SOON_SECONDS: Final = 0.2
"""When it is asked again where nobody could say."""


class _Line(Protocol):
    """A line on a terminal that is written again and again."""

    def advance(self, count: int) -> None:
        """So many more are done with."""

    def behind(self, count: int) -> None:
        """So many are not yet."""


async def follow(mirror: "Mirror", plan: "MirrorPlan", groups: Sequence[str]) -> list[str]:
    """Copy until the mirror is stopped; errors are those of ``Mirror.copy``.

    Returns:
        the groups that have not gone on at the target by themselves meanwhile.
    """
    told = plan
    left = list(dict.fromkeys(groups))

    def tell(new: "MirrorPlan") -> None:
        nonlocal told
        before = {(topic.name, each.partition) for topic, each in told.partitions()}
        after = {(topic.name, each.partition) for topic, each in new.partitions()}
        for topic, partition in sorted(after - before):
            notice(f"{topic}-{partition} is new at the source, and carried over from now on")
        for topic in sorted({name for name, _ in before} - {name for name, _ in after}):
            notice(f"{topic} is gone at the source, and stays at DEST as it is")
        output.tell_notices(new, told)
        told = new

    def tell_refused(group: str) -> None:
        left.remove(group)
        notice(f"group {group!r} has members at DEST, and goes on there by itself: it is not told any more where it is")

    with _line() as line:
        try:
            async with anyio.create_task_group() as beside:
                beside.start_soon(mirror.keep_groups, plan, groups, tell_refused)
                if line is not None:
                    beside.start_soon(_show_lag, mirror, line)
                advance = (lambda _: None) if line is None else line.advance
                await mirror.copy(plan, follow=True, on_progress=advance, on_plan=tell)
                beside.cancel_scope.cancel()
        except ExceptionGroup as failures:
            raise first_failure(failures) from None
    return left


async def _show_lag(mirror: "Mirror", line: _Line) -> None:
    while True:
        lag = None
        with suppress(GomqError):  # what is wrong with a side the copying says
            lag = await mirror.lag()
        if lag is not None:
            line.behind(lag)
        await anyio.sleep(_SOON_SECONDS if lag is None else _LOOK_SECONDS)


@contextmanager
def _line() -> Iterator[_Line | None]:
    """Write a line on stderr while the body runs, if that is a terminal; it is gone afterwards."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console  # noqa: PLC0415 - only where something is drawn
    from rich.progress import Progress, SpinnerColumn, TextColumn  # noqa: PLC0415

    text = TextColumn("mirroring  {task.completed:,.0f} messages  {task.fields[behind]}", markup=False)
    with Progress(SpinnerColumn(), text, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("", total=None, behind="")

        class Line:
            def advance(self, count: int) -> None:
                shown.advance(task, count)

            def behind(self, count: int) -> None:
                shown.update(task, behind=f"{count:,} behind" if count else "caught up")

        yield Line()
