"""Kafka's own assignors and ours are asked the same: about members that come and go, and what they had before."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import IO, Final

import pytest

from gomq.client.groups.assignors import ASSIGNORS, Assignment, GroupMember
from gomq.client.groups.assignors.racks import NO_RACKS, Racks
from gomq.client.groups.assignors.ranges import assign_ranges
from gomq.client.groups.subscription import (
    Subscription,
    decode_assignment,
    encode_assignment,
    encode_subscription,
)
from gomq.client.groups.user_data import Previous
from gomq_storage.layout import TopicPartition
from tests.support.kafka import java, require_kafka

CLASSES: Final = {
    "range": "RangeAssignor",
    "roundrobin": "RoundRobinAssignor",
    "sticky": "StickyAssignor",
    "cooperative-sticky": "CooperativeStickyAssignor",
}
TOPICS: Final = ("a", "b", "c", "d")
SOURCE: Final = Path(__file__).parents[1] / "support" / "KafkaAssignors.java"
CASES: Final = 150


@pytest.fixture(scope="module")
def kafkas() -> Iterator["KafkasAssignors"]:
    """One Java for all questions."""
    require_kafka()
    with kafkas_assignors() as asked:
        yield asked


class KafkasAssignors:
    """Kafka's assignors, to be asked."""

    def __init__(self, questions: IO[str], answers: IO[str]) -> None:
        self._questions = questions
        self._answers = answers

    def ask(
        self, name: str, counts: dict[str, int], members: dict[str, GroupMember], racks: Racks = NO_RACKS
    ) -> dict[str, bytes]:
        topics = [f"{topic}={'/'.join(racks_of(topic, count, racks))}" for topic, count in counts.items()]
        lines = [CLASSES[name], ",".join(topics), str(len(members))]
        for member_id, member in members.items():
            raw = encode_subscription(member.subscription)
            lines.append(f"{member_id} {member.instance_id or '-'} {raw.hex()}")
        self._questions.write("".join(f"{line}\n" for line in lines))
        self._questions.flush()
        told = (self._answers.readline().split() for _ in members)
        return {member_id: bytes.fromhex(raw) for member_id, raw in told}


def racks_of(topic: str, count: int, racks: Racks) -> list[str]:
    return ["+".join(sorted(racks.get(TopicPartition(topic, index), ()))) for index in range(count)]


@contextmanager
def kafkas_assignors() -> Iterator[KafkasAssignors]:
    process = subprocess.Popen(
        java(str(SOURCE)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8"
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        with process.stdin, process.stdout:
            yield KafkasAssignors(process.stdin, process.stdout)
    finally:
        process.kill()
        process.wait()


def some_members(random: Random, *, equal: bool) -> dict[str, GroupMember]:
    """Members that are new to the group, some of them static."""
    members: dict[str, GroupMember] = {}
    for number in random.sample(range(20), random.randint(1, 6)):
        topics = TOPICS if equal else tuple(random.sample(TOPICS, random.randint(1, len(TOPICS))))
        instance_id = f"i{random.randint(0, 99)}-{number}" if random.random() < 0.3 else None
        members[f"m{number}"] = GroupMember(instance_id=instance_id, subscription=Subscription(topics=topics))
    return members


def settled(name: str, members: dict[str, GroupMember], given: Assignment, generation: int) -> dict[str, GroupMember]:
    """The same members, as they say after a generation what they were given in it."""
    found: dict[str, GroupMember] = {}
    for member_id, member in members.items():
        had = tuple(sorted(given.get(member_id, ())))
        found[member_id] = GroupMember(
            instance_id=member.instance_id,
            subscription=Subscription(
                topics=member.subscription.topics,
                owned=had if ASSIGNORS[name].is_cooperative else (),
                generation=generation if member_id in given else -1,
                user_data=ASSIGNORS[name].user_data(Previous(had, generation)) if member_id in given else None,
            ),
        )
    return found


def decoded(answer: dict[str, bytes]) -> Assignment:
    return {member_id: sorted(decode_assignment(raw)) for member_id, raw in answer.items()}


def unevenness(given: Assignment) -> int:
    return sum(len(partitions) ** 2 for partitions in given.values())


def kept(before: Assignment, after: Assignment) -> int:
    return sum(len(set(before.get(member_id, ())) & set(partitions)) for member_id, partitions in after.items())


@pytest.mark.parametrize("name", ["range", "roundrobin"])
def test_these_two_give_exactly_what_kafkas_give(kafkas: KafkasAssignors, name: str):
    random = Random(name)
    for _ in range(CASES):
        counts = {topic: random.randint(1, 9) for topic in random.sample(TOPICS, random.randint(1, len(TOPICS)))}
        members = some_members(random, equal=random.random() < 0.5)
        theirs = kafkas.ask(name, counts, members)
        ours = ASSIGNORS[name].assign(counts, members)
        assert decoded(theirs) == {member_id: sorted(partitions) for member_id, partitions in ours.items()}
        if len(counts) == 1:  # of several topics, the order of their hashes is the order in the bytes
            assert theirs == {member_id: encode_assignment(partitions) for member_id, partitions in ours.items()}


def somewhere(random: Random, member: GroupMember) -> GroupMember:
    """The same member in some rack, or in none."""
    rack = random.choice(["", None, "r1", "r2", "r3", "elsewhere"])
    return replace(member, subscription=replace(member.subscription, rack=rack))


def test_range_gives_members_what_is_near_them_as_kafkas_does(kafkas: KafkasAssignors):
    random = Random("racks")
    near = total = 0
    for _ in range(CASES):
        size = random.randint(1, 9)  # many topics of one size have to be shared out alike
        names = random.sample(TOPICS, random.randint(1, len(TOPICS)))
        counts = {topic: random.choice([size, random.randint(1, 9)]) for topic in names}
        racks = {
            TopicPartition(topic, index): frozenset(random.sample(["r1", "r2", "r3"], random.choice([0, 1, 2, 2, 3])))
            for topic, count in counts.items()
            for index in range(count)
        }
        members = some_members(random, equal=random.random() < 0.7)
        members = {member_id: somewhere(random, member) for member_id, member in members.items()}
        ours = assign_ranges(counts, members, racks)
        theirs = decoded(kafkas.ask("range", counts, members, racks))
        assert theirs == {member_id: sorted(partitions) for member_id, partitions in ours.items()}
        total += sum(map(len, ours.values()))
        near += sum(members[each].subscription.rack in racks[one] for each, given in ours.items() for one in given)
    assert near > total / 4  # or racks were not looked at


@pytest.mark.parametrize("name", ["sticky", "cooperative-sticky"])
@pytest.mark.parametrize("equal", [True, False], ids=["equal", "different"])
def test_these_two_are_as_even_as_kafkas_and_keep_as_much(kafkas: KafkasAssignors, name: str, equal: bool):
    random = Random(f"{name} {equal}")
    totals = {"ours": 0, "theirs": 0}
    for _ in range(CASES):
        counts = {topic: random.randint(1, 9) for topic in TOPICS}
        members = some_members(random, equal=equal)
        before = ASSIGNORS[name].assign(counts, members)
        changed = some_members(random, equal=equal) | dict(random.sample(sorted(members.items()), len(members) // 2))
        asked = settled(name, changed, {each: before[each] for each in before.keys() & changed.keys()}, 5)
        theirs = decoded(kafkas.ask(name, counts, asked))
        ours = {member_id: sorted(found) for member_id, found in ASSIGNORS[name].assign(counts, asked).items()}
        had = {each: before[each] for each in before.keys() & changed.keys()}
        if name == "sticky":  # a cooperative assignor leaves out what has to be given up first
            assert unevenness(ours) <= unevenness(theirs)
        if equal:
            assert kept(had, ours) == kept(had, theirs)
            assert sorted(map(len, ours.values())) == sorted(map(len, theirs.values()))
        totals["ours"] += kept(had, ours)
        totals["theirs"] += kept(had, theirs)
    assert totals["ours"] >= 0.98 * totals["theirs"]


def test_kafkas_read_what_ours_remember(kafkas: KafkasAssignors):
    had = {"x": [TopicPartition("a", 3), TopicPartition("a", 0)], "y": [TopicPartition("a", 1), TopicPartition("a", 2)]}
    members = {member_id: GroupMember(subscription=Subscription(topics=("a",))) for member_id in had}
    theirs = kafkas.ask("sticky", {"a": 4}, settled("sticky", members, had, 7))
    assert decoded(theirs) == {member_id: sorted(partitions) for member_id, partitions in had.items()}
