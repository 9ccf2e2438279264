"""How partitions are shared out: each exactly once, evenly, and with as little moved as can be."""

from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import given, strategies as st

from gomq.client.groups.assignors import ASSIGNORS, Assignment, Counts, GroupMember, Members, Racks
from gomq.client.groups.subscription import Subscription
from gomq.client.groups.user_data import Previous, encode_previous
from gomq_storage.layout import TopicPartition

TOPICS = ("a", "b", "c", "d")
COUNTS = st.dictionaries(st.sampled_from(TOPICS), st.integers(1, 7), min_size=1)
NAMES = st.sampled_from([f"m{index}" for index in range(7)])
STICKY = ("sticky", "cooperative-sticky")


def member(
    *topics: str, instance: str | None = None, owned: tuple[TopicPartition, ...] = (), generation: int = 1
) -> GroupMember:
    """A member that has had partitions, whichever way the assignor is told."""
    subscription = Subscription(
        topics=topics,
        owned=owned,
        generation=generation,
        user_data=encode_previous(Previous(owned, generation)),
    )
    return GroupMember(instance_id=instance, subscription=subscription)


def tp(text: str) -> TopicPartition:
    return TopicPartition(text[0], int(text[1:]))


def shown(assignment: Assignment) -> dict[str, str]:
    return {name: " ".join(f"{each.topic}{each.partition}" for each in given) for name, given in assignment.items()}


SAME_TOPICS = st.sets(NAMES, min_size=1).map(lambda names: {name: member(*TOPICS) for name in names})
ANY_TOPICS = st.dictionaries(NAMES, st.sets(st.sampled_from(TOPICS)), min_size=1).map(
    lambda wanted: {name: member(*topics) for name, topics in wanted.items()}
)


def check(counts: Mapping[str, int], members: Mapping[str, GroupMember], assignment: Assignment) -> None:
    """Every partition that anybody wants is given once, to somebody who wants it."""
    assert assignment.keys() == members.keys()
    times = Counter(partition for given_to in assignment.values() for partition in given_to)
    assert set(times.values()) <= {1}
    wanted = {topic for each in members.values() for topic in each.topics}
    assert times.keys() == {TopicPartition(topic, n) for topic in counts.keys() & wanted for n in range(counts[topic])}
    for name, given_to in assignment.items():
        assert {partition.topic for partition in given_to} <= members[name].topics


def settled(name: str, counts: Mapping[str, int], members: Mapping[str, GroupMember]) -> Assignment:
    """Assign; cooperative members give up first what is another's, and then have a second turn."""
    assignment = ASSIGNORS[name].assign(counts, members)
    if name == "cooperative-sticky":
        assignment = ASSIGNORS[name].assign(counts, after(members, assignment, generation=9))
    return assignment


def after(members: Mapping[str, GroupMember], assignment: Assignment, *, generation: int = 1) -> dict[str, GroupMember]:
    """The same members, with what they were given."""
    return {
        name: member(
            *each.subscription.topics,
            instance=each.instance_id,
            owned=tuple(assignment.get(name, ())),
            generation=generation,
        )
        for name, each in members.items()
    }


@pytest.mark.parametrize("name", ASSIGNORS)
@given(counts=COUNTS, members=ANY_TOPICS)
def test_every_partition_is_given_exactly_once(name, counts, members):
    check(counts, members, settled(name, counts, members))


@pytest.mark.parametrize("name", [*STICKY, "roundrobin"])
@given(counts=COUNTS, members=SAME_TOPICS)
def test_members_of_equal_subscriptions_have_as_many_but_one(name, counts, members):
    sizes = [len(given_to) for given_to in settled(name, counts, members).values()]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("name", STICKY)
@given(counts=COUNTS, members=ANY_TOPICS)
def test_loads_are_as_even_as_the_subscriptions_allow(name, counts, members):
    loads = sorted(len(given_to) for given_to in settled(name, counts, members).values())
    assert sum(load * load for load in loads) == least_squares(counts, members)


def least_squares(counts: Mapping[str, int], members: Mapping[str, GroupMember]) -> int:
    """The smallest sum of squared loads: partitions one by one, each over the cheapest way of moving others."""
    holders: dict[TopicPartition, str] = {}
    loads = dict.fromkeys(members, 0)
    everything = [TopicPartition(topic, index) for topic in sorted(counts) for index in range(counts[topic])]
    for partition in everything:
        reach = {name: [partition] for name, each in members.items() if partition.topic in each.topics}
        if not reach:
            continue
        waiting = list(reach)
        for name in waiting:
            for held in [each for each, holder in holders.items() if holder == name]:
                for other, each in members.items():
                    if held.topic in each.topics and other not in reach:
                        reach[other] = [*reach[name], held]
                        waiting.append(other)
        end = min(reach, key=lambda name: (loads[name], name))
        loads[end] += 1
        chain = reach[end]
        takers = [holders[each] for each in chain[1:]] + [end]
        holders |= dict(zip(chain, takers, strict=True))
    return sum(load * load for load in loads.values())


@pytest.mark.parametrize("name", STICKY)
@given(counts=COUNTS, members=ANY_TOPICS)
def test_nothing_moves_where_nothing_has_changed(name, counts, members):
    first = settled(name, counts, members)
    again = ASSIGNORS[name].assign(counts, after(members, first))
    assert {each: set(given_to) for each, given_to in again.items()} == {k: set(v) for k, v in first.items()}


@pytest.mark.parametrize("name", STICKY)
@given(counts=COUNTS, members=SAME_TOPICS, data=st.data())
def test_who_stays_keeps_everything_when_another_leaves(name, counts, members, data):
    first = settled(name, counts, members)
    gone = data.draw(st.sampled_from(sorted(members)))
    rest = after({each: found for each, found in members.items() if each != gone}, first)
    if rest:
        again = ASSIGNORS[name].assign(counts, rest)
        check(counts, rest, again)
        assert all(set(first[each]) <= set(again[each]) for each in rest)


@pytest.mark.parametrize("name", STICKY)
@given(counts=COUNTS, members=SAME_TOPICS)
def test_who_is_new_takes_no_more_than_its_share(name, counts, members):
    first = settled(name, counts, members)
    joined = after(members, first) | {"new": member(*TOPICS)}
    again = settled(name, counts, joined)
    moved = sum(len(set(first[each]) - set(again[each])) for each in members)
    assert moved == len(again["new"])


OWNERS = st.dictionaries(NAMES, st.tuples(st.sets(st.integers(0, 8)), st.integers(-1, 3)), min_size=1)


@given(owners=OWNERS, count=st.integers(1, 9))
def test_a_cooperative_member_is_never_given_what_another_still_has(owners, count):
    members = {
        name: member("a", owned=tuple(TopicPartition("a", index) for index in sorted(had)), generation=generation)
        for name, (had, generation) in owners.items()
    }
    assignment = ASSIGNORS["cooperative-sticky"].assign({"a": count}, members)
    times = Counter(partition for given_to in assignment.values() for partition in given_to)
    assert set(times.values()) <= {1}
    for name, given_to in assignment.items():
        for partition in set(given_to) - set(members[name].subscription.owned):
            others = [each for each, found in members.items() if each != name and partition in found.subscription.owned]
            assert not others


@given(owners=OWNERS, count=st.integers(1, 9))
def test_cooperative_members_have_everything_after_two_rounds(owners, count):
    members = {
        name: member("a", owned=tuple(TopicPartition("a", index) for index in sorted(had)), generation=generation)
        for name, (had, generation) in owners.items()
    }
    check({"a": count}, members, settled("cooperative-sticky", {"a": count}, members))


@pytest.mark.parametrize("name", STICKY)
def test_who_speaks_of_the_newer_generation_is_right(name):
    members = {
        "late": member("a", owned=(tp("a0"), tp("a1")), generation=3),
        "right": member("a", owned=(tp("a0"), tp("a2")), generation=4),
    }
    assert shown(settled(name, {"a": 4}, members)) == {"late": "a1 a3", "right": "a0 a2"}


def test_what_two_of_one_generation_claim_is_nobodys_in_the_first_round():
    members = {"x": member("a", owned=(tp("a0"),)), "y": member("a", owned=(tp("a0"), tp("a1")))}
    assert shown(ASSIGNORS["cooperative-sticky"].assign({"a": 2}, members)) == {"x": "", "y": "a1"}


def test_range_gives_the_first_members_one_more_of_each_topic():
    members = {"x": member("a", "b"), "y": member("a", "b")}
    given_to = ASSIGNORS["range"].assign({"a": 3, "b": 3}, members)
    assert shown(given_to) == {"x": "a0 a1 b0 b1", "y": "a2 b2"}


def test_round_robin_passes_over_who_does_not_want_a_topic():
    members = {"x": member("a"), "y": member("a", "b"), "z": member("a", "b", "c")}
    given_to = ASSIGNORS["roundrobin"].assign({"a": 1, "b": 2, "c": 3}, members)
    assert shown(given_to) == {"x": "a0", "y": "b0", "z": "b1 c0 c1 c2"}


@pytest.mark.parametrize("name", ["range", "roundrobin"])
def test_static_members_come_first_by_the_names_that_outlive_them(name):
    members = {"x": member("a", instance="2"), "y": member("a", instance="1"), "b": member("a")}
    given_to = ASSIGNORS[name].assign({"a": 3}, members)
    assert shown(given_to) == {"y": "a0", "x": "a1", "b": "a2"}


@pytest.mark.parametrize("name", ASSIGNORS)
def test_a_topic_that_does_not_exist_is_nobodys(name):
    assert ASSIGNORS[name].assign({}, {"x": member("a")}) == {"x": []}


def test_a_chain_of_members_evens_out_what_no_single_move_could():
    members = {"x": member("a"), "y": member("a", "b"), "z": member("b")}
    assert sorted(map(len, ASSIGNORS["sticky"].assign({"a": 5, "b": 1}, members).values())) == [1, 2, 3]


def in_rack(rack: str | None, *topics: str) -> GroupMember:
    return GroupMember(subscription=Subscription(topics=topics, rack=rack))


def near(text: str) -> dict[TopicPartition, frozenset[str]]:
    """Where replicas are: ``a0=xy`` is in racks x and y."""
    return {tp(each.split("=")[0]): frozenset(each.split("=")[1]) for each in text.split()}


def by_rack(counts: Counts, members: Members, racks: Racks) -> dict[str, str]:
    assign = ASSIGNORS["range"].assign_by_rack
    assert assign is not None
    return shown(assign(counts, members, racks))


def test_range_gives_members_first_what_has_a_replica_where_they_are():
    members = {"m0": in_rack("x", "a"), "m1": in_rack("y", "a"), "m2": in_rack(None, "a")}
    assert by_rack({"a": 6}, members, near("a0=y a1=y a2=x a3=z a4=x a5=z")) == {
        "m0": "a2 a4", "m1": "a0 a1", "m2": "a3 a5",
    }  # fmt: skip


def test_range_keeps_equal_partitions_of_two_topics_together_where_racks_count():
    members = {"m0": in_rack("x", "a", "b"), "m1": in_rack("y", "a", "b")}
    assert by_rack({"a": 2, "b": 2}, members, near("a0=y a1=x b0=xy b1=x")) == {"m0": "a1 b1", "m1": "a0 b0"}


@pytest.mark.parametrize("racks", ["", "a0=xy a1=xy", "a0=z a1=w"], ids=["not known", "everywhere", "elsewhere"])
def test_racks_that_decide_nothing_change_nothing(racks: str):
    members = {"m0": in_rack("y", "a"), "m1": in_rack("x", "a")}
    assert by_rack({"a": 2}, members, near(racks)) == {"m0": "a0", "m1": "a1"}


@given(COUNTS, ANY_TOPICS, st.data())
def test_range_by_racks_is_as_even_as_without(
    counts: dict[str, int], members: dict[str, GroupMember], data: st.DataObject
):
    racks = {
        TopicPartition(topic, index): data.draw(st.frozensets(st.sampled_from("xyz")))
        for topic, count in counts.items()
        for index in range(count)
    }
    placed = {name: in_rack(data.draw(st.sampled_from([None, *"xyz"])), *each.topics) for name, each in members.items()}
    assign = ASSIGNORS["range"].assign_by_rack
    assert assign is not None
    assignment = assign(counts, placed, racks)
    check(counts, placed, assignment)
    plain = ASSIGNORS["range"].assign(counts, placed)
    for topic in counts:
        shares = [
            sorted(sum(each.topic == topic for each in given) for given in of.values()) for of in (assignment, plain)
        ]
        assert shares[0] == shares[1]
