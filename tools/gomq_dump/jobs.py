"""Pieces of work of which each can be done by itself: batches of a log that are to be written down."""

import io
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, Final, NamedTuple, TypeAlias

from gomq_dump.batches import Batch
from gomq_dump.findings import Finding
from gomq_dump.inspection import FileStart, Item
from gomq_dump.matching import BatchFilter
from gomq_dump.records import read_records
from gomq_dump.render import Renderer
from gomq_storage.batch import read_header
from gomq_storage.compression import Codec

JOB_BYTES: Final = 256 << 10
_JOB_BATCHES: Final = 1024

Place: TypeAlias = tuple[int, int, int]
"""Of a batch: position, CRC of the bytes that are there, size."""
Written: TypeAlias = bytes | memoryview
Result: TypeAlias = list[tuple[Written, Finding | None]]
"""What to put out, and what to say behind it."""
Entry: TypeAlias = "Job | Item"


class Job(NamedTuple):
    """Batches of one file that lie behind one another."""

    start: FileStart
    batches: list[Place]
    parts: list[memoryview]
    """Their bytes."""


class BatchWriter:
    """Reads the records of batches and writes them down.

    Args:
        make_renderer: makes what shows items on a stream.
        wanted: what leaves those that are selected.
    """

    def __init__(self, make_renderer: Callable[[BinaryIO], Renderer], wanted: BatchFilter) -> None:
        self._out = io.BytesIO()
        self._renderer = make_renderer(self._out)
        self._wanted = wanted
        self._start: FileStart | None = None

    def write(self, job: Job) -> Result:
        """Write the batches of a job."""
        self.enter(job.start)
        return self.write_batches((place, part) for place, part in zip(job.batches, job.parts, strict=True))

    def enter(self, start: FileStart) -> None:
        """Come to a file, if it is another one than that of the job before."""
        if self._start != start:
            self._start = start
            self._renderer.show(start)
            self._take()  # who hands out jobs shows the file itself

    def write_batches(self, batches: Iterable[tuple[Place, memoryview]]) -> Result:
        """Write batches of the file, given with their bytes."""
        result: Result = []
        for (position, crc, _), data in batches:
            finding = self._write_batch(position, crc, data)
            if finding is not None:
                result.append((self._take(), finding))
        result.append((self._take(), None))
        return result

    def _write_batch(self, position: int, crc: int, data: memoryview) -> Finding | None:
        header = read_header(data)
        found = read_records(position, data, header)
        finding = found if isinstance(found, Finding) else None
        batch = Batch(position, header, crc, None if isinstance(found, Finding) else found)
        left = self._wanted.select(batch)
        if left is not None:
            self._renderer.show(left)
        # What is wrong with the batch itself has been found already.
        is_known = not batch.is_valid or header.attributes & 0b111 > Codec.ZSTD
        return None if is_known else finding

    def _take(self) -> bytes:
        written = self._out.getvalue()
        self._out.seek(0)
        self._out.truncate()
        return written


def jobs_of(items: Iterable[Item]) -> Iterator[Entry]:
    """Put batches that come with their bytes together; what else there is stays between them."""
    start: FileStart | None = None
    batches: list[Place] = []
    parts: list[memoryview] = []
    size = 0
    for item in items:
        is_for_workers = isinstance(item, Batch) and item.data is not None and start is not None
        if start is not None and batches and (not is_for_workers or size >= JOB_BYTES or len(batches) >= _JOB_BATCHES):
            yield Job(start, batches, parts)
            batches, parts, size = [], [], 0
        if isinstance(item, Batch) and item.data is not None and start is not None:
            batches.append((item.position, item.crc, len(item.data)))
            parts.append(item.data)
            size += len(item.data)
            continue
        if isinstance(item, FileStart):
            start = item
        yield item
    if start is not None and batches:
        yield Job(start, batches, parts)
