"""Who numbers the batches: what a broker knows an idempotent producer by (KIP-98). Values only."""

from typing import Final, NamedTuple

NO_SEQUENCE: Final = -1
MAX_SEQUENCE: Final = 2**31 - 1
MAX_EPOCH: Final = 2**15 - 1


class Identity(NamedTuple):
    """A producer id that a broker gave, and the epoch in which it is used."""

    producer_id: int
    epoch: int

    def bumped(self) -> "Identity | None":
        """Return the next epoch, in which numbers start at 0 again; None when there is none (KIP-360)."""
        return Identity(self.producer_id, self.epoch + 1) if self.epoch < MAX_EPOCH else None


NO_IDENTITY: Final = Identity(-1, -1)


def sequence_behind(sequence: int, count: int) -> int:
    """Return the number behind so many records; after 2^31 - 1 comes 0. Kafka: ``incrementSequence``."""
    return (sequence + count) & MAX_SEQUENCE
