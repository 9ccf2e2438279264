"""Connections served: each one's requests handled, its failures contained and told, its limits kept."""

from functools import partial
from typing import Any, Final

import anyio

from gomq.broker.config import BrokerConfig
from gomq.broker.context import State
from gomq.broker.dispatch import dispatch
from gomq.broker.interception import Connection, Interceptor
from gomq.broker.listeners import BrokerListener
from gomq.broker.logs import get_logger
from gomq.errors import ProtocolError
from gomq.net.complaints import Complaints, printable
from gomq.net.connections import Connections, TooManyConnectionsError
from gomq.net.session import Handle, OverdueError, Session
from gomq.net.transport import PlainTransport

_log = get_logger("gomq.broker")
_NOBODY: Final = "nobody"
"""To whom complaints belong that no peer is to blame for."""


class Serving:
    """Serves the connections of all listeners.

    Args:
        state: what requests are handled with.
        interceptor: what comes between; None for nothing.
    """

    def __init__(self, state: State, interceptor: Interceptor | None = None) -> None:
        self._state = state
        self._interceptor = interceptor
        self.connections: Connections = Connections(state.config.connection_limits)
        self.refusals: int = 0
        """How many connections could not be taken."""
        self._complaints = Complaints()
        state.running.subscribe(self._configure)

    async def serve(self, listener: BrokerListener, transport: PlainTransport) -> None:
        """Serve one connection; whatever goes wrong in it ends it and nothing else."""
        peer = transport.peer
        host = peer.rpartition(":")[0]
        listener.accepted += 1
        listener.connections += 1
        try:
            await self._run(listener, transport, host)
        except ProtocolError as error:
            self._tell("connection.closed", host, peer=peer, reason=printable(error))
        except OverdueError as error:
            level = "info" if error.is_blameless else "warning"
            self._tell("connection.closed", host, level=level, peer=peer, reason=printable(error))
        except (OSError, EOFError, anyio.ClosedResourceError, anyio.BusyResourceError) as error:
            self._tell("connection.lost", host, level="info", peer=peer, reason=printable(error))
        except Exception:  # noqa: BLE001 - a fault of ours must not end the other connections
            self._tell("connection.failed", host, level="exception", peer=peer)
        finally:
            listener.connections -= 1
            transport.close()

    async def _run(self, listener: BrokerListener, transport: PlainTransport, host: str) -> None:
        reached_at = listener.reached_at(transport)
        handle: Handle = partial(dispatch, self._state, reached_at, host)
        if self._interceptor is not None:
            handle = self._interceptor.wrap(handle, Connection(self._state, reached_at))
        if self._state.metrics is not None:
            handle = self._state.metrics.metered(handle)
        session = Session(
            transport,
            handle,
            max_request_bytes=self._state.config.max_request_bytes,
            memory=self.connections.memory,
            owner=host,
        )
        self.connections.watch(session)
        try:
            await session.run()
        finally:
            self.connections.forget(session)

    def refused(self, error: OSError | MemoryError | TooManyConnectionsError) -> None:
        """Tell that a connection could not be taken."""
        self.refusals += 1
        if isinstance(error, TooManyConnectionsError):
            self._tell("connection.refused", error.address, error=str(error))
        else:
            reason = getattr(error, "strerror", None) or str(error) or "out of memory"
            self._tell("connection.refused", _NOBODY, error=reason)

    async def stop(self) -> None:
        """Answer what clients wait for and what is being handled, and end their connections.

        Takes no longer than ``BrokerConfig.stop_timeout``, and no time where nothing is under way.
        """
        self._state.long_polls.end()
        if not await self.connections.drain(self._state.config.stop_timeout):
            _log.warning("connections.cut_off", seconds=self._state.config.stop_timeout)

    def _configure(self, config: BrokerConfig) -> None:
        self.connections.limits = config.connection_limits

    def _tell(self, event: str, host: str, *, level: str = "warning", **fields: Any) -> None:  # noqa: ANN401
        """Log what concerns a peer, unless it has been the cause of too many lines lately."""
        silent = self._complaints.take(host, anyio.current_time())
        if silent is None:
            return
        if silent:
            fields["not_logged"] = silent
        getattr(_log, level)(event, **fields)
