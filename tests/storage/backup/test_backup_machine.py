"""Whatever happens between any two files that are copied, what is restored is a data directory that could have been."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings, strategies as st

from gomq_storage.backup.files import BackupFiles, SourceFile
from gomq_storage.backup.restoring import find_backup, restore
from gomq_storage.backup.taking import back_up
from gomq_storage.config import LogConfig
from gomq_storage.directory import LogDirectory
from gomq_storage.layout import TopicPartition, parse_partition_directory_name
from gomq_storage.log import Log
from tests.support.backing_up import OFFSETS, STATE, batch_of_tombstone, offset_key, state_of, values_of
from tests.support.log_batches import NOW, batch_of, values_in

CONFIG = LogConfig(segment_bytes=300, index_interval_bytes=50, file_delete_delay_ms=0)
NAMES = ("a", "b", OFFSETS.topic)
EVENTS = ("create", "delete", "append", "append", "commit", "add", "nothing", "nothing")

Event = tuple[str, str]


class Broker:
    """Does to a data directory what a broker does, in a broker's order; each message says whose it is, and its offset.

    The catalogue is in ``topics``, and the folders' logs in ``logs``.
    """

    def __init__(self, path: Path) -> None:
        self.directory = LogDirectory.open(path)
        self.topics: dict[str, tuple[str, int]] = {}
        self.logs: dict[TopicPartition, Log] = {}
        self.state = self.directory.create_log(STATE, topic_id=uuid.uuid4(), config=LogConfig())

    def do(self, event: Event) -> None:
        """Let something happen, where it can."""
        kind, name = event
        if kind == "create" and name not in self.topics:
            self._extend(name, str(uuid.uuid4()), range(1))
        elif kind == "add" and name in self.topics and name != OFFSETS.topic:
            self._extend(name, self.topics[name][0], range(self.topics[name][1], self.topics[name][1] + 1))
        elif kind == "delete" and name in self.topics and name != OFFSETS.topic:
            self._delete(name)
        elif kind in {"append", "commit"} and name in self.topics and name != OFFSETS.topic:
            self._append(name)
            if kind == "commit" and OFFSETS in self.logs:
                self._commit(name)

    def close(self) -> None:
        for log in [*self.logs.values(), self.state]:
            log.abandon()
        self.directory.abandon()

    def _extend(self, name: str, topic_id: str, indexes: range) -> None:
        for index in indexes:
            where = TopicPartition(name, index)
            self.logs[where] = self.directory.create_log(where, topic_id=uuid.UUID(topic_id), config=CONFIG)
        self.topics[name] = topic_id, indexes.stop
        value = {"id": topic_id, "partitions": indexes.stop, "configs": {}}
        self.state.append(batch_of(json.dumps(value).encode(), key=f"topic/{name}".encode()))

    def _delete(self, name: str) -> None:
        self.state.append(batch_of_tombstone(f"topic/{name}".encode()))
        _, count = self.topics.pop(name)
        for where in [TopicPartition(name, index) for index in range(count)]:
            self.logs.pop(where).abandon()
            self.directory.remove_log(where)
        if OFFSETS in self.logs:
            for index in range(count):
                self.logs[OFFSETS].append(batch_of_tombstone(offset_key(b"g", name.encode(), index)))

    def _append(self, name: str) -> None:
        topic_id, count = self.topics[name]
        for index in range(count):
            log = self.logs[TopicPartition(name, index)]
            log.append(batch_of(f"{topic_id} {log.log_end}".encode()))

    def _commit(self, name: str) -> None:
        topic_id, count = self.topics[name]
        for index in range(count):
            value = f"{topic_id} {self.logs[TopicPartition(name, index)].log_end}".encode()
            self.logs[OFFSETS].append(batch_of(value, key=offset_key(b"g", name.encode(), index)))


class Between(BackupFiles):
    """Something happens before each file that is opened."""

    def __init__(self, broker: Broker, events: Iterator[Event]) -> None:
        super().__init__()
        self._broker = broker
        self._events = events

    def open_source(self, path: Path) -> SourceFile:
        self._broker.do(next(self._events, ("nothing", "")))
        return super().open_source(path)


events = st.lists(st.tuples(st.sampled_from(EVENTS), st.sampled_from(NAMES)), max_size=60)


@settings(max_examples=40, deadline=None)
@given(before=events, between=events)
def test_what_is_restored_could_have_been(before: list[Event], between: list[Event]):
    with TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as name:
        path = Path(name)
        broker = Broker(path / "data")
        try:
            for event in before:
                broker.do(event)
            topics = dict(broker.topics)
            messages = {where: values_in(log) for where, log in broker.logs.items()}
            back_up(path / "data", path / "backups", now_ms=NOW, files=Between(broker, iter(between)))
            lasting = {name for name, topic in topics.items() if broker.topics.get(name, ("", 0))[0] == topic[0]}
        finally:
            broker.close()
        found, manifest = find_backup(path / "backups")
        restore(found, path / "restored", manifest)
        kept = check_topics(path / "restored")
        check_offsets(path / "restored", kept)
        assert lasting <= {where.topic for where in kept}
        for where, known in messages.items():
            if where.topic in lasting - {OFFSETS.topic}:
                assert kept[where][: len(known)] == known


def check_topics(data: Path) -> dict[TopicPartition, list[bytes | None]]:
    """Check that the state speaks of what is there, and of nothing else, and return the messages of each partition."""
    topics = {key.decode().removeprefix("topic/"): json.loads(value) for key, value in state_of(data).items()}
    told = {TopicPartition(name, index) for name, topic in topics.items() for index in range(topic["partitions"])}
    folders = {parse_partition_directory_name(path.name) for path in data.iterdir() if path.is_dir()}
    assert folders == told | {STATE}
    kept: dict[TopicPartition, list[bytes | None]] = {}
    directory = LogDirectory.open(data)
    for where in sorted(told):
        log = directory.open_log(where, config=CONFIG)
        assert log.recovery.truncated_bytes == log.recovery.missing_offsets == 0
        kept[where] = values_in(log)
        if where != OFFSETS:
            expected = [f"{topics[where.topic]['id']} {offset}".encode() for offset in range(log.log_end)]
            assert kept[where] == expected
        log.abandon()
    directory.abandon()
    return kept


def check_offsets(data: Path, kept: dict[TopicPartition, list[bytes | None]]) -> None:
    """Check that nothing is committed for what is not there, nor behind its end."""
    if OFFSETS not in kept:
        return
    expected = {offset_key(b"g", where.topic.encode(), where.partition): where for where in kept}
    for key, value in values_of(data, OFFSETS).items():
        topic_id, offset = value.decode().split()
        assert int(offset) <= len(kept[expected[key]])
        assert all((message or b"").startswith(topic_id.encode()) for message in kept[expected[key]])
