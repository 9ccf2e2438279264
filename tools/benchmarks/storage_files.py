"""Logs to measure with, written by the log's own code: batches of 16 KiB, plain ones and ones with keys.

Their CRCs, offsets and indexes are right; only the check on the way in is left out, which knows what it would find.
"""

import itertools
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.job import Job
from benchmarks.results import Figures
from gomq_storage.batch import read_header
from gomq_storage.checkpoint import Checkpoints
from gomq_storage.config import LogConfig
from gomq_storage.files import OsFiles
from gomq_storage.layout import (
    CLEAN_SHUTDOWN_FILE_NAME,
    LOG_SUFFIX,
    RECOVERY_POINT_FILE_NAME,
    TopicPartition,
    partition_directory_name,
)
from gomq_storage.log import Log
from gomq_storage.record import NewRecord, encode_batch

BATCH_BYTES: Final = 16 << 10
BATCH_RECORDS: Final = 16
_SAME_TIME: Final = 64
"""So many batches have one timestamp: at 1 GB/s the clock of milliseconds moves once in so many."""
_VALUE_BYTES: Final = 994
_KEYED_BYTES: Final = 960
"""Of one record with a key, about."""
_BASE_TIMESTAMP: Final = 1_700_000_000_000


def batches(count: int) -> Iterator[bytes]:
    """Yield so many batches of exactly ``BATCH_BYTES``; the clock moves every now and then, not with each."""
    for number in range(0, count, _SAME_TIME):
        batch = _plain_batch(_BASE_TIMESTAMP + number // _SAME_TIME)
        yield from itertools.repeat(batch, min(_SAME_TIME, count - number))


def log_files(directory: Path) -> list[Path]:
    """List a log's segments, oldest first."""
    return sorted(directory.glob(f"*{LOG_SUFFIX}"))


def log_config(job: Job) -> LogConfig:
    """Return the settings of a job's log."""
    return LogConfig(segment_bytes=job.segment_bytes)


def write_log(job: Job) -> Figures:
    """Write a log of plain batches and close it in order."""
    log = _written(job)
    log.close()
    return {}


def write_broken_off_log(job: Job) -> Figures:
    """Write a log and leave it as a process does that is killed before it has written down anything about it."""
    log = _written(job)
    log.flush()
    log.abandon()
    for name in (RECOVERY_POINT_FILE_NAME, CLEAN_SHUTDOWN_FILE_NAME):
        Path(job.directory, name).unlink(missing_ok=True)
    return {}


def write_keyed_log(job: Job) -> Figures:
    """Write partition 0 of a topic in the directory of a broker that does not run: nearly as many keys as records.

    Every tenth record is the second one of its key, so that of the log's first half a fifth is outdated, a little of
    each batch: compaction has to make these batches anew, and copies the others as they are.
    """
    files, data = OsFiles(), Path(job.directory)
    checkpoints = Checkpoints.take(files, data)
    name = TopicPartition(job.topic, 0)
    log = Log.open(data / partition_directory_name(name), log_config(job), files=files, checkpoints=(checkpoints, name))
    value = os.urandom(_KEYED_BYTES - 32)
    now_ms = time.time_ns() // 1_000_000
    for first in range(0, job.log_bytes // _KEYED_BYTES, BATCH_RECORDS):
        numbers = (number if number % 10 else number // 2 for number in range(first, first + BATCH_RECORDS))
        records = [NewRecord(value, key=b"key-%012d" % number) for number in numbers]
        batch = encode_batch(records, now_ms=now_ms)
        log.append_checked(batch, read_header(batch))
    log.close()
    checkpoints.save_recovery_points()
    return {}


def _plain_batch(timestamp: int) -> bytes:
    values = [NewRecord(bytes(_VALUE_BYTES))] * BATCH_RECORDS
    missing = BATCH_BYTES - len(encode_batch(values, now_ms=timestamp))
    values[-1] = NewRecord(bytes(_VALUE_BYTES + missing))
    return encode_batch(values, now_ms=timestamp)


def _written(job: Job) -> Log:
    directory = Path(job.directory)
    directory.mkdir()
    log = Log.open(directory, log_config(job))
    for batch in batches(job.log_bytes // BATCH_BYTES):
        log.append_checked(batch, read_header(batch))
    return log


OPERATIONS: Final = {
    "write_log": write_log,
    "write_broken_off_log": write_broken_off_log,
    "write_keyed_log": write_keyed_log,
}
