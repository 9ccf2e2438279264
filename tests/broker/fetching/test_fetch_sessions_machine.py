"""Fetch sessions against a model of lists that does what KIP-227 and Kafka's ``FetchSession.scala`` say."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from kio.schema.errors import ErrorCode

from gomq.broker.fetching.sessions import Asked, Context, FetchSessions, Settled
from gomq.broker.fetching.values import Found, PartitionKey, Wanted
from gomq.protocol.fetch import FetchedPartition
from tests.support.fetching import RECORDS

SLOTS = 2
EVICTION_MS = 10
NAMES = [("a", 0), ("a", 1), ("b", 0)]
IDS = [(UUID(int=number + 1), 0) for number in range(3)]
KEYS = st.lists(st.integers(0, 2), unique=True, max_size=3)
MOSTLY = st.sampled_from([True, True, True, False])
NOT_FOUND, WRONG_EPOCH, WRONG_TOPICS = 70, 71, 106


@dataclass
class ModelSession:
    """One session: its partitions in their order, and what its client was told of each."""

    id: int
    by_id: bool
    created: int
    used: int
    epoch: int = 1
    partitions: list[PartitionKey] = field(default_factory=list)
    wanted: dict[PartitionKey, Wanted] = field(default_factory=dict)
    told: dict[PartitionKey, tuple[int, int]] = field(default_factory=dict)
    counted: int = 0
    was_old: bool = False


@dataclass
class Pending:
    """A request that is not answered yet."""

    context: Context
    wanted: list[Wanted]
    kind: str
    session: ModelSession | None = None
    epoch: int = 0
    by_id: bool = False


class SessionsMachine(RuleBasedStateMachine):
    """Clients that begin sessions, go on with them well or badly, leave them; partitions in which things happen."""

    def __init__(self) -> None:
        super().__init__()
        draws = iter(range(10_000))  # no id comes back, so that it tells which session had to go
        self.sessions = FetchSessions(slots=SLOTS, eviction_ms=EVICTION_MS, draw=lambda _: next(draws))
        self.model: list[ModelSession] = []
        self.partitions = {key: [0, 0, 0, False] for key in (*NAMES, *IDS)}  # end, start, error, whether it has records
        self.pending: list[Pending] = []
        self.used_ids: set[int] = set()
        self.now = 0
        self.offset = 0

    @rule(ms=st.integers(0, 7))
    def pass_time(self, ms: int) -> None:
        self.now += ms

    @rule(
        key=st.sampled_from([*NAMES, *IDS]),
        end=st.integers(0, 3), start=st.integers(0, 1), error=st.sampled_from([0, 0, 1]), has_records=st.booleans(),
    )  # fmt: skip
    def change(self, key: PartitionKey, end: int, start: int, error: int, has_records: bool) -> None:
        self.partitions[key] = [end, start, error, has_records and not error]

    @rule(
        by_id=st.sampled_from([False, False, True]), keys=KEYS, epoch=st.sampled_from([0, 0, 0, -1]),
        other=st.integers(0, 3 * SLOTS), at_once=MOSTLY,
    )  # fmt: skip
    def fetch_all(self, by_id: bool, keys: list[int], epoch: int, other: int, at_once: bool) -> None:
        """A full fetch, which ends the session it names, if it names one."""
        session_id = self.model[other].id if other < len(self.model) else 0
        self.model = [session for session in self.model if session.id != session_id]
        wanted = self.wanted(by_id, keys)
        context = self.sessions.begin(Asked(session_id, epoch, wanted, (), by_id), self.now)
        kind = "full" if epoch == 0 else "none"
        self.take(Pending(context, list(wanted.values()), kind, by_id=by_id), at_once=at_once)

    @precondition(lambda self: self.model)
    @rule(
        which=st.integers(0, SLOTS), keys=KEYS, forgotten=st.just([]) | KEYS,
        epoch=st.sampled_from([0] * 8 + [-1, 1]), is_same_kind=st.sampled_from([True] * 8 + [False]), at_once=MOSTLY,
    )  # fmt: skip
    def go_on(
        self, which: int, keys: list[int], forgotten: list[int], epoch: int, is_same_kind: bool, at_once: bool
    ) -> None:
        """An incremental fetch, perhaps with an epoch that was, or is not yet; or naming topics the other way."""
        session = self.model[which % len(self.model)]
        asked_epoch = session.epoch + epoch
        if asked_epoch < 1:
            return
        by_id = session.by_id is is_same_kind
        wanted = self.wanted(by_id, keys)
        gone = [self.key(by_id, number) for number in forgotten]
        context = self.sessions.begin(Asked(session.id, asked_epoch, wanted, gone, by_id), self.now)
        if epoch:
            assert (context.error_code, context.wanted) == (WRONG_EPOCH, ())
        elif not is_same_kind:
            assert (context.error_code, context.wanted) == (WRONG_TOPICS, ())
        else:
            self.take(self.gone_on(context, session, wanted, gone), at_once=at_once)

    def gone_on(
        self, context: Context, session: ModelSession, wanted: dict[PartitionKey, Wanted], gone: list[PartitionKey]
    ) -> Pending:
        for key, each in wanted.items():
            if key not in session.partitions:
                session.partitions.append(key)
                session.told[key] = (-1, -1)
            session.wanted[key] = each
        session.partitions = [key for key in session.partitions if key not in gone]
        session.epoch += 1
        if not session.partitions:
            self.model.remove(session)
            return Pending(context, list(wanted.values()), "none")
        session.used, session.counted = self.now, len(session.partitions)
        session.was_old = self.now - session.created > EVICTION_MS
        return Pending(context, [session.wanted[key] for key in session.partitions], "part", session, session.epoch)

    @rule(session_id=st.sampled_from([0, -1, 5_000, 2**31 - 1, -(2**31)]), epoch=st.sampled_from([1, 2, -2, 2**31 - 1]))
    def go_on_with_nothing(self, session_id: int, epoch: int) -> None:
        context = self.sessions.begin(Asked(session_id, epoch, {}, (), by_id=False), self.now)
        assert (context.error_code, context.wanted) == (NOT_FOUND, ())

    @precondition(lambda self: self.pending)
    @rule(which=st.integers(0, 5))
    def answer(self, which: int) -> None:
        """Answer a request that waits; others of its session may have come meanwhile."""
        self.settle(self.pending.pop(which % len(self.pending)))

    def take(self, pending: Pending, *, at_once: bool) -> None:
        if at_once:
            self.settle(pending)
        else:
            self.pending.append(pending)

    def settle(self, pending: Pending) -> None:
        assert list(pending.context.wanted) == pending.wanted
        found = [self.found(each) for each in pending.wanted]
        settled = pending.context.settle(found, self.now)
        if pending.kind == "none":
            assert settled == Settled(0, 0, found)
        elif pending.kind == "full":
            self.check_created(settled, found, by_id=pending.by_id)
        else:
            assert pending.session is not None
            assert settled == self.expected(pending.session, pending.epoch, found)

    def check_created(self, settled: Settled, found: list[Found], *, by_id: bool) -> None:
        assert (settled.error_code, list(settled.found)) == (0, found)
        if not self.has_slot(len(found)):
            assert settled.session_id == 0
            return
        assert settled.session_id > 0
        assert settled.session_id not in {session.id for session in self.model}
        session = ModelSession(settled.session_id, by_id, self.now, self.now, counted=len(found))
        for each in found:
            key = (each.wanted.topic, each.wanted.partition_index)
            session.partitions.append(key)
            session.wanted[key] = each.wanted
            session.told[key] = (each.result.high_watermark, each.result.log_start_offset)
        self.model.append(session)

    def has_slot(self, size: int) -> bool:
        """Whether there is room for a new session, making it."""
        if len(self.model) < SLOTS:
            return True
        longest = min(session.used for session in self.model)
        if self.now - longest > EVICTION_MS:
            stale = [session for session in self.model if session.used == longest]
            gone = next(session for session in stale if session.id not in self.known_ids())
        else:
            old = [session for session in self.model if session.was_old]
            if not old or size <= min(session.counted for session in old):
                return False
            gone = min(old, key=lambda session: (session.counted, session.id))
        self.model.remove(gone)
        return True

    def known_ids(self) -> set[int]:
        """Ids of the sessions that are still there, which tells which of several that are as stale had to go."""
        return set(self.sessions._by_id)

    def expected(self, session: ModelSession, epoch: int, found: list[Found]) -> Settled:
        if session.epoch != epoch:
            return Settled(ErrorCode.invalid_fetch_session_epoch, session.id, ())
        news = []
        for each in found:
            key, result = (each.wanted.topic, each.wanted.partition_index), each.result
            now = (result.high_watermark, result.log_start_offset)
            if each.records is not None:
                session.partitions.remove(key)
                session.partitions.append(key)
            if each.records is not None or result.error_code or now != session.told[key]:
                news.append(each)
            session.told[key] = now
        return Settled(0, session.id, news)

    def key(self, by_id: bool, number: int) -> PartitionKey:
        return (IDS if by_id else NAMES)[number]

    def wanted(self, by_id: bool, numbers: list[int]) -> dict[PartitionKey, Wanted]:
        self.offset += 1
        return {key: Wanted(*key, self.offset, 100) for key in (self.key(by_id, number) for number in numbers)}

    def found(self, wanted: Wanted) -> Found:
        end, start, error, has_records = self.partitions[wanted.topic, wanted.partition_index]
        result: Any = FetchedPartition(wanted.partition_index, error, *((-1, -1, -1) if error else (end, end, start)))
        return Found(wanted, result, RECORDS if has_records else None)

    @invariant()
    def there_are_as_many_sessions_and_partitions_as_in_the_model(self) -> None:
        assert self.known_ids() == {session.id for session in self.model}
        assert self.sessions.partition_count == sum(session.counted for session in self.model)


TestSessions = SessionsMachine.TestCase
TestSessions.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
