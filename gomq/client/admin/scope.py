"""What the parts of an admin share: its block, and whom it asks."""

from anyio.abc import TaskGroup

from gomq.client.admin.asking import Asker
from gomq.client.cluster.cluster import Cluster
from gomq.client.cluster.security import Security
from gomq.client.cluster.settings import ConnectionSettings, positive
from gomq.errors import ClosedError
from gomq.net.scope import Scope


class AdminScope(Scope):
    """Connects to a cluster for the time of a block.

    Args:
        address: HOST:PORT of a broker, or several, comma-separated, of one cluster.
        request_timeout: seconds for one answer, and for brokers to do what they are asked.
        retry_timeout: seconds for which what may pass is tried again, such as a coordinator that is looked for.
        client_id: what brokers call this client.
        security: how connections are made safe; None for plaintext.
        settings: all settings of connections at once, instead of the three before.
    """

    def __init__(
        self,
        address: str = "localhost:9092",
        *,
        request_timeout: float = 30.0,
        retry_timeout: float = 60.0,
        client_id: str = "gomq",
        security: Security | None = None,
        settings: ConnectionSettings | None = None,
    ) -> None:
        super().__init__()
        positive("retry_timeout", retry_timeout)
        self._address = address
        self._settings = settings or ConnectionSettings(
            client_id=client_id, request_timeout=request_timeout, security=security or Security()
        )
        self._retry_timeout = retry_timeout
        self._opened: Cluster | None = None

    async def _open(self, group: TaskGroup) -> None:
        cluster = Cluster(self._address, self._settings, group, owner="admin")
        await cluster.refresh([])
        self._opened = cluster

    def _close(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    @property
    def _asker(self) -> Asker:
        if self._opened is None:
            raise ClosedError("admin")
        return Asker(cluster=self._opened, timeout=self._settings.request_timeout, patience=self._retry_timeout)
