"""Iterating over batches, with or without an end."""

from collections.abc import Mapping
from typing import Self

import anyio

from gomq.client.consuming.intake import Intake
from gomq.client.message import Batch
from gomq_storage.layout import TopicPartition


class Batches:
    """An iteration over batches, made by ``Consumer.batches``."""

    def __init__(self, intake: Intake, until: Mapping[TopicPartition, int] | None) -> None:
        self._intake = intake
        self._until = until

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Batch:
        """Return the next batch that has messages."""
        reader = self._intake.reader
        reader.let_go()
        await anyio.lowlevel.checkpoint()
        while not self._intake.is_closed and not self._has_ended():
            self._intake.aim(self._until)
            batch = reader.next(self._until)
            if batch is None:
                await self._intake.wait()
            elif len(batch):
                reader.hand_out(batch)
                return batch
            else:
                await anyio.lowlevel.checkpoint()
        raise StopAsyncIteration

    def _has_ended(self) -> bool:
        """Whether all that is wanted of what is read was handed out; a partition that was given away has no more."""
        if self._until is None:
            return False
        return all(self._intake.has_reached(target, end) for target, end in self._until.items())
