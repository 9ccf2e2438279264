"""The pages of a broker: /metrics for Prometheus, /healthz for who restarts it, /readyz for who sends it clients.

The server is up before the logs are opened, which may take long after a crash: /readyz says so meanwhile. The broker
takes its clients' connections once it is ready for them, and not before.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

import anyio
from anyio.abc import TaskGroup

from gomq.broker.context import State
from gomq.broker.housekeeping import Housekeeping
from gomq.broker.listeners import BrokerListener
from gomq.broker.monitoring.collect import Sources, broker_families, build_family
from gomq.broker.monitoring.exposition import lines, one
from gomq.broker.monitoring.metrics import Metrics
from gomq.broker.monitoring.process import process_families
from gomq.broker.monitoring.server import MonitoringServer, Page
from gomq.broker.serving import Serving
from gomq.net.address import Address

_CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_LINES_BEFORE_YIELD: Final = 250


class Monitoring:
    """What can be asked of a broker over HTTP."""

    def __init__(self) -> None:
        self.metrics: Metrics = Metrics()
        self.address: Address | None = None
        """Where it is answered."""
        self._sources: Sources | None = None
        self._server = MonitoringServer({
            "/metrics": self._metrics,
            "/healthz": self._healthz,
            "/readyz": self._readyz,
        })  # fmt: skip

    async def start(self, address: Address, group: TaskGroup) -> None:
        """Answer until the group is cancelled; ``BrokerStartError`` where the address cannot be used."""
        self.address = await self._server.start(address, group)

    def began(
        self, state: State, listeners: Sequence[BrokerListener], housekeeping: Housekeeping, serving: Serving
    ) -> None:
        """Take note that the broker serves, and of its parts."""
        self._sources = Sources(state, self.metrics, listeners, housekeeping, serving)

    def close(self) -> None:
        """Answer no more."""
        self._server.close()

    def problem(self) -> str | None:
        """Say why no client should come, or None."""
        if self._sources is None:
            return "starting: the logs are being opened and checked"
        failure = self._sources.state.topics.failure
        return f"the disk has failed: {failure}" if failure is not None else None

    async def _healthz(self) -> Page:
        return Page(HTTPStatus.OK, b"ok\n")

    async def _readyz(self) -> Page:
        problem = self.problem()
        if problem is not None:
            return Page(HTTPStatus.SERVICE_UNAVAILABLE, f"{problem}\n".encode(errors="replace"))
        return Page(HTTPStatus.OK, b"ready\n")

    async def _metrics(self) -> Page:
        """Write all metrics, letting others have their turn meanwhile."""
        written: list[str] = []
        families = [build_family(), one("gomq_ready", "gauge", "Whether /readyz says so.", self.problem() is None)]
        for part in (families, process_families(), broker_families(self._sources) if self._sources else ()):
            for family in part:
                for line in lines(family):
                    written.append(line)
                    if len(written) % _LINES_BEFORE_YIELD == 0:
                        await anyio.lowlevel.checkpoint()
        return Page(HTTPStatus.OK, "".join(written).encode(errors="replace"), _CONTENT_TYPE)
