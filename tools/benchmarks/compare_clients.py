"""Part 2: clients against one and the same broker process, each run in a process of its own.

Every client gets as many messages as keep it busy for the same time: their rates differ by a factor of ten.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
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
CONCURRENT: Final = "clients.concurrent"
LATENCY: Final = "clients.latency"
GOMQ_ASYNCIO: Final = "gomq, asyncio"
GOMQ_UVLOOP: Final = "gomq, uvloop"
GOMQ_TRIO: Final = "gomq, trio"
AIOKAFKA: Final = "aiokafka"
AIOKAFKA_BY_DEFAULT: Final = "aiokafka, its own batch size"
CONFLUENT: Final = "confluent-kafka"

_BACKENDS: Final = {GOMQ_ASYNCIO: "asyncio", GOMQ_UVLOOP: "uvloop", GOMQ_TRIO: "trio"}
_SIZE: Final = 100
_MOST_MESSAGES: Final = 5_000_000
_SHARE: Final = 0.75
"""Of the usual time, since there are so many clients."""
_AHEAD: Final = 10_000
"""Messages that may come before the clock starts: how soon the first is there is measured by itself."""
_TASKS: Final = 1000
_MOST_SAMPLES: Final = 20_000


def client_jobs(operation: str, *, aiokafka: bool = True, confluent: bool = True) -> dict[str, Job]:
    """Return the same job for ours on each event loop, and for the others that have it."""
    modules = dict.fromkeys(_BACKENDS, "client_gomq")
    modules |= {AIOKAFKA: "client_aiokafka"} if aiokafka else {}
    modules |= {CONFLUENT: "client_confluent"} if confluent else {}
    return {
        name: Job(module=module, operation=operation, size=_SIZE, backend=_BACKENDS.get(name, "asyncio"))
        for name, module in modules.items()
    }


def compare_clients(bench: Bench, specs: Sequence[BrokerSpec]) -> None:
    """Measure every client against these brokers: one, or none where it is not installed."""
    with ExitStack() as stack:
        for broker in start_all(bench, stack, specs):
            against = f"Clients against {broker.name}, {_SIZE}-byte messages"
            _compare_producers(bench, broker, against)
            _compare_readers(bench, broker, against)
            compare_single_publishes(bench, broker, LATENCY, f"{against}: one acknowledged publish at a time")


def compare_single_publishes(bench: Bench, broker: BrokerProcess, case: str, title: str) -> None:
    """Measure how long one publish takes that is waited for."""
    progress(title)
    bench.results.describe(case, title, base=AIOKAFKA)
    seconds = bench.pace.latency_s
    jobs = {
        name: replace(job, count=_MOST_SAMPLES, seconds=seconds)
        for name, job in client_jobs("publish_one_by_one").items()
    }
    interleave(bench, {name: partial(_publish, bench, broker, job, case) for name, job in jobs.items()})


def _compare_producers(bench: Bench, broker: BrokerProcess, against: str) -> None:
    concurrent = client_jobs("publish_concurrently", confluent=False)
    concurrent[AIOKAFKA_BY_DEFAULT] = concurrent[AIOKAFKA].to("publish_concurrently_by_default")
    tasks = {name: replace(job, connections=_TASKS) for name, job in concurrent.items()}
    for case, what, jobs, base in (
        (PRODUCE, "publish_many, send, produce(); all acknowledged", client_jobs("produce"), CONFLUENT),
        (CONCURRENT, f"{_TASKS:,} tasks, each waits for one publish after the other", tasks, AIOKAFKA),
    ):
        progress(f"{against}: {what}")
        bench.results.describe(case, f"{against}: {what}", base=base)
        sized = _sized(bench, broker, jobs)
        interleave(bench, {name: partial(_publish, bench, broker, job, case) for name, job in sized.items()})


def _compare_readers(bench: Bench, broker: BrokerProcess, against: str) -> None:
    batches = client_jobs("consume")
    values = {f"{name}, batch.values": job.to("consume_values") for name, job in batches.items() if name in _BACKENDS}
    for case, what, jobs, base in (
        (CONSUME, "batches(), getmany, consume(10000); every value looked at", batches | values, CONFLUENT),
        (ITERATE, "one message at a time, async for", client_jobs("iterate", confluent=False), AIOKAFKA),
    ):
        progress(f"{against}: {what}")
        bench.results.describe(case, f"{against}: {what}", base=base)
        _read_all(bench, broker, case, jobs)


def _publish(bench: Bench, broker: BrokerProcess, job: Job, case: str) -> dict[str, Figures]:
    with temporary_topic(broker) as topic:
        return {case: run_job(job.at(broker.address, topic), timeout_s=bench.pace.timeout_s)}


def _read_all(bench: Bench, broker: BrokerProcess, case: str, readers: Mapping[str, Job]) -> None:
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
    job = Job(module="load_librdkafka", operation="produce", size=_SIZE, count=count + _AHEAD)
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
                sized[name] = job.of(messages_for([rate], _SHARE * bench.pace.run_s, most=_MOST_MESSAGES))
    return sized
