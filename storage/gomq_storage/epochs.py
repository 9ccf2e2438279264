"""Which leader epoch began at which offset of a log. Kafka: ``LeaderEpochFileCache``, ``LeaderEpochCheckpointFile``.

Each leader of a partition has an epoch, a number that grows, and stamps its batches with it. So an epoch and an
offset together tell whether two logs, or a log and a consumer, agree up to there (KIP-101, KIP-320).

Epochs and start offsets both ascend strictly. An epoch ends where the next one starts. Nothing is written here: the
owner writes ``encode`` to the log's ``leader-epoch-checkpoint``, whose lines are epoch and start offset.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from itertools import pairwise
from operator import attrgetter
from typing import Final, NamedTuple

from gomq_storage.batch import NO_LEADER_EPOCH
from gomq_storage.checkpoint_text import decode_rows, encode_rows, read_number
from gomq_storage.errors import CorruptFileError
from gomq_storage.layout import MAX_OFFSET

MAX_EPOCH: Final = 2**31 - 1


class EpochStart(NamedTuple):
    """An epoch, and the offset of its first record."""

    epoch: int
    start_offset: int


class EpochEnd(NamedTuple):
    """An epoch, and the offset behind its last record."""

    epoch: int
    end_offset: int


UNDEFINED: Final = EpochEnd(NO_LEADER_EPOCH, -1)
"""The answer where an epoch is not known."""

_epoch = attrgetter("epoch")
_start_offset = attrgetter("start_offset")


class LeaderEpochs:
    """The epochs of one log.

    One thread changes them; others may read at the same time, and find them as they were before a change or after.

    Args:
        entries: assigned one behind the other.
    """

    def __init__(self, entries: Iterable[EpochStart] = ()) -> None:
        self._entries: tuple[EpochStart, ...] = ()  # replaced, never changed
        for epoch, start_offset in entries:
            self.assign(epoch, start_offset)

    @property
    def entries(self) -> tuple[EpochStart, ...]:
        """All epochs and where they start, oldest first."""
        return self._entries

    @property
    def latest(self) -> int:
        """The newest epoch, or ``NO_LEADER_EPOCH``."""
        entries = self._entries
        return entries[-1].epoch if entries else NO_LEADER_EPOCH

    def assign(self, epoch: int, start_offset: int) -> bool:
        """Let an epoch begin at an offset, and forget all that does not come before both; say if that changed a thing.

        The newest epoch stays as it is, unless it is to start earlier.

        Raises:
            ValueError: there are no such epochs or offsets.
        """
        if not 0 <= epoch <= MAX_EPOCH or not 0 <= start_offset <= MAX_OFFSET:
            raise ValueError(f"epoch {epoch} cannot start at offset {start_offset}")
        entries = self._entries
        if entries and entries[-1].epoch == epoch and entries[-1].start_offset <= start_offset:
            return False
        kept = min(
            bisect_left(entries, epoch, key=_epoch),
            bisect_left(entries, start_offset, key=_start_offset),
        )
        self._entries = (*entries[:kept], EpochStart(epoch, start_offset))
        return True

    def observe(self, epoch: int, first_offset: int, last_offset: int) -> None:
        """Take account of a batch in the log: what was known of its offsets may be of batches that were cut off."""
        if epoch == NO_LEADER_EPOCH:
            return
        entries = self._entries
        begun = bisect_right(entries, first_offset, key=_start_offset)
        if begun and entries[begun - 1].epoch == epoch:  # a batch is of one epoch
            self._entries = entries[:begun] + entries[bisect_right(entries, last_offset, key=_start_offset) :]
            return
        kept = entries[: min(begun, bisect_right(entries, epoch, key=_epoch))]
        if kept and kept[-1].epoch == epoch:
            self._entries = kept
        else:
            self._entries = (
                *(each for each in kept if each.start_offset < first_offset),
                EpochStart(epoch, first_offset),
            )

    def end_of(self, epoch: int, *, log_end: int) -> EpochEnd:
        """Find the last epoch up to the given one, and where it ends.

        Returns:
            for the newest epoch, ``log_end``; for one older than all that are known, itself and where those start;
            ``UNDEFINED`` for a newer one, for none, and where nothing is known.
        """
        entries = self._entries
        if epoch == NO_LEADER_EPOCH or not entries or epoch > entries[-1].epoch:
            return UNDEFINED
        following = bisect_right(entries, epoch, key=_epoch)
        if following == len(entries):
            return EpochEnd(epoch, log_end)
        found = entries[following - 1].epoch if following else epoch
        return EpochEnd(found, entries[following].start_offset)

    def at(self, offset: int) -> int:
        """Say in which epoch an offset was or will be written; ``NO_LEADER_EPOCH`` where that is not known."""
        entries = self._entries
        following = bisect_right(entries, offset, key=_start_offset)
        return entries[following - 1].epoch if following else NO_LEADER_EPOCH

    def before(self, offset: int) -> "LeaderEpochs":
        """Make another with those that start before an offset."""
        epochs = LeaderEpochs()
        epochs._entries = self._entries[: bisect_left(self._entries, offset, key=_start_offset)]
        return epochs

    def cut_end(self, offset: int) -> bool:
        """Forget the epochs that start at an offset or behind it; say whether there were any."""
        entries = self._entries
        kept = bisect_left(entries, offset, key=_start_offset)
        if offset < 0 or kept == len(entries):
            return False
        self._entries = entries[:kept]
        return True

    def cut_start(self, offset: int) -> bool:
        """Forget what was before an offset: the epoch it is in starts there now. Say whether that changed a thing."""
        entries = self._entries
        following = bisect_right(entries, offset, key=_start_offset)
        if following == 0 or entries[0].start_offset == offset:
            return False
        self._entries = (EpochStart(entries[following - 1].epoch, offset), *entries[following:])
        return True

    def encode(self) -> bytes:
        """Write the content of a ``leader-epoch-checkpoint``."""
        return encode_rows(self._entries)

    @classmethod
    def decode(cls, data: bytes) -> "LeaderEpochs":
        """Read the content of a ``leader-epoch-checkpoint``.

        Raises:
            CorruptFileError: it is none, or its epochs or offsets do not ascend.
        """
        epochs = cls()
        epochs._entries = tuple(
            EpochStart(read_number(epoch, largest=MAX_EPOCH), read_number(start_offset, largest=MAX_OFFSET))
            for epoch, start_offset in decode_rows(data, words=2)
        )
        for before, after in pairwise(epochs._entries):
            if after.epoch <= before.epoch or after.start_offset <= before.start_offset:
                raise CorruptFileError(f"epoch {after.epoch} at {after.start_offset} behind epoch {before.epoch}")
        return epochs
