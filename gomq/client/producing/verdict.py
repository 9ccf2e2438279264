"""What an answer, or the lack of one, means for a batch. Values only. Kafka: ``Sender.completeBatch``, ``canRetry``."""

from enum import Enum, auto
from typing import Final

from gomq.errors import BrokerError, GomqError

MESSAGE_TOO_LARGE: Final = 10
CLUSTER_AUTHORIZATION_FAILED: Final = 31
OUT_OF_ORDER: Final = 45
DUPLICATE: Final = 46
_FENCED: Final = 47
_UNKNOWN_PRODUCER: Final = 59
_NOT_STORED: Final = frozenset({2, 10, 17, 18, 19, 21, 29, 31, 35, 43, 44, 45, 47, 59, 76, 87})
"""What a broker says before it stores anything; any other error may come after that."""


class Verdict(Enum):
    """What to do with a batch that was not acknowledged."""

    SEND_AGAIN = auto()
    OUT_OF_ORDER = auto()
    FORGOTTEN = auto()
    """The broker does not know the producer."""
    FENCED = auto()
    """The broker knows a newer epoch of the producer."""
    SPLIT = auto()
    REFUSE = auto()


_ON_NUMBERS: Final = {
    OUT_OF_ORDER: Verdict.OUT_OF_ORDER,
    _UNKNOWN_PRODUCER: Verdict.FORGOTTEN,
    _FENCED: Verdict.FENCED,
}


def verdict_on(error: GomqError, *, is_numbered: bool, can_be_split: bool) -> Verdict:
    """Decide what to do about an error.

    Args:
        error: the broker's, or why there is no answer.
        is_numbered: whether the batch has a producer's numbers.
        can_be_split: whether it has several messages, and is not stored for certain.
    """
    code = error.code if isinstance(error, BrokerError) else 0
    if code == MESSAGE_TOO_LARGE and can_be_split:
        return Verdict.SPLIT
    if is_numbered and code in _ON_NUMBERS:
        return _ON_NUMBERS[code]
    return Verdict.SEND_AGAIN if error.retriable else Verdict.REFUSE


def may_be_stored(error: GomqError) -> bool:
    """Whether a batch that met this error on its way may be in the log all the same."""
    return not (isinstance(error, BrokerError) and error.code in _NOT_STORED)
