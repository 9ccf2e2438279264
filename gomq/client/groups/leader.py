"""A member that leads: shares out by the newest counts of partitions, and sees to it when there are more of them."""

from collections.abc import Iterable
from typing import Final

import anyio

from gomq.client.cluster.cluster import Cluster
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
        self._counts = counts = await self._count(topics_to_lead(members))
        if sum(counts.values()) * len(members) < _MUCH_TO_SHARE_OUT:
            return share_out(protocol, counts, members)
        return await anyio.to_thread.run_sync(share_out, protocol, counts, members)

    async def watch(self) -> None:
        """Have the group rebalance where a topic of any member has got more partitions, for ever."""
        while True:
            await anyio.sleep(WATCH_SECONDS)
            if not self._member.is_leader or self._member.is_rebalancing:
                continue
            try:
                counts = await self._count(self._counts.keys())
            except GomqError:
                continue  # it is looked again later
            if any(counts.get(topic) != count for topic, count in self._counts.items()):
                self._counts = counts
                self._member.rejoin("topics have other partitions")

    async def _count(self, topics: Iterable[str]) -> dict[str, int]:
        names = sorted(topics)
        found = (await self._cluster.refresh(names)).topics
        return {topic: len(found[topic].partitions) if topic in found else 0 for topic in names}
