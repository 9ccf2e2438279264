"""DescribeGroups, versions 0-6.  v3 authorized operations; v4 static members; v5 flexible; v6 error messages.

A group that is not there is ``Dead``, and from version 6 on an error too (KIP-1043). What members say about themselves
is told of a stable group only: in another it may belong to no protocol. Nobody is refused anything, so all operations
that there are for groups are authorized. A group that is named several times is described once: a group may be large,
and its name is short.
"""

from typing import Any, Final

from kio.schema.errors import ErrorCode

from gomq.broker.context import Request, Result, State
from gomq.broker.groups.group import ClassicGroup, GroupState
from gomq.broker.groups.members import Member

_NOT_FOUND_SINCE: Final = 6
_NOT_ASKED: Final = -(2**31)
_READ, _DELETE, _DESCRIBE, _DESCRIBE_CONFIGS, _ALTER_CONFIGS = 3, 6, 8, 10, 11
_ALL_OPERATIONS: Final = sum(1 << code for code in (_READ, _DELETE, _DESCRIBE, _DESCRIBE_CONFIGS, _ALTER_CONFIGS))
"""``AclEntry.supportedOperations`` of a group, a bit for each."""


async def handle(state: State, request: Request) -> Result:
    """Say who is in some groups, and what each consumes."""
    operations = _ALL_OPERATIONS if getattr(request.body, "include_authorized_operations", False) else _NOT_ASKED
    groups = [_describe(state, request, group_id, operations) for group_id in dict.fromkeys(request.body.groups)]
    return {"throttle_time": 0, "groups": groups}


def _describe(state: State, request: Request, group_id: str, operations: int) -> dict[str, Any]:
    if error := state.group_log.refusal(group_id):
        return _failed(group_id, error, None)
    group = state.groups.group(group_id)
    if group is not None:
        return _described(group, operations)
    if request.version >= _NOT_FOUND_SINCE:
        return _failed(group_id, ErrorCode.group_id_not_found, f"Group {group_id} not found.")
    return {**_failed(group_id, ErrorCode.none, None), "authorized_operations": operations}


def _failed(group_id: str, error: ErrorCode, message: str | None) -> dict[str, Any]:
    is_missing = error in {ErrorCode.none, ErrorCode.group_id_not_found}
    return {
        "error_code": error,
        "error_message": message,
        "group_id": group_id,
        "group_state": str(GroupState.DEAD) if is_missing else "",
        "protocol_type": "",
        "protocol_data": "",
        "members": [],
        "authorized_operations": _NOT_ASKED,
    }


def _described(group: ClassicGroup, operations: int) -> dict[str, Any]:
    protocol = group.protocol if group.state is GroupState.STABLE else None
    return {
        "error_code": ErrorCode.none,
        "error_message": None,
        "group_id": group.id,
        "group_state": str(group.state),
        "protocol_type": group.protocol_type or "",
        "protocol_data": protocol or "",
        "members": [_member(member, protocol) for member in group.roster.members],
        "authorized_operations": operations,
    }


def _member(member: Member, protocol: str | None) -> dict[str, Any]:
    return {
        "member_id": member.id,
        "group_instance_id": member.instance_id,
        "client_id": member.client_id,
        "client_host": member.client_host,
        "member_metadata": b"" if protocol is None else member.metadata(protocol),
        "member_assignment": member.assignment,
    }
