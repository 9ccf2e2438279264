"""Messages as producers hand them over and consumers get them.

Timestamps are whole milliseconds since the epoch, as Kafka stores them.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, TypeAlias

from gomq.errors import ConfigurationError
from gomq_storage.record import make_rows
from gomq_storage.record_fields import Columns, Headers

HeadersInput: TypeAlias = Mapping[str, bytes | None] | Iterable[tuple[str, bytes | None]]
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_TIMESTAMP: Final = (1 << 63) - 1
_LAST_TIMESTAMP: Final = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
"""The last one that a datetime can be; who takes microseconds for milliseconds is far behind it."""


class Message(NamedTuple):
    """One message of a topic, as a consumer gets it."""

    topic: str
    partition: int
    offset: int
    """Its number within the partition; numbers may be missing."""
    timestamp: int
    """Milliseconds since the epoch, -1 for none."""
    key: bytes | None
    value: bytes | None
    """None is a tombstone: in a compacted topic it removes the key."""
    headers: Headers
    """Pairs of name and value in their order; a name may come more than once.

    Kafka keeps names that are no UTF-8, too. Such bytes come as lone surrogates, as in names of files (PEP 383):
    ``name.encode(errors="surrogateescape")`` makes them bytes again, and so does publishing the message.
    """

    @property
    def time(self) -> datetime | None:
        """The timestamp as an aware datetime; None when there is none, or it lies behind the year 9999."""
        return None if not 0 <= self.timestamp <= _LAST_TIMESTAMP else _EPOCH + timedelta(milliseconds=self.timestamp)


class NewMessage(NamedTuple):
    """One message to be published by ``publish_many``, with what a plain value lacks."""

    value: bytes | None
    key: bytes | None = None
    headers: HeadersInput = ()
    """A mapping, or pairs where a name comes more than once. Names become UTF-8, lone surrogates from U+DC80 to U+DCFF
    the bytes that they stand for: names of a ``Message`` go out as they came."""
    partition: int | None = None
    """None: by the key, or any."""
    timestamp: int | None = None
    """Milliseconds since the epoch; None takes the current time."""


class Batch:
    """Consecutive messages of one partition, by rising offsets; at least one where a consumer hands it out.

    ``for message in batch.messages`` is the plain way. Where speed counts and some of the fields are all that is
    wanted, take these: each is a list of what all the messages have of it, in their order, and no message is made.
    A batch does not change; neither should the lists. All in it was checked and decoded before it was handed out, and
    it holds its own messages only: who keeps one keeps nothing else of what was fetched with it.

    Args:
        topic: the topic.
        partition: the partition.
        columns: the messages, field by field.
    """

    __slots__ = ("_columns", "_messages", "partition", "topic")

    def __init__(self, topic: str, partition: int, columns: Columns) -> None:
        self.topic: str = topic
        self.partition: int = partition
        self._columns = columns
        self._messages: list[Message] | None = None

    @property
    def messages(self) -> list[Message]:
        """All of them, made at first use."""
        if self._messages is None:
            self._messages = make_rows(Message, (self.topic, self.partition), self._columns)
        return self._messages

    @property
    def values(self) -> list[bytes | None]:
        """The messages' values."""
        return self._columns.values

    @property
    def keys(self) -> list[bytes | None]:
        """The messages' keys."""
        return self._columns.keys

    @property
    def headers(self) -> list[Headers]:
        """The messages' headers."""
        return self._columns.headers

    @property
    def offsets(self) -> list[int]:
        """The messages' offsets."""
        return self._columns.offsets

    @property
    def timestamps(self) -> list[int]:
        """The messages' timestamps, in milliseconds since the epoch, -1 for none."""
        return self._columns.timestamps

    def __len__(self) -> int:
        """How many messages there are."""
        return len(self._columns.values)

    def __iter__(self) -> Iterator[Message]:
        return iter(self.messages)

    def part(self, start: int, stop: int | None = None) -> "Batch":
        """Return those from one place in the lists to another as a batch of their own; negative counts from the end."""
        columns = Columns._make(column[start:stop] for column in self._columns)
        part = Batch(self.topic, self.partition, columns)
        if self._messages is not None:
            part._messages = self._messages[start:stop]
        return part

    def __repr__(self) -> str:
        offsets = self.offsets
        where = f", offsets {offsets[0]} to {offsets[-1]}" if offsets else ""
        return f"<Batch of {len(self)} messages, {self.topic}-{self.partition}{where}>"


class Receipt(NamedTuple):
    """Where a message was stored."""

    topic: str
    partition: int
    offset: int
    """-1 with ``acks=0``, where the broker does not tell."""
    timestamp: int
    """Milliseconds since the epoch, as stored: the broker may have put its own."""


class OffsetRange(NamedTuple):
    """Offsets in one partition, both ends included; messages of others may lie between."""

    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What ``publish_many`` stored."""

    topic: str
    count: int
    """How many messages were acknowledged: all."""
    offsets: dict[int, OffsetRange]
    """Where, by partition; empty with ``acks=0``, where the broker does not tell."""


def normalize_headers(headers: HeadersInput) -> Headers:
    """Make pairs of headers in any form they are taken in."""
    if not headers:
        return ()
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return tuple((_checked_name(name), checked(value, "header value")) for name, value in pairs)


def _checked_name(name: object) -> str:
    if isinstance(name, str):
        return name
    raise TypeError(f"a header's name is str, not {type(name).__name__}")


def checked(data: bytes | None, what: str) -> bytes | None:
    """Take bytes, or what can be copied to bytes; refuse text, which has no encoding of its own."""
    if data is None or type(data) is bytes:
        return data
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    raise TypeError(f"a message's {what} is bytes or None, not {type(data).__name__}")


def checked_text(value: object, what: str) -> str:
    """Take text, and refuse what a program without types may give instead."""
    if isinstance(value, str):
        return value
    raise TypeError(f"{what} is text, not {type(value).__name__}")


def to_milliseconds(time: datetime) -> int:
    """Make a timestamp of an aware datetime."""
    return (time - _EPOCH) // timedelta(milliseconds=1)


def checked_timestamp(timestamp: int) -> int:
    """Take a timestamp that fits into a batch, -1 for none included."""
    if not isinstance(timestamp, int):
        raise TypeError(f"a timestamp is whole milliseconds since the epoch, not {type(timestamp).__name__}")
    if not -1 <= timestamp <= _MAX_TIMESTAMP:
        raise ConfigurationError(f"a timestamp is milliseconds since the epoch, from 0 on, not {timestamp}")
    return timestamp
