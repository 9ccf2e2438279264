"""What tests do with groups over raw connections: one connection a member, as clients have it."""

import struct
from collections.abc import Mapping
from typing import Any

from gomq.protocol.api import Api
from tests.support.wire import Wire

RANGE: Mapping[str, bytes] = {"range": b"topics"}
MEMBER_ID_REQUIRED = 79


def subscription(*topics: str) -> bytes:
    """What a consumer says about itself to an assignor: ``ConsumerProtocolSubscription``, version 0."""
    raw = [topic.encode() for topic in topics]
    names = b"".join(struct.pack(">h", len(name)) + name for name in raw)
    return struct.pack(">hi", 0, len(topics)) + names + struct.pack(">i", -1)


def join_values(
    group: str,
    *,
    member_id: str = "",
    instance: str | None = None,
    protocols: Mapping[str, bytes] = RANGE,
    **fields: Any,
) -> dict[str, Any]:
    """Fields of a JoinGroup request."""
    return {
        "group_id": group,
        "session_timeout": 10_000,
        "rebalance_timeout": 60_000,
        "member_id": member_id,
        "group_instance_id": instance,
        "protocol_type": "consumer",
        "protocols": [{"name": name, "metadata": metadata} for name, metadata in protocols.items()],
        "reason": None,
        **fields,
    }


def sync_values(
    group: str,
    member_id: str,
    generation: int,
    assignments: Mapping[str, bytes] | None = None,
    *,
    instance: str | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """Fields of a SyncGroup request."""
    return {
        "group_id": group,
        "generation_id": generation,
        "member_id": member_id,
        "group_instance_id": instance,
        "protocol_type": "consumer",
        "protocol_name": "range",
        "assignments": [{"member_id": each, "assignment": raw} for each, raw in (assignments or {}).items()],
        **fields,
    }


async def start_join(wire: Wire, group: str, *, version: int = 9, **values: Any) -> None:
    """Send what a new member sends, until its JoinGroup waits for the others: ``end_join`` receives its answer."""
    if version >= 4 and not values.get("member_id") and values.get("instance") is None:
        told = await wire.ask(Api.JOIN_GROUP, version, **join_values(group, **values))
        assert told.error_code == MEMBER_ID_REQUIRED
        values["member_id"] = told.member_id
    await wire.send(Api.JOIN_GROUP, version, join_values(group, **values))


async def end_join(wire: Wire, *, version: int = 9) -> Any:
    """Receive the answer to a JoinGroup, which must be a good one."""
    answer = await wire.receive(Api.JOIN_GROUP, version)
    assert answer.error_code == 0
    return answer


async def join(wire: Wire, group: str, *, version: int = 9, **values: Any) -> Any:
    """Join a group that waits for nobody else."""
    await start_join(wire, group, version=version, **values)
    return await end_join(wire, version=version)


async def heartbeat(wire: Wire, group: str, member_id: str, generation: int, *, version: int = 4) -> int:
    """Send a sign of life, and return the error code."""
    values = {"group_id": group, "generation_id": generation, "member_id": member_id, "group_instance_id": None}
    return int((await wire.ask(Api.HEARTBEAT, version, **values)).error_code)


async def stable(group: str, *wires: Wire, instances: tuple[str | None, ...] = (), **fields: Any) -> list[str]:
    """Let one member a connection form a stable generation, and return their ids; the first one leads."""
    ids: list[str] = []
    names = [*instances, *[None] * (len(wires) - len(instances))]
    answers: list[Any] = []
    for count, wire in enumerate(wires):
        await start_join(wire, group, instance=names[count], **fields)
        for other, member_id in enumerate(ids):
            await start_join(wires[other], group, member_id=member_id, instance=names[other], **fields)
        answers = [await end_join(each) for each in (*wires[:count], wire)]
        ids = [answer.member_id for answer in answers]
    generation = answers[0].generation_id
    for wire, member_id, instance in zip(wires, ids, names, strict=True):
        leads = member_id == answers[0].leader
        given = {each: each.encode() for each in ids} if leads else {}
        await wire.send(Api.SYNC_GROUP, 5, sync_values(group, member_id, generation, given, instance=instance))
    for wire, member_id in zip(wires, ids, strict=True):
        answer = await wire.receive(Api.SYNC_GROUP, 5)
        assert (answer.error_code, answer.assignment) == (0, member_id.encode())
    return ids
