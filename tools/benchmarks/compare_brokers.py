"""Part 1: brokers under the same load generator, which is a process of its own.

Each turn of a broker publishes to a new topic, reads it back, and deletes it. The broker's CPU time is read before and
after, and given per million messages, so that runs of any length compare.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import Final

from benchmarks.contestants import GOMQ_ALWAYS, PEER
from benchmarks.job import Job, run_job
from benchmarks.plan import Bench, interleave, messages_for, progress
from benchmarks.processes import BrokerProcess, BrokerSpec, running
from benchmarks.results import Figures, MeasurementError
from benchmarks.topics import temporary_topic

SIZES: Final = (100, 1024)
_MOST_BYTES: Final = 1 << 30
"""The most that one run publishes."""
_TRIAL_BYTES: Final = 20_000_000


def case(size: int, direction: str) -> str:
    """Return the name of the case for this message size; the direction is ``produce``, ``consume`` or ``both``."""
    return f"brokers.{size}.{direction}"


def compare_brokers(bench: Bench, specs: Sequence[BrokerSpec]) -> None:
    """Measure every broker with every message size."""
    with ExitStack() as stack:
        brokers = start_all(bench, stack, specs)
        for size in SIZES:
            _compare_at(bench, brokers, size)


def start_all(bench: Bench, stack: ExitStack, specs: Sequence[BrokerSpec]) -> list[BrokerProcess]:
    """Start the brokers and return those that answered; the others are reported. The stack stops them."""
    started = []
    for spec in specs:
        try:
            started.append(stack.enter_context(running(spec, bench.directory)))
        except MeasurementError as error:
            bench.results.failures.append(str(error))
            progress(f"  failed: {error}")
    return started


def _compare_at(bench: Bench, brokers: list[BrokerProcess], size: int) -> None:
    progress(f"brokers, {size}-byte messages")
    count = suitable_count(bench, brokers, size)
    if count is None:
        return
    what = f"Brokers, {size}-byte messages, one partition, {count:,} a run"
    bench.results.describe(case(size, "produce"), f"{what}: produce, acks=all", base=PEER)
    bench.results.describe(case(size, "consume"), f"{what}: consume from offset 0", base=PEER)
    bench.results.describe(case(size, "both"), f"{what}: produce and consume together", base=PEER)
    turns = {broker.name: partial(_turn, bench, broker, size=size, count=count) for broker in brokers}
    interleave(bench, turns)


def suitable_count(bench: Bench, brokers: Sequence[BrokerProcess], size: int) -> int | None:
    """Return how many messages make a run of the right length, from a short trial that also warms the brokers up."""
    rates = []
    for broker in brokers:
        try:
            figures = _turn(bench, broker, size=size, count=_TRIAL_BYTES // size)
        except MeasurementError as error:
            bench.results.failures.append(f"{broker.name}: {error}")
            progress(f"  failed: {error}")
        else:
            rates.append(figures[case(size, "produce")]["messages_per_s"])
    return messages_for(rates, bench.pace.run_s, most=_MOST_BYTES // size) if rates else None


def _turn(bench: Bench, broker: BrokerProcess, *, size: int, count: int) -> dict[str, Figures]:
    with temporary_topic(broker) as topic:
        job = Job(
            module="load_librdkafka",
            operation="produce",
            address=broker.address,
            topic=topic,
            count=count,
            size=size,
            seconds=bench.pace.run_s,
        )
        produced = with_cpu(bench, broker, job)
        if broker.name == GOMQ_ALWAYS:
            return {case(size, "produce"): produced}
        consumed = with_cpu(bench, broker, job.to("consume"))
    cpu = "cpu_s_per_million"
    return {
        case(size, "produce"): produced,
        case(size, "consume"): consumed,
        case(size, "both"): {cpu: produced[cpu] + consumed[cpu]},
    }


def with_cpu(bench: Bench, broker: BrokerProcess, job: Job) -> Figures:
    """Run a job, and return its figures with the broker's CPU time in place of the number of messages."""
    before = broker.cpu_s()
    figures = run_job(job, timeout_s=bench.pace.timeout_s)
    messages = figures.pop("messages")
    return figures | {"cpu_s_per_million": (broker.cpu_s() - before) / messages * 1e6}
