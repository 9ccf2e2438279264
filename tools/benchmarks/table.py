"""Results as plain text: a table for each case, then what was to be reached and what was."""

from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.results import Case, Results, Summary
from benchmarks.targets import TARGETS, Target

_WIDTH: Final = 120
_HEADINGS: Final = {
    "messages_per_s": "1000 messages/s",
    "mb_per_s": "MB/s",
    "cpu_s_per_million": "broker CPU s/million",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
    "start_s": "start s",
    "idle_mb": "idle MB",
    "p50_us": "p50 us",
    "p99_us": "p99 us",
    "elapsed_s": "s",
    "first_line_ms": "ms",
    "again_s": "s, once more",
    "resident_mb": "resident MB, grown",
    "objects_mb": "Python objects MB",
}
_SCALES: Final = {"messages_per_s": 1e-3}


def print_results(results: Results) -> None:
    """Print every case, what is missing, and the targets, on stdout."""
    console = Console(width=_WIDTH, highlight=False)
    console.print("Medians, with the lowest and highest run in brackets; a ratio is of medians, to the row with 1.00.")
    for name, case in results.cases.items():
        if case.runs:
            runs = max(len(values) for values in case.runs.values())
            console.print(f"\n{case.title} ({runs} runs)", markup=False)
            console.print(_case_table(results, name, case))
    for text in results.absent:
        console.print(f"Not measured: {text}", markup=False)
    for text in results.failures:
        console.print(f"FAILED: {text}", markup=False)
    console.print("\nTo be reached")
    console.print(_target_table(results))


def target_rows(results: Results) -> list[tuple[Target, float | None, str]]:
    """Return every target with what was measured and the verdict: reached, missed or not measured."""
    rows = []
    for target in TARGETS:
        value = target.measured(results)
        verdict = "not measured" if value is None else ("reached" if target.reached(value) else "MISSED")
        rows.append((target, value, verdict))
    return rows


def _case_table(results: Results, name: str, case: Case) -> Table:
    table = _table("")
    for figure in case.figures():
        table.add_column(_HEADINGS[figure], justify="right", no_wrap=True)
        table.add_column("ratio", justify="right")
    for contender in case.runs:
        cells: list[str] = []
        for figure in case.figures():
            summary, base = (results.summary(name, who, figure) for who in (contender, case.base))
            cells += _cells(summary, base, scale=_SCALES.get(figure, 1.0))
        table.add_row(contender, *cells)
    return table


def _cells(summary: Summary | None, base: Summary | None, *, scale: float) -> tuple[str, str]:
    if summary is None:
        return "-", ""
    ratio = f"{summary.median / base.median:.2f}" if base is not None and base.median else ""
    middle, low, high = (_number(value * scale) for value in (summary.median, summary.low, summary.high))
    return f"{middle} [{low} - {high}]", ratio


def _target_table(results: Results) -> Table:
    table = _table("target")
    for heading in ("wanted", "measured", "verdict"):
        table.add_column(heading, justify="right")
    for target, value, verdict in target_rows(results):
        table.add_row(target.what, target.bound, "-" if value is None else f"{value:.2f}", verdict)
    return table


def _table(first_heading: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column(first_heading, no_wrap=True)
    return table


def _number(value: float) -> str:
    digits = 0 if value >= 100 else 1 if value >= 10 else 3
    return f"{value:,.{digits}f}"
