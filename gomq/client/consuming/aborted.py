"""Passing over the messages of aborted transactions. Kafka: ``CompletedFetch``.

With ``isolation="read_committed"`` a broker sends nothing behind the last stable offset, so that the outcome of every
transaction in an answer is known. What was aborted is in the log all the same; the answer says which producers'
transactions, and from where on. Each lasts until the producer's next marker.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from gomq_storage.batch import BatchHeader, check_batch
from gomq_storage.errors import CorruptBatchError
from gomq_storage.record import BatchRecords

_CONTROL: Final = 0b10_0000
_ABORT: Final = 0
_MARKER_KEY_BYTES: Final = 4
_MOST_MARKER_BYTES: Final = 1 << 10
"""A marker has a key of four bytes and a value of six."""

Located = tuple[int, BatchHeader]
"""A batch's position and header."""


def without_aborted(data: bytes, batches: Iterable[Located], aborted: Iterable[tuple[int, int]]) -> list[Located]:
    """Mark the batches of aborted transactions as ones that are not for consumers.

    They stay in the list, for their offsets count; as batches of control records do, which nobody hands out.

    Args:
        data: the batches.
        batches: where each one is, by rising offsets.
        aborted: producer id and first offset of each aborted transaction.

    Raises:
        CorruptBatchError: a marker cannot be read, and nothing is in front of it; if something is, that is all of it.
    """
    found: list[Located] = []
    try:
        for each in _marked(data, batches, aborted):
            found.append(each)  # noqa: PERF402 - those in front of a marker that cannot be read count
    except CorruptBatchError:
        if not found:
            raise
    return found


def _marked(data: bytes, batches: Iterable[Located], aborted: Iterable[tuple[int, int]]) -> Iterator[Located]:
    waiting = sorted(aborted, key=lambda each: each[1], reverse=True)
    if not waiting:
        yield from batches
        return
    ids: set[int] = set()
    for position, header in batches:
        while waiting and waiting[-1][1] <= header.last_offset:
            ids.add(waiting.pop()[0])
        if header.is_control:
            if header.producer_id in ids and _is_abort(data, position, header):
                ids.discard(header.producer_id)
        elif header.is_transactional and header.producer_id in ids:
            header = header._replace(attributes=header.attributes | _CONTROL)  # noqa: PLW2901 - the same, marked
        yield position, header


def _is_abort(data: bytes, position: int, header: BatchHeader) -> bool:
    """Read a marker: its record's key is a version and a type, 0 for abort, 1 for commit."""
    check_batch(data, position)
    view = memoryview(data)[position : position + header.size]
    keys = BatchRecords(view, header, max_bytes=_MOST_MARKER_BYTES).take(1).keys
    key = keys[0] if keys else None
    if key is None or len(key) < _MARKER_KEY_BYTES:
        raise CorruptBatchError("a control record without a type", position=position)
    return int.from_bytes(key[2:4], "big", signed=True) == _ABORT
