"""What can be wrong with a file, as values: nothing is raised for damage, so that reading can go on behind it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class Problem(StrEnum):
    """The kinds of findings. Their values are part of the JSON output."""

    CRC = "crc"
    """The bytes of a batch are not those that its checksum was made of."""
    LENGTH = "length"
    """A batch's length field cannot be right."""
    MAGIC = "magic"
    """A message of the formats before 0.11, or of none."""
    HEADER = "header"
    """No batch starts where one should."""
    TORN_TAIL = "torn-tail"
    """The file ends within a batch."""
    ZEROED_TAIL = "zeroed-tail"
    """The file ends in zeros."""
    BASE_OFFSET = "base-offset"
    """The first batch lies before the offset that the file is named after."""
    OFFSETS_BACKWARDS = "offsets-backwards"
    """A batch begins before the end of the one in front of it."""
    OFFSET_RANGE = "offset-range"
    """An offset is further from the segment's first than an index can say."""
    LEADER_EPOCH = "leader-epoch"
    """A batch's leader epoch is smaller than that of the one in front of it."""
    CODEC = "codec"
    """A compression codec that does not exist."""
    RECORD_COUNT = "record-count"
    """More records than offsets."""
    RECORDS = "records"
    """The records of a batch cannot be read, though its CRC holds."""
    SEGMENTS_OVERLAP = "segments-overlap"
    """A segment begins before the end of the one in front of it."""
    INDEX_LENGTH = "index-length"
    """An index file holds part of an entry."""
    INDEX_ORDER = "index-order"
    """Index entries do not ascend."""
    INDEX_POSITION = "index-position"
    """An index entry points beyond the log, or where no batch starts."""
    INDEX_OFFSET = "index-offset"
    """An index entry names an offset that is not where it points, or nowhere in the log."""
    INDEX_TIMESTAMP = "index-timestamp"
    """A time index entry has another timestamp than the batch it names, or one that an earlier batch exceeds."""
    INDEX_INCOMPLETE = "index-incomplete"
    """The time index of a sealed segment does not tell of its largest timestamp."""
    TXN_INDEX = "txn-index"
    """An index of aborted transactions is none, or says something else than the log's markers."""
    SEQUENCE = "sequence"
    """A batch of an idempotent producer does not go on where the producer's last one ended."""
    PRODUCER_EPOCH = "producer-epoch"
    """A batch has an older producer epoch than one in front of it."""
    SNAPSHOT = "snapshot"
    """A snapshot of the producers is none, or says something else than the log."""
    EPOCH_CHECKPOINT = "epoch-checkpoint"
    """The leader epochs' file is none, or says something else than the log."""
    CHECKPOINT = "checkpoint"
    """A checkpoint of a data directory is none, or says of a partition what its log cannot be."""
    IDENTITY = "identity"
    """What says whose a partition or a data directory is cannot be, or says something else than a neighbour."""
    UNREADABLE = "unreadable"
    """The operating system cannot read the file."""
    OFFSET_GAP = "offset-gap"
    """Offsets are missing: usual where a topic is compacted, a loss elsewhere. A note."""
    NOT_CHECKED = "not-checked"
    """Something could not be looked at. A note."""
    MISSING_FILE = "missing-file"
    """A file is missing that a broker makes anew. A note."""
    STALE = "stale"
    """Something speaks of what is not there any more. A note."""
    LEFTOVER = "leftover"
    """A file that is no part of the log: compaction or removal has left it over, or is about to be done. A note."""


_NOTES = frozenset({Problem.LEFTOVER, Problem.OFFSET_GAP, Problem.NOT_CHECKED, Problem.MISSING_FILE, Problem.STALE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong, or odd, at one place in a file."""

    problem: Problem
    position: int
    """Byte of the file at which it starts."""
    message: str
    """What it is, without its place and without what was expected and found."""
    expected: int | str | None = None
    found: int | str | None = None
    size: int | None = None
    """Bytes that were passed over because of it; None where reading went on as if nothing were."""

    @property
    def is_damage(self) -> bool:
        """Whether the file is damaged; else this is a note."""
        return self.problem not in _NOTES


Complain: TypeAlias = Callable[[Finding], object]
"""Takes what is wrong with one file."""
