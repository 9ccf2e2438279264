"""Groups whose partitions the broker shares out (KIP-848): ConsumerGroupDescribe.

DescribeGroups says of them that they are not there. Share and streams groups are not described.
"""

from typing import Any

from gomq.client.admin.group_descriptions import (
    CONSUMER_PROTOCOL,
    GroupDescription,
    GroupState,
    GroupType,
    MemberDescription,
    in_order,
)
from gomq.client.admin.refusals import refusal
from gomq.client.cluster.cluster import Cluster
from gomq.errors import GroupIdNotFoundError, ProtocolError, UnsupportedVersionError
from gomq.protocol.api import Api
from gomq_storage.layout import TopicPartition


async def describe_consumer_group(cluster: Cluster, group_id: str, node: int | None) -> GroupDescription | None:
    """Describe a group, as its coordinator has it; None where it has no such group, or cannot be asked for it.

    Raises:
        BrokerError: the broker refuses.
    """
    values = {"group_ids": (group_id,), "include_authorized_operations": False}
    try:
        response = await cluster.ask(Api.CONSUMER_GROUP_DESCRIBE, values, node=node)
        return description_of(group_id, node, response)
    except (GroupIdNotFoundError, UnsupportedVersionError):  # the second also of a Kafka that has it switched off
        return None


def description_of(group_id: str, node: int | None, response: Any) -> GroupDescription:  # noqa: ANN401
    """Take a group from an answer to ConsumerGroupDescribe.

    Raises:
        BrokerError: the broker refuses.
        ProtocolError: the answer is about other groups.
    """
    found = [group for group in response.groups if group.group_id == group_id]
    if not found:
        raise ProtocolError(f"the answer to CONSUMER_GROUP_DESCRIBE does not mention group {group_id!r}")
    group = found[0]
    if group.error_code:
        raise refusal(f"group {group_id!r} cannot be described", group)
    return GroupDescription(
        group_id=group.group_id,
        state=GroupState(group.group_state),
        type=GroupType.CONSUMER,
        protocol_type=CONSUMER_PROTOCOL,
        assignor=group.assignor_name,
        epoch=int(group.group_epoch),
        coordinator=node,
        members=in_order(_member(member) for member in group.members),
    )


def _member(member: Any) -> MemberDescription:  # noqa: ANN401 - one class a version
    # what it has been given, not what it is to have: others may have to give that up first
    topics = member.assignment.topic_partitions
    return MemberDescription(
        member_id=member.member_id,
        instance_id=member.instance_id,
        client_id=member.client_id,
        host=member.client_host,
        topics=None if member.subscribed_topic_regex else frozenset(member.subscribed_topic_names),
        assignment=frozenset(
            TopicPartition(topic.topic_name, int(index)) for topic in topics for index in topic.partitions
        ),
    )
