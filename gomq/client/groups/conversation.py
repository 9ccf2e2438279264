"""What a member and its coordinator say to each other: JoinGroup, SyncGroup, Heartbeat and LeaveGroup."""

from collections.abc import Mapping
from typing import Any, Final

from gomq.client.cluster.cluster import Purpose
from gomq.client.groups.coordinator import GroupCoordinator
from gomq.client.groups.settings import GroupSettings
from gomq.client.groups.state import Member
from gomq.client.groups.steps import Joined, read_joined
from gomq.protocol.api import Api

PROTOCOL_TYPE: Final = "consumer"
_LAPSE: Final = 5.0
"""Seconds beyond ``rebalance_timeout`` until an answer is missed. Kafka's ``JOIN_GROUP_TIMEOUT_LAPSE``."""
_MOST_REASON: Final = 255
"""Kafka's ``JoinGroupRequest.maybeTruncateReason``."""
_STATIC_SINCE: Final[dict[Api, int]] = {Api.JOIN_GROUP: 5, Api.SYNC_GROUP: 3, Api.HEARTBEAT: 3}
"""Versions that know of static members (KIP-345)."""


class Conversation:
    """Asks for one member.

    Args:
        coordinator: whom to ask.
        settings: which group, and as whom.
    """

    def __init__(self, coordinator: GroupCoordinator, settings: GroupSettings) -> None:
        self._coordinator = coordinator
        self._settings = settings

    async def join(self, member: Member, protocols: list[tuple[str, bytes]], reason: str) -> Joined:
        """Join, with what the member says to each assignor, and wait until all others have.

        Raises:
            GomqError: there is no answer.
        """
        values = {
            "session_timeout": _milliseconds(self._settings.session_timeout),
            "rebalance_timeout": _milliseconds(self._settings.rebalance_timeout),
            "member_id": member.member_id,
            "protocols": [{"name": name, "metadata": metadata} for name, metadata in protocols],
            "reason": reason[:_MOST_REASON] or None,
        }
        return read_joined(await self._ask(Api.JOIN_GROUP, values, waits=True))

    async def synchronise(self, member: Member, assignments: Mapping[str, bytes]) -> tuple[int, bytes]:
        """Tell, as the leader, what each member is given; return the error code, and what this one is given.

        Raises:
            GomqError: there is no answer.
        """
        values = {
            "generation_id": member.generation,
            "member_id": member.member_id,
            "protocol_name": member.protocol,
            "assignments": [{"member_id": each, "assignment": raw} for each, raw in assignments.items()],
        }
        response = await self._ask(Api.SYNC_GROUP, values, waits=True)
        return int(response.error_code), bytes(response.assignment)

    async def heartbeat(self, member: Member, *, within: float) -> int:
        """Send a sign of life; return the error code.

        Raises:
            GomqError: there is no answer, or not within so many seconds.
        """
        values = {"generation_id": member.generation, "member_id": member.member_id}
        response = await self._ask(Api.HEARTBEAT, values, timeout=within)
        return int(response.error_code)

    async def leave(self, member: Member, reason: str) -> None:
        """Say good-bye: the others need not wait for the session to run out.

        Raises:
            GomqError: there is no answer.
        """
        identity = {"member_id": member.member_id, "group_instance_id": None, "reason": reason}
        await self._coordinator.ask(Api.LEAVE_GROUP, {"member_id": member.member_id, "members": [identity]})

    async def _ask(
        self,
        api: Api,
        values: dict[str, Any],
        *,
        waits: bool = False,
        timeout: float | None = None,  # noqa: ASYNC109 - the connection's, that is given up then
    ) -> Any:  # noqa: ANN401 - one class an API and version
        """Ask as this member, where the answer waits for others with a longer timeout on a connection for that."""
        instance_id = self._settings.instance_id
        values |= {"group_instance_id": instance_id, "protocol_type": PROTOCOL_TYPE}
        return await self._coordinator.ask(
            api,
            values,
            purpose=Purpose.JOINING if waits else Purpose.CONTROL,
            timeout=self._settings.rebalance_timeout + _LAPSE if waits else timeout,
            since=_STATIC_SINCE[api] if instance_id is not None else 0,
        )


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
