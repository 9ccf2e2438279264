"""Plain counters that parts of the broker keep in passing, whether anybody asks for them or not.

Each counts what happens far less often than messages come: a sync, a retention pass.
"""

from collections.abc import Iterable
from typing import Final

from gomq.broker.monitoring.exposition import Histogram

_SECONDS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_BATCHES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class FlushCounts:
    """What the flusher does."""

    def __init__(self) -> None:
        self.duration: Histogram = Histogram(_SECONDS)
        """Seconds that each sync of a log took."""
        self.batches: Histogram = Histogram(_BATCHES)
        """How many appended batches each trip to the device made durable: the size of a group commit."""

    def note(self, batches: int, seconds: Iterable[float]) -> None:
        """Count a trip to the device."""
        for each in seconds:
            self.duration.note(each)
        if batches:
            self.batches.note(batches)


class UpkeepCounts:
    """What housekeeping does."""

    def __init__(self) -> None:
        self.segments_removed = 0
        """By retention."""
        self.bytes_removed = 0
        self.compactions = 0
        self.bytes_compacted = 0
        """How many bytes less there are for it."""
        self.failures = 0
