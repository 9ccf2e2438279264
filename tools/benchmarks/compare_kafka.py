"""Part 6: GoMQ beside Apache Kafka, on the same machine under the same load.

Kafka promises of an acknowledgement what GoMQ's ``flush never`` does: the message is in the page cache. ``flush
always``, which waits for the device, is measured along with it.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from itertools import product
from typing import Final

from benchmarks.compare_brokers import SIZES, start_all, suitable_count, with_cpu
from benchmarks.compare_startup import start
from benchmarks.contestant_kafka import KAFKA
from benchmarks.contestants import GOMQ_ALWAYS
from benchmarks.job import Job, run_job
from benchmarks.plan import Bench, interleave, progress
from benchmarks.processes import BrokerProcess, BrokerSpec
from benchmarks.results import Figures
from benchmarks.topics import temporary_topic

PARTITIONS: Final = (1, 16)
ACKS: Final = ("1", "all")
STARTUP: Final = "kafka.startup"
PUBLISH: Final = "kafka.latency.publish"
END_TO_END: Final = "kafka.latency.end_to_end"
PERF_TEST_SIZE: Final = 1024
_STARTS: Final = 3
_MOST_SAMPLES: Final = 20_000


def case(size: int, partitions: int, direction: str) -> str:
    """Return a case's name; the direction is ``consume``, ``both``, or ``produce.`` and the acks."""
    return f"kafka.{size}.{partitions}.{direction}"


def perf_case(acks: str) -> str:
    """Return the name of the case of Kafka's own load generator."""
    return f"kafka.perf_test.{acks}"


def compare_kafka(bench: Bench, specs: Sequence[BrokerSpec]) -> None:
    """Measure rates, latencies, start-up and memory of each kind of broker."""
    with ExitStack() as stack:
        brokers = start_all(bench, stack, specs)
        for size, partitions in product(SIZES, PARTITIONS):
            _compare_rates(bench, brokers, size=size, partitions=partitions)
        for acks in ACKS:
            _compare_perf_test(bench, brokers, acks)
        _compare_latencies(bench, brokers)
    progress("start-up")
    title = "From exec to the first answered ApiVersions; resident memory when idle"
    bench.results.describe(STARTUP, title, base=KAFKA)
    interleave(bench, {spec.name: partial(start, bench, spec, STARTUP) for spec in specs}, rounds=_STARTS)


def _compare_rates(bench: Bench, brokers: Sequence[BrokerProcess], *, size: int, partitions: int) -> None:
    where = f"{size}-byte messages, {partitions} partition{'s' if partitions > 1 else ''}"
    progress(f"beside Kafka, {where}")
    count = suitable_count(bench, brokers, size)
    if count is None:
        return
    for acks in ACKS:
        title = f"Beside Kafka, {where}, {count:,} a run: produce, acks={acks}"
        bench.results.describe(case(size, partitions, f"produce.{acks}"), title, base=KAFKA)
    bench.results.describe(
        case(size, partitions, "consume"), f"Beside Kafka, {where}: consume from offset 0", base=KAFKA
    )
    bench.results.describe(
        case(size, partitions, "both"), f"Beside Kafka, {where}: produce (acks=all) and consume together", base=KAFKA
    )
    turns = {
        broker.name: partial(_turn, bench, broker, size=size, partitions=partitions, count=count) for broker in brokers
    }
    interleave(bench, turns)


def _turn(bench: Bench, broker: BrokerProcess, *, size: int, partitions: int, count: int) -> dict[str, Figures]:
    job = Job(
        module="load_librdkafka",
        operation="produce",
        address=broker.address,
        count=count,
        size=size,
        partitions=partitions,
        seconds=bench.pace.run_s,
    )
    figures: dict[str, Figures] = {}
    for acks in ACKS:
        with temporary_topic(broker, partitions=partitions) as topic:
            one = job.at(broker.address, topic).waiting_for(acks)
            produced = with_cpu(bench, broker, one)
            figures[case(size, partitions, f"produce.{acks}")] = produced
            if acks == "all" and broker.name != GOMQ_ALWAYS:
                consumed = with_cpu(bench, broker, one.to("consume"))
                figures[case(size, partitions, "consume")] = consumed
                cpu = "cpu_s_per_million"
                figures[case(size, partitions, "both")] = {cpu: produced[cpu] + consumed[cpu]}
    return figures


def _compare_perf_test(bench: Bench, brokers: Sequence[BrokerProcess], acks: str) -> None:
    progress(f"kafka-producer-perf-test, acks={acks}")
    title = f"kafka-producer-perf-test, {PERF_TEST_SIZE}-byte messages, one partition, acks={acks}"
    bench.results.describe(perf_case(acks), title, base=KAFKA)

    def measure(broker: BrokerProcess) -> dict[str, Figures]:
        job = Job(
            module="load_perf_test",
            operation="produce",
            count=bench.pace.perf_test_messages,
            size=PERF_TEST_SIZE,
            acks=acks,
        )
        with temporary_topic(broker) as topic:
            return {perf_case(acks): with_cpu(bench, broker, job.at(broker.address, topic))}

    interleave(bench, {broker.name: partial(measure, broker) for broker in brokers}, rounds=bench.pace.perf_test_rounds)


def _compare_latencies(bench: Bench, brokers: Sequence[BrokerProcess]) -> None:
    progress("latencies beside Kafka")
    bench.results.describe(
        PUBLISH, "confluent-kafka: one acknowledged publish of 100 bytes at a time, acks=all", base=KAFKA
    )
    bench.results.describe(
        END_TO_END, "confluent-kafka: from publish to the consumer's poll, one message at a time, acks=all", base=KAFKA
    )

    def measure(broker: BrokerProcess) -> dict[str, Figures]:
        job = Job(
            module="client_confluent",
            operation="",
            count=_MOST_SAMPLES,
            seconds=bench.pace.latency_s,
        )
        figures: dict[str, Figures] = {}
        for name, operation in ((PUBLISH, "publish_one_by_one"), (END_TO_END, "end_to_end")):
            with temporary_topic(broker) as topic:
                one = job.at(broker.address, topic).to(operation)
                figures[name] = run_job(one, timeout_s=bench.pace.timeout_s)
        return figures

    interleave(bench, {broker.name: partial(measure, broker) for broker in brokers})
