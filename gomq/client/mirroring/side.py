"""One of the two clusters, as a mirror asks it: an admin that also knows up to where messages count."""

from collections.abc import Iterable
from typing import NamedTuple

from gomq.client.admin.admin import Admin
from gomq.client.admin.group_offsets import committed_offsets
from gomq.client.admin.offsets import find_led_topic
from gomq.client.cluster.settings import ConnectionSettings
from gomq.client.consuming.offsets import look_up
from gomq.client.consuming.settings import READ_COMMITTED
from gomq.client.consuming.start import EARLIEST, LATEST
from gomq.client.mirroring.resuming import Bounds
from gomq.client.mirroring.target import LastWriter
from gomq.client.producing.identity import Identity
from gomq.errors import BrokerError
from gomq_storage.layout import TopicPartition


class Side(Admin):
    """The source or the target.

    Args:
        address: HOST:PORT of a broker, or several, comma-separated.
        settings: how to reach it.
        patience: seconds for which what may pass is tried again.
    """

    def __init__(self, address: str, settings: ConnectionSettings, *, patience: float) -> None:
        super().__init__(address, settings=settings, retry_timeout=patience)
        self.address = address

    async def stable_bounds(self, topic: str) -> dict[int, Bounds]:
        """Return what each partition of a topic holds, up to its last stable offset.

        Raises:
            UnknownTopicError: there is no such topic.
        """
        asker = self._asker
        found = await find_led_topic(asker, topic)
        partitions = [TopicPartition(topic, each.index) for each in found.partitions]
        beginnings, ends = [
            await look_up(
                asker.cluster,
                dict.fromkeys(partitions, which),
                isolation=READ_COMMITTED,
                patience=asker.patience,
            )
            for which in (EARLIEST, LATEST)
        ]
        return {each.partition: Bounds(beginnings[each], max(beginnings[each], ends[each])) for each in partitions}

    async def committed_offsets(self, group: str) -> dict[TopicPartition, int]:
        """Return what a group has committed; nothing where there is no such group."""
        return {where: found.offset for where, found in (await committed_offsets(self._asker, group)).items()}

    async def last_writers(self, topic: str, partitions: Iterable[int]) -> dict[int, LastWriter]:
        """Say of each partition who wrote to it, where it was one idempotent producer only, and that is known."""
        partitions = list(partitions)
        if not partitions:
            return {}
        try:
            found = await self.describe_producers(topic, partitions)
        except BrokerError:
            return {}  # a broker that is too old, or does not let everybody ask
        writers: dict[int, LastWriter] = {}
        for partition, producers in found.items():
            if len(producers) == 1 and producers[0].last_sequence is not None:
                only = producers[0]
                identity = Identity(only.producer_id, only.producer_epoch)
                writers[partition] = LastWriter(identity, producers[0].last_sequence)
        return writers


class Ends(NamedTuple):
    """Both sides."""

    source: Side
    target: Side
