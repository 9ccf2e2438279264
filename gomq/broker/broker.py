"""The broker, put together: ``async with Broker(data=...) as broker: broker.address``."""

from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread
from anyio.abc import TaskGroup

from gomq.broker.config import BrokerConfig, FlushMode
from gomq.broker.configs.running_config import Reloaded, RunningConfig
from gomq.broker.context import State
from gomq.broker.fetching.sessions import FetchSessions
from gomq.broker.flusher import Flusher
from gomq.broker.groups.coordinator import GroupCoordinator
from gomq.broker.groups.group_log import GroupLog
from gomq.broker.groups.loading import Loading
from gomq.broker.groups.offsets import GroupOffsets
from gomq.broker.housekeeping import Housekeeping
from gomq.broker.interception import Interceptor
from gomq.broker.listeners import BrokerListener, bind_listeners
from gomq.broker.logs import get_logger
from gomq.broker.producing.admission import Admission
from gomq.broker.producing.producer_ids import ProducerIds, used_producer_ids
from gomq.broker.producing.record_checks import RecordChecks
from gomq.broker.serving import Serving
from gomq.broker.topics import Topics
from gomq.errors import BrokerStartError
from gomq.net.endpoints import parse_endpoints, parse_listen_address
from gomq.net.scope import Scope
from gomq_storage.directory import LogDirectory
from gomq_storage.errors import StorageError
from gomq_storage.files import Files

if TYPE_CHECKING:
    from gomq.broker.monitoring.monitoring import Monitoring

_log = get_logger("gomq.broker")


class Broker(Scope):
    """A single-node broker that serves while its scope is open.

    When the block ends well, what clients wait for and what is being handled is answered first; that takes no time
    where there is nothing, and ``BrokerConfig.stop_timeout`` seconds at most. An error or a cancellation is not slowed
    down by it.

    Args:
        data: the data directory; made where its parent exists, locked while the broker runs.
        listen: HOST:PORT, port 0 for any free one; NAME://HOST:PORT, comma-separated, for several listeners.
        flush: when messages are made to survive a power cut: "always", "interval" or "never".
        config: all settings at once, instead of the three.
        files: where the data directory is, if not in the operating system's file system.
        interceptor: what comes between connections and the broker, for tests; ``gomq.testing`` has one.

    Raises:
        BrokerStartError: on entering, when the directory or the port cannot be used; nothing was changed.
    """

    def __init__(
        self,
        *,
        data: str | Path | None = None,
        listen: str = "127.0.0.1:9092",
        flush: FlushMode | str = FlushMode.ALWAYS,
        config: BrokerConfig | None = None,
        files: Files | None = None,
        interceptor: Interceptor | None = None,
    ) -> None:
        if config is None:
            if data is None:
                raise TypeError("Broker needs data=DIRECTORY, or config=")
            config = BrokerConfig(data=Path(data), listen=listen, flush=FlushMode(flush))
        super().__init__()
        self._config = config
        self._files = files
        self._interceptor = interceptor
        self._is_abandoned = False
        self._running = RunningConfig(config)
        self._stack = AsyncExitStack()
        self._listeners: list[BrokerListener] = []
        self._state: State | None = None
        self._serving: Serving | None = None
        self._monitoring = _monitoring() if config.metrics_listen is not None else None

    @property
    def address(self) -> str:
        """HOST:PORT by which clients on this machine reach the broker, at the first of its listeners."""
        return str(self._running_listeners()[0].reachable)

    @property
    def client_addresses(self) -> list[str]:
        """What clients use, of each listener in turn: what is advertised, else where it listens."""
        return [str(listener.client_address) for listener in self._running_listeners()]

    @property
    def metrics_address(self) -> str | None:
        """HOST:PORT where /metrics, /healthz and /readyz are answered; None where they are not."""
        monitoring = self._monitoring
        return str(monitoring.address) if monitoring is not None and monitoring.address is not None else None

    def reload(self, config: BrokerConfig) -> Reloaded:
        """Go by other settings from now on, as far as they may change while the broker runs.

        Raises:
            ConfigurationError: they do not go with what AlterConfigs has set; nothing changed.
        """
        return self._running.reload(config)

    def abandon(self) -> None:
        """Have the block leave its data as a kill of the process would: nothing synced, and not marked as in order.

        To be called within it, before it ends by an error: clients are not answered then either.
        """
        self._is_abandoned = True

    def _running_listeners(self) -> list[BrokerListener]:
        if not self._listeners:
            raise RuntimeError("the broker is not running: use it as `async with Broker(...)`")
        return self._listeners

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        try:
            return await super().__aexit__(kind, error, traceback)
        finally:
            await self._stack.aclose()

    async def _flush(self) -> None:
        """Stop in good order: nobody new is let in, everybody who waits is answered."""
        for listener in self._listeners:
            listener.close()
        if self._serving is not None:
            await self._serving.stop()

    async def _open(self, group: TaskGroup) -> None:
        async with AsyncExitStack() as stack:
            listeners = await self._bind(stack, group)
            directory, topics = await to_thread.run_sync(self._open_data)
            stack.push_async_callback(self._close_data, topics)
            self._report(directory, topics)
            flusher = Flusher(self._config.flush, interval=self._config.flush_interval, on_failure=topics.fail)
            group_log = GroupLog(topics, flusher, self._running)
            groups = GroupCoordinator(group_log, self._config.groups)
            offsets = GroupOffsets(group_log, groups, self._running)
            self._state = State(
                running=self._running,
                cluster_id=directory.identity.cluster_id,
                topics=topics,
                flusher=flusher,
                fetch_sessions=FetchSessions(
                    slots=self._config.fetch_session_slots, eviction_ms=self._config.fetch_session_eviction_ms
                ),
                producer_ids=ProducerIds(topics.metadata, used=used_producer_ids(topics.logs())),
                admission=Admission(RecordChecks()),
                group_log=group_log,
                groups=groups,
                offsets=offsets,
                metrics=self._monitoring.metrics if self._monitoring is not None else None,
            )
            group.start_soon(flusher.run)
            await group.start(groups.run)
            loading = Loading(group_log, groups, offsets)
            group.start_soon(loading.run)
            housekeeping = Housekeeping(topics, directory, self._running.current, offsets)
            for configure in (flusher.configure, housekeeping.configure):
                self._running.subscribe(configure)
            group.start_soon(housekeeping.run)
            await loading.wait()
            serving = Serving(self._state, self._interceptor)
            group.start_soon(serving.connections.run)
            for listener in listeners:  # now, and not before: who can connect is served
                listener.listen()
                listener.accept(serving.serve, group, serving.refused, serving.connections)
            self._serving, self._listeners = serving, listeners
            if self._monitoring is not None:
                self._monitoring.began(self._state, listeners, housekeeping, serving)
            self._stack = stack.pop_all()
        _log.info("broker.started", address=self.address, data=str(self._config.data), flush=str(self._config.flush))

    async def _bind(self, stack: AsyncExitStack, group: TaskGroup) -> list[BrokerListener]:
        """Take all ports; only the one for metrics answers from now on."""
        listeners = await bind_listeners(parse_endpoints(self._config.listen, self._config.advertise))
        for listener in listeners:
            stack.callback(listener.close)
        if self._monitoring is not None:
            await self._monitoring.start(parse_listen_address(self._config.metrics_listen or ""), group)
            stack.callback(self._monitoring.close)
        return listeners

    def _open_data(self) -> tuple[LogDirectory, Topics]:
        try:
            directory = LogDirectory.open(self._config.data, node_id=self._config.node_id, files=self._files)
        except StorageError as error:
            raise BrokerStartError(str(error)) from error
        try:
            return directory, Topics.open(directory, self._running)
        except (OSError, StorageError) as error:
            directory.close()
            raise BrokerStartError(f"cannot read the broker's own state: {error}") from error

    async def _close_data(self, topics: Topics) -> None:
        with anyio.CancelScope(shield=True):
            if self._is_abandoned:
                await to_thread.run_sync(topics.abandon)
                return
            failures = await to_thread.run_sync(topics.close)
        for failure in failures:
            _log.error("broker.sync_failed", error=str(failure))
        _log.info("broker.stopped", clean=not failures)

    def _report(self, directory: LogDirectory, topics: Topics) -> None:
        for problem in directory.left_behind:
            _log.warning("directory.left_behind", problem=problem)
        for name in directory.checkpoints.unreadable:
            _log.warning("directory.unreadable", file=name, consequence="logs are checked from their start on")
        for partition in topics.all_partitions():
            if partition.problem is not None:
                _log.error("partition.offline", partition=str(partition.name), reason=partition.problem)


def _monitoring() -> "Monitoring":
    """Make what answers for metrics; a broker without them does not wait for its modules."""
    from gomq.broker.monitoring.monitoring import Monitoring  # noqa: PLC0415

    return Monitoring()
