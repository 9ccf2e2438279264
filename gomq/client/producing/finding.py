"""Topics that are not known yet, and who waits for them: each in its turn, once the brokers have told.

One task asks for a topic, whoever wants it; a failure is everybody's.
"""

from abc import ABC, abstractmethod
from collections import deque
from typing import Final

import anyio
from anyio.abc import TaskGroup

from gomq.client.cluster.cluster import Cluster
from gomq.client.cluster.metadata import TopicMetadata
from gomq.client.message import checked_text
from gomq.client.raising import own_copy
from gomq.errors import BrokerTimeoutError, ClosedError, GomqError, UnknownTopicError

_NEW_TOPIC_PATIENCE: Final = 5.0
"""Seconds that a topic may stay unknown while the broker creates it."""


class Seeker(ABC):
    """Somebody who wants a topic.

    Args:
        deadline: by the event loop's clock, how long it is of use.
    """

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline

    @abstractmethod
    def found(self, topic: TopicMetadata) -> None:
        """Go on; it must not raise and cannot wait."""

    @abstractmethod
    def failed(self, error: GomqError, *, gave_up: bool) -> None:
        """Give up.

        Args:
            error: why, an own one.
            gave_up: whether that might have passed, but time ran out.
        """


class TopicFinder:
    """Looks for topics.

    Args:
        cluster: the brokers.
        group: where the tasks run.
    """

    def __init__(self, cluster: Cluster, group: TaskGroup) -> None:
        self._cluster = cluster
        self._group = group
        self._seekers: dict[str, deque[Seeker]] = {}
        self._is_closed = False

    def known(self, name: str) -> TopicMetadata | None:
        """Return a topic that can be used at once; None while others wait for it, who were first."""
        return None if name in self._seekers else self._cluster.topic(name)

    def seekers(self) -> list[Seeker]:
        """Return all who wait."""
        return [seeker for waiting in self._seekers.values() for seeker in waiting]

    def seek(self, name: str, seeker: Seeker) -> None:
        """Have somebody told of a topic, after those who asked before; ``TypeError`` where that is no name."""
        if self._is_closed:
            raise ClosedError("producer")
        checked_text(name, "a topic")
        waiting = self._seekers.get(name)
        if waiting is None:
            waiting = self._seekers[name] = deque()
            self._group.start_soon(self._find, name, waiting)
        waiting.append(seeker)

    def withdraw(self, name: str, seeker: Seeker) -> bool:
        """Forget somebody who does not wait any more, and say whether that was in time."""
        waiting = self._seekers.get(name)
        if waiting is None or seeker not in waiting:
            return False
        waiting.remove(seeker)
        return True

    async def find(self, name: str, *, deadline: float) -> TopicMetadata:
        """Wait for a topic.

        Raises:
            GomqError: it cannot be used, or is not found in time.
        """
        call = _Call(deadline)
        self.seek(name, call)
        try:
            await call.is_done.wait()
        finally:
            self.withdraw(name, call)
        if call.error is not None:
            raise call.error
        assert call.topic is not None
        return call.topic

    def close(self) -> None:
        """Send everybody away."""
        self._is_closed = True
        for name in list(self._seekers):
            self._fail(self._seekers.pop(name), ClosedError("producer"), gave_up=False)

    async def _find(self, name: str, waiting: deque[Seeker]) -> None:
        backoff = self._cluster.new_backoff()
        trouble: GomqError | None = None
        while waiting:
            now = anyio.current_time()
            overdue = [seeker for seeker in waiting if seeker.deadline <= now]
            cause = trouble or BrokerTimeoutError(f"topic {name!r}: no answer came in time")
            for seeker in overdue:
                waiting.remove(seeker)
                seeker.failed(own_copy(cause), gave_up=True)
            with anyio.CancelScope(deadline=min((seeker.deadline for seeker in waiting), default=now)):
                try:
                    topic = await self._cluster.find_topic(name, may_create=True, patience=_NEW_TOPIC_PATIENCE)
                except GomqError as error:
                    trouble = error
                    if not error.retriable or isinstance(error, UnknownTopicError):
                        break
                    await anyio.sleep(backoff.next())
                else:
                    self._seekers.pop(name, None)
                    while waiting:
                        waiting.popleft().found(topic)
                    return
        self._seekers.pop(name, None)
        if trouble is not None:
            self._fail(waiting, trouble, gave_up=False)

    @staticmethod
    def _fail(waiting: deque[Seeker], error: GomqError, *, gave_up: bool) -> None:
        while waiting:
            waiting.popleft().failed(own_copy(error), gave_up=gave_up)


class _Call(Seeker):
    """A task that waits for a topic."""

    def __init__(self, deadline: float) -> None:
        super().__init__(deadline)
        self.is_done = anyio.Event()
        self.topic: TopicMetadata | None = None
        self.error: GomqError | None = None

    def found(self, topic: TopicMetadata) -> None:
        self.topic = topic
        self.is_done.set()

    def failed(self, error: GomqError, *, gave_up: bool) -> None:  # noqa: ARG002 - a call tells the error itself
        self.error = error
        self.is_done.set()
