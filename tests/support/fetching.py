"""What tests of fetching share: records that were found, and requests within a session."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, cast

import gomq
from gomq.protocol.api import Api
from gomq_storage.batch import walk
from gomq_storage.log_values import LogSlice
from tests.support.wire import Wire, fetch_values

RECORDS: Final = LogSlice(cast("Any", None), 0, 100)
"""Some records, of no segment."""


class SessionClient:
    """A client that fetches within a session; what it asks for is what has changed."""

    def __init__(self, wire: Wire, version: int = 11) -> None:
        self.wire = wire
        self.version = version
        self.session_id = 0
        self.epoch = 0

    async def send(
        self,
        offsets: Mapping[Any, Sequence[tuple[int, int]]] | None = None,
        *,
        forget: Mapping[Any, Iterable[int]] | None = None,
        committed: bool = False,
        **limits: int,
    ) -> None:
        """Send the next request."""
        values = fetch_values(offsets or {}, session_id=self.session_id, session_epoch=self.epoch, **limits)
        values["isolation_level"] = int(committed)
        forgotten = [
            {"topic": topic, "topic_id": topic, "partitions": tuple(indexes)}
            for topic, indexes in (forget or {}).items()
        ]
        await self.wire.send(Api.FETCH, self.version, {**values, "forgotten_topics_data": forgotten})

    async def receive(self) -> Any:
        """Receive the answer, and go on with its session."""
        answer = await self.wire.receive(Api.FETCH, self.version)
        if not answer.error_code:
            self.session_id = answer.session_id
            self.epoch = self.epoch + 1 if answer.session_id else 0
        return answer

    async def fetch(self, offsets: Mapping[Any, Sequence[tuple[int, int]]] | None = None, **fields: Any) -> Any:
        """Ask and receive."""
        await self.send(offsets, **fields)
        return await self.receive()


def entries(answer: Any) -> list[Any]:
    """List an answer's partitions in their order."""
    return [entry for topic in answer.responses for entry in topic.partitions]


def indexes(answer: Any) -> list[int]:
    """List the numbers of an answer's partitions in their order."""
    return [entry.partition_index for entry in entries(answer)]


def base_offsets(records: bytes | None) -> list[int]:
    """List where the batches start; a cut off one does not count."""
    return [header.base_offset for _, header in walk(records or b"")]


def parked(broker: gomq.Broker, topic: str = "orders", partition: int = 0) -> int:
    """Count the events that wait for a partition."""
    assert broker._state is not None
    found = broker._state.topics.partition(topic, partition)
    return len(found.waiters) if found is not None else 0
