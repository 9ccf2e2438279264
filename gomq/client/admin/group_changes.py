"""Deleting groups and what they have committed, and putting members out."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from gomq.client.admin.asking import Asker, each
from gomq.client.admin.groups import describe_group
from gomq.client.admin.refusals import by_topic, distinct, failures_of, raise_failures, refusal
from gomq.client.cluster.cluster import Purpose
from gomq.errors import (
    ConfigurationError,
    GomqError,
    GroupIdNotFoundError,
    ProtocolError,
    UnknownMemberIdError,
    UnsupportedVersionError,
)
from gomq.protocol.api import Api
from gomq_storage.layout import TopicPartition

_UNKNOWN_MEMBER: Final = 25
_SEVERAL_MEMBERS_SINCE: Final = 3


class _Identity(NamedTuple):
    """A member to be put out, as LeaveGroup has it."""

    member_id: str
    group_instance_id: str | None
    reason: str | None

    @property
    def name(self) -> str:
        """What it is found by."""
        return self.group_instance_id or self.member_id

    def __str__(self) -> str:
        return f"{'static ' if self.group_instance_id else ''}member {self.name!r}"


async def delete_groups(asker: Asker, group_ids: Iterable[str], *, if_exists: bool) -> list[str]:
    """Delete groups and all that they have committed, and return the ids of those that were there.

    Raises:
        NonEmptyGroupError: a group has members.
        GroupIdNotFoundError: there is no such group, and ``if_exists`` is not set.
        ExceptionGroup: several of them cannot be deleted.
    """

    async def delete(group_id: str) -> bool:
        try:
            await asker.ask_coordinator(group_id, lambda node: _delete(asker, group_id, node), is_repeatable=False)
        except GroupIdNotFoundError:
            if not if_exists:
                raise
            return False
        return True

    done = await each(distinct("group", group_ids), delete)
    return [group_id for group_id, was_there in done.items() if was_there]


async def delete_group_offsets(asker: Asker, group_id: str, partitions: Iterable[TopicPartition]) -> None:
    """Forget how far a group got in some partitions (KIP-496).

    Raises:
        GroupIdNotFoundError: there is no such group.
        GroupSubscribedToTopicError: members of the group read such a topic now.
        UnknownTopicError: there is no such partition.
        ExceptionGroup: several of them cannot be forgotten.
    """
    wanted = sorted(set(partitions))
    topics = by_topic({partition: {} for partition in wanted})

    async def ask(node: int | None) -> list[GomqError]:
        values = {"group_id": group_id, "topics": topics}
        response = await asker.cluster.ask(Api.OFFSET_DELETE, values, node=node)
        if response.error_code:
            raise refusal(f"offsets of group {group_id!r} cannot be deleted", response)
        return failures_of(wanted, response, f"offset of group {group_id!r} in {{}} cannot be deleted")

    if wanted:
        raise_failures(await asker.ask_coordinator(group_id, ask))


async def remove_members(
    asker: Asker,
    group_id: str,
    *,
    instance_ids: Iterable[str],
    member_ids: Iterable[str],
    everyone: bool,
    reason: str | None,
) -> None:
    """Put members out of a group; the others share out their partitions at once (KIP-345).

    Args:
        asker: who asks.
        group_id: the group.
        instance_ids: static members, by the names they have been given.
        member_ids: others, by the ids that the broker has given them.
        everyone: all members there are.
        reason: what the broker's log says of it.

    Raises:
        UnknownMemberIdError: the group has no such member.
        GroupIdNotFoundError: there is no such group, where everyone is to be put out.
        ExceptionGroup: several of them cannot be put out.
    """
    leaving = [_Identity("", name, reason) for name in distinct("static member", instance_ids)]
    leaving += [_Identity(name, None, reason) for name in distinct("member", member_ids)]
    if everyone and leaving:
        raise ConfigurationError("everyone is to be put out: name no members beside it")
    if not everyone and not leaving:
        raise ConfigurationError("name the members to put out: instance_ids, member_ids or everyone=True")
    if everyone:
        members = (await describe_group(asker, group_id)).members
        leaving = [_Identity("" if each.instance_id else each.member_id, each.instance_id, reason) for each in members]
    if leaving:
        raise_failures(
            await asker.ask_coordinator(
                group_id, lambda node: _leave(asker, group_id, leaving, node), is_repeatable=False
            )
        )


async def _delete(asker: Asker, group_id: str, node: int | None) -> None:
    response = await asker.cluster.ask(Api.DELETE_GROUPS, {"groups_names": (group_id,)}, node=node)
    found = [result for result in response.results if result.group_id == group_id]
    if not found:
        raise ProtocolError(f"the answer to DELETE_GROUPS does not mention group {group_id!r}")
    if found[0].error_code:
        raise refusal(f"group {group_id!r} cannot be deleted", found[0])


async def _leave(asker: Asker, group_id: str, leaving: Sequence[_Identity], node: int | None) -> list[GomqError]:
    assert node is not None  # a coordinator has an id
    connection = await asker.cluster.connect(node, Purpose.CONTROL)
    if connection.version_of(Api.LEAVE_GROUP) < _SEVERAL_MEMBERS_SINCE:
        raise UnsupportedVersionError(f"broker {node} is too old to have members put out of a group (KIP-345)")
    values = {"group_id": group_id, "members": [identity._asdict() for identity in leaving]}
    response = await connection.ask(Api.LEAVE_GROUP, values)
    if response.error_code:
        raise refusal(f"members of group {group_id!r} cannot be put out", response)
    results = {(each.group_instance_id or each.member_id): each for each in response.members}
    failures: list[GomqError] = []
    for identity in leaving:
        if (result := results.get(identity.name)) is None:
            raise ProtocolError(f"the answer to LEAVE_GROUP does not mention {identity}")
        if int(result.error_code) == _UNKNOWN_MEMBER:
            failures.append(UnknownMemberIdError(f"group {group_id!r} has no {identity}"))
        elif result.error_code:
            failures.append(refusal(f"{identity} cannot be put out of group {group_id!r}", result))
    return failures
