"""What a repair does, as values: edits of a log file, and the list of deeds that a person reads."""

from dataclasses import dataclass, field
from enum import StrEnum


class Deed(StrEnum):
    """The kinds of things that a repair does. Their values are part of the JSON output."""

    CUT = "cut"
    """Bytes at the end of a log are left out; the offsets that were in them are given out again."""
    DROP = "drop"
    """Bytes within a log, or a whole file, are left out."""
    MEND = "mend"
    """The fields of a batch's header that no checksum covers are put right."""
    FILL = "fill"
    """An empty batch stands for offsets that are not there any more."""
    REBUILD = "rebuild"
    """A file is made anew from what is in the log."""
    REMOVE = "remove"
    """A file goes that belongs to nothing, or says nothing that could be used."""
    FINISH = "finish"
    """An interrupted compaction is brought to its end."""
    NOTE = "note"
    """Nothing is done; something should be known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """Bytes of a log file that other bytes take the place of."""

    deed: Deed
    position: int
    """Byte of the file as it is."""
    size: int
    """Bytes of the file that go; 0 where something is put in."""
    content: bytes = b""
    """What comes instead."""
    reason: str
    first_offset: int | None = None
    """The first offset that this is about; None where it is not known."""
    last_offset: int | None = None
    records: int | None = None
    """How many records go, as far as the batch's header can be believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing that a repair does to one file, to be shown."""

    deed: Deed
    path: str
    """The file, below what is repaired."""
    reason: str
    position: int | None = None
    size: int | None = None
    first_offset: int | None = None
    last_offset: int | None = None
    records: int | None = None
    aside: str | None = None
    """Name of the file that the bytes are kept in."""


@dataclass(slots=True)
class Deeds:
    """What is to be done to the files of one directory, collected in the order in which it was found."""

    directory: str
    """In front of the files' names."""
    actions: list[Action] = field(default_factory=list)

    def add(self, deed: Deed, name: str, reason: str) -> None:
        """Note something that is done to a whole file."""
        self.actions.append(Action(deed=deed, path=self.path_of(name), reason=reason))

    def add_edit(self, name: str, edit: Edit, aside: str | None) -> None:
        """Note an edit of a log file."""
        self.actions.append(
            Action(
                deed=edit.deed,
                path=self.path_of(name),
                reason=edit.reason,
                position=edit.position,
                size=edit.size or None,
                first_offset=edit.first_offset,
                last_offset=edit.last_offset,
                records=edit.records,
                aside=aside,
            )
        )

    def path_of(self, name: str) -> str:
        """Name a file as a person sees it."""
        return f"{self.directory}/{name}" if self.directory else name
