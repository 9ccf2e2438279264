"""Show what is in the files beside the logs and their indexes, as text and as JSON's objects.

The text is that of Kafka's own tool where that reads such a file: aborted transactions, and producers. Of the others
it says nothing, or ends in a traceback; what is shown of them is in words of our own.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from gomq_dump.reading.producer_entries import ProducerEntry
from gomq_dump.reading.properties import Property
from gomq_dump.reading.small_files import SmallItem
from gomq_dump.reading.tables import LeaderEpoch, OffsetCheckpoint
from gomq_dump.reading.txn_entries import TxnEntry

Fields: TypeAlias = dict[str, Any]


def small_item_text(item: SmallItem) -> str:
    """Make the line of an item."""
    return _TEXTS[type(item)](item) + "\n"


def small_item_fields(item: SmallItem) -> Fields:
    """Make the object of an item."""
    return _FIELDS[type(item)](item)


def _txn_entry_text(item: TxnEntry) -> str:
    producer_id, first_offset, last_offset, last_stable_offset = item.aborted
    return (
        f"version: {item.version} producerId: {producer_id} firstOffset: {first_offset}"
        f" lastOffset: {last_offset} lastStableOffset: {last_stable_offset}"
    )


def _producer_text(item: ProducerEntry) -> str:
    producer = item.producer
    first_offset = producer.txn_first_offset
    line = (
        f"producerId: {producer.producer_id} producerEpoch: {producer.epoch}"
        f" coordinatorEpoch: {producer.coordinator_epoch}"
        f" currentTxnFirstOffset: {'OptionalLong.empty' if first_offset < 0 else f'OptionalLong[{first_offset}]'}"
        f" lastTimestamp: {producer.last_timestamp}"
    )
    if producer.last_offset < 0:
        return line
    return (
        f"{line} firstSequence: {item.first_sequence} lastSequence: {producer.last_sequence}"
        f" lastOffset: {producer.last_offset} offsetDelta: {producer.offset_delta}"
        f" timestamp: {producer.last_timestamp}"
    )


def _offset_checkpoint_text(item: OffsetCheckpoint) -> str:
    return f"topic: {item.partition.topic} partition: {item.partition.partition} offset: {item.offset}"


def _leader_epoch_text(item: LeaderEpoch) -> str:
    return f"leaderEpoch: {item.epoch} startOffset: {item.start_offset}"


def _property_text(item: Property) -> str:
    return f"{item.name}: {item.value}"


def _txn_entry_fields(item: TxnEntry) -> Fields:
    return {
        "type": "txn_index_entry",
        "position": item.position,
        "version": item.version,
        **item.aborted._asdict(),
    }


def _producer_fields(item: ProducerEntry) -> Fields:
    producer = item.producer
    has_batch = producer.last_offset >= 0
    return {
        "type": "producer",
        "position": item.position,
        "producer_id": producer.producer_id,
        "producer_epoch": producer.epoch,
        "first_sequence": item.first_sequence if has_batch else -1,
        "last_sequence": producer.last_sequence,
        "first_offset": producer.last_offset - producer.offset_delta if has_batch else None,
        "last_offset": producer.last_offset if has_batch else None,
        "last_timestamp": producer.last_timestamp,
        "coordinator_epoch": producer.coordinator_epoch,
        "txn_first_offset": producer.txn_first_offset if producer.txn_first_offset >= 0 else None,
    }


def _offset_checkpoint_fields(item: OffsetCheckpoint) -> Fields:
    return {
        "type": "offset_checkpoint",
        "position": item.position,
        "topic": item.partition.topic,
        "partition": item.partition.partition,
        "offset": item.offset,
    }


def _leader_epoch_fields(item: LeaderEpoch) -> Fields:
    return {
        "type": "leader_epoch",
        "position": item.position,
        "epoch": item.epoch,
        "start_offset": item.start_offset,
    }


def _property_fields(item: Property) -> Fields:
    return {"type": "property", "position": item.position, "name": item.name, "value": item.value}


_TEXTS: Final[Mapping[type, Callable[[Any], str]]] = {
    TxnEntry: _txn_entry_text,
    ProducerEntry: _producer_text,
    OffsetCheckpoint: _offset_checkpoint_text,
    LeaderEpoch: _leader_epoch_text,
    Property: _property_text,
}
_FIELDS: Final[Mapping[type, Callable[[Any], Fields]]] = {
    TxnEntry: _txn_entry_fields,
    ProducerEntry: _producer_fields,
    OffsetCheckpoint: _offset_checkpoint_fields,
    LeaderEpoch: _leader_epoch_fields,
    Property: _property_fields,
}
