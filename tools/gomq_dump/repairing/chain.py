"""Judge which batches of a segment stay, by their neighbours, and say what must be edited for the log to go on.

A batch whose CRC holds may still have a wrong base offset or leader epoch, which no checksum covers. It stays where it
goes on from the batch in front of it and the ones behind agree. A base offset is put right only where the batch then
fills just the space between its neighbours; else the batch goes, as nobody can say which offsets its records had.
A leader epoch that its neighbours refute becomes that of the batch in front: only brokers compare them, never the
records.

Offsets that are missing afterwards are filled with empty batches, as a log that was never compacted must have none
missing: else a broker takes the log for damaged, and rightly so.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from gomq_dump.packing import empty_batches
from gomq_dump.repairing.edits import Deed, Edit
from gomq_dump.repairing.pieces import Damaged, Piece, Whole
from gomq_storage.batch import HEADER, MAGIC_POSITION, NO_LEADER_EPOCH, BatchHeader
from gomq_storage.offset_index import MAX_RELATIVE_OFFSET

AHEAD: Final = 8
"""How many batches behind one are asked about it."""
_PREFIX_SIZE: Final = MAGIC_POSITION + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a segment's batches must fit into."""

    base_offset: int
    """The offset in the file's name."""
    limit: int | None
    """Where the next segment begins; None for the last one."""
    leader_epoch: int
    """The newest in front of the segment."""
    may_have_gaps: bool
    """Whether offsets may be missing, as in a log that was compacted."""
    later_epochs: Sequence[int] = ()
    """Those of the first batches in the next segment."""


class Chain:
    """The batches of one segment that stay, and the edits that leave just them.

    Args:
        bounds: what they must fit into.
        size: bytes in the log file.
    """

    def __init__(self, bounds: Bounds, size: int) -> None:
        self.next_offset: int = bounds.base_offset
        """The offset behind the last batch that stays."""
        self.leader_epoch: int = bounds.leader_epoch
        self.edits: list[Edit] = []
        self.kept: int = 0
        """Batches that stay."""
        self.first_change: int | None = None
        """The first offset at which there will be something else; None where all batches stay."""
        self.last_change: int | None = None
        """The last such offset."""
        self.is_transactional: bool = False
        """Whether any of them is part of a transaction."""
        self._bounds = bounds
        self._size = size
        self._pending: list[Edit] = []  # what goes, behind the last batch that stays

    def run(self, pieces: Iterable[Piece]) -> None:
        """Judge the pieces of the file, which come in its order."""
        for piece, following in _with_following(pieces):
            if isinstance(piece, Damaged):
                self._drop(piece.position, piece.size, piece.reason, piece.claims)
                continue
            place = self._place_of(piece, following)
            if isinstance(place, str):
                self._drop(piece.position, piece.header.size, place, piece.header)
            else:
                self._keep(piece, place, following)
        self._end()

    def _place_of(self, piece: Whole, following: list[BatchHeader]) -> int | str:
        """Return the base offset that a batch should have, or say why there is none."""
        header, expected = piece.header, self.next_offset
        refuted = self._objection(piece, following)
        if refuted is None:
            return header.base_offset
        next_base = following[0].base_offset if following else self._bounds.limit
        if next_base is not None and expected + header.last_offset_delta + 1 == next_base:
            return expected
        return refuted

    def _objection(self, piece: Whole, following: list[BatchHeader]) -> str | None:
        """Say what is against a batch's base offset."""
        header, expected, bounds = piece.header, self.next_offset, self._bounds
        if not piece.has_offset:
            return "the base offset cannot be, and nothing tells what it should be"
        if header.base_offset < expected:
            return f"the base offset is {header.base_offset}, the log goes on at {expected}"
        if bounds.limit is not None and header.last_offset >= bounds.limit:
            return f"offsets up to {header.last_offset}, the next segment begins at {bounds.limit}"
        if header.last_offset - bounds.base_offset > MAX_RELATIVE_OFFSET:
            return f"offset {header.last_offset} is too far from the offset in the file's name"
        if header.base_offset > expected and self._is_refuted(header, following):
            return f"the base offset is {header.base_offset}, the batches behind it go on at {expected}"
        return None

    def _is_refuted(self, header: BatchHeader, following: list[BatchHeader]) -> bool:
        """Whether the batches behind one that leaves a gap say that it is not where it should be."""
        expected, end = self.next_offset, header.next_offset
        between = [each for each in following if expected <= each.base_offset < end]
        if not between or following[0].base_offset >= end:
            return False
        if len(between) > 1 or expected + header.last_offset_delta + 1 == between[0].base_offset:
            return True
        behind = next((each for each in following if each is not between[0]), None)
        return behind is None or behind.base_offset != end

    def _keep(self, piece: Whole, base_offset: int, following: list[BatchHeader]) -> None:
        header = piece.header
        epoch = self._epoch_of(header, following)
        if base_offset > self.next_offset:
            self._settle(base_offset - 1)
            self._fill(piece.position, base_offset)
        else:
            self._settle(None)
        wrong = list(piece.wrong)
        if base_offset != header.base_offset and piece.has_offset:
            wrong.append("base offset")
        if epoch != header.leader_epoch:
            wrong.append("leader epoch")
        right = header._replace(base_offset=base_offset, leader_epoch=epoch)
        if wrong:
            self._mend(piece.position, right, wrong)
        self.kept += 1
        self.is_transactional |= header.is_transactional
        self.next_offset = right.next_offset
        if epoch != NO_LEADER_EPOCH:
            self.leader_epoch = epoch

    def _epoch_of(self, header: BatchHeader, following: list[BatchHeader]) -> int:
        """Return the leader epoch that a batch should have: its own, unless its neighbours refute it."""
        epoch, floor = header.leader_epoch, self.leader_epoch
        if epoch == NO_LEADER_EPOCH:
            return epoch
        later = [*(each.leader_epoch for each in following), *self._bounds.later_epochs][:AHEAD]
        later = [each for each in later if each >= max(floor, 0)]
        likely = floor if floor != NO_LEADER_EPOCH else min(later, default=0)
        if epoch < max(floor, 0):
            return likely
        refuting = sum(each < epoch for each in later)
        return likely if 2 * refuting > len(later) else epoch

    def _mend(self, position: int, right: BatchHeader, wrong: list[str]) -> None:
        values = {
            "base offset": right.base_offset,
            "length": right.length,
            "leader epoch": right.leader_epoch,
            "magic": right.magic,
        }
        reason = ", ".join(f"the {name} should be {values[name]}" for name in wrong)
        self.edits.append(
            Edit(
                deed=Deed.MEND,
                position=position,
                size=_PREFIX_SIZE,
                content=HEADER.pack(*right)[:_PREFIX_SIZE],
                reason=reason,
                first_offset=right.base_offset,
                last_offset=right.last_offset,
                records=right.record_count,
            )
        )

    def _drop(self, position: int, size: int, reason: str, claims: BatchHeader | None) -> None:
        self._note_change()
        self._pending.append(
            Edit(
                deed=Deed.DROP,
                position=position,
                size=size,
                reason=reason,
                first_offset=claims.base_offset if claims is not None else None,
                last_offset=claims.last_offset if claims is not None else None,
                records=_records(claims),
            )
        )

    def _settle(self, last_offset: int | None) -> None:
        """Take the pending edits: what goes lies in front of an offset that is known now, or fills no offsets."""
        pending, self._pending = self._pending, []
        if last_offset is not None:
            pending = [self._located(edit, last_offset) for edit in pending]
        self.edits += pending

    def _located(self, edit: Edit, last_offset: int) -> Edit:
        """Say which offsets went: those that the batch claims, if they fit, or else all that are missing there."""
        first, last = edit.first_offset, edit.last_offset
        if first is not None and last is not None and self.next_offset <= first <= last <= last_offset:
            return edit
        return replace(edit, first_offset=self.next_offset, last_offset=last_offset)

    def _fill(self, position: int, next_offset: int) -> None:
        """Stand in for the offsets that are missing in front of one."""
        if self._bounds.may_have_gaps or next_offset - 1 - self._bounds.base_offset > MAX_RELATIVE_OFFSET:
            return  # what is further away no segment can hold; who looks at the whole log will say so
        self._note_change()
        self.edits.append(
            Edit(
                deed=Deed.FILL,
                position=position,
                size=0,
                content=empty_batches(self.next_offset, next_offset, leader_epoch=self.leader_epoch),
                reason="an empty batch stands for the offsets that are missing",
                first_offset=self.next_offset,
                last_offset=next_offset - 1,
            )
        )

    def _note_change(self) -> None:
        if self.first_change is None:
            self.first_change = self.next_offset
        self.last_change = self.next_offset

    def _end(self) -> None:
        limit = self._bounds.limit
        if limit is None:
            self.edits += [
                replace(edit, deed=Deed.CUT, first_offset=self.next_offset, last_offset=None) for edit in self._pending
            ]
            self._pending = []
        else:
            self.reach(limit)

    def reach(self, limit: int) -> None:
        """Go on without batches up to an offset, where the next segment begins."""
        self._settle(limit - 1 if limit > self.next_offset else None)
        if limit > self.next_offset:
            self._fill(self._size, limit)
            self.next_offset = limit


def _records(claims: BatchHeader | None) -> int | None:
    """Return how many records a damaged batch says it has, if it can have as many."""
    if claims is None or not 0 <= claims.record_count <= claims.last_offset_delta + 1:
        return None
    return claims.record_count


def _with_following(pieces: Iterable[Piece]) -> Iterator[tuple[Piece, list[BatchHeader]]]:
    """Yield each piece with the headers of the next whole batches behind it."""
    source = iter(pieces)
    ahead: deque[Piece] = deque()
    while True:
        while len(ahead) <= AHEAD and (piece := next(source, None)) is not None:
            ahead.append(piece)
        if not ahead:
            return
        piece = ahead.popleft()
        yield piece, [each.header for each in ahead if isinstance(each, Whole) and each.has_offset]
