"""Prometheus' text format, version 0.0.4.

    # HELP gomq_connections Connections now.
    # TYPE gomq_connections gauge
    gomq_connections{listener="PLAINTEXT"} 3

Three kinds of line are not worth a dependency; a library's own counters would cost more than ours, as they take a
lock each time.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})

Labels = Mapping[str, str | int]
NO_LABELS: Final[Labels] = {}


class Sample(NamedTuple):
    """One line."""

    labels: Labels
    value: float
    suffix: str = ""
    """Of the name, such as ``_bucket``."""


class Family(NamedTuple):
    """A metric: all lines of one name."""

    name: str
    type: str
    """counter, gauge or histogram."""
    help: str
    samples: Iterable[Sample]


class Histogram:
    """How often something was how large.

    Args:
        bounds: what each bucket holds at most, ascending; one without a bound comes on top.
    """

    __slots__ = ("_bounds", "_counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.sum: float = 0.0

    @property
    def count(self) -> int:
        """How many there were."""
        return sum(self._counts)

    def note(self, value: float) -> None:
        """Count one."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self.sum += value

    def samples(self, labels: Labels = NO_LABELS) -> Iterator[Sample]:
        """Lay it out: buckets hold what is in the smaller ones, too."""
        total = 0
        bounds: list[str] = [*map(_number, self._bounds), "+Inf"]
        for bound, count in zip(bounds, self._counts, strict=True):
            total += count
            yield Sample({**labels, "le": bound}, total, "_bucket")
        yield Sample(labels, self.sum, "_sum")
        yield Sample(labels, total, "_count")


def lines(family: Family) -> Iterator[str]:
    """Write a metric, each line with its end; nothing where it has no samples."""
    is_first = True
    for labels, value, suffix in family.samples:
        if is_first:
            yield f"# HELP {family.name} {_help(family.help)}\n# TYPE {family.name} {family.type}\n"
            is_first = False
        yield f"{family.name}{suffix}{_labels(labels)} {_number(value)}\n"


def one(name: str, kind: str, text: str, value: float) -> Family:
    """Make a metric of one line."""
    return Family(name, kind, text, (Sample(NO_LABELS, value),))


def _help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{str(value).translate(_ESCAPES)}"' for name, value in labels.items()) + "}"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
