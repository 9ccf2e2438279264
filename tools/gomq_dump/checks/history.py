"""What is known of a partition's log at the offset that the walk has come to: what one segment leaves to the next."""

from dataclasses import dataclass, field

from gomq_dump.checks.leader_epochs import EpochCheck
from gomq_dump.checks.producers import ProducerCheck
from gomq_dump.checks.snapshots import SnapshotFiles
from gomq_dump.checks.transactions import OpenTransactions


@dataclass(slots=True, kw_only=True)
class Counts:
    """How much was looked at."""

    files: int = 0
    batches: int = 0
    log_bytes: int = 0
    """Bytes of log files: what the speed is told of."""

    def add(self, other: "Counts") -> None:
        """Count what others have looked at too."""
        self.files += other.files
        self.batches += other.batches
        self.log_bytes += other.log_bytes


@dataclass(slots=True, kw_only=True)
class History:
    """The log up to ``end``."""

    end: int
    """Offset behind the last batch."""
    producers: ProducerCheck
    transactions: OpenTransactions
    epochs: EpochCheck
    snapshots: SnapshotFiles
    is_deep: bool
    """Whether records are looked at, too."""
    is_begun: bool = False
    """Whether the segment in front has been read, so that its end is known."""
    counts: Counts = field(default_factory=Counts)

    def doubt(self) -> None:
        """Something in the log is missing, be it damaged or compacted: what it tells of producers is not all."""
        self.producers.doubt()
        self.transactions.doubt()

    def lose(self) -> None:
        """A segment cannot be read: neither what is in it is known nor where it ends."""
        self.doubt()
        self.is_begun = False

    def reach(self, offset: int) -> None:
        """Come to a batch that begins at an offset, or to the log's end."""
        self.snapshots.compare_up_to(offset, self.producers)
