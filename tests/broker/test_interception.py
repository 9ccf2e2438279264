"""The seam between connections and the broker: what is put there sees every request, and may answer in its place."""

from pathlib import Path

import gomq
from gomq.broker.interception import Connection
from gomq.net.session import Answer, Handle
from gomq.protocol.api import Api
from gomq.protocol.requests import RequestHead
from tests.support.wire import connect


class Listening:
    """Notes what passes by, and closes the connection of whoever asks for groups."""

    def __init__(self) -> None:
        self.connections: list[Connection] = []
        self.apis: list[int] = []

    def wrap(self, handle: Handle, connection: Connection) -> Handle:
        self.connections.append(connection)

        async def listening(head: RequestHead, frame: memoryview) -> Answer:
            self.apis.append(head.api_key)
            if head.api_key == Api.LIST_GROUPS:
                raise ConnectionAbortedError("nobody asks for groups")
            return await handle(head, frame)

        return listening


async def test_each_connection_is_wrapped_once_and_each_request_passes_by(data: Path):
    listening = Listening()
    async with gomq.Broker(data=data, listen="127.0.0.1:0", interceptor=listening) as broker:
        async with connect(broker.address) as first, connect(broker.address) as second:
            for wire in (first, second, first):
                assert (
                    await wire.ask(Api.DESCRIBE_GROUPS, 5, groups=(), include_authorized_operations=False)
                ).groups == ()

        assert listening.apis == [Api.DESCRIBE_GROUPS] * 3
        assert {str(each.reached_at) for each in listening.connections} == {broker.address}
        assert len(listening.connections) == 2


async def test_what_is_raised_there_closes_that_connection_and_no_other(data: Path):
    async with (
        gomq.Broker(data=data, listen="127.0.0.1:0", interceptor=Listening()) as broker,
        connect(broker.address) as other,
        connect(broker.address) as wire,
    ):
        await wire.send(Api.LIST_GROUPS, 4, {"states_filter": ()})
        assert await wire.is_closed()
        assert (await other.ask(Api.DESCRIBE_GROUPS, 5, groups=(), include_authorized_operations=False)).groups == ()
