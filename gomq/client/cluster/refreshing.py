"""Asking for metadata on behalf of many: those who want it at the same time share a request, and its failure too."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import anyio

from gomq.client.cluster.metadata import ClusterMetadata
from gomq.client.raising import own_copy
from gomq.errors import GomqError

AskForTopics: TypeAlias = Callable[[list[str] | None, bool], Awaitable[ClusterMetadata]]
"""Asks a broker for topics, None for all there are; True: the broker may create those that do not exist."""


@dataclass(slots=True)
class _Round:
    """One request to come: what it is to ask for, and how it ended."""

    names: dict[str, None] = field(default_factory=dict)
    answer: ClusterMetadata | None = None
    failure: GomqError | None = None


class Refreshing:
    """Rounds of requests for metadata, one under way of each kind.

    Whoever comes while one is under way waits for the next: an answer that was on its way before may be older than
    what made him ask. Any of those who wait may be cancelled, the one who asks too: the next of them asks then.

    Args:
        ask: makes the request.
    """

    def __init__(self, ask: AskForTopics) -> None:
        self._ask = ask
        self._lanes: dict[tuple[bool, bool], _Lane] = {}

    async def refresh(self, topics: Iterable[str] | None, *, may_create: bool) -> ClusterMetadata:
        """Return what a broker says now of the cluster and of these topics, or all.

        Raises:
            GomqError: the request failed.
        """
        wants_all = topics is None
        names = dict.fromkeys(topics or ())
        lane = self._lanes.setdefault((wants_all, may_create), _Lane())
        mine = lane.next
        mine.names |= names
        async with lane.lock:
            if mine.answer is None and mine.failure is None:
                if lane.next is mine:
                    lane.next = _Round()
                try:
                    mine.answer = await self._ask(None if wants_all else list(mine.names), may_create)
                except GomqError as error:
                    mine.failure = error
        if mine.failure is not None:
            raise own_copy(mine.failure)
        assert mine.answer is not None
        if wants_all:
            return mine.answer
        told = mine.answer.topics
        return replace(mine.answer, topics={name: told[name] for name in names if name in told})


class _Lane:
    """Requests of one kind: of some topics or of all, creating or not."""

    def __init__(self) -> None:
        self.lock = anyio.Lock()
        self.next = _Round()
