"""What an admin does with groups: who is in them, how far they got, and where they go on."""

import time
from collections.abc import Iterable

from gomq.client.admin import group_changes, group_offsets, groups, resetting
from gomq.client.admin.group_descriptions import GroupDescription, GroupListing, GroupState, GroupType
from gomq.client.admin.group_offsets import GroupOffset
from gomq.client.admin.refusals import distinct
from gomq.client.admin.resets import Reset, ResetPlan, Target
from gomq.client.admin.scope import AdminScope
from gomq_storage.layout import TopicPartition


class GroupCalls(AdminScope):
    """An admin's methods for groups."""

    async def list_groups(
        self,
        *,
        states: Iterable[GroupState] = (),
        types: Iterable[GroupType] = (),
        protocol_types: Iterable[str] = (),
    ) -> list[GroupListing]:
        """List the groups of all brokers by their ids; where something is named, those that fit only.

        Args:
            states: what they are doing.
            types: by which protocol members are in them.
            protocol_types: "consumer" for consumers; others, such as Kafka Connect, have theirs.

        Raises:
            UnsupportedVersionError: a broker is too old for these filters.
            BrokerError: a broker refuses.
            ExceptionGroup: several of them failed.
        """
        return await groups.list_groups(self._asker, states=states, types=types, protocol_types=protocol_types)

    async def describe_group(self, group_id: str) -> GroupDescription:
        """Describe a group and its members.

        Raises:
            GroupIdNotFoundError: there is no such group.
            BrokerError: the broker refuses.
        """
        return await groups.describe_group(self._asker, group_id)

    async def describe_groups(self, group_ids: Iterable[str]) -> dict[str, GroupDescription]:
        """Describe several groups and their members, by their ids.

        Raises:
            GroupIdNotFoundError: there is no such group.
            ExceptionGroup: several of them cannot be described.
        """
        return await groups.describe_groups(self._asker, group_ids)

    async def group_offsets(
        self, group_id: str, topics: Iterable[str] | None = None, *, description: GroupDescription | None = None
    ) -> dict[TopicPartition, GroupOffset]:
        """Return how far a group got, and how far behind the ends it is, by topic and partition.

        Args:
            group_id: the group.
            topics: all partitions of these; None for those that it has committed for or reads now.
            description: what ``describe_group`` has said of it; None to ask for that first.

        Raises:
            GroupIdNotFoundError: there is no such group.
            UnknownTopicError: there is no such topic.
            ExceptionGroup: several things failed.
        """
        return await group_offsets.group_offsets(self._asker, group_id, topics, description=description)

    async def plan_reset(
        self,
        group_id: str,
        topics: Iterable[str] | None = None,
        *,
        partitions: Iterable[TopicPartition] | None = None,
        to: Target | None = None,
        shift: int | None = None,
    ) -> ResetPlan:
        """Say what resetting a group's offsets would do, and do nothing; ``reset_offsets`` then does it.

        Args:
            group_id: the group; it may be one that nobody has joined yet.
            topics: all partitions of these.
            partitions: these.
                Where neither is given: those for which the group has committed.
            to: where it is to go on: "earliest" for the first message kept, "latest" for the end, an offset, a
                datetime for the first message at or after it, a timedelta for the first since so long ago; or one
                of these for each of some partitions.
            shift: how many offsets to go forward from what is committed or, below 0, back; instead of ``to``.

        Returns:
            a row for each partition. An offset that a partition does not have is moved to its nearest end, and
            ``is_clamped`` says so.

        Raises:
            NonEmptyGroupError: the group has members; only others than them could say how far they are.
            UnknownTopicError: there is no such topic or partition.
            ConfigurationError: the arguments do not fit together, or there is nothing to shift.
        """
        reset = Reset(
            group_id=group_id,
            topics=None if topics is None else distinct("topic", topics),
            partitions=None if partitions is None else list(partitions),
            to=to,
            shift=shift,
        )
        return await resetting.plan_reset(self._asker, reset, now_ms=time.time_ns() // 1_000_000)

    async def reset_offsets(self, plan: ResetPlan) -> None:
        """Carry out what ``plan_reset`` has said.

        Raises:
            NonEmptyGroupError: the group has members; nothing was changed.
            BrokerError: the broker refuses.
            ExceptionGroup: it refuses several partitions; the others are reset.
        """
        await resetting.reset_offsets(self._asker, plan)

    async def delete_group(self, group_id: str, *, if_exists: bool = False) -> bool:
        """Delete a group and all that it has committed, and return whether it was there.

        Raises:
            NonEmptyGroupError: it has members.
            GroupIdNotFoundError: there is no such group, and ``if_exists`` is not set.
        """
        return bool(await self.delete_groups([group_id], if_exists=if_exists))

    async def delete_groups(self, group_ids: Iterable[str], *, if_exists: bool = False) -> list[str]:
        """Delete several groups and all that they have committed, and return the ids of those that were there.

        Raises:
            NonEmptyGroupError: a group has members.
            GroupIdNotFoundError: there is no such group, and ``if_exists`` is not set.
            ExceptionGroup: several of them cannot be deleted; the others are gone.
        """
        return await group_changes.delete_groups(self._asker, group_ids, if_exists=if_exists)

    async def delete_group_offsets(self, group_id: str, partitions: Iterable[TopicPartition]) -> None:
        """Forget how far a group got in some partitions.

        Raises:
            GroupIdNotFoundError: there is no such group.
            GroupSubscribedToTopicError: members of the group read such a topic now.
            UnknownTopicError: there is no such partition.
            ExceptionGroup: several of them cannot be forgotten; the others are.
        """
        await group_changes.delete_group_offsets(self._asker, group_id, partitions)

    async def remove_members(
        self,
        group_id: str,
        instance_ids: Iterable[str] = (),
        *,
        member_ids: Iterable[str] = (),
        everyone: bool = False,
        reason: str | None = None,
    ) -> None:
        """Put members out of a group; the others share out their partitions at once (KIP-345).

        A member that still runs joins again.

        Args:
            group_id: the group.
            instance_ids: static members, by the names that they were given.
            member_ids: others, by the ids that ``describe_group`` tells.
            everyone: all that there are.
            reason: what brokers' logs say of it.

        Raises:
            UnknownMemberIdError: the group has no such member.
            GroupIdNotFoundError: there is no such group, where everyone is to be put out.
            ExceptionGroup: several of them cannot be put out; the others are.
        """
        await group_changes.remove_members(
            self._asker,
            group_id,
            instance_ids=instance_ids,
            member_ids=member_ids,
            everyone=everyone,
            reason=reason,
        )
