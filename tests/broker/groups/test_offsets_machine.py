"""Committed offsets against a naive model: memory is what is durable, in the log's order, whatever else is under way.

A sync is a step of its own here, and so is what comes between an append and its sync.
"""

import tempfile
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import cast

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gomq.broker.catalogue import Catalogue, Topic
from gomq.broker.config import BrokerConfig, FlushMode
from gomq.broker.configs.running_config import RunningConfig
from gomq.broker.flusher import Flusher
from gomq.broker.groups.coordinator import GroupCoordinator
from gomq.broker.groups.group_log import GroupLog, GroupLogError, Write
from gomq.broker.groups.offsets import GroupOffsets
from gomq.broker.groups.records import OffsetCommitValue
from gomq.broker.groups.replay import replay_groups
from gomq.broker.groups.settings import GroupSettings
from gomq.broker.groups.topic import OFFSETS_TOPIC, partition_of
from gomq.broker.partition import Partition
from gomq.broker.topics import Topics
from gomq_storage.layout import TopicPartition
from gomq_storage.log import Log

GROUPS = ("a", "b", "readers")
PLACES = tuple(TopicPartition(topic, index) for topic in ("orders", "bills") for index in range(2))
NOW = 1_700_000_000_000
Table = dict[tuple[str, TopicPartition], OffsetCommitValue]


class OneTopic(Catalogue):
    """A catalogue that has the topic of the groups, in two partitions."""

    def __init__(self, partitions: Iterable[Partition]) -> None:
        super().__init__()
        self._add(Topic(OFFSETS_TOPIC, uuid.UUID(int=1), tuple(partitions), {}))


class OffsetsMachine(RuleBasedStateMachine):
    """Commits, deletions, syncs and restarts in any order."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self._written: list[tuple[int, str, TopicPartition, OffsetCommitValue | None]] = []
        """What was appended and is not synced: partition, group, place and value."""
        self._durable: Table = {}
        self._writes: list[Write] = []
        self._open()

    def _open(self) -> None:
        self._partitions = []
        for index in range(2):
            path = Path(self._folder.name, str(index))
            path.mkdir(exist_ok=True)
            self._partitions.append(Partition(TopicPartition(OFFSETS_TOPIC, index), Log.open(path)))
        topics = cast("Topics", OneTopic(self._partitions))
        flusher = Flusher(FlushMode.ALWAYS, interval=1, on_failure=lambda _: None)
        running = RunningConfig(BrokerConfig(data=Path(self._folder.name)))
        group_log = GroupLog(topics, flusher, running)
        groups = GroupCoordinator(group_log, GroupSettings())
        self._offsets = GroupOffsets(group_log, groups, running)
        for partition in self._partitions:
            for group_id, offsets in replay_groups(partition.log, should_stop=lambda: False).offsets.items():
                self._offsets.load(group_id, offsets)
            group_log.opened(partition)

    def teardown(self) -> None:
        for partition in self._partitions:
            if not partition.is_offline:
                partition.log.abandon()
        self._folder.cleanup()

    @rule(group=st.sampled_from(GROUPS), places=st.sets(st.sampled_from(PLACES), min_size=1), offset=st.integers(0, 99))
    def commit(self, group: str, places: set[TopicPartition], offset: int) -> None:
        value = OffsetCommitValue(offset=offset, leader_epoch=2, metadata="m", commit_timestamp=NOW)
        try:
            self._writes.append(self._offsets.commit(group, dict.fromkeys(places, value)))
        except GroupLogError:
            assert self._partitions[partition_of(group, 2)].problem is not None
            return
        self._written += [(partition_of(group, 2), group, place, value) for place in places]

    @rule(group=st.sampled_from(GROUPS), places=st.sets(st.sampled_from(PLACES)))
    def delete(self, group: str, places: set[TopicPartition]) -> None:
        try:
            write = self._offsets.delete(group, places)
        except GroupLogError:
            assert self._partitions[partition_of(group, 2)].problem is not None
            return
        known = {place for other, place in self._durable if other == group}
        known |= {place for _, other, place, value in self._written if other == group and value is not None}
        assert write is not None or not known & places, "what is on its way is taken back too"
        if write is not None:
            self._writes.append(write)
            self._written += [(partition_of(group, 2), group, place, None) for place in places]

    @rule(index=st.integers(0, 1))
    def sync(self, index: int) -> None:
        partition = self._partitions[index]
        if partition.problem is None:
            partition.show(partition.log.flush())
            self._count(index)

    @rule(index=st.integers(0, 1))
    def fail(self, index: int) -> None:
        self._partitions[index].fail("the disk is gone")

    @precondition(lambda self: any(partition.problem for partition in self._partitions))
    @rule()
    def restart(self) -> None:
        for index in range(2):
            self._count(index)  # the process ended, the machine did not: what was appended is there
            log = self._partitions[index].take_log()
            assert log is not None
            log.abandon()
        self._writes.clear()
        self._open()

    @invariant()
    def memory_is_what_is_durable(self) -> None:
        found = {(group, place): value for group in GROUPS for place, value in self._offsets.committed(group).items()}
        assert found == self._durable
        known = {group for group, _ in self._durable}
        assert set(self._offsets.group_ids()) == known
        assert all(self._offsets.has_offsets(group) for group in known)
        assert all(write.is_durable == (write.partition.high_watermark >= write.end) for write in self._writes)

    def _count(self, index: int) -> None:
        for partition, group, place, value in self._written:
            if partition == index and value is not None:
                self._durable[group, place] = value
            elif partition == index:
                self._durable.pop((group, place), None)
        self._written = [each for each in self._written if each[0] != index]


OffsetsMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=25)
TestCommittedOffsets = OffsetsMachine.TestCase
