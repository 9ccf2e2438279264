"""Part 3: how long one acknowledged publish takes, one after the other, with and without a sync to the device."""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import Final

from benchmarks.compare_brokers import start_all
from benchmarks.compare_clients import AIOKAFKA, CONFLUENT, GOMQ_ASYNCIO, GOMQ_TRIO
from benchmarks.job import Job, run_job
from benchmarks.plan import Bench, interleave, progress
from benchmarks.processes import BrokerProcess, BrokerSpec
from benchmarks.results import Figures
from benchmarks.topics import temporary_topic

_MOST_SAMPLES: Final = 20_000
_CLIENTS: Final = {
    GOMQ_ASYNCIO: ("client_gomq", "asyncio"),
    GOMQ_TRIO: ("client_gomq", "trio"),
    AIOKAFKA: ("client_aiokafka", "asyncio"),
    CONFLUENT: ("client_confluent", "asyncio"),
}


def compare_latency(bench: Bench, specs: Sequence[BrokerSpec]) -> None:
    """Measure every client against each of these kinds of broker."""
    with ExitStack() as stack:
        for broker in start_all(bench, stack, specs):
            progress(f"single publishes against {broker.name}")
            case = f"latency.{broker.name}"
            bench.results.describe(
                case, f"One acknowledged publish of 100 bytes at a time, {broker.name}", base=AIOKAFKA
            )
            interleave(
                bench,
                {
                    name: partial(_publish, bench, broker, case, module=module, backend=backend)
                    for name, (module, backend) in _CLIENTS.items()
                },
            )


def _publish(bench: Bench, broker: BrokerProcess, case: str, *, module: str, backend: str) -> dict[str, Figures]:
    job = Job(
        module=module,
        operation="publish_one_by_one",
        count=_MOST_SAMPLES,
        seconds=bench.pace.latency_s,
        backend=backend,
    )
    with temporary_topic(broker) as topic:
        return {case: run_job(job.at(broker.address, topic), timeout_s=bench.pace.timeout_s)}
