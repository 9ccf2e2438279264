"""Part 2: clients against one and the same broker process, each run in a process of its own.

Every client gets as many messages as keep it busy for the same time: their rates differ by a factor of ten.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Final

from benchmarks.compare_brokers import start_all
from benchmarks.job import Job, run_job
from benchmarks.plan import Bench, interleave, messages_for, progress
from benchmarks.processes import BrokerProcess, BrokerSpec
from benchmarks.results import Figures, MeasurementError
from benchmarks.topics import temporary_topic

PRODUCE: Final = "clients.produce"
CONSUME: Final = "clients.consume"
ITERATE: Final = "clients.iterate"
GOMQ_ASYNCIO: Final = "gomq, asyncio"
GOMQ_TRIO: Final = "gomq, trio"
AIOKAFKA: Final = "aiokafka"
CONFLUENT: Final = "confluent-kafka"

_SIZE: Final = 100
_MOST_MESSAGES: Final = 5_000_000


def _gomq(operation: str, backend: str) -> Job:
    return Job(module="client_gomq", operation=operation, backend=backend, size=_SIZE)


_PRODUCERS: Final = {
    GOMQ_ASYNCIO: _gomq("produce", "asyncio"),
    GOMQ_TRIO: _gomq("produce", "trio"),
    AIOKAFKA: Job(module="client_aiokafka", operation="produce", size=_SIZE),
    f"{AIOKAFKA}, batches filled by hand": Job(module="client_aiokafka", operation="produce_batches", size=_SIZE),
    CONFLUENT: Job(module="client_confluent", operation="produce", size=_SIZE),
}
_CONSUMERS: Final = {
    GOMQ_ASYNCIO: _gomq("consume", "asyncio"),
    GOMQ_TRIO: _gomq("consume", "trio"),
    AIOKAFKA: Job(module="client_aiokafka", operation="consume", size=_SIZE),
    CONFLUENT: Job(module="client_confluent", operation="consume", size=_SIZE),
}
_ITERATORS: Final = {
    GOMQ_ASYNCIO: _gomq("iterate", "asyncio"),
    GOMQ_TRIO: _gomq("iterate", "trio"),
    AIOKAFKA: Job(module="client_aiokafka", operation="iterate", size=_SIZE),
}


def compare_clients(bench: Bench, specs: Sequence[BrokerSpec]) -> None:
    """Measure every client against these brokers: one, or none where it is not installed."""
    with ExitStack() as stack:
        for broker in start_all(bench, stack, specs):
            against = f"against {broker.name}, {_SIZE}-byte messages"
            progress(f"clients publish {against}")
            _describe(bench, PRODUCE, f"Clients {against}: publish_many, send, produce(); all acknowledged")
            _compare_producers(bench, broker)
            progress(f"clients read {against}")
            _describe(bench, CONSUME, f"Clients {against}: batches(), getmany, consume(); every value looked at")
            _describe(bench, ITERATE, f"Clients {against}: one message at a time, async for")
            _compare_readers(bench, broker, CONSUME, _CONSUMERS)
            _compare_readers(bench, broker, ITERATE, _ITERATORS)


def _describe(bench: Bench, case: str, title: str) -> None:
    bench.results.describe(case, title, base=AIOKAFKA)


def _compare_producers(bench: Bench, broker: BrokerProcess) -> None:
    jobs = _sized(bench, broker, _PRODUCERS)
    interleave(bench, {name: partial(_publish, bench, broker, job) for name, job in jobs.items()})


def _publish(bench: Bench, broker: BrokerProcess, job: Job) -> dict[str, Figures]:
    with temporary_topic(broker) as topic:
        return {PRODUCE: run_job(job.at(broker.address, topic), timeout_s=bench.pace.timeout_s)}


def _compare_readers(bench: Bench, broker: BrokerProcess, case: str, readers: Mapping[str, Job]) -> None:
    try:
        jobs = _sized(bench, broker, readers)
        with temporary_topic(broker) as topic:
            _fill(bench, broker, topic, max((job.count for job in jobs.values()), default=1))
            interleave(
                bench, {name: partial(_read, bench, job.at(broker.address, topic), case) for name, job in jobs.items()}
            )
    except MeasurementError as error:
        bench.results.failures.append(f"{case}: {error}")


def _read(bench: Bench, job: Job, case: str) -> dict[str, Figures]:
    return {case: run_job(job, timeout_s=bench.pace.timeout_s)}


def _fill(bench: Bench, broker: BrokerProcess, topic: str, count: int) -> None:
    job = Job(module="load_librdkafka", operation="produce", size=_SIZE, count=count)
    run_job(job.at(broker.address, topic), timeout_s=bench.pace.timeout_s)


def _sized(bench: Bench, broker: BrokerProcess, jobs: Mapping[str, Job]) -> dict[str, Job]:
    """Return the jobs with the number of messages that each does in the right time; one that fails drops out."""
    sized: dict[str, Job] = {}
    count = bench.pace.trial_messages
    with temporary_topic(broker) as topic:
        _fill(bench, broker, topic, count)
        for name, job in jobs.items():
            trial = job.of(count).at(broker.address, topic)
            try:
                figures = run_job(trial, timeout_s=bench.pace.timeout_s)
            except MeasurementError as error:
                bench.results.failures.append(f"{name}: {error}")
                progress(f"  failed: {error}")
            else:
                rate = figures["messages_per_s"]
                sized[name] = job.of(messages_for([rate], bench.pace.run_s, most=_MOST_MESSAGES))
    return sized
