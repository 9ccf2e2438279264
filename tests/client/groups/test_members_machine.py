"""Members and a group do what they like, and answers are lost: nobody reads what another one reads."""

from itertools import combinations

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gomq_storage.layout import TopicPartition
from tests.support.driven_group import DrivenGroup
from tests.support.group_members import COUNTS, SimulatedMember, group_settings

MOST_MEMBERS = 4
ASSIGNORS = (("range", "cooperative-sticky"), ("cooperative-sticky",), ("sticky", "cooperative-sticky"))
"""All with one in common."""
TOPICS = st.sets(st.sampled_from(sorted(COUNTS)), min_size=1)
ANY = st.integers(0, MOST_MEMBERS - 1)


class MembersMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.group = DrivenGroup()
        self.members: list[SimulatedMember] = []
        self.count = 0
        self.has_returned = False
        """Whether a static member came back to a group that still knew it: that does not rebalance for it (KIP-814), so
        what it wants now and did not want before is given to it in the next rebalance."""

    @precondition(lambda self: len(self.members) < MOST_MEMBERS)
    @rule(assignors=st.sampled_from(ASSIGNORS), topics=TOPICS, instance=st.sampled_from([None, None, "one", "two"]))
    def start(self, assignors, topics, instance):
        if instance is None or all(each.settings.instance_id != instance for each in self.members):
            self.count += 1
            self.has_returned |= self.group.group.roster.static_id(instance or "") is not None
            chosen = group_settings(*assignors, instance=instance)
            self.members.append(SimulatedMember(self.group, f"m{self.count}", chosen, topics))

    @precondition(lambda self: self.members)
    @rule(which=ANY, steps=st.integers(1, 6))
    def advance(self, which, steps):
        for _ in range(steps):
            self.chosen(which).advance()

    @precondition(lambda self: self.members)
    @rule(which=ANY)
    def heartbeat(self, which):
        self.chosen(which).heartbeat()

    @precondition(lambda self: self.members)
    @rule(which=ANY)
    def lose_connection(self, which):
        self.chosen(which).lose_connection()

    @precondition(lambda self: self.members)
    @rule(which=ANY, topics=TOPICS)
    def change_topics(self, which, topics):
        self.chosen(which).change_topics(topics)

    @precondition(lambda self: len(self.members) > 1)
    @rule(which=ANY, says_so=st.booleans())
    def end(self, which, says_so):
        member = self.chosen(which)
        self.members.remove(member)
        if says_so:
            member.leave()

    @rule(ms=st.sampled_from([100, 3000, 9000, 11_000]))
    def pass_time(self, ms):
        self.group.pass_ms(ms)
        for member in self.members:
            member.pass_time()

    @precondition(lambda self: len(self.members) > 1)
    @rule(which=ANY, seconds=st.integers(1, 15))
    def others_go_on(self, which, seconds):
        """One is cut off, and does not know what becomes of the group."""
        cut_off = self.chosen(which)
        cut_off.lose_connection()
        for _ in range(seconds):
            self.pass_time(1000)
            for member in self.members:
                for _ in range(5 if member is not cut_off else 0):
                    member.advance()
                    member.heartbeat()
            self.nobody_reads_what_another_one_reads()

    @precondition(lambda self: self.members)
    @rule()
    def settle(self):
        """With connections that last, everything that anybody wants is read by somebody."""
        self.go_on_until_settled()
        if self.has_returned:
            self.has_returned = False
            for member in self.members:
                member.member.rejoin("the next rebalance")
            self.go_on_until_settled()
        wanted = {topic for member in self.members for topic in member.topics}
        everything = {TopicPartition(topic, index) for topic in wanted for index in range(COUNTS[topic])}
        assert {partition for member in self.members for partition in member.owned} == everything

    def go_on_until_settled(self) -> None:
        for _ in range(60):
            if self.is_settled():
                break
            for _ in range(5):
                for member in self.members:
                    member.advance()
                    member.heartbeat()
                self.nobody_reads_what_another_one_reads()
            self.pass_time(1000)
        assert self.is_settled()

    def is_settled(self) -> bool:
        """Whether the group knows of these members only, and none of them has anything to do."""
        ids = {member.member.member_id for member in self.members}
        return (
            self.group.group.state == "Stable"
            and set(self.group.member_ids()) == ids
            and all(member.is_settled for member in self.members)
        )

    @invariant()
    def nobody_reads_what_another_one_reads(self):
        for one, other in combinations(self.members, 2):
            assert not one.owned & other.owned

    @invariant()
    def nobody_reads_what_it_does_not_want_and_nobody_fails(self):
        for member in self.members:
            assert not member.has_failed

    def teardown(self) -> None:
        if self.members:
            self.settle()

    def chosen(self, which: int) -> SimulatedMember:
        return self.members[which % len(self.members)]


TestMembers = MembersMachine.TestCase
TestMembers.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
