"""What stands in a broker for the faults that a test asks for."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import anyio
from anyio.from_thread import BlockingPortal

from gomq.broker.interception import Connection
from gomq.errors import ProtocolError
from gomq.net.session import Answer, Handle, Parts
from gomq.protocol.api import SERVED, Api
from gomq.protocol.requests import RequestHead, decode_request, read_client_id
from gomq.protocol.responses import encode_response
from gomq.testing.asked import Asked, api_name, topics_of
from gomq.testing.error_answers import ErrorAnswer
from gomq.testing.faults import Faults
from gomq.testing.rules import FINE, Fault, Kind, Rule
from gomq_storage.files import FileRange

_APIS: Final = {int(api): api for api in SERVED}
_REBOOTSTRAP_REQUIRED: Final = 129
"""The one error that Metadata tells of the whole answer (KIP-1102)."""


class FaultDisconnectError(ConnectionAbortedError):
    """A connection was closed because a test asked for it."""

    def __init__(self, rule: Rule) -> None:
        super().__init__(f"a test asked for it: {rule.fault}")


@dataclass(slots=True)
class _Peer:
    """A client's connection, and what became of it."""

    connection: Connection
    silenced_by: Rule | None = None
    """What has made a black hole of it: nothing that comes behind is handled either."""


class Interception:
    """Applies faults to the requests of one broker.

    Args:
        faults: which.
        portal: how other threads reach its event loop.
    """

    def __init__(self, faults: Faults, portal: BlockingPortal) -> None:
        self._faults = faults
        self._portal = portal
        self._is_over = False
        self._changed: anyio.Event | None = None
        self.is_paused: bool = False
        """Whether the event loop stands still."""
        faults.subscribe(self.wake)

    def wrap(self, handle: Handle, connection: Connection) -> Handle:
        """Apply the faults to a connection's requests."""
        return partial(self._handle, handle, _Peer(connection))

    def wake(self) -> None:
        """Have those who are held up look at their rules again; any thread may say so."""
        if self.is_paused:
            return  # to ask the loop would wait for it; who resumes it says so again
        with suppress(RuntimeError):  # the loop has ended, and they with it
            self._portal.start_task_soon(self._notify)

    def end(self) -> None:
        """Let everybody go who is held up, and hold up nobody any more: the broker stops."""
        self._faults.unsubscribe(self.wake)
        self._is_over = True
        self.wake()

    async def _notify(self) -> None:
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    async def _handle(self, handle: Handle, peer: _Peer, head: RequestHead, frame: memoryview) -> Answer:
        found = _read(peer.connection, head, frame)
        if found is not None:
            self._faults.note(found[1])
        if peer.silenced_by is not None:
            return partial(self._say_nothing, peer.silenced_by)
        if found is None:
            return await handle(head, frame)
        body, asked = found
        verdict = self._faults.decide(asked)
        if verdict is FINE:
            return await handle(head, frame)
        for rule in verdict.delays:
            await self._hold(rule, rule.fault.seconds)
        if verdict.decisive is None:
            return await handle(head, frame)
        return await self._apply(verdict.decisive, partial(handle, head, frame), (peer, head, body))

    async def _apply(self, rule: Rule, handle: Any, request: tuple[_Peer, RequestHead, Any]) -> Answer:  # noqa: ANN401
        peer, head, body = request
        match rule.fault.kind:
            case Kind.FAIL:
                return _refuse(rule, peer.connection, head, body)
            case Kind.BLACKHOLE:
                peer.silenced_by = rule
                return partial(self._say_nothing, rule)
            case Kind.DISCONNECT_AFTER:
                return await _lose_answer(rule, await handle())
            case _:
                raise FaultDisconnectError(rule)

    async def _say_nothing(self, rule: Rule) -> Parts:
        """Wait as an answer that never comes; what comes behind it on the connection waits too."""
        await self._hold(rule, None)
        raise FaultDisconnectError(rule)

    async def _hold(self, rule: Rule, seconds: float | None) -> None:
        """Wait until the time is over, the rule is removed, or the broker stops."""
        with anyio.move_on_after(seconds):
            while not (rule.is_removed or self._is_over):
                self._changed = self._changed or anyio.Event()
                await self._changed.wait()


def _read(connection: Connection, head: RequestHead, frame: memoryview) -> tuple[Any, Asked] | None:
    """Read what a request asks for; None where it is none that the broker could read."""
    api = _APIS.get(head.api_key)
    if api is None or head.version not in SERVED[api]:
        return None
    try:
        body = decode_request(frame, api, head.version)
    except ProtocolError:
        return None
    topics = connection.state.topics

    def name_of(topic_id: Any) -> str | None:  # noqa: ANN401 - a UUID
        found = topics.get(topic_id)
        return found.name if found is not None else None

    return body, Asked(api_name(api), head.version, read_client_id(frame), topics_of(body, name_of))


def _refuse(rule: Rule, connection: Connection, head: RequestHead, body: Any) -> Answer:  # noqa: ANN401
    """Answer a request with an error."""
    api, fault = Api(head.api_key), rule.fault
    if api is Api.PRODUCE and body.acks == 0:
        raise FaultDisconnectError(rule)  # no answer was asked for; so does the broker
    values = ErrorAnswer(api, head.version, fault.code, fault.message).values(body)
    if api is Api.METADATA:
        values |= _brokers(connection, fault)
    return [encode_response(api, head.version, head.correlation_id, values)]


def _brokers(connection: Connection, fault: Fault) -> dict[str, Any]:
    """Say where the broker is: topics may be in trouble, but who answers is there."""
    host, port = connection.reached_at
    node_id = connection.state.config.node_id
    return {
        "error_code": fault.code if fault.code == _REBOOTSTRAP_REQUIRED else 0,
        "brokers": [{"node_id": node_id, "host": host, "port": port, "rack": None}],
        "controller_id": node_id,
        "cluster_id": connection.state.cluster_id,
    }


async def _lose_answer(rule: Rule, answer: Answer) -> Answer:
    """Wait for an answer, and close the connection instead of sending it."""
    if not callable(answer):
        _release(answer or ())
        raise FaultDisconnectError(rule)

    async def lose() -> Parts:
        _release(await answer())
        raise FaultDisconnectError(rule)

    return lose


def _release(parts: Sequence[bytes | FileRange]) -> None:
    for part in parts:
        if isinstance(part, FileRange):
            part.close()
