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
    there: Mapping[str, TopicMetadata], names: Iterable[str], pattern: re.Pattern[str] | None
) -> dict[str, None]:
    """Say which topics of a source are to be carried over.

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
        if not found and not wanted:
            raise MirrorError(f"no topic of the source matches {pattern.pattern!r}")
        wanted |= dict.fromkeys(found)
    return wanted


def matching(there: Mapping[str, TopicMetadata], pattern: re.Pattern[str]) -> list[str]:
    """List users' topics whose whole name a pattern matches."""
    public = [name for name, topic in there.items() if not topic.is_internal and not name.startswith("__")]
    return [name for name in public if pattern.fullmatch(name)]
