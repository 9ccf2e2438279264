"""What is looked at before a request reaches its group. Values only.

Kafka checks that there is a group id, and the session timeout (``GroupCoordinatorService``); that everything else fits
into its record it finds out when it writes one. The limits are ours, far above what clients send.
"""

from typing import Final

from kio.schema.errors import ErrorCode

from gomq.broker.groups.members import JoinRequest, Protocol, SyncRequest
from gomq.broker.groups.settings import GroupSettings

MAX_NAME_BYTES: Final = 1024
"""Of a group's id, a member's, a static member's name, a protocol and a protocol's type."""
MAX_CLIENT_ID: Final = 255
"""Characters that are kept of what a client calls itself."""
MAX_PROTOCOLS: Final = 64
MAX_MEMBER_BYTES: Final = 4 << 20
"""What a member says about itself, over all protocols."""
MAX_ASSIGNMENT_BYTES: Final = 64 << 20
"""What a leader assigns, over all members."""


def group_id_problem(group_id: str) -> ErrorCode:
    """Say why members cannot be in such a group."""
    return ErrorCode.none if group_id and _is_short(group_id) else ErrorCode.invalid_group_id


def join_problem(group_id: str, request: JoinRequest, settings: GroupSettings) -> ErrorCode:
    """Say why a JoinGroup cannot be."""
    if (error := group_id_problem(group_id)) is not ErrorCode.none:
        return error
    shortest, longest = settings.min_session_timeout_ms, settings.max_session_timeout_ms
    if not shortest <= request.session_timeout_ms <= longest:
        return ErrorCode.invalid_session_timeout
    names = [request.member_id, request.instance_id or "", request.protocol_type]
    names += [name for name, _ in request.protocols]
    size = sum(len(metadata) for _, metadata in request.protocols)
    if len(request.protocols) > MAX_PROTOCOLS or size > MAX_MEMBER_BYTES or not all(map(_is_short, names)):
        return ErrorCode.invalid_request
    return ErrorCode.none


def sync_problem(group_id: str, request: SyncRequest) -> ErrorCode:
    """Say why a SyncGroup cannot be."""
    if (error := group_id_problem(group_id)) is not ErrorCode.none:
        return error
    size = sum(map(len, request.assignments.values()))
    return ErrorCode.none if size <= MAX_ASSIGNMENT_BYTES else ErrorCode.invalid_request


def distinct(protocols: tuple[Protocol, ...]) -> tuple[Protocol, ...]:
    """Leave out what a member says again about a protocol."""
    by_name: dict[str, Protocol] = {}
    for protocol in protocols:
        by_name.setdefault(protocol.name, protocol)
    return tuple(by_name.values())


def _is_short(name: str) -> bool:
    return len(name) <= MAX_NAME_BYTES and len(name.encode()) <= MAX_NAME_BYTES
