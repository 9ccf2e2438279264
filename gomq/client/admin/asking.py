"""Asking the broker that can answer: the controller, a group's coordinator, a certain one, or every one.

What may pass is asked again until a deadline, with pauses between: a controller or coordinator that has moved, a
coordinator that is still reading its groups, a broker that cannot be reached. Kafka: ``AdminApiDriver`` and its
strategies of look-up.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar

import anyio

from gomq.client.admin.refusals import MAY_PASS, raise_failures
from gomq.client.cluster.cluster import Cluster
from gomq.client.cluster.coordinators import find_coordinator, reach
from gomq.errors import BrokerError, GomqError, RequestTimeoutError

_AT_ONCE: Final = 32
"""How many questions are under way at most, however many there are."""

_Key = TypeVar("_Key")
_Answer = TypeVar("_Answer")
Ask: TypeAlias = Callable[[int | None], Awaitable[_Answer]]
"""Asks a node, or any broker, and raises what it answers where that is an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Whom an admin asks, and for how long."""

    cluster: Cluster
    timeout: float
    """Seconds that a broker may take for what it is asked to do."""
    patience: float
    """Seconds for which what may pass is asked again."""

    @property
    def timeout_ms(self) -> int:
        """The same, as requests have it."""
        return round(self.timeout * 1000)

    async def ask_any(self, ask: Ask[_Answer]) -> _Answer:
        """Ask whichever broker answers."""

        async def find() -> None:
            """Leave it to the cluster."""

        return await self._ask(find, ask, is_repeatable=True)

    async def ask_broker(self, node: int, ask: Ask[_Answer], *, is_repeatable: bool = True) -> _Answer:
        """Ask a certain broker.

        Raises:
            ConnectionFailedError: it cannot be reached, or the cluster has no such broker.
        """

        async def find() -> int:
            await reach(self.cluster, node)
            return node

        return await self._ask(find, ask, is_repeatable=is_repeatable)

    async def ask_controller(self, ask: Ask[_Answer], *, is_repeatable: bool = False) -> _Answer:
        """Ask the controller, looking for it where it has moved.

        Args:
            ask: asks it.
            is_repeatable: whether it may be asked again when its answer was lost: it may have done what it was told.
        """

        async def find() -> int | None:
            node = (await self.cluster.refresh([])).controller_id
            if node is not None:
                await reach(self.cluster, node)
            return node

        return await self._ask(find, ask, is_repeatable=is_repeatable)

    async def ask_coordinator(self, group_id: str, ask: Ask[_Answer], *, is_repeatable: bool = True) -> _Answer:
        """Ask the coordinator of a group, looking for it where it has moved; see ``ask_controller``."""

        async def find() -> int:
            return await find_coordinator(self.cluster, group_id)

        return await self._ask(find, ask, is_repeatable=is_repeatable)

    async def ask_brokers(self, nodes: Iterable[int] | None, ask: Ask[_Answer]) -> dict[int, _Answer]:
        """Ask some brokers, or every one, at the same time.

        Returns:
            what each says, by rising node id.
        """
        if nodes is None:
            nodes = (await self.cluster.refresh([])).brokers
        return await each(sorted(set(nodes)), lambda node: self.ask_broker(node, ask))

    async def _ask(
        self, find: Callable[[], Awaitable[int | None]], ask: Ask[_Answer], *, is_repeatable: bool
    ) -> _Answer:
        deadline = anyio.current_time() + self.patience
        backoff = self.cluster.new_backoff()
        while True:
            is_asked = False
            try:
                node = await find()
                is_asked = True
                return await ask(node)
            except GomqError as error:
                pause = backoff.next()
                is_late = anyio.current_time() + pause >= deadline
                if is_late or not _may_pass(error, was_lost=is_asked, is_repeatable=is_repeatable):
                    raise
            await anyio.sleep(pause)


async def each(keys: Iterable[_Key], ask: Callable[[_Key], Awaitable[_Answer]]) -> dict[_Key, _Answer]:
    """Ask about each of some things at the same time, and return the answers in the order of the things.

    Raises:
        GomqError: one of them failed.
        ExceptionGroup: several of them did; it holds GomqErrors.
    """
    wanted = list(dict.fromkeys(keys))
    answers: dict[_Key, _Answer] = {}
    failures: dict[_Key, GomqError] = {}
    limiter = anyio.CapacityLimiter(_AT_ONCE)

    async def ask_one(key: _Key) -> None:
        async with limiter:
            try:
                answers[key] = await ask(key)
            except GomqError as error:
                failures[key] = error

    async with anyio.create_task_group() as group:
        for key in wanted:
            group.start_soon(ask_one, key)
    raise_failures([failures[key] for key in wanted if key in failures])
    return {key: answers[key] for key in wanted}


def _may_pass(error: GomqError, *, was_lost: bool, is_repeatable: bool) -> bool:
    if isinstance(error, BrokerError):
        return error.code in MAY_PASS
    if isinstance(error, RequestTimeoutError):
        return False  # that was a deadline of its own
    return error.retriable and (is_repeatable or not was_lost)
