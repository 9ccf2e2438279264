"""A connection to one broker: its channel, and which versions of each API both sides know."""

from collections.abc import Callable
from math import inf
from typing import Any, Final

import anyio
from anyio.abc import TaskGroup

from gomq._version import __version__
from gomq.client.cluster.settings import ConnectionSettings
from gomq.errors import ConnectionFailedError, ProtocolError, UnsupportedVersionError, error_for
from gomq.net.address import Address
from gomq.net.channel import Channel, OnReply, Request, plain_request
from gomq.net.dialling import connect
from gomq.net.transport import PlainTransport
from gomq.protocol import requests, responses
from gomq.protocol.api import SPOKEN, Api, Versions, common_version
from gomq.protocol.entities import Values

_UNSUPPORTED_VERSION: Final = 35
_MAX_VERSIONS_BYTES: Final = 1 << 20
"""The largest answer that is taken of a peer which has not shown yet that it is a broker; six bytes are one API."""
_STOOD_STILL_SECONDS: Final = 1.0
"""Where a timeout is overrun by so much, this process had no turn: the peer is given another chance."""


class Connection:
    """An open connection to a broker."""

    def __init__(self, channel: Channel, offered: dict[int, Versions], settings: ConnectionSettings) -> None:
        self._channel = channel
        self._settings = settings
        self._offered = {api: offered[api] for api in SPOKEN if api in offered}
        self._versions = {api: common_version(api, versions) for api, versions in self._offered.items()}

    @property
    def address(self) -> str:
        """The broker's HOST:PORT."""
        return self._channel.address

    @property
    def is_open(self) -> bool:
        """Whether requests can be made."""
        return self._channel.is_open

    def version_of(self, api: Api, *, newest: int | None = None) -> int:
        """Return the version to ask in.

        Args:
            api: what is asked.
            newest: the newest version that can say what is to be said; None for any.

        Raises:
            UnsupportedVersionError: there is none that both sides know.
        """
        version = self._versions.get(api)
        offered = self._offered.get(api)
        if version is not None and newest is not None:
            version = min(version, newest) if offered is not None and offered.oldest <= newest else None
        if version is None:
            raise UnsupportedVersionError(
                f"{self.address} serves no version of {api.name} that this client speaks: it has "
                f"{'none' if offered is None else _range(offered)}, this client {_range(SPOKEN[api])}"
            )
        return version

    async def ask(
        self,
        api: Api,
        values: Values,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - that of the request
        newest: int | None = None,
    ) -> Any:  # noqa: ANN401 - one class an API and version
        """Make a request of plain values and wait for its answer.

        Args:
            api: what is asked.
            values: the request's fields.
            timeout: seconds; None for ``request_timeout``.
            newest: as ``version_of`` has it.
        """
        version = self.version_of(api, newest=newest)
        timeout = self._settings.request_timeout if timeout is None else timeout
        return await self._channel.request(
            plain_request(api, version, self._settings.client_id, values, timeout=timeout)
        )

    def post(self, request: Request, on_reply: OnReply) -> None:
        """Make a request whose answer goes to ``on_reply``; see ``Channel.post``."""
        self._channel.post(request, on_reply)

    def close(self) -> None:
        """End the connection."""
        self._channel.close()


async def open_connection(
    address: Address, settings: ConnectionSettings, group: TaskGroup, *, max_response_bytes: int
) -> Connection:
    """Connect to a broker and ask which versions it serves.

    Args:
        address: where it listens.
        settings: timeouts and limits.
        group: where the connection's tasks run until it is closed.
        max_response_bytes: the largest answer that is taken.

    Raises:
        ConnectionFailedError: nobody listens there, or not in time.
        ProtocolError: whoever listens there does not speak Kafka's protocol.
    """
    for is_last in (False, True):
        deadline = anyio.current_time() + settings.connect_timeout
        try:
            return await _open(address, settings, group, max_response_bytes=max_response_bytes)
        except TimeoutError:
            if is_last or anyio.current_time() < deadline + _STOOD_STILL_SECONDS:
                break
    raise ConnectionFailedError(str(address), f"no answer within {settings.connect_timeout:g} s")


async def _open(
    address: Address, settings: ConnectionSettings, group: TaskGroup, *, max_response_bytes: int
) -> Connection:
    channel: Channel | None = None
    try:
        with anyio.fail_after(settings.connect_timeout):
            transport = await connect(address.host, address.port)
            # here TLS goes around the transport, once there is a security.protocol with it
            _refuse_if_ended(group, transport, address)
            channel = Channel(transport, str(address), group, max_response_bytes=_MAX_VERSIONS_BYTES)
            group.start_soon(channel.run)
            offered = await _offered_versions(channel, settings)
            # here SASL comes, before any other request (KIP-43, KIP-152)
            channel.take_answers(max_bytes=max_response_bytes)
            return Connection(channel, offered, settings)
    except TimeoutError:
        _close(channel)
        raise
    except ProtocolError as error:
        _close(channel)
        raise ProtocolError(f"{address} does not speak Kafka's protocol: {error}") from error
    except OSError as error:
        _close(channel)
        raise ConnectionFailedError(str(address), error.strerror or str(error)) from error
    except BaseException:
        _close(channel)
        raise


def _range(versions: Versions) -> str:
    return f"{versions.oldest} to {versions.newest}"


def _refuse_if_ended(group: TaskGroup, transport: PlainTransport, address: Address) -> None:
    """Start nothing in a group that has ended: whoever connects may be no task of it."""
    if group.cancel_scope.cancel_called:
        transport.close()
        raise ConnectionFailedError(str(address), "the client was closed")


def _close(channel: Channel | None) -> None:
    if channel is not None:
        channel.close()


async def _offered_versions(channel: Channel, settings: ConnectionSettings) -> dict[int, Versions]:
    """Ask with the newest version, and with the oldest where the broker does not know that (KIP-511)."""
    newest = SPOKEN[Api.API_VERSIONS].newest
    offered = await channel.request(_versions_request(newest, settings))
    if offered is None:
        offered = await channel.request(_versions_request(0, settings))
    if offered is None:
        raise ProtocolError(f"{channel.address} does not say which versions it serves")
    if offered.error_code:
        raise error_for(int(offered.error_code), f"{channel.address} does not say which versions it serves")
    return {each.api_key: Versions(each.min_version, each.max_version) for each in offered.api_keys}


def _versions_request(version: int, settings: ConnectionSettings) -> Request:
    values = {"client_software_name": "gomq", "client_software_version": __version__}

    def encode(correlation_id: int) -> list[bytes]:
        return [requests.encode_request(Api.API_VERSIONS, version, correlation_id, settings.client_id, values)]

    return Request(
        api=Api.API_VERSIONS,
        version=version,
        encode=encode,
        timeout=inf,  # connecting as a whole has one
        decode=_versions_decoder(version),
    )


def _versions_decoder(version: int) -> Callable[[memoryview], Any]:
    def decode(frame: memoryview) -> Any:  # noqa: ANN401 - one class a version, or None
        # a broker that does not know the version says so in version 0
        if int.from_bytes(frame[4:6], "big") == _UNSUPPORTED_VERSION:
            return None
        return responses.decode_response(frame, Api.API_VERSIONS, version)

    return decode
