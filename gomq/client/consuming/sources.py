"""Where a partition is fetched from, and one Fetch of what is to be had there.

A leader may name a replica that is nearer (KIP-392; ``rack``). That is fetched from until it cannot answer, or for as
long as metadata counts as fresh, and then the leader is asked again. Topics are named by their ids where brokers have
these (KIP-516), so that one which is deleted and made anew is told from the one before by the first Fetch already.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import anyio

from gomq.client.cluster.cluster import Cluster, Purpose
from gomq.client.consuming.fetch_session import NO_SESSION, SESSION_ERRORS, Asked, FetchSession, without_session
from gomq.client.consuming.fetch_values import fetch_values
from gomq.client.consuming.progress import Progress
from gomq.client.consuming.settings import ConsumerSettings
from gomq.errors import BrokerError, error_for
from gomq.protocol.api import Api

_NO_NODE: Final = -1
_NEWEST_BY_NAME: Final = 12
"""The last version of Fetch that has the names of topics instead of their ids."""


class Sources:
    """The brokers as a consumer fetches from them.

    Args:
        cluster: the brokers.
        settings: limits, and where the consumer is.
        isolation: 1 wants nothing behind the first open transaction.
    """

    def __init__(self, cluster: Cluster, settings: ConsumerSettings, *, isolation: int) -> None:
        self._cluster = cluster
        self._settings = settings
        self._isolation = isolation
        self._sessions: dict[int, FetchSession] = {}

    def node_of(self, each: Progress) -> int | None:
        """Say which node to fetch a partition from; None where its leader is not known."""
        if each.replica is not None:
            if self._cluster.has_node(each.replica) and anyio.current_time() < each.replica_until:
                return each.replica
            each.replica = None
        return self._cluster.leader(*each.target)

    def take_hint(self, each: Progress, partition: Any) -> None:  # noqa: ANN401 - one class a version
        """Go on at the replica that an answer names, if it does."""
        replica = int(getattr(partition, "preferred_read_replica", _NO_NODE))
        if replica != _NO_NODE:
            each.replica = replica
            each.replica_until = anyio.current_time() + self._settings.connection.metadata_max_age

    async def fetch(self, node: int, due: list[Progress], purpose: Purpose) -> Any:  # noqa: ANN401 - one class a version
        """Ask a node once, and return its answer; of partitions that it does not mention there is nothing new.

        Args:
            node: which.
            due: what to fetch.
            purpose: ``DATA`` may wait at the broker, ``AT_ONCE`` does not, and is no part of the session of the former.
        """
        if purpose is not Purpose.DATA:
            return await self._ask(node, without_session(due), due, purpose)
        session = self._sessions.setdefault(node, FetchSession())
        try:
            response = await self._ask_in(session, node, due)
        except BaseException:
            session.lost()
            raise
        session.answered(int(getattr(response, "session_id", NO_SESSION)))
        return response

    async def _ask_in(self, session: FetchSession, node: int, due: list[Progress]) -> Any:  # noqa: ANN401
        """Ask within a session; within a new one where the broker does not know it any more."""
        was_begun = session.is_begun
        try:
            return await self._ask(node, session.ask(due), due, Purpose.DATA)
        except BrokerError as error:
            if not was_begun or error.code not in SESSION_ERRORS:
                raise
        session.lost()
        return await self._ask(node, session.ask(due), due, Purpose.DATA)

    async def _ask(self, node: int, asked: Asked, due: list[Progress], purpose: Purpose) -> Any:  # noqa: ANN401
        connection = await self._cluster.connect(node, purpose)
        max_wait = self._settings.max_wait if purpose is Purpose.DATA else 0.0
        timeout = self._settings.connection.request_timeout + max_wait
        values = fetch_values(asked, due, self._settings, isolation=self._isolation, max_wait=max_wait)
        newest = None if asked.by_id else _NEWEST_BY_NAME
        response = await connection.ask(Api.FETCH, values, timeout=timeout, newest=newest)
        if code := getattr(response, "error_code", 0):
            raise error_for(int(code), f"{connection.address} refuses to be fetched from")
        return response


def answers(due: Iterable[Progress], response: Any) -> Iterator[tuple[Progress, Any]]:  # noqa: ANN401
    """Go through what a Fetch says of the partitions that were asked for, once of each."""
    due = list(due)
    waiting = {each.target: each for each in due}
    names = {each.topic_id: each.target.topic for each in due}
    is_by_name = response.__version__ <= _NEWEST_BY_NAME
    for topic in response.responses:
        name = topic.topic if is_by_name else names.get(topic.topic_id, "")
        for partition in topic.partitions:
            each = waiting.pop((name, int(partition.partition_index)), None)  # type: ignore[call-overload]
            if each is not None:
                yield each, partition
