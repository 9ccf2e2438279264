"""Who is in a group: members, those that are to come again with their id, the leader, and what all of them support.

Counts are kept, so that what happens with each request costs the same in a group of ten thousand as in one of two.
Kafka: the collections of ``ClassicGroup``. Values only.
"""

from collections import Counter
from collections.abc import Collection, Iterable

from kio.schema.errors import ErrorCode

from gomq.broker.groups.members import Member, Protocol, Ticket


class Roster:
    """The members of one group."""

    def __init__(self) -> None:
        self.leader: str | None = None
        self.pending: set[str] = set()
        """Ids that were given out, to members that have not come again with them."""
        self.pending_sync: set[str] = set()
        """Members that were told of the generation and have not asked for their assignment."""
        self.size: int = 0
        """Bytes of the members' metadata."""
        self._members: dict[str, Member] = {}
        self._static: dict[str, str] = {}
        self._supported: Counter[str] = Counter()
        self._joining_count = 0

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, member_id: str) -> bool:
        return member_id in self._members

    def __getitem__(self, member_id: str) -> Member:
        return self._members[member_id]

    def find(self, member_id: str) -> Member | None:
        """Return a member, if it is one."""
        return self._members.get(member_id)

    @property
    def members(self) -> Collection[Member]:
        """All members, the oldest first."""
        return self._members.values()

    @property
    def joining_count(self) -> int:
        """How many members wait for the others to join."""
        return self._joining_count

    @property
    def has_all_joined(self) -> bool:
        """Say whether nobody is waited for."""
        return self._joining_count == len(self._members) and not self.pending

    @property
    def rebalance_timeout_ms(self) -> int:
        """The longest that one of the members wants to have."""
        return max((member.rebalance_timeout_ms for member in self._members.values()), default=0)

    def is_leader(self, member_id: str) -> bool:
        """Say whether it is this member that assigns."""
        return self.leader == member_id

    def static_id(self, instance_id: str) -> str | None:
        """Return the member id that a static member has now."""
        return self._static.get(instance_id)

    def check(self, member_id: str, instance_id: str | None) -> ErrorCode:
        """Say whether a member is who it says it is (``ClassicGroup.validateMember``)."""
        if instance_id is not None:
            current = self._static.get(instance_id)
            if current is None:
                return ErrorCode.unknown_member_id
            if current != member_id:
                return ErrorCode.fenced_instance_id
        return ErrorCode.none if member_id in self._members else ErrorCode.unknown_member_id

    def add(self, member: Member) -> None:
        """Take a new member; the first one leads."""
        self._members[member.id] = member
        if member.instance_id is not None:
            self._static[member.instance_id] = member.id
        if self.leader is None:
            self.leader = member.id
        self._count(member, 1)
        self.pending.discard(member.id)

    def remove(self, member_id: str) -> Member | None:
        """Let a member go, or one that is to come again; another one leads if need be."""
        member = self._members.pop(member_id, None)
        if member is not None:
            self._count(member, -1)
            if member.instance_id is not None:
                self._static.pop(member.instance_id, None)
        if self.leader == member_id:
            self.leader = next(iter(self._members), None)
        self.pending.discard(member_id)
        self.pending_sync.discard(member_id)
        return member

    def replace(self, instance_id: str, new_id: str) -> Member:
        """Give a static member another id, whose requests do not wait, and return the member."""
        old_id = self._static[instance_id]
        member = self._members.pop(old_id)
        self._joining_count -= member.joining is not None
        member.id, member.joining, member.syncing, member.is_new = new_id, None, None, False
        self._members[new_id] = member
        self._static[instance_id] = new_id
        if old_id in self.pending_sync:
            self.pending_sync.remove(old_id)
            self.pending_sync.add(new_id)
        if self.leader == old_id:
            self.leader = new_id
        return member

    def update(
        self, member: Member, protocols: tuple[Protocol, ...], *, rebalance_timeout_ms: int, session_timeout_ms: int
    ) -> None:
        """Take what a member says about itself now."""
        self._count(member, -1)
        member.protocols = protocols
        member.rebalance_timeout_ms = rebalance_timeout_ms
        member.session_timeout_ms = session_timeout_ms
        self._count(member, 1)

    def set_joining(self, member: Member, ticket: Ticket | None) -> Ticket | None:
        """Let a member wait with a JoinGroup, or no longer; return the one that waited until now."""
        before = member.joining
        member.joining = ticket
        self._joining_count += (ticket is not None) - (before is not None)
        return before

    def not_joined(self) -> list[Member]:
        """Find the members that do not wait for the others to join."""
        return [member for member in self._members.values() if member.joining is None]

    def elect_joined_leader(self) -> bool:
        """Let one lead that has joined; False where nobody has."""
        if self.leader is not None and self._members[self.leader].joining is not None:
            return True
        joined = next((member.id for member in self._members.values() if member.joining is not None), None)
        if joined is not None:
            self.leader = joined
        return joined is not None

    def supports_one_of(self, protocols: Iterable[Protocol]) -> bool:
        """Say whether all members know one of some protocols."""
        return any(self._supported[name] == len(self._members) for name, _ in protocols)

    def vote(self) -> str:
        """Choose among the protocols that all members know: each votes for the one that it likes best."""
        common = {name for name, count in self._supported.items() if count == len(self._members)}
        votes = Counter(
            next(name for name, _ in member.protocols if name in common) for member in self._members.values()
        )
        return max(votes, key=lambda name: votes[name])

    def _count(self, member: Member, step: int) -> None:
        for name, _ in member.protocols:
            self._supported[name] += step
            if not self._supported[name]:
                del self._supported[name]
        self.size += step * member.size
        self._joining_count += step * (member.joining is not None)
