"""The last thing that went wrong, to be blamed for what is overdue."""

import anyio

from gomq.client.producing.batch import OutgoingBatch
from gomq.errors import BrokerTimeoutError, GomqError


class Trouble:
    """What a producer met on its way to the brokers."""

    def __init__(self) -> None:
        self._last: tuple[float, GomqError] | None = None

    def note(self, error: GomqError) -> None:
        """Take note of an error that may pass."""
        self._last = (anyio.current_time(), error)

    def cause_of_delay(self, batch: OutgoingBatch) -> GomqError:
        """Say why a batch is overdue: the last trouble met, if that was in the batch's time."""
        if self._last is not None and self._last[0] >= batch.created_at:
            return self._last[1]
        return BrokerTimeoutError(f"{batch.target}: no answer came in time")
