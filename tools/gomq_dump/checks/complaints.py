"""What is wrong with several files: findings with the paths of the files that they are about, and no more than fit."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple, TypeAlias

from gomq_dump.findings import Complain, Finding, Problem

MAX_KEPT: Final = 1000
"""Of one partition: a file of nothing but lies must not fill the memory, and nobody reads more."""
MOST_LOOKS: Final = 5
"""At a partition in which something else is wrong each time: a broker is at work in it."""
WRITE_SECONDS: Final = 0.1
"""As long as a broker may need to go on with what it has begun to write."""
_QUIET_SECONDS: Final = 10.0
"""A file that was not changed for so long is not being written."""
_SEEN_OF_WRITING: Final = frozenset({Problem.TORN_TAIL, Problem.SNAPSHOT})
"""What a batch or a snapshot of the producers looks like of which a part is there; all else is written at once."""

_Place: TypeAlias = tuple[str, Problem, int, int | str | None]


class Complaint(NamedTuple):
    """A finding and the file that it is about."""

    path: str
    finding: Finding

    @property
    def place(self) -> _Place:
        """What is the same when the same is found again: a tail of which there is more the next time is no torn one."""
        return self.path, self.finding.problem, self.finding.position, self.finding.found


class Complaints:
    """A list of complaints that ends where it has become long; those behind are counted."""

    def __init__(self, complaints: Iterable[Complaint] = ()) -> None:
        self.damage: int = 0
        """How many say that something is damaged, those that were not kept among them."""
        self.notes: int = 0
        """How many say something else."""
        self.left_out: int = 0
        """How many were not kept."""
        self._kept: list[Complaint] = []
        for each in complaints:
            self.add(*each)

    def __iter__(self) -> Iterator[Complaint]:
        """File by file, and in each in the order of its bytes."""
        return iter(sorted(self._kept, key=_order))

    def add(self, path: str, finding: Finding) -> None:
        """Count a finding, and keep it if there is room."""
        if finding.is_damage:
            self.damage += 1
        else:
            self.notes += 1
        if len(self._kept) < MAX_KEPT:
            self._kept.append(Complaint(path, finding))
        else:
            self.left_out += 1

    def add_all(self, other: "Complaints") -> None:
        """Add what others have complained of; what they did not keep is counted."""
        kept = list(other)
        for each in kept:
            self.add(*each)
        self.damage += other.damage - sum(each.finding.is_damage for each in kept)
        self.notes += other.notes - sum(not each.finding.is_damage for each in kept)
        self.left_out += other.left_out

    def of(self, path: str) -> Complain:
        """Make what takes findings of one file."""
        return lambda finding: self.add(path, finding)


def look_again(look: Callable[[], Complaints]) -> Complaints:
    """Look until nothing is damaged, or what is damaged stays so: what a broker has under way is gone the next time.

    A broker writes a batch while its file is read, or removes, renames and replaces files between two of them. That is
    seen once, at one place. Damage is seen every time.
    """
    complaints, before = look(), frozenset[_Place]()
    for _ in range(MOST_LOOKS):
        places = frozenset(each.place for each in complaints if _may_pass(each.finding))
        if places <= before:
            return complaints
        if any(problem in _SEEN_OF_WRITING and _is_busy(path) for path, problem, *_ in places - before):
            time.sleep(WRITE_SECONDS)
        complaints, before = look(), places
    return Complaints(each for each in complaints if each.place in before or not _may_pass(each.finding))


def _is_busy(path: str) -> bool:
    try:
        return time.time() - os.stat(path).st_mtime < _QUIET_SECONDS
    except OSError:
        return False


def _may_pass(finding: Finding) -> bool:
    return finding.is_damage or finding.problem is Problem.NOT_CHECKED


def _order(complaint: Complaint) -> tuple[str, int]:
    return complaint.path, complaint.finding.position
