"""Whether the target has what the source has: compared message by message, as they come. No I/O."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Final

from gomq.client.mirroring.resuming import Row, rows
from gomq_storage.record_fields import Columns

_FIELDS: Final = Row._fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The first message that is not the same on both sides."""

    source_offset: int | None
    """None where the source has no more messages."""
    target_offset: int | None
    """None where the target has no more messages."""
    what: str
    """Which field differs, or that one of the two is missing."""


class Comparison:
    """Two streams of messages.

    Args:
        translate: where an offset of the source is at the target; None where that is not known.
        is_timed: whether timestamps have to be the same, too.
        may_lack: whether messages that one side has may be gone from the other, as compaction leaves it.
        may_lack_front: whether the source may begin later than the target, as retention leaves it.
    """

    def __init__(
        self, *, translate: Callable[[int], int | None], is_timed: bool, may_lack: bool, may_lack_front: bool = False
    ) -> None:
        self.compared: int = 0
        """Messages that are the same."""
        self.only_at_source: int = 0
        """Messages that the target does not have any more."""
        self.only_at_target: int = 0
        """Messages that the source does not have any more."""
        self.difference: Difference | None = None
        self._translate = translate
        self._is_timed = is_timed
        self._may_lack = may_lack
        self._may_lack_front = may_lack_front
        self._source: list[tuple[int, Row]] = []
        self._target: list[tuple[int, Row]] = []

    @property
    def wants_source(self) -> bool:
        """Whether nothing of the source is left to compare with."""
        return not self._source

    @property
    def wants_target(self) -> bool:
        """Whether nothing of the target is left to compare with."""
        return not self._target

    @property
    def _may_be_target_only(self) -> bool:
        return self._may_lack or (self._may_lack_front and not self.compared)

    def add_source(self, columns: Columns) -> None:
        """Take more of the source."""
        self._source += zip(columns.offsets, rows(columns, is_timed=self._is_timed), strict=True)

    def add_target(self, columns: Columns) -> None:
        """Take more of the target."""
        self._target += zip(columns.offsets, rows(columns, is_timed=self._is_timed), strict=True)

    def advance(self) -> None:
        """Compare what is here of both."""
        most = min(len(self._source), len(self._target))
        if self._source[:most] == self._target[:most] and self._translate(self._source[0][0]) == self._target[0][0]:
            self.compared += most
            del self._source[:most], self._target[:most]
            return
        at_source = at_target = 0
        while at_source < len(self._source) and at_target < len(self._target) and self.difference is None:
            is_source_done, is_target_done = self._compare(self._source[at_source], self._target[at_target])
            at_source += is_source_done
            at_target += is_target_done
        del self._source[:at_source], self._target[:at_target]

    def _compare(self, source: tuple[int, Row], target: tuple[int, Row]) -> tuple[bool, bool]:
        """Compare two messages; say which of them are done with."""
        (offset, row), (target_offset, target_row) = source, target
        expected = self._translate(offset)
        if row == target_row and expected in {None, target_offset}:
            self.compared += 1
            return True, True
        if self._may_lack and expected is not None and expected < target_offset:
            self.only_at_source += 1
            return True, False
        if self._may_be_target_only and (expected is None or expected > target_offset):
            self.only_at_target += 1
            return False, True
        what = "offset" if row == target_row else _differing(row, target_row)
        self.difference = Difference(source_offset=offset, target_offset=target_offset, what=what)
        return False, False

    def finish(self) -> None:
        """Say that both are at their ends: what is left of one of them is missing at the other."""
        if self.difference is not None:
            return
        if self._source:
            self.difference = Difference(source_offset=self._source[0][0], target_offset=None, what="missing at target")
        elif self._target and self._may_be_target_only:
            self.only_at_target += len(self._target)
            self._target.clear()
        elif self._target:
            self.difference = Difference(source_offset=None, target_offset=self._target[0][0], what="missing at source")


def _differing(row: Row, other: Row) -> str:
    names = [name for name, mine, theirs in zip(_FIELDS, row, other, strict=True) if mine != theirs]
    return ", ".join(islice(names, 4))
