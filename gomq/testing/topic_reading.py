"""What is in a broker's topics, read from its logs: without a client, whatever the faults."""

from collections.abc import Iterator, Mapping
from itertools import compress
from typing import Final

from gomq.broker.partition import Partition
from gomq.broker.topics import Topics
from gomq.client.message import Message
from gomq.errors import UnknownTopicError
from gomq_storage.batch import check_batch, walk
from gomq_storage.errors import OffsetOutOfRangeError
from gomq_storage.record import BatchRecords, make_rows
from gomq_storage.record_fields import Columns

_READ_BYTES: Final = 1 << 20


def read_topic(topics: Topics, name: str, *, start: Mapping[int, int] | None = None) -> list[Message]:
    """Read all that consumers may see of a topic, a partition after the other.

    Args:
        topics: those of the broker.
        name: the topic.
        start: where to begin in partitions, and 0 in all others; None: with the first message that each has.

    Raises:
        UnknownTopicError: there is no such topic.
    """
    topic = topics.get(name)
    if topic is None:
        known = ", ".join(sorted(each.name for each in topics)) or "none"
        raise UnknownTopicError(f"there is no topic {name!r}; there are: {known}")
    begins = start or {}
    return [
        message
        for index, partition in enumerate(topic.partitions)
        for message in read_partition(partition, begins.get(index, 0))
    ]


def ends(topics: Topics, name: str) -> dict[int, int]:
    """Say where each partition of a topic ends; nothing where there is no such topic."""
    topic = topics.get(name)
    return {} if topic is None else {each.name.partition: each.high_watermark for each in topic.partitions}


def read_partition(partition: Partition, start: int) -> Iterator[Message]:
    """Read what consumers may see of a partition now, from an offset on; what is deleted meanwhile is left out."""
    log, upto = partition.log, partition.visible
    offset = max(start, log.log_start)
    while offset < upto.offset:
        try:
            found = log.read(offset, max_bytes=_READ_BYTES, upto=upto)
        except OffsetOutOfRangeError:
            if offset >= log.log_start:
                raise
            offset = log.log_start  # what was before has been deleted meanwhile
            continue
        if found is None:
            return
        data = found.read()
        for position, header in walk(data):
            if not header.is_control:
                check_batch(data, position)
                batch = memoryview(data)[position : position + header.size]
                columns = BatchRecords(batch, header).take(header.record_count)
                yield from make_rows(Message, partition.name, _from(columns, offset))
            offset = header.next_offset


def _from(columns: Columns, offset: int) -> Columns:
    """Leave out what lies before an offset: a batch is read whole."""
    if not columns.offsets or columns.offsets[0] >= offset:
        return columns
    are_wanted = [each >= offset for each in columns.offsets]
    return Columns._make(list(compress(column, are_wanted)) for column in columns)
