"""What all errors descend from, and those that GoMQ raises of itself, without a broker's answer."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

if TYPE_CHECKING:
    from gomq.client.message import NewMessage

_MOST_NAMED: Final = 3
_MOST_OF_A_KEY: Final = 40
_RETRIABLE_CODES: Final = frozenset({
    2, 3, 5, 6, 7, 9, 13, 14, 15, 16, 19, 20, 41, 51, 56, 70, 71, 72, 74, 75, 78, 80, 83, 84, 88, 89, 100, 103, 106,
    122, 123, 133,
})  # fmt: skip
"""Those whose class in Kafka descends from ``RetriableException``."""


class GomqError(Exception):
    """Base of all of them. They can be copied and pickled, whatever their constructors want."""

    retriable: bool = False
    """Whether doing the same again, later, may succeed."""

    def __reduce__(self) -> tuple[Callable[..., Self], tuple[Any, ...], dict[str, Any] | None]:
        """Name what makes it again: not its constructor, which wants other arguments than ``args`` has."""
        return _remake, (type(self), *self.args), self.__dict__ or None


def _remake(kind: type[Any], *args: Any) -> Any:  # noqa: ANN401 - an error of the kind
    return kind.__new__(kind, *args)


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


class ClosedError(GomqError):
    """A producer, consumer or admin was used outside of its ``async with`` block."""

    def __init__(self, what: str) -> None:
        super().__init__(f"the {what} is not open: use it inside of `async with {what.capitalize()}(...)`")


class Undelivered(NamedTuple):
    """A message that was not delivered."""

    topic: str
    partition: int | None
    """None where it was not decided yet."""
    message: "NewMessage"
    number: int | None
    """Its place, from 0 on, in what ``publish_many`` was given; None where it was not published by that."""
    reason: GomqError


class DeliveryFailedError(GomqError):
    """Messages that were not acknowledged before the delivery timeout; some may be stored, or a while later.

    What was on its way on a connection that was given up a broker may still read. An idempotent producer's is refused
    once a later message of its partition is acknowledged; until then, and from another producer, it is stored.

    Args:
        topic: where to.
        count: how many they are.
        cause: why, in words.
        undelivered: the messages themselves.
    """

    def __init__(self, topic: str, count: int, cause: str, undelivered: tuple[Undelivered, ...] = ()) -> None:
        messages = "1 message" if count == 1 else f"{count} messages"
        super().__init__(f"{messages} to topic {topic!r} not acknowledged: {cause}{_names(undelivered)}")
        self.topic = topic
        self.count = count
        self.undelivered = undelivered


def _names(undelivered: tuple[Undelivered, ...]) -> str:
    """Say which messages the first few are."""
    if not undelivered:
        return ""
    names = [_name(each) for each in undelivered[:_MOST_NAMED]]
    left = len(undelivered) - len(names)
    return f" ({', '.join(names)}{f' and {left} more' if left else ''})"


def _name(undelivered: Undelivered) -> str:
    topic, partition, message, number, _ = undelivered
    what = "a message" if number is None else f"message {number}"
    key = "" if message.key is None else f" with key {message.key[:_MOST_OF_A_KEY]!r}"
    return f"{what}{key} for {topic if partition is None else f'{topic}-{partition}'}"


class MessageNotHandledError(DeliveryFailedError):
    """A consumed message that was delivered as often as it may be, or rejected, and has no dead letter topic.

    It is not committed: whoever consumes next gets it again.
    """

    def __init__(self, target: tuple[str, int], offset: int, *, attempts: int, reason: str, trouble: str = "") -> None:
        topic, partition = target
        times = "1 attempt" if attempts == 1 else f"{attempts} attempts"
        advice = trouble or "name a topic as dead_letter, to go on after such messages"
        GomqError.__init__(self, f"{topic}-{partition} offset {offset} not handled after {times}: {reason}; {advice}")
        self.topic = topic
        self.count = 1
        self.undelivered: tuple[Undelivered, ...] = ()
        self.partition = partition
        self.offset = offset
        self.attempts = attempts
        self.reason = reason


class LogTruncatedError(GomqError):
    """Messages that a consumer has handed out are not in the partition's log any more.

    A new leader did not have them; or the topic was deleted and made anew, and then ``offset`` is 0.
    ``consumer.seek(partition, error.offset)`` goes on where the log was cut off.
    """

    def __init__(self, topic: str, partition: int, *, position: int, offset: int) -> None:
        super().__init__(
            f"{topic}-{partition} was cut off at offset {offset}: what was consumed from there to {position - 1} is "
            f'not in the log any more. Seek to {offset} to go on, or let out_of_range="earliest" or "latest" do that'
        )
        self.topic = topic
        self.partition = partition
        self.position = position
        """Where the consumer was."""
        self.offset = offset
        """The first one that is not what was consumed."""


class BrokerError(GomqError):
    """A broker answered with an error code.

    Args:
        message: what it was about.
        code: for a code that has no class; each class has one of its own.
    """

    code: int = -1
    """Kafka's number for it."""
    advice: str = ""
    """What to do about it, where that is always the same; ``error_for`` puts it behind the message."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.retriable = cls.code in _RETRIABLE_CODES

    def __init__(self, message: str, *, code: int | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code
            self.retriable: bool = code in _RETRIABLE_CODES
