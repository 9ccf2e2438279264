"""Show the records of large logs with several processors: this process reads and checks, others decode and write.

Batches are handed out a few hundred KiB at a time, and what comes back is put out in the order of the log. Workers are
hired once it is clear that there is a lot to do. One that ends before its time costs its speed only: what it was to do
is done here.
"""

from collections import deque
from collections.abc import Iterable
from typing import BinaryIO, Final

from gomq_dump.findings import Finding
from gomq_dump.inspection import FileStart, Item
from gomq_dump.jobs import BatchWriter, Entry, Job, jobs_of
from gomq_dump.render import Renderer
from gomq_dump.workers import Worker

_FIRST_JOBS: Final = 8
"""So many are done here before anybody is hired: a look at a log's first lines should not start processes."""
_MOST_WORKERS: Final = 8
_MOST_PENDING: Final = 256
"""Of a log's other items, such as an index's entries, no more wait behind a job than this."""


class ParallelShow:
    """Shows items in their order; the records of batches are worked on by several processes.

    Args:
        renderer: shows what is no batch, on the same stream.
        out: the stream.
        writer: does what a worker would, here.
        workers: how many there may be.
        names_all: whether files are named of which nothing is shown.
    """

    def __init__(
        self, renderer: Renderer, out: BinaryIO, writer: BatchWriter, *, workers: int, names_all: bool
    ) -> None:
        self._renderer = renderer
        self._out = out
        self._writer = writer
        self._worker_count = min(workers, _MOST_WORKERS)
        self._names_all = names_all
        self._start: FileStart | None = None
        self._workers: list[Worker] = []
        self._idle: deque[Worker] = deque()
        self._pending: deque[tuple[Worker | None, Entry]] = deque()
        self._done_here = 0

    def show(self, items: Iterable[Item]) -> bool:
        """Show all; return whether something is damaged."""
        is_damaged = False
        try:
            for entry in jobs_of(items):
                if isinstance(entry, Job):
                    while self._is_hired() and not self._idle and self._pending:
                        is_damaged |= self._finish()
                    self._pending.append((self._hand_out(entry), entry))
                else:
                    self._pending.append((None, entry))
                while self._pending and (self._pending[0][0] is None or len(self._pending) > _MOST_PENDING):
                    is_damaged |= self._finish()
            while self._pending:
                is_damaged |= self._finish()
        finally:
            for worker in self._workers:
                worker.close()
        return is_damaged

    def _is_hired(self) -> bool:
        """Whether there are workers; they are hired once enough has been done without."""
        if self._done_here >= _FIRST_JOBS and self._worker_count > 0:
            self._out.flush()  # or each of them would have what is still buffered
            for _ in range(self._worker_count):
                self._workers.append(Worker(self._writer, self._workers))
            self._idle.extend(self._workers)
            self._worker_count = 0
        return bool(self._workers)

    def _hand_out(self, job: Job) -> Worker | None:
        """Give a job to a worker; None where it is to be done here."""
        while self._idle:
            worker = self._idle.popleft()
            try:
                worker.send(job)
            except OSError:
                continue  # it has ended
            return worker
        self._done_here += 1
        return None

    def _finish(self) -> bool:
        """Put out what is next; return whether it is damaged."""
        worker, entry = self._pending.popleft()
        if not isinstance(entry, Job):
            return self._show(entry)
        result = None if worker is None else worker.receive()
        is_damaged = False
        for written, finding in self._writer.write(entry) if result is None else result:
            if written:
                self._name()
                self._out.write(written)
            if finding is not None:
                is_damaged |= self._show(finding)
        if worker is not None:
            self._idle.append(worker)  # not before its memory has been put out
        return is_damaged

    def _show(self, item: Item) -> bool:
        if isinstance(item, FileStart):
            self._start = item
            if self._names_all:
                self._name()
            return False
        self._name()
        self._renderer.show(item)
        return isinstance(item, Finding) and item.is_damage

    def _name(self) -> None:
        if self._start is not None:
            self._renderer.show(self._start)
            self._start = None
