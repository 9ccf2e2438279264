"""A member that leads: shares out by the newest counts of partitions, and sees to it when there are more of them."""

from typing import Final

import anyio

from gomq.client.cluster.cluster import Cluster
from gomq.client.cluster.metadata import ClusterMetadata
from gomq.client.groups.leading import members_to_lead, share_out, topics_to_lead
from gomq.client.groups.state import Member
from gomq.errors import GomqError

_MUCH_TO_SHARE_OUT: Final = 20_000
"""Partitions times members, from which on an assignor works in a thread: it takes longer than a tenth of a second."""
WATCH_SECONDS: Final = 300.0
"""How often to look for new partitions. Kafka's ``metadata.max.age.ms``."""


class Leader:
    """Leads whenever its member does.

    Args:
        cluster: the brokers.
        member: the member.
    """

    def __init__(self, cluster: Cluster, member: Member) -> None:
        self._cluster = cluster
        self._member = member
        self._counts: dict[str, int] = {}

    async def share_out(self) -> dict[str, bytes]:
        """Say what each member is given; nobody anything where the member does not lead, or all stays as it is.

        Raises:
            GomqError: no broker says how many partitions there are.
        """
        joined, protocol = self._member.joined, self._member.protocol
        if joined is None or not self._member.is_leader or joined.skips_assignment:
            return {}
        members = members_to_lead(joined)
        known = await self._cluster.refresh(sorted(topics_to_lead(members)))
        self._counts = counts = _counts(known)
        racks = known.racks() if any(member.subscription.rack for member in members.values()) else {}
        if sum(counts.values()) * len(members) < _MUCH_TO_SHARE_OUT:
            return share_out(protocol, counts, members, racks)
        return await anyio.to_thread.run_sync(share_out, protocol, counts, members, racks)

    async def watch(self) -> None:
        """Have the group rebalance where a topic of any member has got more partitions, for ever."""
        while True:
            await anyio.sleep(WATCH_SECONDS)
            if not self._member.is_leader or self._member.is_rebalancing:
                continue
            try:
                counts = _counts(await self._cluster.refresh(sorted(self._counts)))
            except GomqError:
                continue  # it is looked again later
            if any(counts.get(topic) != count for topic, count in self._counts.items()):
                self._counts = counts
                self._member.rejoin("topics have other partitions")


def _counts(known: ClusterMetadata) -> dict[str, int]:
    return {name: len(topic.partitions) for name, topic in known.topics.items()}
