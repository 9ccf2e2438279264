"""A log that is compacted under any sequence of operations: the last message of each key is there, whatever happens."""

from contextlib import suppress

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gomq_storage.checkpoint import Checkpoints
from gomq_storage.cleaner import Cleaner
from gomq_storage.config import CleanupPolicy, LogConfig
from gomq_storage.errors import StorageError
from gomq_storage.layout import TopicPartition
from gomq_storage.log import Log
from gomq_storage.record import NewRecord, encode_batch
from gomq_storage.recovery import RecoveryReport
from gomq_storage.upkeep import Upkeep
from tests.support.log_batches import NOW, records_in
from tests.support.memory_files import MemoryFiles

NAME = TopicPartition("orders", 0)
CONFIG = LogConfig(
    segment_bytes=900, index_interval_bytes=150, cleanup_policy=CleanupPolicy.COMPACT, min_cleanable_dirty_ratio=0.0
)
keys = st.lists(st.tuples(st.integers(0, 4), st.none() | st.integers(0, 200)), min_size=1, max_size=4)
"""Keys, and how large the value is; None deletes the key."""
calls = st.integers(0, 15) | st.integers(0, 80)


class CompactedLogMachine(RuleBasedStateMachine):
    """The model: key and value of each offset that was given."""

    def __init__(self) -> None:
        super().__init__()
        self.model: list[tuple[bytes | None, bytes | None]] = []
        self.promised = 0

    @initialize(seed=st.integers(0, 99))
    def open_first(self, seed: int) -> None:
        self.files = MemoryFiles(seed=seed)
        self.open()

    def open(self) -> None:
        self.checkpoints = Checkpoints.take(self.files, self.files.root)
        self.upkeep = Upkeep(self.checkpoints)
        self.cleaner = Cleaner(self.checkpoints, self.upkeep, share=1.0)
        self.log = Log.open(self.files.root, CONFIG, files=self.files, checkpoints=(self.checkpoints, NAME))

    @rule(records=keys)
    def append(self, records: list[tuple[int, int | None]]) -> None:
        new = [
            NewRecord(None if size is None else f"{len(self.model)}".ljust(size).encode(), b"%d" % key, (), NOW)
            for key, size in records
        ]
        assert self.log.append(encode_batch(new, now_ms=NOW)).base_offset == len(self.model)
        self.model += [(record.key, record.value) for record in new]

    @rule()
    def roll(self) -> None:
        self.log.roll()
        self.promised = len(self.model)

    @rule()
    def checkpoint(self) -> None:
        self.log.checkpoint()
        self.checkpoints.save_recovery_points()
        self.promised = len(self.model)

    @rule()
    def compact(self) -> None:
        self.cleaner.compact(self.log, now_ms=NOW)
        self.check()

    @rule()
    def remove_due(self) -> None:
        assert self.upkeep.remove_due(everything=True) == []

    @rule()
    def close_and_open(self) -> None:
        end = self.log.close()
        assert end is not None
        self.checkpoints.save_recovery_points()
        self.checkpoints.save_first_dirty()
        self.checkpoints.save_clean_shutdown({NAME: end})
        self.promised = len(self.model)
        self.open()
        assert self.log.recovery.was_clean
        self.check()

    @rule(after=st.none() | calls, seed=st.none() | st.integers(0, 10_000))
    def crash_while_compacting(self, after: int | None, seed: int | None) -> None:
        if after is not None:
            self.files.fail_call(self.files.calls + after, forever=True)
            with suppress(OSError, StorageError):
                self.cleaner.compact(self.log, now_ms=NOW)
                self.upkeep.remove_due(everything=True)
            self.files.fail_when(None)
        self.log.abandon()
        if seed is not None:
            self.files = self.files.crash(seed)
        self.open()
        assert (self.promised if seed is not None else len(self.model)) <= self.log.log_end <= len(self.model)
        del self.model[self.log.log_end :]
        self.check()
        self.log.abandon()
        self.open()
        assert self.log.recovery == RecoveryReport()
        self.check()
        self.log.flush()
        self.promised = len(self.model)

    @rule(after=calls)
    def fail_once_while_compacting(self, after: int) -> None:
        """The log may be offline then, which opening it anew mends."""
        self.files.fail_call(self.files.calls + after)
        has_failed = True
        with suppress(OSError, StorageError):
            self.cleaner.compact(self.log, now_ms=NOW)
            has_failed = False
        self.files.fail_when(None)
        if has_failed:
            self.crash_while_compacting(None, None)

    def check(self) -> None:
        """What is read was appended, at the offset that it got, and of each key the last is among it."""
        found = {record.offset: (record.key, record.value) for record in records_in(self.log)}
        assert list(found) == sorted(found)
        assert found.items() <= dict(enumerate(self.model)).items()
        last = {key: offset for offset, (key, _) in enumerate(self.model)}
        missing = [offset for offset in last.values() if offset not in found]
        assert [self.model[offset][1] for offset in missing] == [None] * len(missing)

    @invariant()
    def the_log_ends_where_the_model_does(self) -> None:
        if hasattr(self, "log"):
            assert (self.log.log_start, self.log.log_end) == (0, len(self.model))

    def teardown(self) -> None:
        if hasattr(self, "log") and not self.log.is_closed:
            self.check()
            self.log.abandon()


TestCompactedLog = CompactedLogMachine.TestCase
TestCompactedLog.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
