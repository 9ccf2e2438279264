"""The broker, put together: ``async with Broker(data=...) as broker: broker.address``."""

from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import anyio
from anyio import to_thread
from anyio.abc import TaskGroup

from gomq.broker.config import BrokerConfig, FlushMode
from gomq.broker.context import State
from gomq.broker.dispatch import dispatch
from gomq.broker.flusher import Flusher
from gomq.broker.housekeeping import Housekeeping
from gomq.broker.logs import get_logger
from gomq.broker.producer_ids import ProducerIds
from gomq.broker.topics import Topics
from gomq.errors import BrokerStartError, ProtocolError
from gomq.net.address import Address, parse_address
from gomq.net.listener import Listener
from gomq.net.scope import Scope
from gomq.net.session import Session
from gomq.net.transport import PlainTransport
from gomq.protocol.requests import RequestHead
from gomq_storage.directory import LogDirectory
from gomq_storage.errors import StorageError

_log = get_logger("gomq.broker")
_ANY_HOST = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - to tell them from a host that clients can reach


class Broker(Scope):
    """A single-node broker that serves while its scope is open.

    Args:
        data: the data directory; made where its parent exists, locked while the broker runs.
        listen: HOST:PORT, port 0 for any free one.
        flush: when messages are made to survive a power cut: "always", "interval" or "never".
        config: all settings at once, instead of the three.

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
    ) -> None:
        if config is None:
            if data is None:
                raise TypeError("Broker needs data=DIRECTORY, or config=")
            config = BrokerConfig(data=Path(data), listen=listen, flush=FlushMode(flush))
        super().__init__()
        self._config = config
        self._stack = AsyncExitStack()
        self._listener: Listener | None = None
        self._state: State | None = None

    @property
    def address(self) -> str:
        """HOST:PORT by which clients on this machine reach the broker."""
        if self._listener is None:
            raise RuntimeError("the broker is not running: use it as `async with Broker(...)`")
        host, port = self._listener.address
        return str(Address("127.0.0.1" if host in _ANY_HOST else host, port))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        try:
            return await super().__aexit__(kind, error, traceback)
        finally:
            await self._stack.aclose()

    async def _open(self, group: TaskGroup) -> None:
        async with AsyncExitStack() as stack:
            listener = await Listener.bind(parse_address(self._config.listen))
            stack.callback(listener.close)
            directory, topics = await to_thread.run_sync(self._open_data)
            stack.push_async_callback(self._close_data, topics)
            self._report(directory, topics)
            flusher = Flusher(self._config.flush, interval=self._config.flush_interval, on_failure=topics.fail)
            self._state = State(
                config=self._config,
                cluster_id=directory.identity.cluster_id,
                topics=topics,
                flusher=flusher,
                producer_ids=ProducerIds(topics.metadata),
            )
            group.start_soon(flusher.run)
            group.start_soon(Housekeeping(topics, directory, self._config).run)
            group.start_soon(listener.accept_forever, self._serve, group, self._refused)
            self._listener = listener
            self._stack = stack.pop_all()
        _log.info("broker.started", address=self.address, data=str(self._config.data), flush=str(self._config.flush))

    def _open_data(self) -> tuple[LogDirectory, Topics]:
        try:
            directory = LogDirectory.open(self._config.data, node_id=self._config.node_id)
        except StorageError as error:
            raise BrokerStartError(str(error)) from error
        try:
            return directory, Topics.open(directory, self._config)
        except (OSError, StorageError) as error:
            directory.close()
            raise BrokerStartError(f"cannot read the broker's own state: {error}") from error

    async def _close_data(self, topics: Topics) -> None:
        with anyio.CancelScope(shield=True):
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

    def _refused(self, error: OSError) -> None:
        _log.warning("connection.refused", error=error.strerror)

    async def _serve(self, transport: PlainTransport) -> None:
        """Serve one connection; whatever goes wrong in it ends it and nothing else."""
        peer = transport.peer
        assert self._state is not None
        assert self._listener is not None
        state, (host, port) = self._state, self._listener.address
        reached_at = Address(transport.local_host if host in _ANY_HOST else host, port)

        async def handle(head: RequestHead, frame: memoryview) -> Any:  # noqa: ANN401 - an Answer
            return await dispatch(state, reached_at, head, frame)

        try:
            await Session(transport, handle, max_request_bytes=self._config.max_request_bytes).run()
        except ProtocolError as error:
            _log.warning("connection.closed", peer=peer, reason=str(error))
        except (OSError, EOFError, anyio.ClosedResourceError) as error:
            _log.info("connection.lost", peer=peer, reason=str(error))
        except Exception:  # noqa: BLE001 - a fault of ours must not end the other connections
            _log.exception("connection.failed", peer=peer)
