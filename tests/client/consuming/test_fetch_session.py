"""What a broker fetches for a consumer is what that wants, though it is told what changes only; whatever is lost."""

from uuid import UUID

import anyio
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

import gomq
from gomq.broker.fetching.sessions import Asked as AskedOfBroker, FetchSessions
from gomq.broker.fetching.values import Found, PartitionKey, Wanted
from gomq.client.cluster.backoff import Backoff
from gomq.client.consuming.fetch_session import SESSION_ERRORS, Asked, FetchSession
from gomq.client.consuming.fetch_values import fetch_values
from gomq.client.consuming.progress import Progress
from gomq.client.consuming.settings import ConsumerSettings
from gomq.protocol.fetch import FetchedPartition
from gomq_storage.layout import TopicPartition
from tests.client.consuming.test_fetching import quick, take
from tests.support.waiting import until

INDEXES = range(4)
IDS = [UUID(int=1), UUID(int=2)]
SETTINGS = ConsumerSettings()


def progress(index: int, topic: str = "orders") -> Progress:
    target = TopicPartition(topic, index)
    return Progress(target=target, offset=0, max_bytes=100, backoff=Backoff(first=1, most=1), topic_id=IDS[0])


class Machine(RuleBasedStateMachine):
    """One consumer and one broker; what is on its way between them may be lost."""

    def __init__(self) -> None:
        super().__init__()
        self.session = FetchSession()
        self.broker = FetchSessions(slots=1)
        self.partitions = [progress(index) for index in INDEXES]
        self.fetches_by_id = True

    @initialize(fetches_by_id=st.booleans())
    def choose_broker(self, fetches_by_id: bool) -> None:
        """One before Fetch 13 gets the names, though its Metadata may have ids."""
        self.fetches_by_id = fetches_by_id

    @rule(index=st.sampled_from(INDEXES), offset=st.integers(0, 3), epoch=st.integers(-1, 2))
    def go_on(self, index: int, offset: int, epoch: int) -> None:
        self.partitions[index].offset, self.partitions[index].leader_epoch = offset, epoch

    @rule(index=st.sampled_from(INDEXES), topic_id=st.sampled_from([*IDS, None]))
    def make_anew(self, index: int, topic_id: UUID | None) -> None:
        self.partitions[index].topic_id = topic_id

    @rule()
    def restart_broker(self) -> None:
        self.broker = FetchSessions(slots=1)

    @rule()
    def give_its_slot_to_another(self) -> None:
        self.broker.begin(AskedOfBroker(self.session._id, 0, {}, [], by_id=True), now_ms=0).settle([], now_ms=0)

    @rule(chosen=st.sets(st.sampled_from(INDEXES), min_size=1), fate=st.sampled_from(["", "", "", "unsent", "lost"]))
    def fetch(self, chosen: set[int], fate: str) -> None:
        due = [self.partitions[index] for index in sorted(chosen)]
        if self.ask(due, fate) in SESSION_ERRORS:
            self.session.lost()
            assert self.ask(due, "") == 0, "whoever names all partitions is not refused"

    def ask(self, due: list[Progress], fate: str) -> int:
        """Ask once; return the error code of the session."""
        asked = self.session.ask(due)
        if fate == "unsent":
            self.session.lost()
            return 0
        asked = asked._replace(by_id=asked.by_id and self.fetches_by_id)
        context = self.broker.begin(as_the_broker_reads(asked, due), now_ms=0)
        found = [Found(wanted, FetchedPartition(wanted.partition_index, 0), None) for wanted in context.wanted]
        settled = context.settle(found, now_ms=0)
        if settled.error_code:
            return int(settled.error_code)
        named = {(wanted.topic, *wanted[1:]) for wanted in context.wanted}
        assert named == {(key_of(each, asked), *wanted_of(each, asked)[1:]) for each in due}
        if fate == "lost":
            self.session.lost()
        else:
            self.session.answered(settled.session_id)
        return 0


def key_of(each: Progress, asked: Asked) -> str | UUID | None:
    return each.topic_id if asked.by_id else each.target.topic


def wanted_of(each: Progress, asked: Asked) -> Wanted:
    offset, leader_epoch, last_epoch, max_bytes = each.wanted
    key = key_of(each, asked)
    assert key is not None
    return Wanted(key, each.target.partition, offset, max_bytes, leader_epoch, last_epoch)


def as_the_broker_reads(asked: Asked, due: list[Progress]) -> AskedOfBroker:
    """Read a request's values as the handler of Fetch does."""
    values = fetch_values(asked, due, SETTINGS, isolation=0, max_wait=0.5)
    key = "topic_id" if asked.by_id else "topic"
    wanted: dict[PartitionKey, Wanted] = {}
    for topic in values["topics"]:
        for entry in topic["partitions"]:
            wanted[topic[key], entry["partition"]] = Wanted(
                topic[key], entry["partition"], entry["fetch_offset"], entry["partition_max_bytes"],
                entry["current_leader_epoch"], entry["last_fetched_epoch"],
            )  # fmt: skip
    forgotten = [(topic[key], index) for topic in values["forgotten_topics_data"] for index in topic["partitions"]]
    return AskedOfBroker(values["session_id"], values["session_epoch"], wanted, forgotten, asked.by_id)


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=50, stateful_step_count=20)


def test_a_topic_made_anew_is_fetched_from_a_broker_that_goes_by_names():
    session, broker = FetchSession(), FetchSessions(slots=1)
    due = [progress(0), progress(1, "bills")]
    for due[0].topic_id in IDS:
        asked = session.ask(due)._replace(by_id=False)  # Kafka 2.8 has ids in Metadata, and none in Fetch
        context = broker.begin(as_the_broker_reads(asked, due), now_ms=0)
        assert {wanted.partition_index for wanted in context.wanted} == {0, 1}
        found = [Found(wanted, FetchedPartition(wanted.partition_index, 0), None) for wanted in context.wanted]
        session.answered(context.settle(found, now_ms=0).session_id)


def sessions_of(consumer: gomq.Consumer) -> list[FetchSession]:
    assert consumer._intake._fetcher is not None
    return list(consumer._intake._fetcher._sources._sessions.values())


def fetching(consumer: gomq.Consumer) -> list[Progress]:
    assert consumer._intake._fetcher is not None
    return list(consumer._intake._fetcher._fetching.values())


async def test_partitions_of_which_nothing_changes_are_named_once(broker: gomq.Broker):
    async with gomq.Producer(broker.address) as producer:
        await producer.create_topic("orders", partitions=8)
        async with gomq.Consumer(broker.address, "orders", replay=True, settings=quick()) as consumer:
            for number in range(20):
                await producer.publish("orders", b"%d" % number, partition=number % 8)
                assert await take(consumer, 1) == [b"%d" % number]
            (session,) = sessions_of(consumer)
            assert session.is_begun
            consumer.pause(0)
            await producer.publish("orders", b"held", partition=0)
            await producer.publish("orders", b"not held", partition=1)
            assert await take(consumer, 1) == [b"not held"]
            consumer.resume(0)
            assert await take(consumer, 1) == [b"held"]


async def test_a_partition_that_an_answer_leaves_out_is_not_in_trouble(broker: gomq.Broker):
    async with gomq.Producer(broker.address) as producer:
        await producer.publish("orders", b"message")
    async with gomq.Consumer(broker.address, "orders", replay=True, settings=quick()) as consumer:
        assert await take(consumer, 1) == [b"message"]
        (each,) = fetching(consumer)
        for _ in range(2):
            each.failing_since = each.gone_since = 1.0  # as while its leader could not say where an epoch ended
            await until(lambda: each.failing_since is None and each.gone_since is None)


async def test_a_session_that_the_broker_has_forgotten_is_begun_anew_at_once(broker: gomq.Broker):
    assert broker._state is not None
    sessions = broker._state.fetch_sessions
    async with gomq.Producer(broker.address) as producer:
        await producer.create_topic("orders", partitions=2)
        async with gomq.Consumer(broker.address, "orders", replay=True, settings=quick()) as consumer:
            for number in range(3):
                await producer.publish("orders", b"%d" % number, partition=0)
                with anyio.fail_after(20):
                    assert await take(consumer, 1) == [b"%d" % number]
                await until(lambda: len(sessions))
                for session_id in list(sessions._by_id):
                    sessions._remove(session_id)
            assert all(each.failing_since is None for each in fetching(consumer))
