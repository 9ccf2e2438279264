"""Which offset of the source is which at the target, kept as the places where gaps begin. Values only.

A log has gaps where messages were compacted away, where transactions ended, where the first are gone. The target has
none of them, so each gap moves all that follows: MirrorMaker 2 keeps the same in its topic of offset syncs (KIP-545).

    source   0 1 2 . . 5 6 . 8          points   (0, 0)  (5, 3)  (8, 5)
    target   0 1 2     3 4   5          end      (9, 6)

As JSON, in a record of the topic that ``checkpoints.py`` writes, the end is the last of the points:

    {"version": 1, "points": [[0, 0], [5, 3], [8, 5], [9, 6]], "is_thinned": false}
"""

from bisect import bisect_right
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

MOST_POINTS: Final = 256
"""More are not kept: then every second one in the middle is dropped."""
_MOST_OFFSET: Final = (1 << 63) - 1


class Point(NamedTuple):
    """An offset of the source, and how many messages before it are at the target."""

    source: int
    target: int


class Translated(NamedTuple):
    """Where an offset of the source is at the target."""

    anchor: Point
    """The last point that is known in front of it."""
    target: int | None
    """Where it is; None where only the messages between the anchor and it can tell."""


class OffsetMap:
    """The map of one partition; it grows at its end.

    Args:
        first: where it begins.
    """

    __slots__ = ("end", "is_thinned", "points")

    def __init__(self, first: Point) -> None:
        self.points: list[Point] = [first]
        """Where runs without gaps begin, ascending."""
        self.end: Point = first
        """All in front of it is mapped."""
        self.is_thinned: bool = False
        """Whether points were dropped, so that gaps may be anywhere between two of them."""

    @property
    def keeps_offsets(self) -> bool:
        """Whether every message has the same offset on both sides."""
        return not self.is_thinned and all(source == target for source, target in self.points)

    def add(self, source: int, count: int) -> None:
        """Map a run of messages: the first has this offset at the source, and they follow all that is mapped."""
        target = self.end.target
        if source - target != self.points[-1].source - self.points[-1].target:
            if self.points[-1].target == target:  # a gap behind a gap
                self.points.pop()
            self.points.append(Point(source, target))
            if len(self.points) > MOST_POINTS:
                self.points = [self.points[0], *self.points[1:-1:2], self.points[-1]]
                self.is_thinned = True
        self.end = Point(source + count, target + count)

    def skip_to(self, source: int) -> None:
        """Note that up to an offset there is nothing more."""
        self.end = Point(max(source, self.end.source), self.end.target)

    def reach(self, end: Point) -> None:
        """Map up to a place; where fewer messages than offsets are in between, it is not known where the gaps are."""
        if end.source - self.end.source == end.target - self.end.target:
            self.add(self.end.source, 0)
        else:
            self.is_thinned = True
            self.points.append(self.end)
        self.end = end

    def cut(self, target: int) -> Point:
        """Return the last point up to an offset of the target, and forget all behind it."""
        while self.end.target > target and len(self.points) > 1 and self.points[-1].target > target:
            self.end = self.points.pop()
        if self.end.target > target:
            self.end = self.points[-1]
        return self.end

    def translate(self, source: int) -> Translated:
        """Find where an offset of the source is at the target; one in a gap is where the gap ends."""
        slot = bisect_right(self.points, source, key=lambda point: point.source) - 1
        if slot < 0:
            return Translated(self.points[0], self.points[0].target)
        anchor = self.points[slot]
        behind = self.points[slot + 1] if slot + 1 < len(self.points) else self.end
        if source >= self.end.source:
            return Translated(self.end, self.end.target)
        is_whole = behind.source - anchor.source == behind.target - anchor.target
        if is_whole or not self.is_thinned or source == anchor.source:
            return Translated(anchor, min(anchor.target + source - anchor.source, behind.target))
        return Translated(anchor, None)

    def to_json(self) -> dict[str, Any]:
        """Make what can be written as JSON."""
        return {"version": 1, "points": [*map(list, self.points), list(self.end)], "is_thinned": self.is_thinned}

    @classmethod
    def from_json(cls, fields: Any) -> "OffsetMap | None":  # noqa: ANN401 - whatever JSON has
        """Read what ``to_json`` made; None where it is something else."""
        if not isinstance(fields, dict) or fields.get("version") != 1:
            return None
        points = fields.get("points")
        if not isinstance(points, list) or not 2 <= len(points) <= 2 * MOST_POINTS:
            return None
        if not all(_is_point(each) for each in points) or not _ascend(Point(*each) for each in points):
            return None
        found = cls(Point(*points[0]))
        found.points = [Point(*each) for each in points[:-1]]
        found.end = Point(*points[-1])
        found.is_thinned = fields.get("is_thinned") is True
        return found


def _is_point(value: Any) -> bool:  # noqa: ANN401 - whatever JSON has
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(type(number) is int and 0 <= number <= _MOST_OFFSET for number in value)
    )


def _ascend(points: Iterable[Point]) -> bool:
    before = Point(0, 0)
    for point in points:
        if point.source < before.source or point.target < before.target:
            return False
        before = point
    return True
