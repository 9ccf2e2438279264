"""Part 3: how long one acknowledged publish takes, one after the other, where each waits for a sync to the device."""

from collections.abc import Sequence
from contextlib import ExitStack

from benchmarks.compare_brokers import start_all
from benchmarks.compare_clients import compare_single_publishes
from benchmarks.plan import Bench
from benchmarks.processes import BrokerSpec


def compare_latency(bench: Bench, specs: Sequence[BrokerSpec]) -> None:
    """Measure every client against each of these kinds of broker."""
    with ExitStack() as stack:
        for broker in start_all(bench, stack, specs):
            title = f"One acknowledged publish of 100 bytes at a time, {broker.name}"
            compare_single_publishes(bench, broker, f"latency.{broker.name}", title)
