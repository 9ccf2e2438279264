"""``with broker.expect("orders", 2) as new:`` - so many messages, and no more, come while the block runs."""

from collections import UserList
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from types import TracebackType
from typing import Final

from anyio import to_thread

from gomq.client.message import Message

_MOST_SHOWN: Final = 10
_MOST_OF_A_VALUE: Final = 60


class NewMessages(UserList[Message]):
    """The messages that came while a block ran; empty until it has ended."""


class Expectation:
    """Waits, at the end of its block, for messages; ``with`` and ``async with`` are the same.

    A block that raises is not waited for.

    Args:
        topic: where they are to come.
        count: how many.
        ends: says where the topic's partitions end now.
        wait: waits until so many have come since these ends, or the time is over.
        read: reads what is behind these ends.
    """

    def __init__(
        self,
        topic: str,
        count: int,
        *,
        ends: Callable[[], dict[int, int]],
        wait: Callable[[Mapping[int, int]], float],
        read: Callable[[Mapping[int, int]], Sequence[Message]],
    ) -> None:
        self._topic = topic
        self._count = count
        self._ends, self._wait, self._read = ends, wait, read
        self._marks: dict[int, int] = {}
        self._new = NewMessages()

    def __enter__(self) -> NewMessages:
        self._marks, self._new = self._ends(), NewMessages()
        return self._new

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            seconds = self._wait(self._marks)
            self._new.extend(self._read(self._marks))
            if len(self._new) != self._count:
                raise AssertionError(complaint(self._topic, self._count, self._new, seconds))

    async def __aenter__(self) -> NewMessages:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            await to_thread.run_sync(self.__exit__, None, None, None, abandon_on_cancel=True)


def complaint(topic: str, count: int, came: Sequence[Message], seconds: float) -> str:
    """Say what came where something else was expected."""
    wanted = "1 new message" if count == 1 else f"{count} new messages"
    head = f"{wanted} expected in topic {topic!r}, {len(came) or 'none'} came"
    if len(came) < count:
        head += f" within {seconds:g} s"
    left = len(came) - _MOST_SHOWN
    shown = (f"  {each.partition}:{each.offset} key={_short(each.key)} value={_short(each.value)}" for each in came)
    return "\n".join((
        head + (":" if came else ""),
        *islice(shown, _MOST_SHOWN),
        *([f"  and {left} more"] if left > 0 else []),
    ))  # fmt: skip


def _short(data: bytes | None) -> str:
    text = repr(data)
    return text if len(text) <= _MOST_OF_A_VALUE else f"{text[:_MOST_OF_A_VALUE]}..."
