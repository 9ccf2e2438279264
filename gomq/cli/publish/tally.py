"""What became of what was read: how many messages are acknowledged, where they are, and where to go on. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gomq.cli.publish.input import LinePlace
from gomq.client.message import OffsetRange


@dataclass(slots=True, kw_only=True)
class Tally:
    """Counts what is acknowledged."""

    topic: str
    count: int = 0
    """Messages that are acknowledged."""
    unacknowledged: int = 0
    """Messages that were read and are not, though brokers may have stored some of them."""
    offsets: dict[int, OffsetRange] = field(default_factory=dict)
    """Where those are that are acknowledged, by partition, as far as brokers have said."""
    next_line: LinePlace | None = None
    """The first that is not acknowledged, where not all are."""

    def add(self, count: int, offsets: Mapping[int, OffsetRange]) -> None:
        """Count messages that are acknowledged."""
        self.count += count
        for partition, (first, last) in offsets.items():
            lowest = self.offsets.get(partition, OffsetRange(first, last)).first
            self.offsets[partition] = OffsetRange(lowest, last)

    @property
    def has_begun(self) -> bool:
        """Whether there is more to tell than that nothing is published."""
        return self.count > 0 or self.unacknowledged > 1 or (self.next_line is not None and self.next_line.number > 1)

    def __str__(self) -> str:
        told = f"{_messages(self.count)} published to {self.topic}{self._where()}"
        if self.unacknowledged:
            told += f"; {_messages(self.unacknowledged)} not acknowledged, perhaps stored all the same"
        if self.next_line is not None:
            told += f"; go on with {self.next_line}"
        return told

    def fields(self) -> dict[str, Any]:
        """Say it for programs."""
        place = self.next_line
        return {
            "topic": self.topic,
            "count": self.count,
            "unacknowledged": self.unacknowledged,
            "partitions": [
                {"partition": partition, "first_offset": first, "last_offset": last}
                for partition, (first, last) in sorted(self.offsets.items())
            ],
            "next_line": None if place is None else {"file": str(place.file), "line": place.number},
        }

    def _where(self) -> str:
        """Name the last offsets, where somebody may need them."""
        if self.next_line is None or not self.offsets:
            return ""
        return ", " + ", ".join(f"[{each}] up to offset {last}" for each, (_, last) in sorted(self.offsets.items()))


def _messages(count: int) -> str:
    return f"{count} message{'' if count == 1 else 's'}"
