"""What a log knows of its idempotent producers: may this batch be appended, or is it there already?

Kafka: ``ProducerStateManager`` has the producers of one log, ``ProducerStateEntry`` is one of them and
``ProducerAppendInfo`` decides. An idempotent producer numbers its records, for each partition anew, and sends a batch
again when it hears no answer. So the log keeps each producer's last five batches, as many as it may have under way: a
batch with the numbers of one of these is a duplicate, and one that leaves a gap must wait for what came before it.

Numbers go from 0 to 2^31 - 1 and start again at 0. What is known follows from the batches in the log; a snapshot
(``producer_snapshot.py``) only saves reading all of them. Transactions are not coordinated here, but logs that Kafka
wrote have some, and where one began must not be lost.

No clock, no file, no lock: one thread at a time. Who needs the producers elsewhere takes ``active()`` there.
"""

from collections import deque
from collections.abc import Iterable
from typing import Final, NamedTuple, Self

from gomq_storage.batch import NO_PRODUCER_ID, NO_TIMESTAMP, BatchHeader
from gomq_storage.errors import InvalidProducerEpochError, OutOfOrderSequenceError
from gomq_storage.open_transactions import OpenTransactions

NO_PRODUCER_EPOCH: Final = -1
NO_SEQUENCE: Final = -1
NO_OFFSET: Final = -1
NO_COORDINATOR_EPOCH: Final = -1
MAX_SEQUENCE: Final = 2**31 - 1
REMEMBERED_BATCHES: Final = 5
"""Batches of a producer in which a duplicate is looked for. Kafka: ``NUM_BATCHES_TO_RETAIN``."""
MAX_PRODUCERS: Final = 10_000
"""Producers that one log remembers, some megabytes. Kafka has no such bound, and a client may make up any id."""
_FORGOTTEN_AT_ONCE: Final = MAX_PRODUCERS // 10


class AppendedBatch(NamedTuple):
    """A batch of a producer that is in the log."""

    base_offset: int
    last_offset: int
    timestamp: int
    """The largest of its records, ms."""
    base_sequence: int
    last_sequence: int


class ActiveProducer(NamedTuple):
    """All that outlives a restart of one producer; the fields of a snapshot's entry, in their order."""

    producer_id: int
    epoch: int
    """-1 where only a marker without a transaction was seen."""
    last_sequence: int
    """-1 where no batch of this epoch was seen."""
    last_offset: int
    """Of the last record in the producer's last batch, never a marker's; -1 for none."""
    offset_delta: int
    """From the first to the last record of that batch."""
    last_timestamp: int
    """The largest of the last batch, or the last marker's, ms; -1 for none."""
    coordinator_epoch: int
    """Of the transaction coordinator that wrote the last marker; -1 for none."""
    txn_first_offset: int
    """Where the open transaction begins; -1 where none is open."""


class _State:
    """One producer."""

    __slots__ = ("batches", "coordinator_epoch", "epoch", "expected", "last_timestamp", "txn_first_offset")

    def __init__(self) -> None:
        self.epoch = NO_PRODUCER_EPOCH
        self.batches: deque[AppendedBatch] = deque(maxlen=REMEMBERED_BATCHES)
        self.expected = 0
        """The number that the next batch of this epoch must start with."""
        self.last_timestamp = NO_TIMESTAMP
        self.coordinator_epoch = NO_COORDINATOR_EPOCH
        self.txn_first_offset = NO_OFFSET


_UNKNOWN: Final = _State()


class Producers:
    """The producers of one log, as its batches up to ``end`` tell.

    Args:
        end: where the log begins that ``note`` will be told about.
    """

    def __init__(self, *, end: int = 0) -> None:
        self.end: int = end
        """Offset up to which the log has been taken account of. Kafka: ``mapEndOffset``."""
        self.transactions: OpenTransactions = OpenTransactions()
        """Where those begin that are not decided."""
        self._states: dict[int, _State] = {}

    @classmethod
    def restored(cls, producers: Iterable[ActiveProducer], *, end: int) -> Self:
        """Make again what ``active`` told; of a producer's batches only the last is known then, as in Kafka."""
        made = cls(end=end)
        known = tuple(producers)
        made._states = {producer.producer_id: _restored(producer) for producer in known}
        made.transactions = OpenTransactions(each.txn_first_offset for each in known if each.txn_first_offset >= 0)
        made.transactions.were_any |= any(each.coordinator_epoch >= 0 for each in known)
        made._forget_oldest(len(made._states) - MAX_PRODUCERS)
        return made

    def __len__(self) -> int:
        return len(self._states)

    def check(self, header: BatchHeader) -> AppendedBatch | None:
        """Decide whether a batch that a client sent may be appended: what Kafka 4.3 decides, in its order.

        ``ProducerStateEntry.findDuplicateBatch``: it is a duplicate if its epoch, first and last sequence number are
        those of one of the last five. ``ProducerAppendInfo.checkProducerEpoch``: an older epoch is refused.
        ``ProducerAppendInfo.checkSequence``: it must start with the number behind the last; in a new epoch, or when
        of this epoch only a marker is known, with 0. From a producer that is not known, or no longer, any number is
        taken: what it wrote before may have been deleted.

        Not here: that batches in a transaction are verified with its coordinator, and that nothing else comes
        between them.

        Args:
            header: has a producer id and a base sequence of at least 0, and is no control batch.

        Returns:
            None: append it, then ``note`` it. Else the batch whose duplicate it is: answer with its offsets.

        Raises:
            InvalidProducerEpochError: another producer of that id has begun a newer epoch.
            OutOfOrderSequenceError: batches before this one are missing, or it is a duplicate of a forgotten one.
        """
        state = self._states.get(header.producer_id, _UNKNOWN)
        epoch, sequence, expected = header.producer_epoch, header.base_sequence, 0
        if epoch == state.epoch:
            last_sequence = (sequence + header.last_offset_delta) & MAX_SEQUENCE
            for batch in state.batches:
                if batch.base_sequence == sequence and batch.last_sequence == last_sequence:
                    return batch
            expected = state.expected
        elif epoch < state.epoch:
            raise InvalidProducerEpochError(header.producer_id, epoch=epoch, current=state.epoch)
        if sequence != expected and state.epoch != NO_PRODUCER_EPOCH:
            raise OutOfOrderSequenceError(header.producer_id, sequence=sequence, expected=expected)
        return None

    def note(self, header: BatchHeader, *, coordinator_epoch: int | None = None) -> None:
        """Take account of a batch that is in the log, whatever ``check`` would say of it.

        Kafka: ``ProducerAppendInfo.append`` with the origin ``REPLICATION``. A control batch ends the producer's
        transaction and may begin a new epoch; it has no sequence numbers. An empty one, all that compaction left of
        a transaction, says nothing.

        Args:
            header: with its final base offset; without a producer id it only moves ``end``.
            coordinator_epoch: the one inside a control batch's record; None keeps what is known.
        """
        base_offset, delta, producer_id = header.base_offset, header.last_offset_delta, header.producer_id
        self.end = base_offset + delta + 1
        if producer_id <= NO_PRODUCER_ID:
            return
        state = self._states.get(producer_id) or self._add(producer_id)
        if header.attributes & 0b11_0000:
            if header.is_control:
                if header.record_count:
                    self.transactions.end(state.txn_first_offset, header.last_offset)
                    _note_marker(state, header, coordinator_epoch)
                return
            if state.txn_first_offset < 0:
                state.txn_first_offset = base_offset
                self.transactions.begin(base_offset)
        if header.producer_epoch != state.epoch:
            state.epoch = header.producer_epoch
            state.batches.clear()
        sequence, timestamp = header.base_sequence, header.max_timestamp
        # The group coordinator's batches, in a transaction, have no numbers.
        last_sequence = (sequence + delta) & MAX_SEQUENCE if sequence >= 0 else NO_SEQUENCE
        batch = (base_offset, base_offset + delta, timestamp, sequence, last_sequence)
        state.batches.append(tuple.__new__(AppendedBatch, batch))  # half the time of the named tuple's own way
        state.expected = (last_sequence + 1) & MAX_SEQUENCE
        state.last_timestamp = timestamp

    def recall(self, headers: Iterable[BatchHeader]) -> None:
        """Learn again of batches that a snapshot does not tell of, but its last one of each producer.

        Kafka does without: there a producer that sends again what was on its way when the broker stopped may hear
        that it is out of order.

        Args:
            headers: of batches in the log, in its order; those that are known already are passed over.
        """
        earlier: dict[int, list[AppendedBatch]] = {}
        for header in headers:
            state = self._states.get(header.producer_id, _UNKNOWN)
            if not state.batches or header.producer_epoch != state.epoch or header.base_sequence < 0:
                continue
            if header.last_offset < state.batches[0].base_offset:
                last_sequence = (header.base_sequence + header.last_offset_delta) & MAX_SEQUENCE
                numbers = (header.max_timestamp, header.base_sequence, last_sequence)
                batch = AppendedBatch(header.base_offset, header.last_offset, *numbers)
                earlier.setdefault(header.producer_id, []).append(batch)
        for producer_id, batches in earlier.items():
            state = self._states[producer_id]
            state.batches = deque((*batches, *state.batches), maxlen=REMEMBERED_BATCHES)

    def active(self) -> list[ActiveProducer]:
        """List the producers that are known; a copy."""
        return [_active(producer_id, state) for producer_id, state in self._states.items()]

    def expire(self, *, now_ms: int, expiration_ms: int) -> int:
        """Forget producers that wrote nothing for so long, and say how many. Kafka: ``removeExpiredProducers``.

        One with an open transaction stays. A snapshot may hold producers that have expired since: call this after
        loading one.

        Args:
            now_ms: the time, which is compared with the batches' own timestamps.
            expiration_ms: ``producer.id.expiration.ms``; Kafka's default is a day.
        """
        expired = [
            producer_id
            for producer_id, state in self._states.items()
            if state.txn_first_offset < 0 and now_ms - state.last_timestamp >= expiration_ms
        ]
        for producer_id in expired:
            del self._states[producer_id]
        return len(expired)

    def _add(self, producer_id: int) -> _State:
        if len(self._states) >= MAX_PRODUCERS:
            self._forget_oldest(_FORGOTTEN_AT_ONCE)  # so many that the sorting does not matter to each of them
        state = self._states[producer_id] = _State()
        return state

    def _forget_oldest(self, count: int) -> None:
        """Drop the producers that were silent for the longest time; last of all those with an open transaction."""
        if count <= 0:
            return
        ages = sorted((state.txn_first_offset >= 0, state.last_timestamp, key) for key, state in self._states.items())
        for _, _, producer_id in ages[:count]:
            self.transactions.forget(self._states.pop(producer_id).txn_first_offset)


def _note_marker(state: _State, header: BatchHeader, coordinator_epoch: int | None) -> None:
    if header.producer_epoch != state.epoch:
        state.epoch = header.producer_epoch
        state.batches.clear()
        state.expected = 0
    if coordinator_epoch is not None:
        state.coordinator_epoch = coordinator_epoch
    state.last_timestamp = header.max_timestamp
    state.txn_first_offset = NO_OFFSET


def _active(producer_id: int, state: _State) -> ActiveProducer:
    last = state.batches[-1] if state.batches else None
    return ActiveProducer(
        producer_id,
        state.epoch,
        NO_SEQUENCE if last is None else last.last_sequence,
        NO_OFFSET if last is None else last.last_offset,
        0 if last is None else last.last_offset - last.base_offset,
        state.last_timestamp,
        state.coordinator_epoch,
        state.txn_first_offset,
    )


def _restored(producer: ActiveProducer) -> _State:
    state = _State()
    state.epoch = producer.epoch
    state.last_timestamp = producer.last_timestamp
    state.coordinator_epoch = producer.coordinator_epoch
    state.txn_first_offset = producer.txn_first_offset
    last_offset, last_sequence, delta = producer.last_offset, producer.last_sequence, producer.offset_delta
    if last_offset >= 0:
        base_sequence = (last_sequence - delta) & MAX_SEQUENCE if last_sequence >= 0 else NO_SEQUENCE
        batch = (last_offset - delta, last_offset, producer.last_timestamp, base_sequence, last_sequence)
        state.batches.append(AppendedBatch(*batch))
        state.expected = (last_sequence + 1) & MAX_SEQUENCE
    return state
