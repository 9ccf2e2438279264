"""Follow the producers through a log: their numbers, and what snapshots say. Kafka: ``ProducerStateManager``.

A producer numbers its records. In a log that nothing was taken out of, its batches follow each other without a gap;
brokers forget producers that were silent for long, so what a snapshot does not know is no damage.
"""

from collections.abc import Iterator
from typing import Final

from gomq_dump.findings import Complain, Finding, Problem
from gomq_storage.batch import BatchHeader
from gomq_storage.errors import InvalidProducerEpochError, OutOfOrderSequenceError
from gomq_storage.producers import (
    MAX_PRODUCERS,
    NO_COORDINATOR_EPOCH,
    NO_OFFSET,
    ActiveProducer,
    AppendedBatch,
    Producers,
)

_OF_LAST_BATCH: Final = ("last_offset", "last_sequence", "offset_delta")


class ProducerCheck:
    """The producers of one log.

    Args:
        start: the offset at which the log begins.
        known: what a snapshot of that offset tells; None where there is none.
    """

    def __init__(self, start: int, known: Producers | None) -> None:
        self.is_complete: bool = known is not None or start == 0
        """Whether nothing is missing that the producers wrote; else numbers may be missing."""
        self.producers: Producers = known or Producers(end=start)
        self._start = start
        self._has_gaps = False

    def doubt(self) -> None:
        """Something in the log is missing, be it damaged or compacted."""
        self.is_complete = False
        self._has_gaps = True

    def meet(self, position: int, header: BatchHeader, complain: Complain, coordinator_epoch: int | None) -> None:
        """Go on with a batch of a producer."""
        if not header.is_control and header.base_sequence >= 0 and not self._has_gaps:
            finding = self._check(position, header)
            if finding is not None:
                complain(finding)
        self.producers.note(header, coordinator_epoch=coordinator_epoch)
        self.producers.transactions.first_unstable(header.next_offset)  # what is decided need not be remembered

    def compare(self, snapshot: Producers, complain: Complain) -> None:
        """Compare with a snapshot of the offset that the walk has come to."""
        true = {each.producer_id: each for each in self.producers.active()}
        for told in snapshot.active():
            known = true.pop(told.producer_id, None)
            finding = self._compare_unknown(told) if known is None else self._compare_known(known, told)
            if finding is not None:
                complain(finding)
        if self._knows_all:
            for missing in true.values():
                if missing.txn_first_offset >= 0:
                    complain(_finding(missing, "the open transaction from", missing.txn_first_offset, None))

    @property
    def _knows_all(self) -> bool:
        """Whether every producer is known that has a batch in the log; when there are many, some are forgotten."""
        return not self._has_gaps and len(self.producers) < MAX_PRODUCERS // 2

    def _check(self, position: int, header: BatchHeader) -> Finding | None:
        try:
            known = self.producers.check(header)
        except InvalidProducerEpochError as error:
            message = f"producer {header.producer_id} goes back to an older epoch"
            return Finding(
                problem=Problem.PRODUCER_EPOCH, position=position, message=message,
                expected=f"at least {error.current}", found=error.epoch,
            )  # fmt: skip
        except OutOfOrderSequenceError as error:
            # Clients before KIP-360 begin again where the broker has forgotten them. And of what lies in front of a
            # producer's first marker nothing is known.
            if header.base_sequence == 0 or (error.expected == 0 and not self.is_complete):
                return None
            message = f"a batch of producer {header.producer_id} does not go on where its last one ended"
            return Finding(
                problem=Problem.SEQUENCE, position=position, message=f"{message}: base sequence",
                expected=error.expected, found=error.sequence,
            )  # fmt: skip
        return None if known is None else _duplicate(position, header, known)

    def _compare_unknown(self, told: ActiveProducer) -> Finding | None:
        """Say what is wrong with a producer of which the log in front of the snapshot has nothing."""
        if told.last_offset >= (0 if self.is_complete else self._start) and self._knows_all:
            return _finding(told, "the log has no batch of its that ends at", None, told.last_offset)
        return None

    def _compare_known(self, true: ActiveProducer, told: ActiveProducer) -> Finding | None:
        if told.last_offset == NO_OFFSET or (told.last_offset > true.last_offset and self._has_gaps):
            return None  # the producer had been forgotten, or its last batch was compacted
        for name in _OF_LAST_BATCH if self._has_gaps else self._comparable(true, told):
            expected, found = getattr(true, name), getattr(told, name)
            if expected != found:
                return _finding(told, f"its {name.replace('_', ' ')}", expected, found)
        return None

    def _comparable(self, true: ActiveProducer, told: ActiveProducer) -> Iterator[str]:
        """Name the fields of a snapshot's entry that must be what the log says, in which nothing is missing."""
        yield from (*_OF_LAST_BATCH, "epoch")
        if self.is_complete or true.txn_first_offset >= 0:
            yield "txn_first_offset"
        if self.is_complete and told.coordinator_epoch != NO_COORDINATOR_EPOCH:
            yield "coordinator_epoch"


def _finding(producer: ActiveProducer, what: str, expected: int | None, found: int | None) -> Finding:
    message = f"producer {producer.producer_id}: {what}"
    return Finding(problem=Problem.SNAPSHOT, position=0, message=message, expected=expected, found=found)


def _duplicate(position: int, header: BatchHeader, known: AppendedBatch) -> Finding:
    message = f"a batch of producer {header.producer_id} is there for the second time; the first is at offset"
    return Finding(problem=Problem.SEQUENCE, position=position, message=message, found=known.base_offset)
