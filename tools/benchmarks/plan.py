"""How long and how often to measure, and the interleaving that makes noisy machines bearable.

A ratio is only worth something when both sides had the same weather, so contenders take turns: A B A B, never A A B B.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.results import Figures, MeasurementError, Results

Measure = Callable[[], Mapping[str, Figures]]
"""One run of one contender: case name to figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How much patience one run of the benchmark has."""

    rounds: int
    """Runs of each contender in each case."""
    run_s: float
    """What one run should take; the number of messages is chosen to that end."""
    trial_messages: int
    """Messages of the short run from which a client's number of messages is reckoned."""
    latency_s: float
    """What one run of single publishes should take."""
    starts: int
    """Times each broker is started and stopped."""
    idle_s: float
    """Rest after a start, before the resident memory is read."""
    append_bytes: int
    """What one run of appends writes: far below what makes the kernel write back and its writers wait."""
    log_bytes: int
    """Size of the logs that are read and recovered."""
    compacted_bytes: int
    """Size of the log that is compacted."""
    whole_bytes: int
    """Size of the log that is opened after a clean stop."""
    partitions: int
    """How many a broker opens that has many."""
    perf_test_messages: int
    """What Kafka's own load generator publishes, once its JVM is warm a second or two."""
    perf_test_rounds: int
    """Its runs."""
    connections: int
    """How many publish slowly at the same time."""

    @property
    def timeout_s(self) -> float:
        """Time after which a run counts as hung: many times what it should take."""
        return 20 + 15 * self.run_s


FULL: Final = Pace(
    rounds=5,
    run_s=2.0,
    trial_messages=100_000,
    latency_s=1.0,
    starts=7,
    idle_s=0.5,
    append_bytes=256 << 20,
    log_bytes=1 << 30,
    compacted_bytes=1 << 30,
    whole_bytes=10 << 30,
    partitions=2000,
    perf_test_messages=500_000,
    perf_test_rounds=3,
    connections=1000,
)
QUICK: Final = Pace(
    rounds=3,
    run_s=0.3,
    trial_messages=50_000,
    latency_s=0.2,
    starts=3,
    idle_s=0.2,
    append_bytes=64 << 20,
    log_bytes=256 << 20,
    compacted_bytes=128 << 20,
    whole_bytes=1 << 30,
    partitions=200,
    perf_test_messages=100_000,
    perf_test_rounds=1,
    connections=200,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What every part of the benchmark needs."""

    pace: Pace
    results: Results
    directory: Path
    """Where brokers keep their data and logs; removed at the end."""


def interleave(bench: Bench, contenders: Mapping[str, Measure], *, rounds: int | None = None) -> None:
    """Measure all contenders in turn, several rounds; one that fails is reported and gets no further turn."""
    rounds = bench.pace.rounds if rounds is None else rounds
    broken: set[str] = set()
    for number in range(1, rounds + 1):
        for name, measure in contenders.items():
            if name in broken:
                continue
            progress(f"  round {number}/{rounds}  {name}")
            try:
                bench.results.add(name, measure())
            except MeasurementError as error:
                broken.add(name)
                bench.results.failures.append(f"{name}: {error}")
                progress(f"  failed: {error}")


def messages_for(rates: list[float], seconds: float, *, most: int) -> int:
    """Return a round number of messages that keeps the fastest of these rates (messages/s) busy for so long."""
    wanted = min(max(rates) * seconds, most)
    return max(1000, round(wanted / 1000) * 1000)


def progress(text: str) -> None:
    """Tell a person who waits what is going on; never part of the output."""
    print(text, file=sys.stderr, flush=True)
