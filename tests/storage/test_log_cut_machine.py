"""A log that is cut at both ends, with producers that send again: under kills and power cuts inside any operation."""

from typing import Any

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gomq_storage.config import LogConfig
from gomq_storage.layout import LOG_START_FILE_NAME, parse_segment_file_name
from gomq_storage.upkeep import Failed
from tests.support.memory_files import MemoryFiles
from tests.support.modelled_log import UNKNOWN, ModelledLog

sizes = st.lists(st.integers(0, 300), min_size=1, max_size=4)
calls = st.integers(0, 12) | st.integers(0, 40)
crashes = st.none() | st.integers(0, 10_000)
"""None: the process is killed; else the power is cut, and this is the seed of what is left."""


class CutLogMachine(RuleBasedStateMachine):
    """What an operation that is interrupted may have done is stated where it is interrupted."""

    def __init__(self) -> None:
        super().__init__()
        self.number = 0

    @initialize(
        segment_bytes=st.sampled_from([700, 1500]),
        retention_bytes=st.sampled_from([None, 0, 2000]),
        seed=st.integers(0, 99),
    )
    def open_first(self, segment_bytes: int, retention_bytes: int | None, seed: int) -> None:
        config = LogConfig(segment_bytes=segment_bytes, index_interval_bytes=150, retention_bytes=retention_bytes)
        self.model = ModelledLog(MemoryFiles(seed=seed), config)

    def crash(self, seed: int | None) -> int:
        """Kill the process, or cut the power; return the offset that the log must reach for all that."""
        if seed is None:
            return self.model.end
        self.model.log.abandon()
        self.model.files = self.model.files.crash(seed)
        return self.model.promised

    def records(self, sizes: list[int]) -> list[tuple[int, bytes]]:
        self.number += 1
        return [(self.number, f"{self.number}".encode().ljust(size, b".")) for size in sizes]

    def choose_producer(self, data: Any) -> int:
        known = data.draw(st.sampled_from([UNKNOWN, 0, *sorted(self.model.producers)]), label="producer")
        return known or self.model.new_producer()

    @rule(sizes=sizes, data=st.data())
    def append(self, sizes: list[int], data: Any) -> None:
        batch = self.model.new_batch(self.records(sizes), self.choose_producer(data))
        if len(batch.content) <= self.model.config.segment_bytes:
            self.model.append(batch)

    @rule(sizes=sizes, data=st.data(), after=calls, seed=crashes)
    def crash_while_appending(self, sizes: list[int], data: Any, after: int, seed: int | None) -> None:
        model = self.model
        batch = model.new_batch(self.records(sizes), self.choose_producer(data))
        if len(batch.content) > model.config.segment_bytes:
            return
        model.interrupt(lambda: model.log.append(batch.content), after=after)
        lowest = batch.end if model.log.log_end == batch.end and seed is None else self.crash(seed)
        model.reopen_unclean(lowest=lowest, also=batch)

    @precondition(lambda self: any(self.model.producers.values()))
    @rule(data=st.data())
    def send_again(self, data: Any) -> None:
        """However often the log was opened, a producer's last batch is known."""
        known = [producer_id for producer_id, sent in self.model.producers.items() if sent]
        self.model.retry(data.draw(st.sampled_from(known)))

    @rule()
    def flush(self) -> None:
        self.model.flush()

    @rule()
    def roll(self) -> None:
        self.model.log.roll()
        self.model.promised = self.model.end

    @rule()
    def checkpoint(self) -> None:
        self.model.log.checkpoint()
        self.model.checkpoints.save_recovery_points()
        self.model.promised = self.model.end

    @rule(after=calls, seed=crashes, which=st.sampled_from(["checkpoint", "close", "flush", "roll"]))
    def crash_while_syncing(self, after: int, seed: int | None, which: str) -> None:
        model = self.model
        action = {"close": model.close, "checkpoint": self.checkpoint}.get(which) or getattr(model.log, which)
        model.interrupt(action, after=after)
        model.reopen_unclean(lowest=self.crash(seed))

    @rule()
    def close_and_open(self) -> None:
        self.model.close()
        self.model.open()
        self.model.forget_producers(self.model.end)
        report = self.model.log.recovery
        assert (report.truncated_bytes, report.rebuilt_segments) == (0, 0)
        self.model.check()

    @rule(data=st.data())
    def truncate(self, data: Any) -> None:
        model = self.model
        offset = data.draw(st.integers(model.start, model.end), label="offset")
        model.log.truncate(offset)
        model.cut(model.truncated_end(offset))

    @rule(data=st.data(), after=calls, seed=crashes)
    def crash_while_truncating(self, data: Any, after: int, seed: int | None) -> None:
        model = self.model
        offset = data.draw(st.integers(model.start, model.end), label="offset")
        end = model.truncated_end(offset)
        model.interrupt(lambda: model.log.truncate(offset), after=after)
        lowest = min(end, self.crash(seed))
        model.reopen_unclean(lowest=lowest, starts={model.start, min(model.start, end)})

    @rule(data=st.data())
    def delete_records(self, data: Any) -> None:
        model = self.model
        model.start = data.draw(st.integers(model.start, model.end), label="offset")
        assert model.log.delete_records(model.start) == model.start

    @rule(data=st.data(), after=calls, seed=crashes)
    def crash_while_deleting_records(self, data: Any, after: int, seed: int | None) -> None:
        model = self.model
        offset = data.draw(st.integers(model.start, model.end), label="offset")
        model.interrupt(lambda: model.log.delete_records(offset), after=after)
        model.reopen_unclean(lowest=self.crash(seed), starts={model.start, offset})

    @rule()
    def enforce_retention(self) -> None:
        model = self.model
        results = model.upkeep.enforce_retention([model.log], now_ms=0)
        assert not [each for each in results if isinstance(each, Failed)]
        assert model.log.log_start >= model.start
        self.learn_start()
        sealed, limit = model.log.segments[:-1], model.config.retention_bytes
        assert not sealed or model.log.segments[1].base_offset > model.start
        assert limit is None or not sealed or model.log.size - sealed[0].size < limit

    @rule(after=calls, seed=crashes)
    def crash_while_enforcing_retention(self, after: int, seed: int | None) -> None:
        model = self.model
        model.interrupt(lambda: model.upkeep.enforce_retention([model.log], now_ms=0), after=after)
        starts = {model.start, model.log.log_start}
        model.reopen_unclean(lowest=self.crash(seed), starts=starts)

    @rule()
    def remove_due(self) -> None:
        assert self.model.upkeep.remove_due(everything=True) == []
        assert not [name for name in self.model.logs() if name.endswith(".deleted")]

    @rule(is_closed=st.booleans(), content=st.none() | st.binary(max_size=40))
    def spoil_the_log_start(self, content: bytes | None, *, is_closed: bool) -> None:
        """Then the log starts with its first segment: records may be back, none is lost."""
        model = self.model
        if is_closed:
            model.close()
        model.log.abandon()
        if model.files.exists(path := model.files.root / LOG_START_FILE_NAME):
            if content is None:
                model.files.remove(path)
            else:
                model.files.put(path, content)
        names = map(parse_segment_file_name, model.files.names(model.files.root))
        model.reopen_unclean(lowest=model.end, starts={model.start, min(name[0] for name in names if name is not None)})

    def learn_start(self) -> None:
        self.model.start = self.model.log.log_start

    @invariant()
    def both_ends_are_the_models(self) -> None:
        if hasattr(self, "model"):
            assert (self.model.log.log_start, self.model.log.log_end) == (self.model.start, self.model.end)

    def teardown(self) -> None:
        if hasattr(self, "model") and not self.model.log.is_closed:
            self.model.check()
            self.model.log.abandon()


TestCutLog = CutLogMachine.TestCase
TestCutLog.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


class Drawn:
    """What Hypothesis would draw, chosen by hand."""

    def __init__(self, value: int) -> None:
        self._value = value

    def draw(self, _strategy: object, **_: object) -> int:
        return self._value


@pytest.mark.parametrize("after", range(30))
def test_a_cut_that_does_not_end_leaves_the_epochs_of_the_segments_it_has_spared(after: int):
    machine = CutLogMachine()
    machine.open_first(segment_bytes=700, retention_bytes=None, seed=0)
    machine.append(data=Drawn(-1), sizes=[0, 0])
    machine.spoil_the_log_start(content=None, is_closed=False)  # which begins another epoch
    machine.append(data=Drawn(-1), sizes=[0])
    machine.checkpoint()
    machine.roll()
    machine.append(data=Drawn(-1), sizes=[0])
    machine.crash_while_truncating(data=Drawn(2), after=after, seed=None)
    machine.model.check()
