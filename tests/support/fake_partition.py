"""A partition of a fake cluster: its batches in memory, who leads it, and what it says of offsets and epochs."""

from dataclasses import dataclass, field
from typing import Any

import anyio

from gomq_storage.batch import MAGIC, MAGIC_POSITION, read_header, stamp, walk
from gomq_storage.errors import InvalidProducerEpochError, OutOfOrderSequenceError
from gomq_storage.producers import Producers
from gomq_storage.record import Record, decode_batch

FENCED_LEADER_EPOCH = 74
UNKNOWN_LEADER_EPOCH = 75
OUT_OF_ORDER_SEQUENCE = 45
INVALID_PRODUCER_EPOCH = 47


@dataclass
class Partition:
    """Batches of one partition, and who leads it; -1 for nobody."""

    leader: int = 1
    start: int = 0
    end: int = 0
    batches: list[tuple[int, bytes]] = field(default_factory=list)
    """Offset behind each batch, and the batch."""
    epoch: int = 0
    """The leader's, and that of batches that are appended."""
    aborted: list[tuple[int, int]] = field(default_factory=list)
    """Producer and first offset of aborted transactions."""
    last_stable: int | None = None
    """Where the first open transaction begins; None for the end."""
    nearer: dict[str, int] = field(default_factory=dict)
    """The node that the leader names to consumers of a rack."""
    appended: anyio.Event = field(default_factory=anyio.Event)
    producers: Producers = field(default_factory=Producers)

    def produce(self, data: bytes) -> tuple[int, int]:
        """Store a producer's batches unless they are there already; return an error code and the first offset."""
        base = self.end
        for position, header in walk(data):
            if header.producer_id >= 0:
                try:
                    known = self.producers.check(header)
                except OutOfOrderSequenceError:
                    return OUT_OF_ORDER_SEQUENCE, -1
                except InvalidProducerEpochError:
                    return INVALID_PRODUCER_EPOCH, -1
                if known is not None:
                    return 0, known.base_offset
            self.append(data[position : position + header.size])
        return 0, base

    def append(self, data: bytes) -> int:
        """Store batches as they are, with offsets of their own, and return the first."""
        base = self.end
        for position, header in walk(data):
            batch = data[position : position + header.size]
            batch = stamp(header, base_offset=self.end, leader_epoch=self.epoch) + batch[16:]
            self.store(batch)
            self.producers.note(read_header(batch))
        return base

    def store(self, batch: bytes) -> None:
        """Store one batch at the offset it names."""
        self.end = read_header(batch).next_offset
        self.batches.append((self.end, batch))
        self.appended.set()
        self.appended = anyio.Event()

    def read(self, offset: int, max_bytes: int, until: int) -> bytes:
        """Whole batches from the one on that holds the offset, at least one."""
        found = b""
        for end, batch in self.batches:
            if offset < end <= until and (not found or len(found) + len(batch) <= max_bytes):
                found += batch
        return found

    def cut(self, offset: int) -> None:
        """Take away the batches from an offset on, which one of them begins with."""
        self.batches = [each for each in self.batches if each[0] <= offset]
        self.end = offset

    def end_of(self, epoch: int) -> tuple[int, int]:
        """The largest epoch up to one, and where it ends; -1 and -1 for none, and behind the leader's own."""
        if epoch > self.epoch:
            return -1, -1
        headers = [read_header(batch) for _, batch in self.batches if batch[MAGIC_POSITION] == MAGIC]
        epochs = [header.leader_epoch for header in headers if header.leader_epoch <= epoch]
        later = [header.base_offset for header in headers if header.leader_epoch > epoch]
        return (max(epochs), min(later, default=self.end)) if epochs else (-1, -1)

    def stable(self, isolation: int) -> int:
        """The end that a consumer sees."""
        return self.end if self.last_stable is None or not isolation else self.last_stable

    def find(self, timestamp: int, end: int) -> int:
        """The first offset at or after a time, -1 for none; the start for -2, the end for -1."""
        if timestamp < 0:
            return self.start if timestamp == -2 else end
        return next((record.offset for record in self.records() if record.timestamp >= timestamp), -1)

    def records(self) -> list[Record]:
        return [record for _, batch in self.batches for record in decode_batch(batch, read_header(batch))]


def epoch_problem(partition: Partition, believed: int) -> int:
    if believed in (-1, partition.epoch):
        return 0
    return FENCED_LEADER_EPOCH if believed < partition.epoch else UNKNOWN_LEADER_EPOCH


def divergence(partition: Partition, wanted: Any) -> dict[str, int] | None:
    """Where the log leaves what a fetch goes on from (KIP-595)."""
    last = getattr(wanted, "last_fetched_epoch", -1)
    if last < 0:
        return None
    epoch, end = partition.end_of(last)
    return {"epoch": epoch, "end_offset": end} if epoch < last or end < wanted.fetch_offset else None
