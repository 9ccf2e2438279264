"""Producer ids, never the same twice: blocks of them are written down before any is handed out.

Kafka: ``ProducerIdManager``. In one thing we do more: a partition that comes from another broker's directory remembers
that broker's producers. If one of ours got an id of theirs, what it sends might be taken for a duplicate of what they
have sent, acknowledged, and not be there. So ids that a log knows when the broker starts are never handed out.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import anyio

from gomq.broker.metadata_log import MetadataLog
from gomq_storage.log import Log

_KEY: Final = "producer-ids"
_BLOCK: Final = 1000
_MADE_UP: Final = 1 << 62
"""Ids from here on no broker has handed out in its life: a client took one on its own."""


class ProducerIds:
    """Hands out producer ids.

    Args:
        metadata: where blocks of them are written down.
        used: ids up to the largest of these are not handed out.
    """

    def __init__(self, metadata: MetadataLog, *, used: Iterable[int] = ()) -> None:
        self._metadata = metadata
        written = int(metadata.values.get(_KEY, {"next": 0})["next"])
        self._next = self._end = max(written, 1 + max((each for each in used if each < _MADE_UP), default=-1))
        self._claiming = anyio.Lock()

    async def next_id(self) -> int:
        """Return an id that no producer of this data directory has had.

        Raises:
            StorageError: a new block could not be written down.
        """
        async with self._claiming:
            if self._next == self._end:
                await self._metadata.put(_KEY, {"next": self._end + _BLOCK})
                self._end += _BLOCK
            producer_id = self._next
            self._next += 1
            return producer_id


def used_producer_ids(logs: Iterable[Log]) -> Iterator[int]:
    """Name the producers that logs know."""
    for log in logs:
        for producer in log.active_producers():
            yield producer.producer_id
