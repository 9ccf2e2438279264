"""What a compaction costs those who publish to the same broker meanwhile, and how fast it is.

A topic that would be compacted is filled while no broker runs. Then somebody publishes to another topic, message by
message: before, during and after the compaction, which begins when the topic's cleanup policy is changed. That it ran
all the time is seen from the broker's log: what was not published wholly within it does not count.
"""

import shutil
import time
from dataclasses import dataclass
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic

from benchmarks.job import Job, run_job
from benchmarks.plan import Bench, progress
from benchmarks.processes import BrokerProcess, running
from benchmarks.results import MeasurementError
from benchmarks.storage_broker import COMPACTED, storage_broker
from benchmarks.storage_files import log_files
from benchmarks.topics import temporary_topic

FLUSHES: Final = ("never", "always")
BEFORE: Final = "before"
DURING: Final = "during"
AFTER: Final = "after"
COMPACTION: Final = "storage.compaction"

_TOPIC: Final = "keyed"
_SEGMENTS: Final = 8
_MOST_SAMPLES: Final = 100_000
_RUN_LENGTH: Final = 4
"""Times as long as a run of single publishes elsewhere: a percentile of 99 wants many."""
_TIMEOUT_S: Final = 10.0
_PATIENCE_S: Final = 600.0


def publish_case(flush: str) -> str:
    """Return the name of the case of publishing under this flush policy."""
    return f"storage.compaction.publish.{flush}"


def compare_compaction(bench: Bench) -> None:
    """Publish beside a compaction under each flush policy."""
    size = bench.pace.compacted_bytes
    base = f"flush {FLUSHES[0]}"
    bench.results.describe(COMPACTION, f"Compacting {size >> 20:,} MiB beside a publisher", base=base)
    for flush in FLUSHES:
        progress(f"  compaction, flush {flush}")
        title = f"One acknowledged publish at a time and a compaction of {size >> 20:,} MiB, flush {flush}"
        bench.results.describe(publish_case(flush), title, base=BEFORE)
        _Experiment(bench, flush).run()


@dataclass(slots=True)
class _Experiment:
    """One compaction."""

    bench: Bench
    flush: str

    def run(self) -> None:
        """Fill a topic, publish, compact it, publish, and publish again."""
        data = self.bench.directory / f"compaction-{self.flush}"
        spec = storage_broker(f"compacting broker, flush {self.flush}", data, flush=self.flush)
        segment_bytes = self.bench.pace.compacted_bytes // _SEGMENTS
        with running(spec, self.bench.directory) as broker:
            _create(broker, segment_bytes)
        job = Job(
            module="storage_files",
            operation="write_keyed_log",
            directory=str(data),
            topic=_TOPIC,
            log_bytes=self.bench.pace.compacted_bytes,
            segment_bytes=segment_bytes,
        )
        run_job(job, timeout_s=self.bench.pace.timeout_s * 4)
        sealed = sum(path.stat().st_size for path in log_files(data / f"{_TOPIC}-0")[:-1])
        with running(spec, self.bench.directory) as broker, temporary_topic(broker) as topic:
            self._publish_some(broker, topic, BEFORE)
            elapsed_s = self._compact(broker, topic)
            self._publish_some(broker, topic, AFTER)
        figures = {"elapsed_s": elapsed_s, "mb_per_s": sealed / elapsed_s / 1e6}
        self.bench.results.add(f"flush {self.flush}", {COMPACTION: figures})
        shutil.rmtree(data)

    def _publish_some(self, broker: BrokerProcess, topic: str, when: str) -> None:
        for _ in range(self.bench.pace.rounds):
            self._publish(broker, topic, when)

    def _publish(self, broker: BrokerProcess, topic: str, when: str, *, began: float = 0.0) -> None:
        job = Job(
            module="client_gomq",
            operation="publish_one_by_one",
            count=_MOST_SAMPLES,
            seconds=self.bench.pace.latency_s * _RUN_LENGTH,
        )
        figures = run_job(job.at(broker.address, topic), timeout_s=self.bench.pace.timeout_s)
        if when != DURING or _ended(broker, began) is None:
            self.bench.results.add(when, {publish_case(self.flush): figures})

    def _compact(self, broker: BrokerProcess, topic: str) -> float:
        """Let the topic be compacted, publish until it is, and return how long that took."""
        _change_policy(broker)
        began = time.time()
        while (ended := _ended(broker, began)) is None:
            if time.time() - began > _PATIENCE_S:
                raise MeasurementError(f"no end of the compaction in {_PATIENCE_S:g} s")
            self._publish(broker, topic, DURING, began=began)
        if self.bench.results.summary(publish_case(self.flush), DURING, "p99_ms") is None:
            raise MeasurementError(f"the compaction took {ended - began:.1f} s, too short to publish beside it")
        return ended - began


def _ended(broker: BrokerProcess, began: float) -> float | None:
    """Return when the topic had been compacted, seconds since the epoch; None: not yet."""
    broker.check()
    for line in broker.said(COMPACTED):
        seconds, _, partition = line.split()
        if partition == f"{_TOPIC}-0" and float(seconds) >= began:
            return float(seconds)
    return None


def _create(broker: BrokerProcess, segment_bytes: int) -> None:
    configs = {
        "cleanup.policy": "delete",
        "min.cleanable.dirty.ratio": "0.01",
        "segment.bytes": str(segment_bytes),
        "retention.ms": "-1",
    }
    admin = _admin(broker)  # kept: what it has under way ends with it
    try:
        admin.create_topics([NewTopic(_TOPIC, 1, 1, config=configs)])[_TOPIC].result(_TIMEOUT_S)
    except (KafkaException, TimeoutError) as error:
        raise MeasurementError(f"cannot create topic {_TOPIC}: {error}") from error


def _change_policy(broker: BrokerProcess) -> None:
    change = ConfigEntry("cleanup.policy", "compact", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, _TOPIC, incremental_configs=[change])
    admin = _admin(broker)
    try:
        for result in admin.incremental_alter_configs([resource]).values():
            result.result(_TIMEOUT_S)
    except (KafkaException, TimeoutError) as error:
        raise MeasurementError(f"cannot change the cleanup policy: {error}") from error


def _admin(broker: BrokerProcess) -> AdminClient:
    return AdminClient({"bootstrap.servers": broker.address, "log_level": 2})
