"""A log in memory whose segments hold four batches, so that a few appends make several."""

from gomq_storage.config import LogConfig
from gomq_storage.log import Log
from tests.support.log_batches import numbered
from tests.support.memory_files import MemoryFiles

SIZE = len(numbered(1))
SMALL = LogConfig(segment_bytes=4 * SIZE, index_interval_bytes=SIZE)


def opened(files: MemoryFiles, config: LogConfig = SMALL) -> Log:
    return Log.open(files.root, config, files=files)


def filled(count: int, config: LogConfig = SMALL) -> tuple[MemoryFiles, Log]:
    """Open a new log and append so many batches of three records."""
    files = MemoryFiles()
    log = opened(files, config)
    for number in range(count):
        log.append(numbered(number))
    return files, log


def log_files(files: MemoryFiles) -> list[int]:
    """List the base offsets of the segments."""
    return [int(name[:-4]) for name in files.snapshot(files.root) if name.endswith(".log")]
