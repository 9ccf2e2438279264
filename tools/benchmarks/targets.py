"""The figures that GoMQ has to reach, and whether one run of the benchmark reached them."""

from dataclasses import dataclass
from typing import Final

from benchmarks.compare_brokers import SIZES, case
from benchmarks.compare_clients import (
    AIOKAFKA,
    AIOKAFKA_BY_DEFAULT,
    CONCURRENT,
    CONFLUENT,
    CONSUME,
    GOMQ_ASYNCIO,
    GOMQ_TRIO,
    GOMQ_UVLOOP,
    ITERATE,
    LATENCY,
    PRODUCE,
)
from benchmarks.compare_compaction import BEFORE, DURING, FLUSHES, publish_case
from benchmarks.compare_connections import CONNECTIONS, FIRST_MESSAGE, MANY, ONE
from benchmarks.compare_dump import DUMP, FIRST_LINE, KAFKA_DUMP, VERIFIED, VERIFY, records_case
from benchmarks.compare_kafka import (
    ACKS,
    END_TO_END,
    PARTITIONS,
    PUBLISH,
    STARTUP as KAFKA_STARTUP,
    case as kafka_case,
    perf_case,
)
from benchmarks.compare_startup import STARTUP
from benchmarks.compare_storage import (
    APPEND,
    BARE_SENDFILE,
    BARE_WRITE,
    LARGE,
    LOG,
    LOOK_UP,
    OPEN,
    READ,
    RECOVER,
    SMALL,
)
from benchmarks.contestant_kafka import KAFKA
from benchmarks.contestants import GOMQ_NEVER, PEER
from benchmarks.dump_logs import KINDS, PLAIN
from benchmarks.results import Results


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A bound on a median, or on the ratio of two contenders' medians."""

    what: str
    case: str
    figure: str
    ours: str = GOMQ_NEVER
    theirs: str | None = None
    """Whom to divide by; None for a bound on the figure itself."""
    at_least: float | None = None
    at_most: float | None = None
    unit: str = "times"

    def measured(self, results: Results) -> float | None:
        """Return the median or the ratio, or None when a side of it was not measured."""
        ours = results.summary(self.case, self.ours, self.figure)
        if ours is None or self.theirs is None:
            return None if ours is None else ours.median
        theirs = results.summary(self.case, self.theirs, self.figure)
        return None if theirs is None or not theirs.median else ours.median / theirs.median

    def reached(self, value: float) -> bool:
        """Say whether a measured value is within the bound."""
        if self.at_least is not None and value < self.at_least:
            return False
        return self.at_most is None or value <= self.at_most

    @property
    def bound(self) -> str:
        """The bound in words."""
        word, limit = ("at least", self.at_least) if self.at_least is not None else ("at most", self.at_most)
        return f"{word} {limit:g} {self.unit}"


def _brokers(size: int, *, produce: float, consume: float, cpu: float) -> tuple[Target, ...]:
    rate = "messages_per_s"
    what = f"broker, {size}-byte messages, beside the peer:"
    return (
        Target(what=f"{what} produce rate", case=case(size, "produce"), figure=rate, theirs=PEER, at_least=produce),
        Target(what=f"{what} consume rate", case=case(size, "consume"), figure=rate, theirs=PEER, at_least=consume),
        Target(
            what=f"{what} CPU, produce and consume",
            case=case(size, "both"),
            figure="cpu_s_per_million",
            theirs=PEER,
            at_most=cpu,
        ),
    )


def _clients() -> tuple[Target, ...]:
    rate = "messages_per_s"
    wanted = (
        ("publish_many beside confluent-kafka's produce()", PRODUCE, CONFLUENT, 1.0),
        ("batches() beside confluent-kafka's consume(10000)", CONSUME, CONFLUENT, 1.0),
        ("publish in 1,000 tasks beside aiokafka, its own batch size", CONCURRENT, AIOKAFKA_BY_DEFAULT, 2.0),
        ("publish in 1,000 tasks beside aiokafka, tuned", CONCURRENT, AIOKAFKA, 2.0),
        ("async for beside aiokafka's", ITERATE, AIOKAFKA, 2.0),
    )
    loops = (GOMQ_ASYNCIO, GOMQ_UVLOOP, GOMQ_TRIO)
    rates = [
        Target(what=f"{ours}: {what}", case=case, figure=rate, ours=ours, theirs=theirs, at_least=at_least)
        for what, case, theirs, at_least in wanted
        for ours in loops
    ]
    latencies = [
        Target(
            what=f"{ours}: one acknowledged publish beside aiokafka's, p99",
            case=LATENCY,
            figure="p99_ms",
            ours=ours,
            theirs=AIOKAFKA,
            at_most=1.0,
        )
        for ours in loops
    ]
    return (*rates, *latencies)


def _storage() -> tuple[Target, ...]:
    rate, look_up = "mb_per_s", "look-up by offset in a large segment"
    return (
        Target(what="log: append beside os.write", case=APPEND, figure=rate, ours=LOG, theirs=BARE_WRITE, at_least=0.8),
        Target(
            what="log: read beside os.sendfile", case=READ, figure=rate, ours=LOG, theirs=BARE_SENDFILE, at_least=0.8
        ),
        Target(what=f"log: {look_up}, median", case=LOOK_UP, figure="p50_us", ours=LARGE, at_most=50, unit="us"),
        Target(
            what=f"log: {look_up}, beside a small one",
            case=LOOK_UP,
            figure="p50_us",
            ours=LARGE,
            theirs=SMALL,
            at_most=1.5,
        ),
        Target(what="log: recovery scan", case=RECOVER, figure=rate, ours=LOG, at_least=1000, unit="MB/s"),
        Target(what="log: opening after a clean stop", case=OPEN, figure="elapsed_s", ours=LOG, at_most=1, unit="s"),
        *(
            Target(
                what=f"publish during a compaction beside before, p99, flush {flush}",
                case=publish_case(flush),
                figure="p99_ms",
                ours=DURING,
                theirs=BEFORE,
                at_most=2,
            )
            for flush in FLUSHES
        ),
    )


def _kafka() -> tuple[Target, ...]:
    rate, cpu = "messages_per_s", "cpu_s_per_million"
    rates = [
        Target(
            what=f"beside Kafka: {direction}, {size} bytes, {partitions} partition{'s' if partitions > 1 else ''}",
            case=kafka_case(size, partitions, direction),
            figure=rate,
            theirs=KAFKA,
            at_least=1.0,
        )
        for size in SIZES
        for partitions in PARTITIONS
        for direction in (*(f"produce.{acks}" for acks in ACKS), "consume")
    ]
    costs = [
        Target(
            what=f"beside Kafka: CPU, {size} bytes, {partitions} partition{'s' if partitions > 1 else ''}",
            case=kafka_case(size, partitions, "both"),
            figure=cpu,
            theirs=KAFKA,
            at_most=0.5,
        )
        for size in SIZES
        for partitions in PARTITIONS
    ]
    perf_tests = [
        Target(
            what=f"beside Kafka: kafka-producer-perf-test, acks={acks}",
            case=perf_case(acks),
            figure=rate,
            theirs=KAFKA,
            at_least=1.0,
        )
        for acks in ACKS
    ]
    return (
        *rates,
        *costs,
        *perf_tests,
        Target(what="beside Kafka: publish, p99", case=PUBLISH, figure="p99_ms", theirs=KAFKA, at_most=0.5),
        Target(what="beside Kafka: end to end, p99", case=END_TO_END, figure="p99_ms", theirs=KAFKA, at_most=0.5),
        Target(what="beside Kafka: start-up", case=KAFKA_STARTUP, figure="start_s", theirs=KAFKA, at_most=0.1),
        Target(what="beside Kafka: memory", case=KAFKA_STARTUP, figure="idle_mb", theirs=KAFKA, at_most=0.1),
    )


def _connections() -> tuple[Target, ...]:
    first = "first message of a new group"
    return (
        Target(
            what="many slow connections beside one, p99",
            case=CONNECTIONS,
            figure="p99_ms",
            ours=MANY,
            theirs=ONE,
            at_most=3,
        ),
        Target(what=first, case=FIRST_MESSAGE, figure="elapsed_s", at_most=0.3, unit="s"),
        Target(what=f"{first}, beside the peer", case=FIRST_MESSAGE, figure="elapsed_s", theirs=PEER, at_most=0.1),
    )


def _dump() -> tuple[Target, ...]:
    cases = [(kind, output) for kind in KINDS for output in ("null", "pipe") if kind == PLAIN or output == "null"]
    return (
        *(
            Target(
                what=f"gomq-dump beside Kafka's tool: time for 100 MiB, {kind}, to {output}",
                case=records_case(kind, output),
                figure="elapsed_s",
                ours=DUMP,
                theirs=KAFKA_DUMP,
                at_most=0.2,
            )
            for kind, output in cases
        ),
        *(
            Target(
                what=f"gomq-dump --verify, {name}",
                case=VERIFY,
                figure="mb_per_s",
                ours=name,
                at_least=1000,
                unit="MB/s",
            )
            for name in VERIFIED
        ),
        *(
            Target(
                what=f"{name}, first line", case=FIRST_LINE, figure="first_line_ms", ours=name, at_most=150, unit="ms"
            )
            for name in (DUMP, f"{DUMP} --tail 1")
        ),
    )


TARGETS: Final = (
    *_brokers(100, produce=1.0, consume=1.2, cpu=0.6),
    *_brokers(1024, produce=1.5, consume=1.4, cpu=0.5),
    *_clients(),
    Target(what="start to first answer", case=STARTUP, figure="start_s", at_most=0.5, unit="s"),
    Target(what="resident memory when idle", case=STARTUP, figure="idle_mb", at_most=60, unit="MB"),
    *_storage(),
    *_kafka(),
    *_connections(),
    *_dump(),
)
