"""A log of three segments, and the same with some of its files changed.

``SOUND`` has the segments only, so opening looks at all of it, as at a log whose broker was killed. ``CLOSED`` has all
that closing it in order leaves, so opening believes it as far as it fits.
"""

from collections.abc import Mapping

from gomq_storage.batch import STAMP_SIZE, read_header, stamp
from gomq_storage.config import LogConfig
from gomq_storage.layout import parse_segment_file_name
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


def segments_of(files: MemoryFiles) -> dict[str, bytes]:
    """Look at the files of a log's segments, and at none that tells about them."""
    return {
        name: content
        for name, content in files.snapshot(files.root).items()
        if parse_segment_file_name(name) is not None
    }


def written() -> MemoryFiles:
    """Make a log of three segments, of six, six and three batches, that was closed."""
    files = MemoryFiles()
    write_log(files.root, BATCHES, CONFIG, files=files)
    return files


CLOSED = written().snapshot(MemoryFiles().root)
SOUND = segments_of(written())


def put(files: Mapping[str, bytes | None]) -> MemoryFiles:
    """Put files on a device; those without content are not there."""
    memory = MemoryFiles()
    for name, content in files.items():
        if content is not None:
            memory.put(memory.root / name, content)
    return memory


def holding(**changes: bytes | None) -> MemoryFiles:
    """Make the sound log again as it is after a kill, some of its files changed or missing."""
    return put(SOUND | changes)


def closed_holding(**changes: bytes | None) -> MemoryFiles:
    """Make the sound log again as it is when it was closed, some of its files changed or missing since."""
    return put(CLOSED | changes)


def killed(files: MemoryFiles) -> MemoryFiles:
    """Leave of a closed log what a kill would have left: its segments, and nothing that vouches for them."""
    return put(segments_of(files))


def opened(files: MemoryFiles) -> Log:
    return Log.open(files.root, CONFIG, files=files)


def stamped(base_offset: int, *, leader_epoch: int = 0, batch: bytes = BATCHES[0]) -> bytes:
    return stamp(read_header(batch), base_offset=base_offset, leader_epoch=leader_epoch) + batch[STAMP_SIZE:]
