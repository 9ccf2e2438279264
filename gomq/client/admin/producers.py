"""Who has written to partitions lately, idempotently or in a transaction (KIP-664)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gomq.client.admin.asking import Asker
from gomq.client.cluster.leaders import ask_leaders
from gomq.errors import UnknownTopicError
from gomq.protocol.api import Api
from gomq_storage.layout import TopicPartition


@dataclass(frozen=True, slots=True, kw_only=True)
class ProducerDescription:
    """What a partition remembers of a producer."""

    producer_id: int
    producer_epoch: int
    last_sequence: int | None
    """Of its last record; None where it has only ended a transaction."""
    last_timestamp: int
    """Milliseconds since the epoch of its last batch."""
    coordinator_epoch: int | None
    """Of the coordinator of its last transaction."""
    transaction_start_offset: int | None
    """Where its open transaction begins; None while there is none."""


async def describe_producers(
    asker: Asker, topic: str, partitions: Iterable[int] | None
) -> dict[int, tuple[ProducerDescription, ...]]:
    """Return the producers that each partition remembers, by rising ids.

    Raises:
        UnknownTopicError: there is no such topic, or no such partition.
        BrokerError: a broker refuses.
        ExceptionGroup: several partitions failed.
    """
    found = await asker.cluster.find_topic(topic, may_create=False, is_new=False, patience=asker.patience)
    there = {partition.index for partition in found.partitions}
    wanted = there if partitions is None else set(partitions)
    if missing := sorted(wanted - there):
        raise UnknownTopicError(f"{TopicPartition(topic, missing[0])} does not exist")

    async def ask(leader: int, led: list[int]) -> dict[int, Any]:
        values = {"topics": [{"name": topic, "partition_indexes": led}]}
        response = await asker.cluster.ask(Api.DESCRIBE_PRODUCERS, values, node=leader)
        return {
            int(partition.partition_index): partition
            for each in response.topics
            if each.name == topic
            for partition in each.partitions
        }

    results = await ask_leaders(
        asker.cluster, topic, wanted, ask, patience=asker.patience, what="producers of {} cannot be described"
    )
    return {
        partition: tuple(sorted(map(_producer, results[partition].active_producers), key=lambda each: each.producer_id))
        for partition in sorted(results)
    }


def _producer(producer: Any) -> ProducerDescription:  # noqa: ANN401 - one class a version
    return ProducerDescription(
        producer_id=int(producer.producer_id),
        producer_epoch=int(producer.producer_epoch),
        last_sequence=_known(producer.last_sequence),
        last_timestamp=int(producer.last_timestamp),
        coordinator_epoch=_known(producer.coordinator_epoch),
        transaction_start_offset=_known(producer.current_txn_start_offset),
    )


def _known(number: int) -> int | None:
    return int(number) if number >= 0 else None
