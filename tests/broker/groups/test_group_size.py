"""How large a group becomes, and how long an empty one waits for more members than the first."""

import pytest
from kio.schema.errors import ErrorCode

from gomq.broker.groups.group import ClassicGroup, GroupState
from gomq.broker.groups.joining import MAX_METADATA_BYTES, MAX_PENDING
from gomq.broker.groups.settings import GroupSettings
from tests.support.driven_group import DrivenGroup


@pytest.fixture
def driven() -> DrivenGroup:
    return DrivenGroup()


def test_a_group_that_is_full_takes_nobody_else():
    driven = DrivenGroup(max_size=2)
    one, two = driven.stable("one", "two")
    answer = driven.joined(driven.join("three"))
    assert (answer.error, answer.member_id) == (ErrorCode.group_max_size_reached, "")
    assert driven.joined(driven.join("two", member_id=two)).error is ErrorCode.none
    driven.leave_one(one)
    driven.join("two", member_id=two)
    assert driven.join("three") not in driven.answers


def test_who_was_told_its_id_may_find_the_group_full():
    driven = DrivenGroup(max_size=2, initial_rebalance_delay_ms=3000)
    ids = [driven.joined(driven.join(version=4)).member_id for _ in range(3)]
    answers = [driven.join(member_id=member_id, version=4) for member_id in ids]
    assert driven.joined(answers[2]).error is ErrorCode.group_max_size_reached


def test_a_group_that_is_too_large_for_new_settings_sends_the_last_away():
    large = DrivenGroup()
    ids = large.stable("one", "two", "three")
    value = large.written[-1].value
    settings = GroupSettings(max_size=2)
    driven = DrivenGroup(ClassicGroup.load("group", settings, value, now_ms=0))
    tickets = [driven.join(member_id=member_id, protocols={"range": b"new"}) for member_id in ids]
    assert driven.joined(tickets[2]).error is ErrorCode.group_max_size_reached
    assert [driven.joined(ticket).error for ticket in tickets[:2]] == [ErrorCode.none] * 2
    assert driven.member_ids() == ids[:2]


def test_what_members_say_about_themselves_is_bounded(driven: DrivenGroup):
    (one,) = driven.stable("one")
    large = {"range": bytes(MAX_METADATA_BYTES)}
    answer = driven.joined(driven.join("two", protocols=large))
    assert answer.error is ErrorCode.group_max_size_reached
    again = driven.joined(driven.join("one", member_id=one, protocols=large))
    assert (again.error, again.member_id) == (ErrorCode.group_max_size_reached, one)
    assert driven.member_ids() == [one]


def test_ids_that_are_given_out_are_bounded(driven: DrivenGroup):
    driven.group.roster.pending.update(map(str, range(MAX_PENDING)))
    assert driven.joined(driven.join(version=4)).error is ErrorCode.group_max_size_reached


class TestAnEmptyGroupThatWaitsForMore:
    @pytest.fixture
    def driven(self) -> DrivenGroup:
        return DrivenGroup(initial_rebalance_delay_ms=3000)

    def test_has_one_generation_for_all_that_come_in_time(self, driven: DrivenGroup):
        one = driven.join("one")
        driven.pass_ms(2000)
        two = driven.join("two")
        driven.pass_ms(1000)  # somebody came, so it waits for three seconds again
        assert not driven.answers
        driven.pass_ms(3000)
        assert driven.joined(one).generation == driven.joined(two).generation == 1

    def test_does_not_wait_longer_than_its_members_want(self, driven: DrivenGroup):
        first = driven.join("one", rebalance_ms=7000)
        for _ in range(6):
            driven.pass_ms(1000)
            driven.join("another", rebalance_ms=7000)
        assert first not in driven.answers
        driven.pass_ms(1000)
        assert driven.joined(first).generation == 1

    def test_waits_although_nobody_is_missing(self, driven: DrivenGroup):
        first = driven.join("one")
        driven.pass_ms(2999)
        assert first not in driven.answers
        driven.pass_ms(1)
        assert driven.joined(first).generation == 1

    def test_waits_for_nobody_when_all_have_left_again(self, driven: DrivenGroup):
        driven.join("one")
        (one,) = driven.member_ids()
        driven.leave_one(one)
        driven.pass_ms(3000)
        assert driven.group.state is GroupState.EMPTY

    def test_waits_the_next_time_too(self, driven: DrivenGroup):
        driven.join("one")
        driven.join("two")
        driven.pass_ms(6000)
        for member_id in driven.member_ids():
            driven.leave_one(member_id)
        driven.store()
        again = driven.join("three")
        driven.pass_ms(2999)
        assert again not in driven.answers
        driven.pass_ms(1)
        assert driven.joined(again).error is ErrorCode.none
