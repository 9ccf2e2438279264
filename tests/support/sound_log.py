"""A log of three segments, and the same with some of its files changed."""

from gomq_storage.batch import STAMP_SIZE, read_header, stamp
from gomq_storage.config import LogConfig
from gomq_storage.log import Log
from gomq_storage.recovery import RecoveryReport
from tests.support.log_batches import numbered, write_log
from tests.support.memory_files import MemoryFiles

SIZE = len(numbered(1))
CONFIG = LogConfig(segment_bytes=6 * SIZE, index_interval_bytes=SIZE)
COUNT = 15
BASES = (0, 18, 36)
CLEAN = RecoveryReport()
BATCHES = [numbered(number) for number in range(COUNT)]


def segment(base_offset: int, suffix: str = ".log") -> str:
    return f"{base_offset:020d}{suffix}"


def written() -> MemoryFiles:
    """Make a log of three segments, of six, six and three batches, that was closed."""
    files = MemoryFiles()
    write_log(files.root, BATCHES, CONFIG, files=files)
    return files


SOUND = written().snapshot(MemoryFiles().root)


def holding(**changes: bytes | None) -> MemoryFiles:
    """Make the sound log again, some of its files changed or missing."""
    files = MemoryFiles()
    for name, content in (SOUND | changes).items():
        if content is not None:
            files.put(files.root / name, content)
    return files


def opened(files: MemoryFiles) -> Log:
    return Log.open(files.root, CONFIG, files=files)


def stamped(base_offset: int, *, leader_epoch: int = 0, batch: bytes = BATCHES[0]) -> bytes:
    return stamp(read_header(batch), base_offset=base_offset, leader_epoch=leader_epoch) + batch[STAMP_SIZE:]
