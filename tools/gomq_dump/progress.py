"""A progress bar for a long piece of work, where somebody sees it: one line on stderr, gone once the work is done."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, TypeAlias

Unit: TypeAlias = Literal["bytes", "messages"]


@contextmanager
def progress(title: str, total: int | None, *, unit: Unit = "bytes") -> Iterator[Callable[[int], object]]:
    """Draw a bar while the body runs, where stderr is a terminal and the end is known; else draw nothing.

    Args:
        title: what is being done, in front of the bar.
        total: how much there is to do, or None where nobody knows.
        unit: what is counted.

    Yields:
        What is to be called with every count of bytes or messages that is done.
    """
    if total is None or sys.stderr is None or not sys.stderr.isatty():
        yield _draw_nothing
        return
    from rich.console import Console  # noqa: PLC0415 - only where something is drawn
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    name = TextColumn("{task.description}", markup=False)
    counted = DownloadColumn() if unit == "bytes" else MofNCompleteColumn()
    columns = (name, BarColumn(), counted, TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda count: bar.advance(task, count)


def _draw_nothing(_count: int) -> None:
    """Nobody looks."""
