"""Where records are checked: at once on the event loop, or in a worker thread what takes longer than a millisecond.

Whoever waits for a batch's check appends it, and reads the next request of its connection, only then: so no later batch
of a producer overtakes it.
"""

import time
from collections.abc import Generator
from typing import Final

from anyio import CapacityLimiter, from_thread, to_thread

from gomq.broker.producing.record_validation import (
    RUN_RECORDS,
    RecordRules,
    check_records,
    open_records,
    too_large_to_open,
)
from gomq_storage.batch import BatchHeader
from gomq_storage.errors import DecompressedTooLargeError

_QUICK_RECORDS: Final = RUN_RECORDS
_QUICK_COMPRESSED_BYTES: Final = 32 << 10
_QUICK_BYTES: Final = 128 << 10
"""To decompress them takes less than half a millisecond."""
_ENDLESS_RECORDS: Final = 100_000
"""No producer makes such batches but to keep a broker busy: they wait for each other, and no one else for them."""
_PAUSE_SECONDS: Final = 50e-6
"""So that the event loop goes on: without it, it would wait five milliseconds for each turn."""


class RecordChecks:
    """Checks the records of batches, each on its own."""

    def __init__(self) -> None:
        self._worker = CapacityLimiter(1)  # two would share one interpreter, and take twice the memory
        self._worker_for_endless = CapacityLimiter(1)

    async def check(self, batch: bytes, header: BatchHeader, rules: RecordRules) -> int:
        """Check all records of a batch that ``validate`` has passed; errors are those of ``check_records``.

        Returns:
            the largest timestamp, -1 for none.
        """
        if (largest := _check_quickly(batch, header, rules)) is not None:
            return largest
        limiter = self._worker if header.record_count <= _ENDLESS_RECORDS else self._worker_for_endless
        return await to_thread.run_sync(_check_slowly, batch, header, rules, limiter=limiter)


def _check_quickly(batch: bytes, header: BatchHeader, rules: RecordRules) -> int | None:
    """Check the records of a small batch, or return None."""
    if header.record_count > _QUICK_RECORDS or (header.codec and header.size > _QUICK_COMPRESSED_BYTES):
        return None
    try:
        data = open_records(batch, header, max_bytes=_QUICK_BYTES)
    except DecompressedTooLargeError:
        return None
    return _result(check_records(data, header, rules), has_loop=True)


def _check_slowly(batch: bytes, header: BatchHeader, rules: RecordRules) -> int:
    """Check the records of a large batch in a thread; a broker that stops does not wait for the end of it."""
    try:
        data = open_records(batch, header)
    except DecompressedTooLargeError as error:
        raise too_large_to_open(error) from error
    return _result(check_records(data, header, rules), has_loop=False)


def _result(checking: Generator[None, None, int], *, has_loop: bool) -> int:
    while True:
        try:
            next(checking)
        except StopIteration as done:
            return int(done.value)
        if not has_loop:
            from_thread.check_cancelled()
            _make_way()


def _make_way() -> None:
    time.sleep(_PAUSE_SECONDS)
