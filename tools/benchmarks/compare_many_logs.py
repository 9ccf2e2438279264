"""How long a broker takes to start that has many logs of several segments each, with a low limit on open files."""

import shutil
from functools import partial
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from benchmarks.job import Job, run_job
from benchmarks.plan import Bench, interleave, progress
from benchmarks.processes import BrokerSpec, running
from benchmarks.results import Figures, MeasurementError
from benchmarks.storage_broker import storage_broker
from benchmarks.storage_files import BATCH_BYTES

MANY: Final = "storage.many"
MANY_BROKER: Final = "gomq, 1024 descriptors"
SEGMENTS: Final = 5
TOPIC: Final = "many"

_DESCRIPTORS: Final = 1024
_TIMEOUT_S: Final = 120.0


def compare_many_logs(bench: Bench) -> None:
    """Fill the partitions while no broker runs, then start one several times."""
    count = bench.pace.partitions
    title = f"Start of a broker with {count:,} partitions of {SEGMENTS} segments, {_DESCRIPTORS} open files at most"
    bench.results.describe(MANY, title, base=MANY_BROKER)
    data = bench.directory / "many"
    spec = storage_broker(MANY_BROKER, data, descriptors=_DESCRIPTORS)
    progress("  writing them")
    _create(bench, spec, count)
    job = Job(
        module="storage_many",
        operation="write_logs",
        directory=str(data),
        topic=TOPIC,
        count=count,
        log_bytes=SEGMENTS * BATCH_BYTES,
        segment_bytes=BATCH_BYTES,
    )
    run_job(job, timeout_s=_TIMEOUT_S)
    with running(spec, bench.directory):
        pass  # from here on the broker's own log is left in order, too
    interleave(bench, {MANY_BROKER: partial(_start, bench, spec)})
    shutil.rmtree(data)


def _create(bench: Bench, spec: BrokerSpec, count: int) -> None:
    with running(spec, bench.directory) as broker:
        admin = AdminClient({"bootstrap.servers": broker.address, "log_level": 2})
        try:
            topic = NewTopic(TOPIC, count, 1)
            admin.create_topics([topic], operation_timeout=_TIMEOUT_S, request_timeout=_TIMEOUT_S)[TOPIC].result()
        except KafkaException as error:
            raise MeasurementError(f"cannot create {count} partitions: {error}") from error


def _start(bench: Bench, spec: BrokerSpec) -> dict[str, Figures]:
    with running(spec, bench.directory) as broker:
        if problems := broker.said("partition.offline") + broker.said("partition.recovered"):
            raise MeasurementError(f"{len(problems)} of the logs were not in order")
        return {MANY: {"start_s": broker.start_s, "idle_mb": broker.resident_bytes() / 1e6}}
