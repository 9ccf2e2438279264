"""Iterating over batches without an event loop."""

from collections.abc import Callable
from typing import Self

from gomq.client.message import Batch


class Batches:
    """An iteration over batches, made by ``Consumer.batches``.

    Args:
        ask: waits for the next batch; None at the end.
    """

    def __init__(self, ask: Callable[[], Batch | None]) -> None:
        self._ask = ask

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Batch:
        """Return the next batch that has messages."""
        batch = self._ask()
        if batch is None:
            raise StopIteration
        return batch
