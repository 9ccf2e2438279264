"""What a run has measured so far: every value kept, medians and ratios on request.

Three names find a value: the *case* (what was done, ``brokers.100.produce``), the *contender* (who did it) and the
*figure* (what was read off, ``messages_per_s``). Nothing here prints.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from statistics import median

Figures = dict[str, float]
"""The figures of one run, by name; units are in the names."""


class MeasurementError(Exception):
    """One run gave no figures; the message says whose and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One figure of one contender over all its runs."""

    median: float
    low: float
    high: float
    values: list[float]


@dataclass(slots=True)
class Case:
    """One thing that was measured, for several contenders."""

    title: str
    base: str
    """The contender that the others' ratios are to."""
    runs: dict[str, list[Figures]] = field(default_factory=dict)
    """Contender to the figures of its runs, in the order they were made."""

    def figures(self) -> list[str]:
        """Return the names of the figures that any run gave, in the order they appeared."""
        return list(dict.fromkeys(name for runs in self.runs.values() for run in runs for name in run))


@dataclass(slots=True)
class Results:
    """All cases of one run of the benchmark, in the order they were measured."""

    cases: dict[str, Case] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    """What should have been measured and could not be."""
    absent: list[str] = field(default_factory=list)
    """What was left out, because it is not installed here."""

    def describe(self, case: str, title: str, *, base: str) -> None:
        """Open a case, before the first run of it is added."""
        self.cases[case] = Case(title=title, base=base)

    def add(self, contender: str, figures: Mapping[str, Figures]) -> None:
        """Keep the figures of one run, which may have measured more than one case."""
        for case, values in figures.items():
            self.cases[case].runs.setdefault(contender, []).append(values)

    def summary(self, case: str, contender: str, figure: str) -> Summary | None:
        """Return median and spread of one figure, or None when it was not measured."""
        runs = self.cases[case].runs.get(contender, []) if case in self.cases else []
        values = [run[figure] for run in runs if figure in run]
        if not values:
            return None
        return Summary(median=median(values), low=min(values), high=max(values), values=values)

    def as_json(self) -> dict[str, object]:
        """Return everything as values that the json module writes."""
        cases = {
            name: {"title": case.title, "contenders": {who: self._summaries(name, who) for who in case.runs}}
            for name, case in self.cases.items()
        }
        return {"cases": cases, "failures": self.failures, "absent": self.absent}

    def _summaries(self, case: str, contender: str) -> dict[str, object]:
        summaries = {figure: self.summary(case, contender, figure) for figure in self.cases[case].figures()}
        return {figure: asdict(summary) for figure, summary in summaries.items() if summary is not None}
