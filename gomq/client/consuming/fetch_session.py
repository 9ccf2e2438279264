"""The consumer's side of a fetch session: partitions are named once, then only those that change (KIP-227).

Kafka: ``FetchSessionHandler``. With epoch 0 all partitions are named and a session is asked for; a broker that gives
none answers with id 0, and is told all of them each time. The epoch counts the requests of a session. Whenever an
answer is missing or refuses the session, nobody knows what the broker remembers: all are named again.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple, TypeAlias
from uuid import UUID

from gomq.client.consuming.progress import Progress

NO_SESSION: Final = 0
SESSION_ERRORS: Final = frozenset({70, 71, 106})
"""The broker does not know the session, or it was counted on, or begun with names instead of ids."""
_INITIAL_EPOCH: Final = 0
_FINAL_EPOCH: Final = -1
_MAX_EPOCH: Final = (1 << 31) - 1

Named: TypeAlias = tuple[str, UUID | None, int]
"""A partition as a session knows it: topic, its id where topics are named by ids, and index."""


class Asked(NamedTuple):
    """What a request says of its session, and which partitions it names."""

    session_id: int
    epoch: int
    partitions: list[Progress]
    forgotten: list[Named]
    """Those of the session that are not wanted now."""
    by_id: bool


def without_session(due: list[Progress]) -> Asked:
    """Name all, and leave nothing behind at the broker."""
    return Asked(NO_SESSION, _FINAL_EPOCH, due, [], _have_ids(due))


class FetchSession:
    """What one broker remembers of a consumer."""

    def __init__(self) -> None:
        self._id = NO_SESSION
        self._epoch = _INITIAL_EPOCH
        self._by_id = False
        self._told: dict[Named, tuple[int, int, int, int]] = {}
        """What was said last of each partition."""

    @property
    def is_begun(self) -> bool:
        """Whether the next request leaves out what the broker knows."""
        return self._epoch != _INITIAL_EPOCH

    def ask(self, due: list[Progress]) -> Asked:
        """Say what to send to have these fetched, and no others; ``answered`` or ``lost`` is to follow."""
        by_id = _have_ids(due)
        told = {
            (each.target.topic, each.topic_id if by_id else None, each.target.partition): each.wanted for each in due
        }
        forgotten = [named for named in self._told if named not in told]
        if by_id != self._by_id or _are_made_anew(forgotten, told):
            self.lost()
        before, self._told, self._by_id = self._told, told, by_id
        if not self.is_begun:
            return Asked(self._id, _INITIAL_EPOCH, due, [], by_id)
        changed = [each for each, (named, wanted) in zip(due, told.items(), strict=True) if before.get(named) != wanted]
        return Asked(self._id, self._epoch, changed, forgotten, by_id)

    def answered(self, session_id: int) -> None:
        """Go on, with what the answer says is the session's id; ``NO_SESSION`` for none."""
        if session_id == NO_SESSION:
            self._id = NO_SESSION
            self.lost()
        else:
            self._id = session_id
            self._epoch = self._epoch + 1 if self._epoch < _MAX_EPOCH else 1

    def lost(self) -> None:
        """Begin anew with the next request, which has the broker let go of what it remembers."""
        self._epoch = _INITIAL_EPOCH
        self._told = {}


def _have_ids(due: Iterable[Progress]) -> bool:
    return all(each.topic_id is not None for each in due)


def _are_made_anew(forgotten: Iterable[Named], told: Iterable[Named]) -> bool:
    """Say whether a partition is forgotten and named at once, under another id.

    A broker that gives ids in Metadata only, as Kafka 2.8 and 3.0 do, reads two times the same name, and forgets last.
    """
    old = {(topic, index) for topic, _, index in forgotten}
    return bool(old) and any((topic, index) in old for topic, _, index in told)
