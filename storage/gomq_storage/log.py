"""A partition's log: append, read, roll, sync, trim, truncate, close. Kafka: ``UnifiedLog``.

Any thread may call anything. What changes the log is done by one at a time, and what waits for the device waits
without keeping the others: ``flush``, look-ups by time, retention and compaction belong into a worker thread. Only an
append that begins a new segment waits: the old one must be on the device first.

Nothing is buffered in the process: an append that returned is in the page cache and survives the process; ``flush``
makes it survive the machine.

Each file builds on the one before it: ``segmented_log`` finds, ``synced_log`` syncs and closes, ``writable_log``
appends, and this one opens a log and takes away from it.
"""

from bisect import bisect_right
from collections.abc import Callable
from pathlib import Path

from gomq_storage.checkpoint import Checkpoints
from gomq_storage.config import LogConfig
from gomq_storage.errors import OffsetOutOfRangeError
from gomq_storage.files import Files, OsFiles
from gomq_storage.layout import TopicPartition
from gomq_storage.log_notes import ALONE, LogNotes
from gomq_storage.log_values import LogPosition
from gomq_storage.producer_recovery import recover_producers
from gomq_storage.producers import ActiveProducer, Producers
from gomq_storage.recovery import recover
from gomq_storage.segmented_log import base_offset_of
from gomq_storage.writable_log import WritableLog


class Log(WritableLog):
    """The log of one partition in one directory; ``open`` makes it."""

    @classmethod
    def open(
        cls,
        directory: Path,
        config: LogConfig | None = None,
        *,
        files: Files | None = None,
        checkpoints: tuple[Checkpoints, TopicPartition] | None = None,
        is_promised: bool = True,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> "Log":
        """Open the log in a directory, or start one in an empty one, and repair what a crash left behind.

        Args:
            directory: the log's folder; it must exist.
            config: its settings.
            files: the file system; the operating system's if not given.
            checkpoints: those of the data directory, and the log's name in them; one of its own has some in its folder.
            is_promised: whether what was appended may have been acknowledged as being on the device. If not, a power
                cut may have left later batches and not earlier ones: they are cut, and kept aside.
            on_progress: told, while a segment is scanned, how many bytes of how many are done.

        Raises:
            DamagedLogError: repairing would lose data that may be good; the log files were not changed.
        """
        files = files or OsFiles()
        config = config or LogConfig()
        known, name = checkpoints or (Checkpoints.take(files, directory), None)
        recovered = recover(
            files,
            directory,
            config=config,
            checkpoint=known.of(name or ALONE),
            is_promised=is_promised,
            on_progress=on_progress,
        )
        notes = LogNotes(files, directory, known, name, recovered.saved_epochs)
        log = cls(directory, recovered, config, files, notes)
        try:
            notes.lower_recovery_point(log.log_end)
        except OSError:
            log.abandon()
            raise
        return log

    def active_producers(self) -> list[ActiveProducer]:
        """List what is known of the producers, as of one moment."""
        with self._changing:
            return self.producers.active()

    def expire_producers(self, *, now_ms: int, expiration_ms: int) -> int:
        """Forget producers that wrote nothing for so long; say how many."""
        with self._changing:
            return self.producers.expire(now_ms=now_ms, expiration_ms=expiration_ms)

    def advance_start(self, offset: int) -> bool:
        """Let go of what is before an offset, in memory; say whether that is news.

        Raises:
            OffsetOutOfRangeError: the log ends before it.
        """
        with self._changing:
            if offset > self.log_end:
                raise OffsetOutOfRangeError(offset, log_start=self.log_start, log_end=self.log_end)
            if offset <= self._log_start:
                return False
            self._check_open()
            self._log_start = offset
            self.epochs.cut_start(offset)
            self.notes.checkpoints.set_log_start(self.name, offset)
            return True

    def delete_records(self, offset: int) -> int:
        """Let go of what is before an offset, for good, and return the log's start. Kafka: ``deleteRecords``.

        Raises:
            OffsetOutOfRangeError: the log ends before it.
            LogOfflineError: a sync failed, now or before.
            OSError: it could not be written down; after a crash the records may be back, but for those in segments that
                retention has removed by then.
        """
        if self._synced.offset < offset <= self.log_end:
            self.flush()  # or the power leaves a log that ends before its start
        self.advance_start(offset)
        self.notes.checkpoints.save_log_starts()
        return self._log_start

    def truncate(self, offset: int) -> None:
        """Cut off the records from an offset on, and the whole batch that one is in. Kafka: ``truncateTo``.

        1. Write down a recovery point, a log start and leader epochs that are not behind what stays.  2. Remove the
        segments behind it, the newest first, each for good before the next.  3. Cut the one it is in.  4. Forget
        producers and epochs that came later.

        Raises:
            OffsetOutOfRangeError: the log does not hold the offset, nor ends there.
            OSError: it was not cut; or not far enough, and takes no more appends.
        """
        with self._changing, self._syncing:
            if not self._log_start <= offset <= self.log_end:
                raise OffsetOutOfRangeError(offset, log_start=self.log_start, log_end=self.log_end)
            if offset == self.log_end:
                return
            self._cut(offset)

    def _cut(self, offset: int) -> None:
        kept = max(bisect_right(self._segments, offset, key=base_offset_of), 1)
        last = self._segments[kept - 1]
        found = last.find(offset)
        position, end = (found[0].position, min(found[0].offset, offset)) if found is not None else (last.size, offset)
        if position == 0:
            end = last.base_offset  # nothing in the file would say that it ends behind that
        self.notes.prepare_cut(end, log_start=self._log_start, epochs=self.epochs)
        try:
            self._cut_files(kept, position, end)
        except OSError as error:
            self.fail(f"cutting failed: {error.strerror}")  # what is known of producers is of what was cut
            raise

    def _cut_files(self, kept: int, position: int, end: int) -> None:
        last = self._segments[kept - 1]
        for segment in reversed(self._segments[kept:]):
            segment.remove(self.files)
            self.files.sync_directory(self.directory)
            self._segments = self._segments[:-1]
            self._end = LogPosition(segment.base_offset, self._segments[-1].base_offset, self._segments[-1].size)
        last.cut(position)
        last.cut_indexes(end)
        self.epochs.cut_end(end)
        for place, header in last.headers(last.offset_index.last.position):
            last.note(header, place, config=self.config)  # the largest timestamp may be behind the last entry
            self.epochs.observe(
                header.leader_epoch, header.base_offset, header.last_offset
            )  # it may have begun at the start, now cut off
        last.is_checked = False
        self._room = None
        self._end = LogPosition(end, last.base_offset, position)
        self._synced = min(self._synced, self._end)
        self._log_start = min(self._log_start, end)
        self.notes.forget_behind(end)
        self.producers: Producers = recover_producers(self.files, self.directory, self._segments, log_end=end)
