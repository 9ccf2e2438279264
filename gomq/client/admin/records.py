"""Deleting the first records of partitions."""

from collections.abc import Mapping
from typing import Any, Final

from gomq.client.admin.asking import Asker
from gomq.client.cluster.leaders import ask_leaders
from gomq.errors import ConfigurationError, UnknownTopicError
from gomq.protocol.api import Api
from gomq_storage.layout import TopicPartition

EVERYTHING: Final = -1
"""As an offset: the partition's end."""


async def delete_records(asker: Asker, topic: str, before: Mapping[int, int]) -> dict[int, int]:
    """Delete the records before an offset of each partition, and return the first offset that each has then.

    Args:
        asker: who asks.
        topic: whose records.
        before: offset by partition; ``EVERYTHING`` stands for the partition's end.

    Raises:
        ConfigurationError: no offset can be so low.
        UnknownTopicError: there is no such topic, or no such partition.
        OffsetOutOfRangeError: an offset lies behind the partition's end.
        BrokerError: the broker refuses, as it does where the topic's ``cleanup.policy`` does not delete.
        ExceptionGroup: several partitions failed; the records of others may be deleted.
    """
    for partition, offset in before.items():
        if offset < EVERYTHING:
            raise ConfigurationError(f"records before offset {offset} of partition {partition}: there are none")
    found = await asker.cluster.find_topic(topic, may_create=False, is_new=False, patience=asker.patience)
    if missing := sorted(before.keys() - {partition.index for partition in found.partitions}):
        raise UnknownTopicError(f"{TopicPartition(topic, missing[0])} does not exist")

    async def ask(leader: int, partitions: list[int]) -> dict[int, Any]:
        wanted = [{"partition_index": index, "offset": before[index]} for index in partitions]
        values = {"topics": [{"name": topic, "partitions": wanted}], "timeout": asker.timeout_ms}
        response = await asker.cluster.ask(Api.DELETE_RECORDS, values, node=leader)
        return {
            int(result.partition_index): result
            for each in response.topics
            if each.name == topic
            for result in each.partitions
        }

    results = await ask_leaders(
        asker.cluster, topic, before, ask, patience=asker.patience, what="records of {} cannot be deleted"
    )
    return {partition: int(results[partition].low_watermark) for partition in sorted(results)}
