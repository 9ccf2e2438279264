"""Part 4: how soon a broker answers its first request, and what memory it holds when nothing happens."""

import time
from collections.abc import Sequence
from functools import partial
from typing import Final

from benchmarks.contestants import PEER
from benchmarks.plan import Bench, interleave, progress
from benchmarks.processes import BrokerSpec, running
from benchmarks.results import Figures

STARTUP: Final = "startup"


def compare_startup(bench: Bench, specs: Sequence[BrokerSpec]) -> None:
    """Start and stop each broker several times, with an empty data directory."""
    progress("start-up")
    bench.results.describe(STARTUP, "From exec to the first answered ApiVersions; resident memory when idle", base=PEER)
    interleave(bench, {spec.name: partial(start, bench, spec, STARTUP) for spec in specs}, rounds=bench.pace.starts)


def start(bench: Bench, spec: BrokerSpec, case: str) -> dict[str, Figures]:
    """Start a broker, let it rest, and stop it."""
    with running(spec, bench.directory) as broker:
        time.sleep(bench.pace.idle_s)
        return {case: {"start_s": broker.start_s, "idle_mb": broker.resident_bytes() / 1e6}}
