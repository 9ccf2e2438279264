"""Waiting, on the broker's event loop, for what clients do."""

from collections.abc import Mapping
from typing import Final

import anyio

from gomq.broker.context import State
from gomq.broker.partition import wait_until
from gomq.testing.topic_reading import ends

_LOOK_SECONDS: Final = 0.005
"""How often to look at what tells nobody when it changes."""


async def wait_for_messages(state: State, topic: str, marks: Mapping[int, int], *, count: int, seconds: float) -> None:
    """Wait until a topic has so many messages behind these offsets, which it may be made for, or the time is over."""

    def have_come() -> bool:
        return sum(end - marks.get(index, 0) for index, end in ends(state.topics, topic).items()) >= count

    with anyio.move_on_after(seconds):
        while not have_come():
            found = state.topics.get(topic)
            if found is None:
                await anyio.sleep(_LOOK_SECONDS)
            else:
                await wait_until(have_come, found.partitions, seconds=seconds)


async def wait_for_members(state: State, group_id: str, members: int, *, seconds: float) -> bool:
    """Wait until all of so many members of a group have their partitions, and say whether it came to that."""
    with anyio.move_on_after(seconds):
        while not _has(state, group_id, members):  # noqa: ASYNC110 - a group tells nobody when it changes
            await anyio.sleep(_LOOK_SECONDS)
    return _has(state, group_id, members)


def describe_group(state: State, group_id: str) -> str:
    """Say what a group is doing."""
    group = state.groups.group(group_id)
    if group is None:
        known = ", ".join(sorted(state.groups.group_ids())) or "none"
        return f"there is no group {group_id!r}; there are: {known}"
    return f"group {group_id!r} is {group.state} and has {len(group.roster)} members"


def _has(state: State, group_id: str, members: int) -> bool:
    group = state.groups.group(group_id)
    return group is not None and len(group.roster) == members and (members == 0 or state.groups.is_stable(group_id))
