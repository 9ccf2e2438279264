"""A log under any sequence of operations, power cuts among them, against a list of batches."""

import errno
from typing import Any

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gomq_storage.batch import walk
from gomq_storage.compression import Codec
from gomq_storage.config import LogConfig
from gomq_storage.log import Log
from gomq_storage.log_values import LogPosition
from gomq_storage.record import NewRecord, decode_batch, encode_batch
from tests.support.log_batches import records_in
from tests.support.memory_files import MemoryFiles

sizes = st.integers(0, 30) | st.integers(0, 900)
times = st.integers(0, 50)


class LogMachine(RuleBasedStateMachine):
    """The model: what each record is, and how many of them are safe."""

    files: MemoryFiles
    log: Log

    def __init__(self) -> None:
        super().__init__()
        self.model: list[tuple[int, bytes | None]] = []
        """Timestamp and value of the record of each offset."""
        self.starts: list[int] = []
        self.promised = 0
        self.synced = LogPosition(0, 0, 0)
        self.number = 0

    @initialize(
        segment_bytes=st.sampled_from([1200, 3000]), interval=st.sampled_from([0, 150, 4096]), seed=st.integers(0, 99)
    )
    def open_first(self, segment_bytes: int, interval: int, seed: int) -> None:
        self.config = LogConfig(segment_bytes=segment_bytes, index_interval_bytes=interval)
        self.files = MemoryFiles(seed=seed)
        self.open()

    def open(self) -> None:
        self.is_open = False
        self.log = Log.open(self.files.root, self.config, files=self.files)
        self.is_open = True

    @rule(
        records=st.lists(st.tuples(times, sizes), min_size=1, max_size=5), codec=st.sampled_from(list(Codec)),
        fails=st.sampled_from([None, None, None, 0, 1, 2, 4]),
    )  # fmt: skip
    def append(self, records: list[tuple[int, int]], codec: Codec, fails: int | None) -> None:
        self.number += 1
        new = [(time, f"{self.number}".encode().ljust(size, b".")) for time, size in records]
        batch = encode_batch([NewRecord(value, timestamp=time) for time, value in new], now_ms=0, codec=codec)
        if len(batch) > self.config.segment_bytes:
            return
        if fails is not None:
            at = self.files.calls + fails
            self.files.fail_when(
                lambda call, name, _: OSError(errno.ENOSPC, "full") if call == at and "sync" not in name else None
            )
        try:
            base_offset = self.log.append(batch).base_offset
        except OSError:
            assert fails is not None
        else:
            assert base_offset == len(self.model)
            self.starts.append(base_offset)
            self.model += new
        finally:
            self.files.fail_when(None)

    @rule()
    def flush(self) -> None:
        assert self.log.flush() == self.log.end
        self.promised, self.synced = len(self.model), self.log.end

    @rule()
    def roll(self) -> None:
        self.log.roll()
        self.promised = len(self.model)  # the segments in front of the last one are on the device

    @rule(data=st.data(), max_bytes=st.integers(0, 3000))
    def read(self, data: Any, max_bytes: int) -> None:
        offset = data.draw(st.integers(0, len(self.model)))
        found = self.log.read(offset, max_bytes=max_bytes)
        if offset == len(self.model):
            assert found is None
            return
        assert found is not None
        content = found.read()
        records = [each for at, header in walk(content) for each in decode_batch(content[at:], header)]
        first = records[0].offset
        assert first == max(start for start in self.starts if start <= offset)
        assert [(each.timestamp, each.value) for each in records] == self.model[first : first + len(records)]

    @rule(data=st.data())
    def read_only_what_is_synced(self, data: Any) -> None:
        offset = data.draw(st.integers(0, len(self.model)))
        found = self.log.read(offset, max_bytes=10_000, upto=self.synced)
        assert (found is None) == (offset >= self.synced.offset)
        if found is not None:
            assert [header for _, header in walk(found.read())][-1].next_offset <= self.synced.offset

    @rule(time=st.integers(-1, 52))
    def find_a_time(self, time: int) -> None:
        expected = next(((found, offset) for offset, (found, _) in enumerate(self.model) if found >= time), None)
        assert self.log.find_timestamp(time) == expected

    @rule()
    def close_and_open(self) -> None:
        self.log.close()
        self.promised = len(self.model)
        self.open()
        assert self.log.recovery.truncated_bytes == 0

    @rule()
    def kill_and_open(self) -> None:
        self.log.abandon()
        self.open()
        assert self.log.log_end == len(self.model)

    @rule(seed=st.integers(0, 10_000))
    def cut_the_power_and_open(self, seed: int) -> None:
        self.log.abandon()
        self.files = self.files.crash(seed)
        self.open()
        left = self.log.log_end
        assert self.promised <= left <= len(self.model)
        assert left in {0, *self.starts, len(self.model)}
        del self.model[left:]
        self.starts = [start for start in self.starts if start < left]
        self.log.flush()
        self.promised, self.synced = left, self.log.end

    @rule(which=st.sampled_from([".index", ".timeindex"]), content=st.none() | st.binary(max_size=60), data=st.data())
    def spoil_an_index(self, which: str, content: bytes | None, data: Any) -> None:
        self.log.close()
        self.promised = len(self.model)
        name = data.draw(st.sampled_from([name for name in self.files.names(self.files.root) if name.endswith(which)]))
        if content is None:
            self.files.remove(self.files.root / name)
        else:
            self.files.put(self.files.root / name, content)
        self.open()

    @invariant()
    def the_log_is_as_long_as_the_model(self) -> None:
        if self.log.log_end != len(self.model):
            raise AssertionError(f"log ends at {self.log.log_end}, {len(self.model)} records were appended")

    def teardown(self) -> None:
        if not self.is_open:
            return
        records = records_in(self.log)
        assert [each.offset for each in records] == list(range(len(self.model)))
        assert [(each.timestamp, each.value) for each in records] == self.model
        self.log.close()


TestLog = LogMachine.TestCase
TestLog.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
