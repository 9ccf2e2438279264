"""The HTTP server of /metrics, /healthz and /readyz: few connections, short ones, each for one request."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final, NamedTuple

import anyio
from anyio.abc import TaskGroup

from gomq.broker.logs import get_logger
from gomq.broker.monitoring.http import MAX_HEAD_BYTES, TEXT, BadRequestError, HttpRequest, read_request, response
from gomq.net.address import Address
from gomq.net.binding import bind, listen
from gomq.net.endpoints import ANY_HOSTS
from gomq.net.listener import Listener
from gomq.net.transport import PlainTransport

_log = get_logger("gomq.monitoring")
_AT_ONCE: Final = 16
_DEADLINE_SECONDS: Final = 10.0


class Page(NamedTuple):
    """What is answered."""

    status: HTTPStatus
    body: bytes
    content_type: str = TEXT


Pages = dict[str, Callable[[], Awaitable[Page]]]
"""By path."""


class MonitoringServer:
    """Answers from a few pages.

    Args:
        pages: what there is.
    """

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._listeners: list[Listener] = []
        self._connections = 0

    async def start(self, address: Address, group: TaskGroup) -> Address:
        """Listen, and answer until the group is cancelled; say where, by an address that works on this machine.

        Raises:
            BrokerStartError: it cannot listen there.
        """
        bound = await bind(address)
        self._listeners = [Listener(each, address.host) for each in bound]
        listen(bound, address)
        for listener in self._listeners:
            group.start_soon(listener.accept_forever, self._serve, group, self._refused)
        port = bound[0].getsockname()[1]
        return Address("127.0.0.1" if address.host in ANY_HOSTS else address.host, port)

    def close(self) -> None:
        """Take no more connections."""
        for listener in self._listeners:
            listener.close()

    def _refused(self, error: Exception) -> None:
        _log.warning("monitoring.refused", error=str(error))

    async def _serve(self, transport: PlainTransport) -> None:
        """Serve one connection; whatever goes wrong in it ends it and nothing else."""
        if self._connections >= _AT_ONCE:
            transport.close()
            return
        self._connections += 1
        try:
            with anyio.move_on_after(_DEADLINE_SECONDS):
                await self._answer(transport)
        except (OSError, EOFError, anyio.ClosedResourceError):
            pass  # who has asked is gone; there is nobody to tell
        except Exception:  # noqa: BLE001 - a fault of ours must not end the broker
            _log.exception("monitoring.failed")
        finally:
            self._connections -= 1
            transport.close()

    async def _answer(self, transport: PlainTransport) -> None:
        try:
            request = await _receive(transport)
        except BadRequestError as error:
            await transport.send([response(error.status, f"{error.status.phrase}\n".encode())])
            return
        if request is not None:
            status, body, content_type = await self._page(request)
            with_body = request.method != "HEAD"
            await transport.send([response(status, body, content_type=content_type, with_body=with_body)])

    async def _page(self, request: HttpRequest) -> Page:
        if request.method not in {"GET", "HEAD"}:
            return Page(HTTPStatus.METHOD_NOT_ALLOWED, b"GET and HEAD are answered\n")
        page = self._pages.get(request.path)
        if page is None:
            return Page(HTTPStatus.NOT_FOUND, f"there are {', '.join(self._pages)}\n".encode())
        return await page()


async def _receive(transport: PlainTransport) -> HttpRequest | None:
    """Read a request; None where the peer went away before it was complete."""
    buffer = bytearray(MAX_HEAD_BYTES)
    size = 0
    while count := await transport.receive_into(memoryview(buffer)[size:]):
        size += count
        request = read_request(bytes(buffer[:size]))
        if request is not None:
            return request
    return None
