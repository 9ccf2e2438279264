"""Groups: which there are, and who is in them."""

from collections.abc import Iterable
from typing import Any, Final

from gomq.client.admin.asking import Asker, each
from gomq.client.admin.consumer_groups import describe_consumer_group
from gomq.client.admin.group_descriptions import (
    CONSUMER_PROTOCOL,
    GroupDescription,
    GroupListing,
    GroupState,
    GroupType,
    MemberDescription,
    in_order,
)
from gomq.client.admin.refusals import distinct, refusal
from gomq.client.groups.subscription import decode_assignment, decode_subscription
from gomq.errors import GroupIdNotFoundError, ProtocolError, UnsupportedVersionError
from gomq.protocol.api import Api
from gomq_storage.layout import TopicPartition

_STATES_SINCE: Final = 4
_TYPES_SINCE: Final = 5


async def list_groups(
    asker: Asker, *, states: Iterable[GroupState], types: Iterable[GroupType], protocol_types: Iterable[str]
) -> list[GroupListing]:
    """List the groups of every broker by their ids, or those in some states, of some types, of some protocol types.

    Raises:
        UnsupportedVersionError: a broker is too old for these filters.
        BrokerError: a broker refuses.
        ExceptionGroup: several of them failed.
    """
    states, types, protocol_types = frozenset(states), frozenset(types), frozenset(protocol_types)
    values = {"states_filter": sorted(states), "types_filter": sorted(types)}

    async def ask(node: int | None) -> list[GroupListing]:
        assert node is not None  # brokers are asked by their ids
        response = await asker.cluster.ask(Api.LIST_GROUPS, values, node=node)
        if response.error_code:
            raise refusal(f"groups of broker {node} cannot be listed", response)
        if states and response.__version__ < _STATES_SINCE:
            raise UnsupportedVersionError(f"broker {node} is too old to list groups by state (KIP-518)")
        if types and response.__version__ < _TYPES_SINCE:
            raise UnsupportedVersionError(f"broker {node} is too old to list groups by type (KIP-848)")
        return [_listing(node, group) for group in response.groups]

    by_node = await asker.ask_brokers(None, ask)
    found = {group.group_id: group for groups in by_node.values() for group in groups}
    return [group for _, group in sorted(found.items()) if not protocol_types or group.protocol_type in protocol_types]


async def describe_groups(asker: Asker, group_ids: Iterable[str]) -> dict[str, GroupDescription]:
    """Describe groups, by their ids.

    Raises:
        GroupIdNotFoundError: there is no such group.
        BrokerError: the broker refuses.
        ExceptionGroup: several of them cannot be described.
    """
    return await each(distinct("group", group_ids), lambda group_id: describe_group(asker, group_id))


async def describe_group(asker: Asker, group_id: str) -> GroupDescription:
    """Describe a group; see ``describe_groups``."""

    async def ask(node: int | None) -> GroupDescription:
        try:
            return await _describe_classic_group(asker, group_id, node)
        except GroupIdNotFoundError:  # that is what Kafka says of groups of other types, too
            if (found := await describe_consumer_group(asker.cluster, group_id, node)) is None:
                raise
            return found

    return await asker.ask_coordinator(group_id, ask)


async def _describe_classic_group(asker: Asker, group_id: str, node: int | None) -> GroupDescription:
    values = {"groups": (group_id,), "include_authorized_operations": False}
    response = await asker.cluster.ask(Api.DESCRIBE_GROUPS, values, node=node)
    found = [group for group in response.groups if group.group_id == group_id]
    if not found:
        raise ProtocolError(f"the answer to DESCRIBE_GROUPS does not mention group {group_id!r}")
    if found[0].error_code:
        raise refusal(f"group {group_id!r} cannot be described", found[0])
    description = _description(node, found[0])
    if description.state is GroupState.DEAD and not description.members:
        # before version 6 that is how a broker says that it has none (KIP-1043)
        raise GroupIdNotFoundError(f"group {group_id!r} cannot be described: there is no such group")
    return description


def _listing(node: int, group: Any) -> GroupListing:  # noqa: ANN401 - one class a version
    state = getattr(group, "group_state", None)
    return GroupListing(
        group_id=group.group_id,
        protocol_type=group.protocol_type,
        state=None if state is None else GroupState(state),
        type=GroupType(getattr(group, "group_type", GroupType.UNKNOWN)),
        coordinator=node,
    )


def _description(node: int | None, group: Any) -> GroupDescription:  # noqa: ANN401 - one class a version
    is_consumers = group.protocol_type == CONSUMER_PROTOCOL
    members = [_member(member, is_consumer=is_consumers) for member in group.members]
    return GroupDescription(
        group_id=group.group_id,
        state=GroupState(group.group_state),
        type=GroupType.CLASSIC,
        protocol_type=group.protocol_type,
        assignor=group.protocol_data,
        epoch=None,
        coordinator=node,
        members=in_order(members),
    )


def _member(member: Any, *, is_consumer: bool) -> MemberDescription:  # noqa: ANN401 - one class a version
    return MemberDescription(
        member_id=member.member_id,
        instance_id=getattr(member, "group_instance_id", None),
        client_id=member.client_id,
        host=member.client_host,
        topics=_topics(member.member_metadata) if is_consumer else None,
        assignment=_assignment(member.member_assignment) if is_consumer else None,
    )


def _topics(data: bytes) -> frozenset[str] | None:
    try:
        return frozenset(decode_subscription(data).topics)
    except ProtocolError:  # another member wrote it, and it may be anything
        return None


def _assignment(data: bytes) -> frozenset[TopicPartition] | None:
    try:
        return decode_assignment(data)
    except ProtocolError:
        return None
