"""What several members of a group say to a broker, and what it answers, for two brokers to be compared.

Member ids are random; here each is called by its turn: ``#0``, ``#1`` ... as in what a test says.
"""

import dataclasses
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import anyio
from kio.schema.errors import ErrorCode

from gomq.protocol.api import Api
from tests.support.membership import join_values, subscription, sync_values
from tests.support.wire import DEADLINE, Wire, connect

CONNECTIONS: Final = 4
RANGE: Final = {"range": subscription("orders")}
_RANDOM: Final = re.compile(r"-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
_UNORDERED: Final = {"members", "groups", "results"}
"""Arrays that a broker may answer in any order."""


class Conversation:
    """Several connections to one broker, and all that was answered on them."""

    def __init__(self, wires: list[Wire], group: str) -> None:
        self.answers: list[tuple[Any, ...]] = []
        self._wires = wires
        self.group = group
        self._ids: list[str] = []
        self._asked: dict[int, tuple[Api, int]] = {}

    async def join(self, wire: int, member: str = "", *, version: int = 9, waits: bool = False, **fields: Any) -> None:
        """Send a JoinGroup, and take its answer unless it waits: then ``end`` takes it."""
        values = join_values(self.group, member_id=self.id(member), **{"protocols": RANGE, **fields})
        await self._ask(wire, Api.JOIN_GROUP, version, values, waits=waits)

    async def sync(
        self, wire: int, member: str, generation: int, assignments: Mapping[str, bytes] | None = None,
        *, version: int = 5, waits: bool = False, **fields: Any,
    ) -> None:  # fmt: skip
        """Send a SyncGroup."""
        given = {self.id(name): value for name, value in (assignments or {}).items()}
        values = sync_values(self.group, self.id(member), generation, given, **fields)
        await self._ask(wire, Api.SYNC_GROUP, version, values, waits=waits)

    async def heartbeat(
        self, wire: int, member: str, generation: int, *, instance: str | None = None, version: int = 4
    ) -> None:
        """Send a Heartbeat."""
        values = {"generation_id": generation, "member_id": self.id(member), "group_instance_id": instance}
        await self._ask(wire, Api.HEARTBEAT, version, {"group_id": self.group, **values})

    async def leave(self, wire: int, *members: tuple[str, str | None], version: int = 5) -> None:
        """Send a LeaveGroup: member ids, and names of static members."""
        given = [{"member_id": self.id(each), "group_instance_id": name, "reason": None} for each, name in members]
        values = {"group_id": self.group, "member_id": self.id(members[0][0]), "members": given}
        await self._ask(wire, Api.LEAVE_GROUP, version, values)

    async def describe(self, wire: int, *, version: int = 6) -> None:
        """Send a DescribeGroups, about the group and one that is not there."""
        values = {"groups": (self.group, "nowhere"), "include_authorized_operations": True}
        await self._ask(wire, Api.DESCRIBE_GROUPS, version, values)

    async def delete(self, wire: int) -> None:
        """Send a DeleteGroups, about the group, one that is not there, and none."""
        await self._ask(wire, Api.DELETE_GROUPS, 2, {"groups_names": (self.group, "nowhere", "")})

    async def other(self, wire: int, api: Api, version: int, values: Mapping[str, Any]) -> None:
        """Send anything else."""
        await self._ask(wire, api, version, values)

    async def end(self, wire: int) -> None:
        """Take the answer to what waits."""
        api, version = self._asked.pop(wire)
        answer = await self._wires[wire].receive(api, version)
        self.answers.append((api.name, version, self._plain(answer)))

    async def reaches(self, state: str) -> None:
        """Wait until the group is in a state: what was sent on another connection has come."""
        values = {"groups": (self.group,), "include_authorized_operations": False}
        with anyio.fail_after(DEADLINE):
            while (await self._state(values)) != state:  # noqa: ASYNC110 - another process has no event
                await anyio.sleep(0.02)

    async def _state(self, values: Mapping[str, Any]) -> str:
        answer = await self._wires[-1].ask(Api.DESCRIBE_GROUPS, 5, **values)
        return str(answer.groups[0].group_state)

    async def _ask(self, wire: int, api: Api, version: int, values: Mapping[str, Any], *, waits: bool = False) -> None:
        await self._wires[wire].send(api, version, values)
        self._asked[wire] = api, version
        if not waits:
            await self.end(wire)

    def id(self, name: str) -> str:
        """The member id that a name stands for."""
        return self._ids[int(name[1:])] if name.startswith("#") else name

    def _plain(self, value: Any, name: str = "") -> Any:
        if dataclasses.is_dataclass(value):
            fields = [field.name for field in dataclasses.fields(value) if field.name != "throttle_time"]
            return tuple((field, self._plain(getattr(value, field), field)) for field in fields)
        if isinstance(value, tuple):
            items = [self._plain(each) for each in value]
            return sorted(items, key=repr) if name in _UNORDERED else items
        if isinstance(value, ErrorCode):
            return value.name
        if isinstance(value, str):
            return self._name(value)
        return value

    def _name(self, text: str) -> str:
        if not _RANDOM.search(text):
            return text
        if text not in self._ids:
            self._ids.append(text)
        return f"#{self._ids.index(text)}"


@asynccontextmanager
async def conversation(address: str, group: str) -> AsyncIterator[Conversation]:
    """Open the connections, and wait until the broker knows about groups."""
    async with AsyncExitStack() as stack:
        wires = [await stack.enter_async_context(connect(address)) for _ in range(CONNECTIONS + 1)]
        with anyio.fail_after(4 * DEADLINE):
            while True:
                await wires[0].ask(Api.FIND_COORDINATOR, 4, key_type=0, coordinator_keys=(group,))
                values = {"groups": (group,), "include_authorized_operations": False}
                answer = await wires[0].ask(Api.DESCRIBE_GROUPS, 5, **values)
                if answer.groups[0].error_code is ErrorCode.none:
                    break
                await anyio.sleep(0.1)
        yield Conversation(wires, group)
