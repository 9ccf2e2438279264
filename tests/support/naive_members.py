"""What a naive group is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kio.schema.errors import ErrorCode


@dataclass
class NaiveMember:
    id: str
    instance: str | None
    protocols: Mapping[str, bytes]
    session_ms: int
    rebalance_ms: int
    joining: int | None = None
    syncing: int | None = None
    is_new: bool = True
    assignment: bytes = b""


@dataclass
class NaiveStore:
    generation: int
    assignments: Mapping[str, bytes] | None = None
    member_id: str = ""
    before: tuple[str, Mapping[str, bytes], int, int, str] | None = None
    skips: bool = False


@dataclass
class NaiveRoster:
    leader: str | None = None
    members: list[NaiveMember] = field(default_factory=list)

    def find(self, member_id: str) -> NaiveMember | None:
        return next((member for member in self.members if member.id == member_id), None)

    def named(self, instance: str | None) -> NaiveMember | None:
        return next((member for member in self.members if instance is not None and member.instance == instance), None)

    def common(self) -> list[str]:
        names = [name for member in self.members for name in member.protocols]
        return sorted(name for name in set(names) if names.count(name) == len(self.members))

    def check(self, member_id: str, instance: str | None) -> ErrorCode:
        if instance is not None:
            named = self.named(instance)
            if named is None:
                return ErrorCode.unknown_member_id
            if named.id != member_id:
                return ErrorCode.fenced_instance_id
        return ErrorCode.none if self.find(member_id) else ErrorCode.unknown_member_id

    def told(self, member: NaiveMember) -> list[str]:
        return [each.id for each in self.members] if member.id == self.leader else []
