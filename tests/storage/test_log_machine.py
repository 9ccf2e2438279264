"""A log under any sequence of operations, power cuts among them, against a list of batches."""

import errno
from typing import Any

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gomq_storage.batch import walk
from gomq_storage.config import LogConfig
from gomq_storage.layout import (
    CLEAN_SHUTDOWN_FILE_NAME,
    LEADER_EPOCH_FILE_NAME,
    LOG_START_FILE_NAME,
    RECOVERY_POINT_FILE_NAME,
)
from gomq_storage.log_values import LogPosition
from gomq_storage.record import decode_batch
from tests.support.memory_files import MemoryFiles
from tests.support.modelled_log import UNKNOWN, ModelledLog

sizes = st.integers(0, 30) | st.integers(0, 900)
times = st.integers(0, 50)
DISPOSABLE = (
    ".index", ".timeindex", ".snapshot", LEADER_EPOCH_FILE_NAME, RECOVERY_POINT_FILE_NAME, CLEAN_SHUTDOWN_FILE_NAME
)  # fmt: skip


class LogMachine(RuleBasedStateMachine):
    """Appends, reads, and whatever becomes of the files beside the logs."""

    def __init__(self) -> None:
        super().__init__()
        self.number = 0
        self.synced = LogPosition(0, 0, 0)

    @initialize(
        segment_bytes=st.sampled_from([1200, 3000]), interval=st.sampled_from([0, 150, 4096]), seed=st.integers(0, 99)
    )
    def open_first(self, segment_bytes: int, interval: int, seed: int) -> None:
        config = LogConfig(segment_bytes=segment_bytes, index_interval_bytes=interval)
        self.model = ModelledLog(MemoryFiles(seed=seed), config)

    def records(self, times_and_sizes: list[tuple[int, int]]) -> list[tuple[int, bytes]]:
        self.number += 1
        return [(time, f"{self.number}".encode().ljust(size, b".")) for time, size in times_and_sizes]

    @rule(
        records=st.lists(st.tuples(times, sizes), min_size=1, max_size=5),
        fails=st.sampled_from([None, None, None, 0, 1, 2, 4]),
    )
    def append(self, records: list[tuple[int, int]], fails: int | None) -> None:
        model = self.model
        batch = model.new_batch(self.records(records), UNKNOWN)
        if len(batch.content) > model.config.segment_bytes:
            return
        if fails is not None:
            at = model.files.calls + fails
            model.files.fail_when(
                lambda call, name, _: OSError(errno.ENOSPC, "full") if call == at and "sync" not in name else None
            )
        try:
            model.append(batch)
        except OSError:
            assert fails is not None
        finally:
            model.files.fail_when(None)

    @rule()
    def flush(self) -> None:
        self.model.flush()
        self.synced = self.model.log.end

    @rule()
    def roll(self) -> None:
        self.model.log.roll()
        self.model.promised = self.model.end  # the segments in front of the last one are on the device

    @rule()
    def checkpoint(self) -> None:
        self.model.log.checkpoint()
        self.model.checkpoints.save_recovery_points()
        self.model.promised = self.model.end

    @rule(data=st.data(), max_bytes=st.integers(0, 3000))
    def read(self, data: Any, max_bytes: int) -> None:
        model = self.model
        offset = data.draw(st.integers(0, model.end))
        found = model.log.read(offset, max_bytes=max_bytes)
        if offset == model.end:
            assert found is None
            return
        assert found is not None
        content = found.read()
        batches = [batch for batch in model.batches if batch.end > offset]
        for batch, (at, header) in zip(batches, walk(content), strict=False):
            assert header.base_offset == batch.base_offset
            assert [(each.timestamp, each.value) for each in decode_batch(content[at:], header)] == batch.records

    @rule(data=st.data())
    def read_only_what_is_synced(self, data: Any) -> None:
        offset = data.draw(st.integers(0, self.model.end))
        found = self.model.log.read(offset, max_bytes=10_000, upto=self.synced)
        assert (found is None) == (offset >= self.synced.offset)
        if found is not None:
            assert [header for _, header in walk(found.read())][-1].next_offset <= self.synced.offset

    @rule(time=st.integers(-1, 52))
    def find_a_time(self, time: int) -> None:
        records = [record for batch in self.model.batches for record in batch.records]
        expected = next(((found, offset) for offset, (found, _) in enumerate(records) if found >= time), None)
        assert self.model.log.find_timestamp(time) == expected

    @rule()
    def close_and_open(self) -> None:
        self.model.close()
        self.model.open()
        report = self.model.log.recovery
        assert (report.truncated_bytes, report.removed_files) == (0, 0)
        self.model.check()

    @rule()
    def kill_and_open(self) -> None:
        self.model.reopen_unclean(lowest=self.model.end)
        self.synced = self.model.log.end

    @rule(seed=st.integers(0, 10_000))
    def cut_the_power_and_open(self, seed: int) -> None:
        self.model.log.abandon()
        self.model.files = self.model.files.crash(seed)
        self.model.reopen_unclean(lowest=self.model.promised)
        self.synced = self.model.log.end

    @rule(
        which=st.sampled_from(DISPOSABLE), content=st.none() | st.binary(max_size=60), data=st.data(),
        is_closed=st.booleans(),
    )  # fmt: skip
    def spoil_a_file(self, which: str, content: bytes | None, data: Any, *, is_closed: bool) -> None:
        model = self.model
        if is_closed:
            model.close()
        else:
            model.log.abandon()
        names = [name for name in model.files.names(model.files.root) if name.endswith(which)]
        if names:
            path = model.files.root / data.draw(st.sampled_from(names))
            if content is None:
                model.files.remove(path)
            else:
                model.files.put(path, content)
        model.reopen_unclean(lowest=model.end)
        self.synced = model.log.end

    @precondition(lambda self: LOG_START_FILE_NAME not in self.model.files.names(self.model.files.root))
    @invariant()
    def the_log_is_as_long_as_the_model(self) -> None:
        assert (self.model.log.log_start, self.model.log.log_end) == (0, self.model.end)

    def teardown(self) -> None:
        if hasattr(self, "model") and not self.model.log.is_closed:
            self.model.check()
            self.model.log.abandon()


TestLog = LogMachine.TestCase
TestLog.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
