"""How a message gets into a batch: at once where its topic is known, else in its turn once that is found."""

import time

import anyio

from gomq.client.cluster.cluster import Cluster
from gomq.client.cluster.metadata import TopicMetadata
from gomq.client.message import HeadersInput, checked, checked_timestamp, normalize_headers
from gomq.client.producing.accumulator import Accumulator
from gomq.client.producing.batch import OutgoingBatch, size_of
from gomq.client.producing.choosing import Choice
from gomq.client.producing.finding import TopicFinder
from gomq.client.producing.publication import Losses, Publication
from gomq.client.producing.sender import Sender
from gomq.client.producing.settings import ProducerSettings
from gomq_storage.layout import TopicPartition
from gomq_storage.record import NewRecord


class Intake:
    """Where publishers hand over messages.

    Args:
        cluster: knows the topics.
        finder: looks for those that are not known.
        accumulator: takes the messages.
        sender: is told of those that can go.
        settings: batching and delivery.
    """

    def __init__(
        self,
        cluster: Cluster,
        finder: TopicFinder,
        accumulator: Accumulator,
        sender: Sender,
        settings: ProducerSettings,
    ) -> None:
        self._cluster = cluster
        self._finder = finder
        self._accumulator = accumulator
        self._sender = sender
        self._settings = settings
        self._choice = Choice(accumulator, max_batch_bytes=settings.max_batch_bytes)

    async def find(self, topic: str) -> TopicMetadata:
        """Return a topic, once those who asked for it before have got it."""
        known = self._finder.known(topic)
        if known is not None:
            return known
        return await self._finder.find(topic, deadline=anyio.current_time() + self._settings.delivery_timeout)

    def add(self, topic: str, record: NewRecord, partition: int | None) -> tuple[OutgoingBatch, int] | None:
        """Put a message into a batch and have that sent; None where the topic is not known yet."""
        found = self._finder.known(topic)
        if found is None:
            return None
        return self._place(found, record, partition)

    def hand_over(self, topic: str, record: NewRecord, partition: int | None, losses: Losses | None) -> Publication:
        """Take a message, whether its topic is known or not.

        Args:
            topic: where to.
            record: the message.
            partition: the one that is named, if any.
            losses: is told when it is not delivered; None where the caller waits for it.
        """
        found = self._finder.known(topic)
        if found is not None:
            publication = Publication(topic, record, partition, losses=losses)
            publication.placed(*self._place(found, record, partition))
            return publication
        deadline = anyio.current_time() + self._settings.delivery_timeout
        publication = Publication(topic, record, partition, losses=losses, deadline=deadline)
        size = size_of(record)

        def place(found: TopicMetadata | None) -> tuple[OutgoingBatch, int] | None:
            self._accumulator.reserve(-size)
            if found is None:
                return None
            return self._place(found, record, partition, deadline=deadline)

        publication.park(place)
        self._finder.seek(topic, publication)
        self._accumulator.reserve(size)
        return publication

    def withdraw(self, topic: str, publication: Publication, record: NewRecord) -> None:
        """Take a message back, if it still waits for its topic."""
        if self._finder.withdraw(topic, publication):
            self._accumulator.reserve(-size_of(record))

    def choose(self, topic: TopicMetadata, key: bytes | None, partition: int | None, size: int) -> TopicPartition:
        """Decide where a message goes, by what is known of the topic now; see ``Choice``."""
        return self._choice.target(self._cluster.topic(topic.name) or topic, key, partition, size)

    async def wait_for_places(self) -> None:
        """Wait until what was handed over so far is in batches, or given up."""
        for publication in self.parked():
            await publication.wait_for_place()

    def parked(self) -> list[Publication]:
        """Return what was handed over and waits for its topic, where nobody waits for it."""
        seekers = self._finder.seekers()
        return [each for each in seekers if isinstance(each, Publication) and each.is_unattended]

    def _place(
        self, topic: TopicMetadata, record: NewRecord, partition: int | None, *, deadline: float | None = None
    ) -> tuple[OutgoingBatch, int]:
        target = self._choice.target(topic, record.key, partition, len(record.value or b""))
        placed = self._accumulator.add_record(target, record)
        if placed is None:
            placed = self.begin_with(target, record, deadline)
            self._sender.kick(target)  # by one more record nothing changes about what can be sent
        return placed

    def begin_with(
        self, target: TopicPartition, record: NewRecord, deadline: float | None = None
    ) -> tuple[OutgoingBatch, int]:
        """Open a batch with a record, to be delivered by a time; None: as long from now on as the settings allow."""
        now = anyio.current_time()
        latest = now + self._settings.delivery_timeout if deadline is None else deadline
        return self._accumulator.begin(target, record, now=now, deadline=latest)


def new_record(value: bytes | None, key: bytes | None, headers: HeadersInput, timestamp: int | None) -> NewRecord:
    """Make a record of what a user gave, each part checked."""
    stamp = time.time_ns() // 1_000_000 if timestamp is None else checked_timestamp(timestamp)
    return NewRecord(checked(value, "value"), checked(key, "key"), normalize_headers(headers) if headers else (), stamp)
