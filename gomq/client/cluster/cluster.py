"""The brokers behind an address: who they are, who leads which partition, and the connections to them.

Four connections to a broker at most: what may have to wait there, Produce and Fetch, is asked on one of its own, and
so is what a group's coordinator holds, JoinGroup and SyncGroup; for a broker answers the requests of one connection in
their order. The fourth is for a Fetch that must not wait behind another.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from enum import Enum, auto
from functools import partial
from typing import Any, Final

import anyio
from anyio.abc import TaskGroup

from gomq.client.cluster.backoff import Backoff
from gomq.client.cluster.bootstrap import nobody_answered, shuffled
from gomq.client.cluster.connection import Connection, open_connection
from gomq.client.cluster.metadata import ClusterMetadata, TopicMetadata, has_news, merge, read_metadata
from gomq.client.cluster.reconnecting import Pauses
from gomq.client.cluster.refreshing import Refreshing
from gomq.client.cluster.settings import ConnectionSettings
from gomq.client.cluster.topic_errors import UNKNOWN_TOPIC, topic_error
from gomq.client.message import checked_text
from gomq.errors import ClosedError, ConnectionFailedError, GomqError, ProtocolError
from gomq.net.address import Address, parse_addresses
from gomq.net.racing import first_to_succeed
from gomq.protocol.api import Api

DEFAULT_PORT: Final = 9092
_LEADERLESS_CODES: Final = frozenset({0, 5})
"""What brokers say of a topic some of whose partitions have no leader."""
_HEAD_START: Final = 1.0
"""Seconds until the next address is tried beside one that has not answered yet."""


class Purpose(Enum):
    """What a connection is used for."""

    CONTROL = auto()
    """What is answered at once: metadata, offsets, administration; and a group's heartbeats and commits."""
    DATA = auto()
    """Produce and Fetch."""
    AT_ONCE = auto()
    """Fetch of what has just been sought or resumed, while another one waits at the broker."""
    JOINING = auto()
    """JoinGroup and SyncGroup, which the coordinator answers only once the other members have come: heartbeats and
    commits, asked with ``CONTROL``, are not held up behind them."""


class Cluster:
    """Brokers and the connections to them.

    Args:
        addresses: HOST:PORT of one broker or, comma-separated, of several, which are tried in any order: the first that
            answers tells the others.
        settings: timeouts and limits.
        group: where the connections' tasks run.
        owner: what the client calls itself, for the error of whoever uses it too late.
    """

    def __init__(self, addresses: str, settings: ConnectionSettings, group: TaskGroup, *, owner: str) -> None:
        given = checked_text(addresses, "an address, HOST:PORT or several of them, comma-separated,")
        self._bootstrap = parse_addresses(given, default_port=DEFAULT_PORT)
        self._settings = settings
        self._group = group
        self._owner = owner
        self._is_closed = False
        self._connections: dict[tuple[Address, Purpose], Connection] = {}
        self._opening: dict[tuple[Address, Purpose], anyio.Lock] = {}
        self._metadata = ClusterMetadata()
        self._pauses = Pauses(self.new_backoff)
        self._refreshing = Refreshing(self._ask_for_topics)
        self._news = anyio.Event()
        """Set, and forgotten, when a topic has other partitions than before."""

    def new_backoff(self) -> Backoff:
        """Make a backoff of the settings."""
        return Backoff(first=self._settings.first_backoff, most=self._settings.max_backoff)

    def topic(self, name: str) -> TopicMetadata | None:
        """Return what is known of a topic that exists."""
        topic = self._metadata.topics.get(name)
        return topic if topic is not None and not topic.error_code else None

    def leader(self, topic: str, partition: int) -> int | None:
        """Return the node that leads a partition, or None when none is known."""
        found = self.topic(topic)
        if found is None or partition >= len(found.partitions):
            return None
        return found.partitions[partition].leader

    def leader_epoch(self, topic: str, partition: int) -> int | None:
        """Return which leader in a row a partition's is, or None where that is not known (KIP-320)."""
        found = self.topic(topic)
        if found is None or partition >= len(found.partitions):
            return None
        return found.partitions[partition].leader_epoch

    def has_node(self, node: int) -> bool:
        """Say whether a node is one of the cluster's, as far as is known."""
        return node in self._metadata.brokers

    def open_connection(self, node: int) -> Connection | None:
        """Return the connection for data to a node, if there is an open one."""
        broker = self._metadata.brokers.get(node)
        connection = self._connections.get((broker.address, Purpose.DATA)) if broker is not None else None
        return connection if connection is not None and connection.is_open else None

    async def connect(self, node: int, purpose: Purpose) -> Connection:
        """Return an open connection to a node, making it where there is none.

        Raises:
            ConnectionFailedError: it cannot be made, or the node is not known.
        """
        broker = self._metadata.brokers.get(node)
        if broker is None:
            raise ConnectionFailedError(f"node {node}", "no broker of the cluster has this id")
        return await self._connect(broker.address, purpose)

    async def refresh(self, topics: Iterable[str] | None, *, may_create: bool = False) -> ClusterMetadata:
        """Ask for brokers and topics, together with others who want that now; take what is learnt into what is known.

        Args:
            topics: their names; None for all there are.
            may_create: whether the broker may create those that do not exist.

        Returns:
            what is known now of these topics: the answer, apart from leaders that have been followed by newer ones.
        """
        return await self._refreshing.refresh(topics, may_create=may_create)

    async def keep_fresh(
        self,
        topics: Callable[[], Iterable[str] | None],
        told: Callable[[ClusterMetadata], None] | None = None,
    ) -> None:
        """Refresh every ``metadata_max_age`` seconds, until cancelled: new partitions, brokers and topics are seen.

        Sooner where somebody else who asked has seen that a topic has other partitions than before. What goes wrong is
        tried again: whoever uses a topic meets the reason himself.

        Args:
            topics: names what to ask for; None for all there are.
            told: hears of each answer.
        """
        backoff = self.new_backoff()
        pause = self._settings.metadata_max_age
        while True:
            with anyio.move_on_after(pause):
                await self._news.wait()
            try:
                answer = await self.refresh(topics())
            except GomqError:
                pause = backoff.next()
                continue
            pause = self._settings.metadata_max_age
            backoff.reset()
            if told is not None:
                told(answer)

    async def find_topic(
        self, name: str, *, may_create: bool, is_new: bool = True, patience: float = 0.0
    ) -> TopicMetadata:
        """Return a topic whose partitions all have leaders.

        Args:
            name: the topic.
            may_create: whether the broker may create it.
            is_new: whether it may be so new that not every broker knows it.
            patience: seconds to wait until it has leaders and, when it is new, is known.

        Raises:
            UnknownTopicError: it does not exist.
            BrokerError: it cannot be used, for whatever reason a broker gives.
        """
        deadline = anyio.current_time() + patience
        backoff = self.new_backoff()
        while True:
            topic = (await self.refresh([name], may_create=may_create)).topics.get(name)
            if topic is None:
                raise ProtocolError(f"the answer to a request for topic {name!r} does not mention it")
            if not topic.error_code and topic.has_leaders:
                return topic
            may_pass = topic.error_code in _LEADERLESS_CODES or (is_new and topic.error_code == UNKNOWN_TOPIC)
            left = deadline - anyio.current_time()
            if not may_pass or left <= 0:
                raise topic_error(topic)
            await anyio.sleep(min(backoff.next(), left))

    async def ask(self, api: Api, values: dict[str, Any], *, node: int | None = None) -> Any:  # noqa: ANN401
        """Ask a node, or any broker, and return its answer."""
        if node is not None:
            connection = await self.connect(node, Purpose.CONTROL)
        else:
            connection = await self._connect_any()
        return await connection.ask(api, values)

    def close(self) -> None:
        """End all connections, and make no more."""
        self._is_closed = True
        for connection in self._connections.values():
            connection.close()

    async def _ask_for_topics(self, topics: list[str] | None, may_create: bool) -> ClusterMetadata:  # noqa: FBT001
        values = {
            "topics": None if topics is None else [{"name": name, "topic_id": None} for name in topics],
            "allow_auto_topic_creation": may_create,
            "include_cluster_authorized_operations": False,
            "include_topic_authorized_operations": False,
        }
        answer = read_metadata(await self.ask(Api.METADATA, values))
        before, self._metadata = self._metadata, merge(self._metadata, answer, is_whole=topics is None)
        if has_news(before, self._metadata):
            self._news.set()
            self._news = anyio.Event()
        self._forget_gone()
        return replace(self._metadata, topics={name: self._metadata.topics[name] for name in answer.topics})

    def _forget_gone(self) -> None:
        """Drop what is known of addresses that are no broker's any more."""
        wanted = self._known_addresses() | set(self._bootstrap)
        self._pauses.keep_only(wanted)
        for key in [key for key in self._opening if key[0] not in wanted]:
            connection = self._connections.get(key)
            if not self._opening[key].locked() and (connection is None or not connection.is_open):
                self._connections.pop(key, None)
                del self._opening[key]

    def _known_addresses(self) -> set[Address]:
        return {broker.address for broker in self._metadata.brokers.values()}

    async def _connect_any(self) -> Connection:
        """Return a connection that is open, or the first that can be made: to known brokers, then as at the start."""
        for (_, purpose), connection in self._connections.items():
            if purpose is Purpose.CONTROL and connection.is_open:
                return connection
        known = self._known_addresses()
        everybody = known | set(self._bootstrap)
        now = anyio.current_time()
        if all(self._pauses.reason(each, now) is not None for each in everybody):
            end = self._pauses.end(everybody)
            while anyio.current_time() < end:  # noqa: ASYNC110 - uvloop may wake up to a millisecond early
                await anyio.sleep_until(end)
        failures: dict[Address, GomqError] = {}
        for addresses in (shuffled(known), shuffled(self._bootstrap)):
            ready = [each for each in addresses if each not in failures]
            for connection in await self._connect_first(ready, failures):
                return connection
        raise nobody_answered(failures)

    async def _connect_first(self, addresses: list[Address], failures: dict[Address, GomqError]) -> list[Connection]:
        """Connect to the first address that answers; why others did not goes to the failures."""
        attempts = [partial(self._connect, address, Purpose.CONTROL) for address in addresses]
        connected, failed = await first_to_succeed(
            attempts,
            head_start=_HEAD_START,
            failure=GomqError,
            discard=lambda _: None,  # it is kept for others, or they use it already
        )
        failures.update((addresses[place], failure) for place, failure in failed.items())
        return connected

    async def _connect(self, address: Address, purpose: Purpose) -> Connection:
        key = (address, purpose)
        async with self._opening.setdefault(key, anyio.Lock()):
            if self._is_closed:
                raise ClosedError(self._owner)
            connection = self._connections.get(key)
            if connection is None or not connection.is_open:
                connection = self._connections[key] = await self._open(address, purpose)
            return connection

    async def _open(self, address: Address, purpose: Purpose) -> Connection:
        """Make a connection, unless it failed a moment ago: then that is the reason again."""
        failure = self._pauses.reason(address, anyio.current_time())
        if failure is not None:
            raise failure
        settings = self._settings
        most = settings.max_response_bytes
        if purpose not in (Purpose.DATA, Purpose.AT_ONCE):
            most = min(most, settings.max_control_bytes)
        try:
            connection = await open_connection(address, settings, self._group, max_response_bytes=most)
        except GomqError as error:
            self._pauses.failed(address, error, anyio.current_time())
            raise
        self._pauses.succeeded(address)
        if self._is_closed:
            connection.close()
            raise ClosedError(self._owner)
        return connection
