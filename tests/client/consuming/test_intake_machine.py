"""Whatever is fetched, sought, paused, given and taken away, in whatever order: each message comes once, in its order.

The model is one offset a partition. Only the tasks and the network are left out: answers are put in by hand, late,
doubled, cut off, with what nobody asked for and what comes too early.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gomq.client.cluster.backoff import Backoff
from gomq.client.consuming.intake import Intake
from gomq.client.consuming.progress import Progress
from gomq.client.consuming.settings import ConsumerSettings, ReadPolicy
from gomq.client.message import Batch, Message
from gomq_storage.batch import read_header, stamp
from gomq_storage.layout import TopicPartition
from gomq_storage.record import NewRecord, encode_batch

PARTITIONS = [TopicPartition("orders", 0), TopicPartition("orders", 1), TopicPartition("bills", 0)]
partitions = st.sampled_from(PARTITIONS)


class Log:
    """The batches of a partition and the offsets of their messages."""

    def __init__(self) -> None:
        self.batches: list[tuple[int, int, bytes]] = []
        self.offsets: list[int] = []
        self.end = 0

    def append(self, count: int, gap: int) -> None:
        base = self.end + gap
        raw = encode_batch([NewRecord(b"%d" % (base + number)) for number in range(count)], now_ms=0)
        self.end = base + count
        self.offsets += range(base, self.end)
        self.batches.append((base, self.end, stamp(read_header(raw), base_offset=base, leader_epoch=0) + raw[16:]))

    def read(self, offset: int, *, most: int, too_early: int) -> list[bytes]:
        first = next((at for at, (_, end, _) in enumerate(self.batches) if end > offset), len(self.batches))
        return [raw for *_, raw in self.batches[max(0, first - too_early) : first + most]]


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.logs = {target: Log() for target in PARTITIONS}
        self.next: dict[TopicPartition, int] = {}
        """The model: from where on nothing was handed out."""
        self.on_way: list[tuple[Progress, int]] = []
        self.in_hand: dict[TopicPartition, int] = {}
        self.intake = Intake(ConsumerSettings(buffer_bytes=1500), ReadPolicy())
        cluster: Any = SimpleNamespace(leader=lambda *_: 1, new_backoff=lambda: Backoff(first=1, most=1))
        tasks: Any = SimpleNamespace(start_soon=lambda *_: None)
        self.intake.open(cluster, tasks, drops_unknown=False)
        self.fetcher = self.intake._fetching
        for which, log in self.logs.items():
            for count in (2, 1, 3, 1, 2):
                log.append(count, 0)
            self.intake.assign({which: 0})
            self.next[which] = 0

    @rule(which=partitions, count=st.integers(1, 4), gap=st.sampled_from([0, 0, 0, 2]))
    def publish(self, which: TopicPartition, count: int, gap: int) -> None:
        self.logs[which].append(count, gap)

    @rule()
    def ask(self) -> None:
        if self.intake._buffer.size < 1500:
            there = self.fetcher._fetched_from(1)
            self.on_way += [(each, each.offset) for each in there if self.fetcher._is_wanted(each)]

    @rule(
        at=st.integers(0, 5),
        most=st.integers(0, 4),
        too_early=st.integers(0, 2),
        twist=st.sampled_from(["none", "none", "twice", "backwards", "cut", "never asked"]),
    )
    def answer(self, at: int, most: int, too_early: int, twist: str) -> None:
        if not self.on_way:
            self.ask()
        if not self.on_way:
            return
        each, offset = self.on_way.pop(at % len(self.on_way))
        raws = self.logs[each.target].read(offset, most=most, too_early=too_early)
        found = raws + raws[::-1] if twist == "backwards" else raws
        data = b"".join(found)
        answers = [(each.target, data[: len(data) - 30] if twist == "cut" else data)]
        if twist == "twice":
            answers *= 2
        if twist == "never asked":
            answers += [(TopicPartition("orders", 7), data), (TopicPartition("others", 0), data)]
        self.put(each, answers, twist)

    def put(self, each: Progress, answers: list[tuple[TopicPartition, bytes]], twist: str = "none") -> None:
        offset = each.offset
        response = SimpleNamespace(
            __version__=12,
            responses=[
                SimpleNamespace(
                    topic=target.topic,
                    partitions=[
                        SimpleNamespace(
                            partition_index=target.partition, error_code=0, records=data, aborted_transactions=None
                        )
                    ],
                )
                for target, data in answers
            ],
        )
        assert not self.fetcher._take_all([each], response) or twist == "cut"
        assert each.offset >= offset

    @rule()
    def iterate(self) -> None:
        reader = self.intake.reader
        for message in reader.unread:
            self.handed_out([message], {})
            return
        self.asks_for_more(lambda: reader.fill() and [next(reader.unread)])

    @rule(most=st.integers(1, 6))
    def take(self, most: int) -> None:
        found = self.asks_for_more(lambda: self.intake.reader.take(most))
        assert len(found) <= most

    @rule(ahead=st.lists(st.integers(0, 5), min_size=3, max_size=3), is_endless=st.booleans())
    def batch(self, ahead: list[int], is_endless: bool) -> None:
        reader = self.intake.reader
        until = None
        if not is_endless:
            until = {
                target: self.next[target] + far
                for target, far in zip(PARTITIONS, ahead, strict=True)
                if target in self.next
            }

        def following() -> list[Message]:
            self.intake.aim(until)
            batch: Batch | None = reader.next(until)
            if batch is None:
                return []
            reader.hand_out(batch)
            return batch.messages

        for message in self.asks_for_more(following, until):
            assert until is None or message.offset < until[TopicPartition(*message[:2])]

    def asks_for_more(
        self, ask: Callable[[], list[Message] | bool], until: dict[TopicPartition, int] | None = None
    ) -> list[Message]:
        self.intake.reader.let_go()
        self.in_hand = {}
        self.intake.aim(until)
        found = ask() or []
        assert isinstance(found, list)
        self.handed_out(found, self.in_hand)
        return found

    def handed_out(self, messages: list[Message], in_hand: dict[TopicPartition, int]) -> None:
        for message in messages:
            target = TopicPartition(*message[:2])
            assert target not in self.intake.paused
            left = [offset for offset in self.logs[target].offsets if offset >= self.next[target]]
            assert message.offset == left[0]
            assert message.value == b"%d" % message.offset
            in_hand.setdefault(target, message.offset)
            self.next[target] = message.offset + 1
        self.in_hand = in_hand

    @rule(which=partitions, share=st.floats(0, 1))
    def assign_or_seek(self, which: TopicPartition, share: float) -> None:
        offset = round(share * self.logs[which].end)
        if which in self.next:
            self.intake.seek(which, offset)
        else:
            self.intake.assign({which: offset})
        self.next[which] = offset
        self.in_hand.pop(which, None)

    @rule(which=partitions)
    def revoke(self, which: TopicPartition) -> None:
        if which in self.next:
            self.intake.revoke([which])
            del self.next[which]
            self.in_hand.pop(which, None)

    @rule(which=partitions)
    def pause(self, which: TopicPartition) -> None:
        if which in self.next:
            self.intake.pause([which])

    @rule(which=partitions)
    def resume(self, which: TopicPartition) -> None:
        if which in self.next:
            self.intake.resume([which])

    @rule(which=partitions)
    def fetch_again(self, which: TopicPartition) -> None:
        if which in self.next:
            self.intake.refetch(which)

    @invariant()
    def positions_are_those_of_the_model(self) -> None:
        assert self.intake.assignment == self.next.keys()
        points = self.intake.reader.commit_points()
        for target, offset in self.next.items():
            following = [each for each in self.logs[target].offsets if each >= offset]
            assert offset <= self.intake.position(target) <= (following[0] if following else self.logs[target].end)
            assert points[target] == self.in_hand.get(target, self.intake.position(target))

    @invariant()
    def no_more_is_kept_than_there_is_room_for(self) -> None:
        buffer = self.intake._buffer
        assert buffer.size == sum(len(chunk.data) for chunk in buffer._chunks)
        assert buffer._held_size == sum(len(chunk.data) for chunks in buffer._held.values() for chunk in chunks) <= 1500

    def teardown(self) -> None:
        """What has not been handed out is still to be had, all of it."""
        self.intake.resume(list(self.intake.paused))
        self.on_way.clear()
        for _ in range(500):
            self.take(100)
            for each in self.fetcher._fetched_from(1):
                self.put(each, [(each.target, b"".join(self.logs[each.target].read(each.offset, most=5, too_early=0)))])
            if not any(offset >= self.next[target] for target in self.next for offset in self.logs[target].offsets):
                return
        raise AssertionError(f"not all came: {self.next}")


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
