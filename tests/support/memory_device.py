"""What a file system in memory is made of: files and directories, as they are now and as they are on the device."""

import random
from dataclasses import dataclass, field

SECTOR_BYTES = 512


@dataclass(eq=False)
class Node:
    """A file's content, now and on the device."""

    data: bytearray = field(default_factory=bytearray)
    synced: bytes = b""

    def after_power_cut(self, rng: random.Random, *, reorder: bool) -> "Node":
        now, old = bytes(self.data), self.synced
        if now == old or rng.random() < 0.2:
            return Node(bytearray(old), old)
        size = rng.choice((len(old), len(now), rng.randint(min(len(old), len(now)), max(len(old), len(now)))))
        starts = range(0, size, SECTOR_BYTES)
        written = set(rng.sample(starts, rng.randint(0, len(starts))))
        if not reorder:
            written = set(starts[: len(written)])
        data = bytearray(size)
        for start in starts:
            end = min(start + SECTOR_BYTES, size)
            sector = (now if start in written else old)[start:end]
            data[start : start + len(sector)] = sector
        return Node(data, bytes(data))


@dataclass(eq=False)
class Directory:
    """A directory's entries, now and on the device, and the changes in between, each of which happens or not."""

    entries: "dict[str, Node | Directory]" = field(default_factory=dict)
    synced: "dict[str, Node | Directory]" = field(default_factory=dict)
    changes: "list[dict[str, Node | Directory | None]]" = field(default_factory=list)

    def change(self, names: "dict[str, Node | Directory | None]") -> None:
        """Give each name what it stands for, or take it away; all of it is one change."""
        self.changes.append(names)
        apply(self.entries, names)

    def sync(self) -> None:
        self.synced = dict(self.entries)
        self.changes.clear()

    def after_power_cut(self, rng: random.Random, *, reorder: bool) -> "Directory":
        entries = dict(self.synced)
        chance = rng.choice((0.0, 0.5, 1.0))
        for names in self.changes:
            if rng.random() < chance:
                apply(entries, names)
        left = {name: node.after_power_cut(rng, reorder=reorder) for name, node in entries.items()}
        return Directory(left, dict(left))


def apply(entries: "dict[str, Node | Directory]", names: "dict[str, Node | Directory | None]") -> None:
    for name, node in names.items():
        if node is None:
            entries.pop(name, None)
        else:
            entries[name] = node
