"""Count sizes and moments into few buckets, and draw them with plain characters. Numbers in, lines out."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

_MAX_TIME_BUCKETS: Final = 48
_FIRST_WIDTH_MS: Final = 1000
_WIDTHS_S: Final = (1, 2, 10, 30, 60, 120, 600, 1800, 3600, 7200, 21600, 43200, 86400)
"""What a bucket of moments is wide, each a multiple of the one before; behind the last, doubled again and again."""
_BAR: Final = "#"
_LEAST_BAR: Final = 10
_GAP: Final = "  "


class Bucket(NamedTuple):
    """How many were counted from ``start`` up to and with ``end``."""

    start: int
    end: int
    number: int


class Sizes:
    """Sizes, counted in buckets of 0, 1, 2 to 3, 4 to 7, 8 to 15 and so on."""

    def __init__(self) -> None:
        self.count: int = 0
        self.total: int = 0
        self.smallest: int = 0
        self.largest: int = 0
        self.by_bits: Counter[int] = Counter()
        """How many sizes are written with so many bits."""

    def add(self, sizes: Sequence[int]) -> None:
        """Count sizes."""
        if not sizes:
            return
        smallest = min(sizes)
        self.smallest = min(smallest, self.smallest) if self.count else smallest
        self.largest = max(self.largest, *sizes)
        self.count += len(sizes)
        self.total += sum(sizes)
        self.by_bits.update(map(int.bit_length, sizes))

    def merge(self, other: "Sizes") -> None:
        """Count what another has counted."""
        if other.count:
            self.smallest = min(self.smallest, other.smallest) if self.count else other.smallest
            self.largest = max(self.largest, other.largest)
            self.count += other.count
            self.total += other.total
            self.by_bits.update(other.by_bits)

    @property
    def mean(self) -> float:
        """The mean; 0 of none."""
        return self.total / self.count if self.count else 0.0

    @property
    def buckets(self) -> list[Bucket]:
        """From the first to the last that has any, those between them that have none too."""
        if not self.by_bits:
            return []
        bits = range(min(self.by_bits), max(self.by_bits) + 1)
        return [Bucket(1 << each - 1 if each else 0, (1 << each) - 1, self.by_bits[each]) for each in bits]


class Moments:
    """Moments, counted in at most so many buckets of one width: it grows with the time that they span."""

    def __init__(self) -> None:
        self.width_ms: int = _FIRST_WIDTH_MS
        self.counts: dict[int, int] = {}
        """By the beginning of their bucket."""

    def add(self, timestamp: int, count: int) -> None:
        """Count something that happened at a time, ms since the epoch, so many times."""
        start = timestamp - timestamp % self.width_ms
        known = self.counts.get(start)
        self.counts[start] = count if known is None else known + count
        if known is None:
            self._fit()

    def merge(self, other: "Moments") -> None:
        """Count what another has counted."""
        while self.width_ms < other.width_ms:
            self._widen()
        for start, count in other.counts.items():
            self.add(start, count)

    @property
    def buckets(self) -> list[Bucket]:
        """From the first to the last that has any, those between them that have none too; ``end`` is within."""
        if not self.counts:
            return []
        width = self.width_ms
        starts = range(min(self.counts), max(self.counts) + 1, width)
        return [Bucket(start, start + width - 1, self.counts.get(start, 0)) for start in starts]

    def _fit(self) -> None:
        while (max(self.counts) - min(self.counts)) // self.width_ms >= _MAX_TIME_BUCKETS:
            self._widen()

    def _widen(self) -> None:
        seconds = self.width_ms // 1000
        self.width_ms = 1000 * next((each for each in _WIDTHS_S if each > seconds), 2 * seconds)
        counts, self.counts = self.counts, {}
        for start, count in counts.items():
            wider = start - start % self.width_ms
            self.counts[wider] = self.counts.get(wider, 0) + count


def draw(bars: Iterable[tuple[str, int]], *, width: int) -> list[str]:
    """Draw a bar for each name and count, no line wider than ``width`` as long as names and counts fit."""
    rows = [(name, f"{count:,}", count) for name, count in bars]
    names = max((len(name) for name, _, _ in rows), default=0)
    counts = max((len(count) for _, count, _ in rows), default=0)
    largest = max((count for _, _, count in rows), default=0)
    room = max(width - 2 * len(_GAP) - names - counts - len(_GAP), _LEAST_BAR)
    lines: list[str] = []
    for name, text, count in rows:
        bar = _BAR * (max(round(count * room / largest), 1) if count else 0)
        lines.append(f"{_GAP}{name:>{names}}{_GAP}{text:>{counts}}{_GAP}{bar}".rstrip())
    return lines
