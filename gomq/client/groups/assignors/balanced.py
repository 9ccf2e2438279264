"""Keeping what members had, and as even as can be: where all members want the same topics, and where they do not.

The first is Kafka's ``ConstrainedAssignmentBuilder``. The second, its ``GeneralAssignmentBuilder``, is done another
way. Partitions move along chains of members, from each to the next one of a topic that both want, where the first has
at least two more than the last; the shortest chain first. When there is no such chain the loads cannot be more even
(Harvey et al., *Semi-matchings for bipartite graphs and load balancing*). Kafka's looks at chains of one link only.
"""

from collections import deque
from collections.abc import Iterable, Mapping

from gomq.client.groups.assignors.members import Assignment, Counts, java_order, partitions_of
from gomq_storage.layout import TopicPartition


def share_evenly(counts: Counts, owned: Mapping[str, set[TopicPartition]]) -> Assignment:
    """Share out all partitions among members each of which wants all topics.

    Args:
        counts: the topics.
        owned: what each member had.
    """
    ids = sorted(owned, key=java_order)
    least, extra = divmod(sum(counts.values()), len(ids))
    assignment: Assignment = {}
    for member_id in ids:
        had = sorted(owned[member_id], key=lambda each: (each.partition, each.topic))
        keeps_more = extra > 0 and len(had) > least
        extra -= keeps_more
        assignment[member_id] = had[: least + keeps_more]
    _fill(assignment, _left(counts, assignment), least)
    return assignment


def _fill(assignment: Assignment, left: list[TopicPartition], least: int) -> None:
    """Give what is left in turn to those who have too little, then one each to those who have just enough."""
    ids = list(assignment)
    poor = deque(member_id for member_id in ids if len(assignment[member_id]) < least)
    content = deque(member_id for member_id in ids if len(assignment[member_id]) == least)
    for partition in left:
        member_id = poor.popleft() if poor else content.popleft()
        assignment[member_id].append(partition)
        if len(assignment[member_id]) < least:
            poor.append(member_id)
        elif len(assignment[member_id]) == least:
            content.append(member_id)


def share_fairly(
    counts: Counts, wanted: Mapping[str, list[str]], owned: Mapping[str, set[TopicPartition]]
) -> Assignment:
    """Share out all partitions among members each of which wants topics of its own choice.

    Args:
        counts: the topics.
        wanted: the members that want each topic.
        owned: what each member had, of topics that it still wants.
    """
    sharing = _Sharing(wanted, owned)
    left = _left({topic: counts[topic] for topic in wanted}, owned)
    for partition in sorted(left, key=lambda each: (len(wanted[each.topic]), each)):
        sharing.give(partition)
    while (chain := sharing.find_chain()) is not None:
        sharing.move_along(chain)
    for topic in wanted:
        sharing.swap_back(topic)
    return sharing.assignment()


class _Sharing:
    """Who has what, while it changes."""

    def __init__(self, wanted: Mapping[str, list[str]], owned: Mapping[str, set[TopicPartition]]) -> None:
        self._wanted = wanted
        self._homes = {partition: member_id for member_id, had in owned.items() for partition in had}
        self._held: dict[str, dict[str, set[TopicPartition]]] = {member_id: {} for member_id in owned}
        self._loads = dict.fromkeys(owned, 0)
        for partition, member_id in self._homes.items():
            self._put(partition, member_id)

    def give(self, partition: TopicPartition) -> None:
        """Give a partition to whoever wants it and has the least."""
        self._put(partition, min(self._wanted[partition.topic], key=self._by_load))

    def find_chain(self) -> list[tuple[str, str, str]] | None:
        """Find the shortest way to more evenness: links from a member to another, of a topic that both want."""
        most = sorted(self._loads, key=self._by_load, reverse=True)
        least = self._loads[most[-1]]
        for source in most:
            if self._loads[source] < least + 2:
                return None
            chain = self._chain_from(source)
            if chain is not None:
                return chain
        return None

    def _chain_from(self, source: str) -> list[tuple[str, str, str]] | None:
        came_by: dict[str, tuple[str, str, str] | None] = {source: None}
        seen: set[str] = set()
        waiting = deque((source,))
        while waiting:
            giver = waiting.popleft()
            for topic in sorted(self._held[giver].keys() - seen):
                seen.add(topic)
                for taker in sorted(self._wanted[topic], key=self._by_load):
                    if taker in came_by:
                        continue
                    came_by[taker] = (giver, taker, topic)
                    if self._loads[taker] + 2 <= self._loads[source]:
                        return _links(came_by, taker)
                    waiting.append(taker)
        return None

    def move_along(self, chain: Iterable[tuple[str, str, str]]) -> None:
        """Move a partition over each link of a chain: one that comes home, or was not at home, if there is any."""
        for giver, taker, topic in chain:
            homes = self._homes
            partition = min(
                self._held[giver][topic],
                key=lambda each: (homes.get(each) != taker, homes.get(each) == giver, -each.partition),
            )
            self._move(partition, giver, taker)

    def swap_back(self, topic: str) -> None:
        """Let partitions of a topic change places where that brings one home that need not be away."""
        holders = {
            each: member_id for member_id in self._wanted[topic] for each in self._held[member_id].get(topic, ())
        }
        for partition in sorted(holders):
            home, holder = self._homes.get(partition), holders[partition]
            if home is None or home == holder:
                continue
            strangers = [each for each in self._held[home].get(topic, ()) if self._homes.get(each) != home]
            if strangers:
                other = min(strangers, key=lambda each: (self._homes.get(each) != holder, each))
                self._move(partition, holder, home)
                self._move(other, home, holder)
                holders[partition], holders[other] = home, holder

    def assignment(self) -> Assignment:
        """Say who has what."""
        return {
            member_id: sorted(partition for each in held.values() for partition in each)
            for member_id, held in self._held.items()
        }

    def _by_load(self, member_id: str) -> tuple[int, bytes]:
        return self._loads[member_id], java_order(member_id)

    def _put(self, partition: TopicPartition, member_id: str) -> None:
        self._held[member_id].setdefault(partition.topic, set()).add(partition)
        self._loads[member_id] += 1

    def _move(self, partition: TopicPartition, giver: str, taker: str) -> None:
        held = self._held[giver][partition.topic]
        held.remove(partition)
        if not held:
            del self._held[giver][partition.topic]
        self._loads[giver] -= 1
        self._put(partition, taker)


def _links(came_by: Mapping[str, tuple[str, str, str] | None], end: str) -> list[tuple[str, str, str]]:
    chain: list[tuple[str, str, str]] = []
    link = came_by[end]
    while link is not None:
        chain.append(link)
        link = came_by[link[0]]
    return chain[::-1]


def _left(counts: Counts, given: Mapping[str, Iterable[TopicPartition]]) -> list[TopicPartition]:
    """Name the partitions that nobody has, in their order."""
    taken = {partition for partitions in given.values() for partition in partitions}
    everything = (each for topic in sorted(counts, key=java_order) for each in partitions_of(topic, counts[topic]))
    return [partition for partition in everything if partition not in taken]
