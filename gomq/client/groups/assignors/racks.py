"""Members are given partitions that have a replica where they are, as far as that goes (KIP-881).

What ``RangeAssignor`` of Kafka does before it shares out the rest: a member has no more of a topic than it would have
anyway, and topics of as many partitions and the same members are shared out alike, so that equal partitions meet.
"""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Final, TypeAlias

from gomq_storage.layout import TopicPartition

Racks: TypeAlias = Mapping[TopicPartition, frozenset[str]]
"""Where replicas of a partition are; partitions of which that is not known are not there."""
NO_RACKS: Final[Racks] = {}
_NOWHERE: Final[frozenset[str]] = frozenset()


class TopicShare:
    """One topic while it is shared out.

    Args:
        partitions: all of it.
        members: who wants it, in the order in which they are served: each one's id, and rack where it has one.
        racks: where replicas are.
    """

    def __init__(self, partitions: list[TopicPartition], members: Mapping[str, str | None], racks: Racks) -> None:
        self.count: int = len(partitions)
        self.members: Mapping[str, str | None] = members
        self.left: dict[TopicPartition, None] = dict.fromkeys(partitions)
        self.taken: dict[str, list[TopicPartition]] = {member_id: [] for member_id in members}
        self._each, self._extra = divmod(len(partitions), len(members))
        self._racks = racks

    @property
    def gains_by_racks(self) -> bool:
        """Whether some partitions are where some members are, and not all partitions are everywhere."""
        of_members = {rack for rack in self.members.values() if rack}
        of_each = [self._racks.get(partition, _NOWHERE) for partition in self.left]
        anywhere = _NOWHERE.union(*of_each)
        return not of_members.isdisjoint(anywhere) and any(each != anywhere for each in of_each)

    def room(self, member_id: str) -> int:
        """How many more a member may have."""
        return max(0, self._each + (self._extra > 0) - len(self.taken[member_id]))

    def is_near(self, member_id: str, partition: TopicPartition) -> bool:
        """Whether a partition has a replica where a member is, which one that is nowhere does not care for."""
        rack = self.members[member_id]
        return not rack or rack in self._racks.get(partition, _NOWHERE)

    def take(self, member_id: str, partitions: Iterable[TopicPartition]) -> None:
        """Give a member partitions that are left."""
        for partition in partitions:
            del self.left[partition]
            self.taken[member_id].append(partition)
        self._extra -= len(self.taken[member_id]) > self._each

    def share_out_near(self) -> None:
        """Give each member what is near, up to its share."""
        for member_id in self.members:
            near = [partition for partition in self.left if self.is_near(member_id, partition)]
            if near and (room := self.room(member_id)):
                self.take(member_id, near[:room])

    def share_out_rest(self) -> None:
        """Give each member what is left, up to its share."""
        for member_id in self.members:
            if room := self.room(member_id):
                self.take(member_id, list(islice(self.left, room)))


def share_out_near(topics: Iterable[TopicShare]) -> None:
    """Give members of all topics what is near them; nothing where no topic gains by that."""
    topics = list(topics)
    if not any(topic.gains_by_racks for topic in topics):
        return
    alike: dict[tuple[int, frozenset[tuple[str, str | None]]], list[TopicShare]] = {}
    for topic in topics:
        if any(topic.members.values()):
            alike.setdefault((topic.count, frozenset(topic.members.items())), []).append(topic)
    for together in alike.values():
        if len(together) > 1:
            _share_out_together(together)
        elif together[0].gains_by_racks:
            together[0].share_out_near()


def _share_out_together(topics: list[TopicShare]) -> None:
    """Give equal partitions of all topics to the first member which is near to every one of them."""
    for nth in zip(*(list(topic.left) for topic in topics), strict=True):
        each = list(zip(topics, nth, strict=True))
        for member_id in topics[0].members:
            if all(topic.room(member_id) and topic.is_near(member_id, partition) for topic, partition in each):
                for topic, partition in each:
                    topic.take(member_id, [partition])
                break
