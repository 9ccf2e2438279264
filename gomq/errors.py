"""Every error GoMQ raises on purpose: one tree, each kind with the data a caller needs.

A broker answers with a number; ``error_for`` makes the class that bears its name in Kafka.
"""

from typing import Final


class GomqError(Exception):
    """Base of all of them."""

    retriable: bool = False
    """Whether doing the same again, later, may succeed."""


class ConfigurationError(GomqError):
    """An argument or setting that cannot work; the message says which, and what would."""


class BrokerStartError(GomqError):
    """The broker could not start; nothing was changed."""


class ProtocolError(GomqError):
    """Bytes from a peer that are not Kafka's protocol, or not what was asked for."""


class ConnectionFailedError(GomqError):
    """No connection to a broker, or it was lost."""

    retriable = True

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(f"no connection to {address}: {reason}")
        self.address = address
        self.reason = reason


class RequestTimeoutError(GomqError):
    """A broker did not answer in time."""

    retriable = True

    def __init__(self, address: str, what: str, seconds: float) -> None:
        super().__init__(f"{address} did not answer {what} within {seconds:g} s")
        self.address = address
        self.seconds = seconds


class UnsupportedVersionError(GomqError):
    """The broker and this client have no version of a request in common."""


class ClosedError(GomqError):
    """A producer, consumer or admin was used outside of its ``async with`` block."""

    def __init__(self, what: str) -> None:
        super().__init__(f"the {what} is not open: use it inside of `async with {what.capitalize()}(...)`")


class DeliveryFailedError(GomqError):
    """Messages that were not acknowledged before the delivery timeout; some may have been stored."""

    def __init__(self, topic: str, count: int, cause: str) -> None:
        messages = "1 message" if count == 1 else f"{count} messages"
        super().__init__(f"{messages} to topic {topic!r} not acknowledged: {cause}")
        self.topic = topic
        self.count = count


class BrokerError(GomqError):
    """A broker answered with an error code."""

    code: int = -1

    def __init__(self, message: str, *, code: int | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code
            self.retriable = code in _RETRIABLE_CODES


_RETRIABLE_CODES: Final = frozenset({2, 5, 6, 7, 8, 9, 13, 14, 15, 16, 19, 20, 41, 51, 56, 74, 75, 78, 89})
"""Kafka's ``RetriableException`` codes, as far as they have no class of their own here."""


class OffsetOutOfRangeError(BrokerError):
    """The wanted offset lies before the first message kept or after the last."""

    code = 1


class CorruptMessageError(BrokerError):
    """A batch failed its checksum, on its way or on disk."""

    code = 2
    retriable = True


class UnknownTopicError(BrokerError):
    """The topic does not exist, or not the partition."""

    code = 3


class LeaderNotAvailableError(BrokerError):
    """The partition has no leader just now."""

    code = 5
    retriable = True


class NotLeaderError(BrokerError):
    """Another broker leads the partition now."""

    code = 6
    retriable = True


class BrokerTimeoutError(BrokerError):
    """The broker gave up waiting for what the request needed."""

    code = 7
    retriable = True


class MessageTooLargeError(BrokerError):
    """The batch is larger than the topic's ``max.message.bytes``."""

    code = 10


class InvalidTopicError(BrokerError):
    """No topic may have this name."""

    code = 17


class TopicAlreadyExistsError(BrokerError):
    """A topic of this name is there already."""

    code = 36


class InvalidPartitionsError(BrokerError):
    """A topic cannot have that number of partitions."""

    code = 37


class StorageFailedError(BrokerError):
    """The broker could not write to its disk, or not make sure of it; its log says why."""

    code = 56
    retriable = True


_BY_CODE = {
    kind.code: kind
    for kind in (
        OffsetOutOfRangeError, CorruptMessageError, UnknownTopicError, LeaderNotAvailableError, NotLeaderError,
        BrokerTimeoutError, MessageTooLargeError, InvalidTopicError, TopicAlreadyExistsError,
        InvalidPartitionsError, StorageFailedError,
    )
}  # fmt: skip


def error_for(code: int, message: str) -> BrokerError:
    """Make the error that bears a Kafka error code's name."""
    kind = _BY_CODE.get(code)
    return kind(message) if kind is not None else BrokerError(f"{message} (Kafka error code {code})", code=code)
