"""Messages that a user makes one by one, put together so that they cross over to the event loop in one go."""

from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

from gomq.client.message import NewMessage, OffsetRange, Published
from gomq.errors import DeliveryFailedError

Chunk: TypeAlias = list[bytes | NewMessage]
_MOST: Final = 10_000
"""Messages in one go."""
_MOST_BYTES: Final = 4 << 20
"""Bytes of values in one go, but for a single message."""


def chunks(messages: Iterable[bytes | NewMessage]) -> Iterator[Chunk]:
    """Put messages together, in their order."""
    chunk: Chunk = []
    size = 0
    for message in messages:
        chunk.append(message)
        size += len((message.value or b"") if isinstance(message, NewMessage) else message)
        if len(chunk) >= _MOST or size >= _MOST_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def joined(first: Published, more: Published) -> Published:
    """Make one of what two calls stored, one after the other."""
    offsets = dict(first.offsets)
    for partition, (begin, end) in more.offsets.items():
        offsets[partition] = OffsetRange(offsets[partition].first if partition in offsets else begin, end)
    return Published(topic=first.topic, count=first.count + more.count, offsets=offsets)


def renumbered(error: DeliveryFailedError, *, by: int) -> DeliveryFailedError:
    """Count messages from the first one of all, where ``by`` of them were in chunks before."""
    undelivered = tuple(
        each if each.number is None else each._replace(number=each.number + by) for each in error.undelivered
    )
    cause = str(undelivered[0].reason) if undelivered else str(error)
    return DeliveryFailedError(error.topic, error.count, cause, undelivered)
