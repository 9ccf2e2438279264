"""What went wrong, as an answer tells it: one of Kafka's error codes and a message of bounded length."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final, NamedTuple

import anyio
from kio.schema.errors import ErrorCode

from gomq.errors import BrokerError, BrokerTimeoutError
from gomq_storage.errors import StorageError

REFUSALS: Final = (BrokerError, ValueError, OSError, StorageError)
"""What a change of topics and configs may end with: a request is answered with ``refusal``."""
_MAX_MESSAGE: Final = 1000
_LEAST_PATIENCE: Final = 1.0


class Refusal(NamedTuple):
    """Why something was not done."""

    code: ErrorCode
    message: str


def refusal(error: Exception, *, bad_value: ErrorCode = ErrorCode.invalid_config) -> Refusal:
    """Turn one of ``REFUSALS`` into what is answered.

    Args:
        error: what was raised.
        bad_value: what a ``ValueError`` is called.
    """
    if isinstance(error, BrokerError):
        code = ErrorCode(error.code)
    elif isinstance(error, ValueError):
        code = bad_value
    else:
        code = ErrorCode.kafka_storage_error
    return Refusal(code, shown(str(error)))


def shown(message: str) -> str:
    """Cut a message that may repeat what a client sent: a string of an answer has a largest size."""
    return message[:_MAX_MESSAGE]


@contextmanager
def patience(timeout: timedelta) -> Iterator[None]:
    """Wait in the block for as long as a request says; what is done by then is done, whatever the time.

    A client that does not want to wait for replicas, of which there is one, says 0: a second is always granted.

    Raises:
        BrokerTimeoutError: the time was up.
    """
    with anyio.move_on_after(max(timeout.total_seconds(), _LEAST_PATIENCE)) as scope:
        yield
    if scope.cancelled_caught:
        raise BrokerTimeoutError("the broker was busy with other changes for as long as the request allows")
