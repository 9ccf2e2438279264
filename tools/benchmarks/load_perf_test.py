"""Kafka's own load generator, kafka-producer-perf-test, as a job."""

import re
import subprocess
from typing import Final

from benchmarks.contestant_kafka import java
from benchmarks.job import Job
from benchmarks.results import Figures, MeasurementError

_TIMEOUT_S: Final = 120
_LAST_LINE: Final = re.compile(r"([\d.]+) records/sec .* ([\d.]+) ms 50th.* ([\d.]+) ms 99th")


def produce(job: Job) -> Figures:
    """Publish as fast as it goes, with Kafka's defaults but for the acknowledgement."""
    options = {
        "--topic": job.topic,
        "--num-records": str(job.count),
        "--record-size": str(job.size),
        "--throughput": "-1",
        "--bootstrap-server": job.address,
    }
    properties = ("--command-property", f"acks={job.acks}")
    words = [word for pair in options.items() for word in pair]
    command = java("-Xmx512M", "org.apache.kafka.tools.ProducerPerformance", *words, *properties)
    done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    found = _LAST_LINE.search(lines[-1]) if done.returncode == 0 and lines else None
    if found is None:
        raise MeasurementError(f"kafka-producer-perf-test: {(done.stderr.strip() or done.stdout.strip())[-300:]}")
    rate, p50, p99 = map(float, found.groups())
    return {"messages_per_s": rate, "p50_ms": p50, "p99_ms": p99, "messages": job.count}


OPERATIONS: Final = {"produce": produce}
