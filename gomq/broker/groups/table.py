"""All groups by name, and what the rest of the broker asks about one. Values only."""

from collections.abc import Iterable

from kio.schema.errors import ErrorCode

from gomq.broker.groups.group import ClassicGroup, GroupState


class GroupTable:
    """The groups of a broker."""

    def __init__(self) -> None:
        self._groups: dict[str, ClassicGroup] = {}

    def group(self, group_id: str) -> ClassicGroup | None:
        """Look up a group; only the coordinator may change it."""
        return self._groups.get(group_id)

    def groups(self) -> Iterable[ClassicGroup]:
        """All groups."""
        return self._groups.values()

    def group_ids(self) -> tuple[str, ...]:
        """The names of all groups."""
        return tuple(self._groups)

    def known(self, group_id: str) -> bool:
        """Say whether there is such a group."""
        return group_id in self._groups

    def is_active(self, group_id: str) -> bool:
        """Say whether a group has members."""
        group = self._groups.get(group_id)
        return group is not None and bool(group.roster)

    def is_stable(self, group_id: str) -> bool:
        """Say whether all members of a group have their assignments."""
        group = self._groups.get(group_id)
        return group is not None and group.state is GroupState.STABLE

    def empty_since_ms(self, group_id: str) -> int | None:
        """Say since when a group has been empty, ms since the epoch; None where it is not, or it is not known."""
        group = self._groups.get(group_id)
        if group is None or group.state is not GroupState.EMPTY or group.state_since_ms < 0:
            return None
        return group.state_since_ms

    def protocol_type(self, group_id: str) -> str | None:
        """Say what type of members a group has, or had: ``consumer``; None where it only commits offsets."""
        group = self._groups.get(group_id)
        return group.protocol_type if group is not None else None

    def is_subscribed(self, group_id: str, topic: str) -> bool:
        """Say whether a group consumes a topic; also where it may do so, for all that is known."""
        group = self._groups.get(group_id)
        return group is not None and group.is_subscribed(topic)

    def check_delete(self, group_id: str) -> ErrorCode:
        """Say whether a group may be deleted (``ClassicGroup.validateDeleteGroup``)."""
        group = self._groups.get(group_id)
        if group is None:
            return ErrorCode.group_id_not_found
        return ErrorCode.none if group.state is GroupState.EMPTY else ErrorCode.non_empty_group

    def check_offset_delete(self, group_id: str) -> ErrorCode:
        """Say whether offsets of a group may be deleted at all (``ClassicGroup.validateOffsetDelete``)."""
        group = self._groups.get(group_id)
        if group is None:
            return ErrorCode.group_id_not_found
        is_fine = group.state is GroupState.EMPTY or group.has_topics
        return ErrorCode.none if is_fine else ErrorCode.non_empty_group
