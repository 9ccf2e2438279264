"""Fills the partitions of a topic with copies of one small log, as a clean stop leaves them."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmarks.job import Job
from benchmarks.results import Figures
from benchmarks.storage_files import log_config, write_log
from gomq_storage.checkpoint import Checkpoints, CleanEnd
from gomq_storage.files import OsFiles
from gomq_storage.layout import (
    CLEAN_SHUTDOWN_FILE_NAME,
    RECOVERY_POINT_FILE_NAME,
    TopicPartition,
    partition_directory_name,
)
from gomq_storage.log import Log

_NOT_THE_LOGS: Final = frozenset({CLEAN_SHUTDOWN_FILE_NAME, RECOVERY_POINT_FILE_NAME})
"""What the template has beside its log, being alone in its folder."""


def write_logs(job: Job) -> Figures:
    """Write a log into each partition of a broker's directory, and say in its checkpoints that all are in order."""
    data = Path(job.directory)
    template = data.with_name(f"{data.name}-template")
    end = _write_template(job, template)
    sources = [path for path in template.iterdir() if path.name not in _NOT_THE_LOGS]
    files = OsFiles()
    checkpoints = Checkpoints.take(files, data)
    ends = {}
    for number in range(job.count):
        partition = TopicPartition(job.topic, number)
        directory = data / partition_directory_name(partition)
        for source in sources:
            shutil.copyfile(source, directory / source.name)
        checkpoints.set_recovery_point(partition, end.log_end)
        ends[partition] = end
    checkpoints.save_recovery_points()
    checkpoints.save_clean_shutdown(ends)
    shutil.rmtree(template)
    return {}


def _write_template(job: Job, template: Path) -> CleanEnd:
    template_job = replace(job, directory=str(template))
    write_log(template_job)
    log = Log.open(template, log_config(template_job))
    end = log.close()
    if end is None:
        raise OSError(f"{template} could not be closed in order")
    return end


OPERATIONS: Final = {"write_logs": write_logs}
