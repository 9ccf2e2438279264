"""Folders beside the partitions of a data directory that have a log and are no partition: named, not looked into.

    orders-0.6f3c...-delete     its topic was deleted; a broker is about to remove it
    orders-0.6f3c...-future     a replica on its way here from another data directory (KIP-113)
    orders-0.6f3c...-stray      it belongs to no topic, and stays until a person removes it

Between the dots and dashes are 32 hexadecimal digits. Kafka: ``UnifiedLog.logDeleteDirName`` and the like. They may be
most of what a disk is full of, so who looks at a data directory is told.
"""

import os
import re
from typing import Final

from gomq_dump.findings import Finding, Problem

_MARKED: Final = re.compile(r".+-[0-9]+\.[0-9a-f]{32}-(delete|future|stray)", re.DOTALL)
_MEANINGS: Final = {
    "delete": "is about to be removed",
    "future": "is on its way here from another data directory",
    "stray": "belongs to no topic",
}


def note_marked_folders(data: str) -> list[tuple[str, Finding]]:
    """List such folders of a data directory, each with a note."""
    try:
        names = sorted(os.listdir(data or os.curdir))
    except OSError:  # it has been removed, as who reads its files says
        return []
    return [
        (os.path.join(data, name), Finding(problem=Problem.LEFTOVER, position=0, message=_message(match[1])))
        for name in names
        if (match := _MARKED.fullmatch(name)) is not None
    ]


def _message(mark: str) -> str:
    return f"no partition, but one that {_MEANINGS[mark]} (-{mark}): it is read where it is asked for by name"
