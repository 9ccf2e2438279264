"""How long many things took: percentiles in little memory. Values only.

Times are counted in buckets each of which is half a percent wider than the one before, as HdrHistogram does: whatever
the number of times, there are some thousand counters, and a percentile is right to half a percent.
"""

from math import ceil, exp, log
from typing import Final

_STEP: Final = log(1.005)
_LEAST: Final = 1e-6
"""Seconds; what takes less counts as that."""


class Histogram:
    """Counts durations, in seconds."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self.count: int = 0
        self.total: float = 0.0
        self.longest: float = 0.0

    def record(self, seconds: float, count: int = 1) -> None:
        """Count something that has taken so long, or several of them."""
        bucket = int(log(max(seconds, _LEAST) / _LEAST) / _STEP)
        self._counts[bucket] = self._counts.get(bucket, 0) + count
        self.count += count
        self.total += seconds * count
        self.longest = max(self.longest, seconds)

    @property
    def mean(self) -> float:
        """The average, in seconds; 0 of nothing."""
        return self.total / self.count if self.count else 0.0

    def percentile(self, percent: float) -> float:
        """Return within how many seconds so many percent were done; 0 of nothing."""
        wanted = max(ceil(self.count * percent / 100), 1)
        seen = 0
        for bucket in sorted(self._counts):
            seen += self._counts[bucket]
            if seen >= wanted:
                return min(_LEAST * exp((bucket + 1) * _STEP), self.longest)
        return 0.0
