"""Producer ids, never the same twice: blocks of them are written down before any is handed out.

Kafka: ``ProducerIdManager``.
"""

from typing import Final

import anyio

from gomq.broker.metadata_log import MetadataLog

_KEY: Final = "producer-ids"
_BLOCK: Final = 1000


class ProducerIds:
    """Hands out producer ids."""

    def __init__(self, metadata: MetadataLog) -> None:
        self._metadata = metadata
        self._next = self._end = int(metadata.values.get(_KEY, {"next": 0})["next"])
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
