"""Rules of faults: which requests, how often, in what order. No broker."""

import pytest
from hypothesis import given, strategies as st

from gomq.errors import ConfigurationError, NotControllerError, NotEnoughReplicasError
from gomq.testing.asked import Asked, checked_api
from gomq.testing.faults import Faults
from gomq.testing.rules import FINE, Kind, Rule

PRODUCE = Asked("Produce", 9, "me", ("orders", "bills"))
FETCH = Asked("Fetch", 12, "you", ("orders",))


def applied(faults: Faults, *asked: Asked) -> list[Rule | None]:
    return [faults.decide(each).decisive for each in asked]


def test_without_a_rule_all_is_fine():
    assert Faults().decide(PRODUCE) is FINE


def test_a_rule_is_in_force_at_once_and_for_ever():
    faults = Faults()
    rule = faults.fail("Produce", NotEnoughReplicasError)

    assert applied(faults, PRODUCE, FETCH, PRODUCE) == [rule, None, rule]
    assert (rule.hits, rule.concerned) == (2, 2)


@given(most=st.integers(1, 9), each=st.integers(1, 5), count=st.integers(0, 40))
def test_how_often_is_counted_over_the_requests_that_are_concerned(most: int, each: int, count: int):
    faults = Faults()
    rule = faults.disconnect("Produce").times(most).every(each)

    asked = [PRODUCE, FETCH] * count
    hits = [number for number, found in enumerate(applied(faults, *asked)) if found is rule]

    concerned = [*range(0, 2 * count, 2)]
    assert hits == concerned[each - 1 :: each][:most]


def test_of_two_that_apply_once_each_has_its_turn():
    faults = Faults()
    first = faults.fail("Produce", NotEnoughReplicasError).once()
    second = faults.fail("Produce", NotControllerError).once()

    assert applied(faults, PRODUCE, PRODUCE, PRODUCE) == [first, second, None]


def test_delays_add_up_before_what_else_happens():
    faults = Faults()
    delays = (faults.delay("Produce", 0.1), faults.delay("*", 0.2))
    lost = faults.disconnect("Produce", after=True)
    faults.delay("Produce", 0.4)

    assert faults.decide(PRODUCE) == (delays, lost)
    assert faults.decide(FETCH) == (delays[1:], None)
    assert lost.fault.kind is Kind.DISCONNECT_AFTER


def test_topic_and_client_narrow_a_rule_down():
    faults = Faults()
    bills = faults.fail("*", NotEnoughReplicasError, topic="bills")
    mine = faults.fail("*", NotEnoughReplicasError, client_id="you")

    assert applied(faults, PRODUCE, FETCH, Asked("Fetch", 12, "he", ("orders",))) == [bills, mine, None]


def test_what_is_removed_applies_no_more():
    faults = Faults()
    with faults.blackhole("me") as rule:
        assert applied(faults, PRODUCE) == [rule]
    assert applied(faults, PRODUCE) == [None]
    assert rule.is_removed

    other = faults.delay("Fetch", 1)
    faults.note(FETCH)
    faults.clear()
    assert (applied(faults, FETCH), other.is_removed, faults.seen) == ([None], True, [])


def test_once_can_be_taken_back():
    faults = Faults()
    rule = faults.disconnect("Produce").once()

    assert applied(faults, PRODUCE, PRODUCE) == [rule, None]
    rule.always()
    assert applied(faults, PRODUCE, PRODUCE) == [rule, rule]


def test_removals_are_told():
    faults = Faults()
    told: list[str] = []
    faults.subscribe(lambda: told.append("changed"))

    faults.delay("Fetch", 1).remove()

    assert told == ["changed"]


@pytest.mark.parametrize(
    ("error", "code"),
    [(NotEnoughReplicasError, 19), (NotEnoughReplicasError("too few"), 19), (19, 19), ("NOT_ENOUGH_REPLICAS", 19)],
)
def test_an_error_is_a_class_or_one_of_it_or_a_number_or_a_name(error: object, code: int):
    assert Faults().fail("Produce", error).fault.code == code  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "words"), [("NO_SUCH", "'NO_SUCH'"), (31_000, "31000"), (ValueError, "<class 'ValueError'>")]
)
def test_an_error_that_kafka_does_not_have_is_refused(error: object, words: str):
    with pytest.raises(ConfigurationError, match=f"Kafka has no error {words}: give a class"):
        Faults().fail("Produce", error)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["OffsetCommit", "offset_commit", "OFFSETCOMMIT"])
def test_apis_go_by_their_names_however_they_are_written(name: str):
    assert checked_api(name) == "OffsetCommit"


def test_an_api_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(
        ConfigurationError, match=r"there is no API 'Publish': .*OffsetCommit.*Produce.*, or '\*' for all"
    ):
        Faults().delay("Publish", 1)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), 1e9])
def test_a_delay_that_cannot_be_is_refused(seconds: float):
    with pytest.raises(ConfigurationError, match="a delay is more than 0"):
        Faults().delay("Fetch", seconds)


def test_a_rule_that_never_applies_is_refused():
    with pytest.raises(ConfigurationError, match="applies 1 time or more, not 0"):
        Faults().disconnect("Fetch").times(0)


def test_a_rule_says_what_it_is():
    rule = Faults().fail("Produce", NotEnoughReplicasError, topic="orders")

    assert repr(rule) == "<Rule fail Produce topic='orders', applied 0 times>"
