"""Which topics of a source are carried over. Values only."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from gomq.client.cluster.metadata import TopicMetadata
from gomq.client.mirroring.errors import MirrorError
from gomq.errors import UnknownTopicError

CHECKPOINT_TOPIC: Final = "__gomq_mirror_checkpoints"
"""Where a mirror keeps at the target how far it is."""


def chosen(
    there: Mapping[str, TopicMetadata],
    names: Iterable[str],
    pattern: re.Pattern[str] | None,
    *,
    may_be_none: bool = False,
) -> dict[str, None]:
    """Say which topics of a source are to be carried over.

    Args:
        there: what it has.
        names: those that are wanted.
        pattern: those whose whole name it matches, besides.
        may_be_none: whether the pattern may match none, as others may come.

    Raises:
        UnknownTopicError: it has no topic of that name.
        MirrorError: a topic is not to be copied, or there is none.
    """
    wanted = dict.fromkeys(names)
    for name in wanted:
        if name not in there:
            raise UnknownTopicError(f"topic {name!r} does not exist at the source")
        if there[name].is_internal or name == CHECKPOINT_TOPIC:
            raise MirrorError(f"topic {name!r} is no user's: committed offsets are copied with their groups")
    if pattern is not None:
        found = matching(there, pattern)
        if not found and not wanted and not may_be_none:
            raise MirrorError(f"no topic of the source matches {pattern.pattern!r}")
        wanted |= dict.fromkeys(found)
    return wanted


def matching(there: Mapping[str, TopicMetadata], pattern: re.Pattern[str]) -> list[str]:
    """List users' topics whose whole name a pattern matches."""
    public = [name for name, topic in there.items() if not topic.is_internal and not name.startswith("__")]
    return [name for name in public if pattern.fullmatch(name)]
