"""Plans to reset a group: what they mean, and Kafka's CSV, both ways."""

from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given, strategies as st

from gomq.cli.group.plans import PlannedOffset, effect_of, from_csv, parse_length, to_csv
from gomq.client.admin.resets import ResetRow

offsets = st.integers(0, 2**63 - 1)
names = st.text("abcXYZ012._-", min_size=1, max_size=20)


def row(*, current: int | None, new: int, beginning: int = 0, end: int = 100, topic: str = "t") -> ResetRow:
    return ResetRow(
        topic=topic,
        partition=0,
        current=current,
        new=new,
        wanted=new,
        beginning_offset=beginning,
        end_offset=end,
    )


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 60), st.data())
def test_each_message_of_the_partition_is_read_again_or_skipped_or_neither(
    beginning: int, length: int, current: int, data: st.DataObject
):
    end = beginning + length
    new = data.draw(st.integers(beginning, end))
    there = range(beginning, end)

    effect = effect_of(row(current=current, new=new, beginning=beginning, end=end))

    assert effect.again == sum(offset < current and offset >= new for offset in there)
    assert effect.skipped == sum(offset >= current and offset < new for offset in there)


def test_nobody_knows_what_a_group_has_read_that_has_committed_nothing():
    assert effect_of(row(current=None, new=5)) == (None, None)


@given(st.dictionaries(st.tuples(names, st.just(0)), offsets, max_size=10))
def test_what_is_exported_is_read_again(wanted: dict[tuple[str, int], int]):
    rows = [row(current=None, new=offset, topic=topic, end=2**63 - 1) for (topic, _), offset in wanted.items()]

    assert {each[:2]: each.offset for each in from_csv(to_csv(rows), "any")} == wanted


def test_lines_with_groups_are_those_of_several_groups():
    text = "mine,orders,0,5\nother,orders,0,6\n\nmine,orders,1,7\n"

    assert from_csv(text, "mine") == [PlannedOffset("orders", 0, 5), PlannedOffset("orders", 1, 7)]
    assert from_csv(text, "nobody") == []


def test_names_with_commas_and_windows_line_ends_are_taken():
    assert from_csv('"a,b",orders,0,5\r\n', "a,b") == [PlannedOffset("orders", 0, 5)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("orders,0,1\norders,x,1", "line 2: topic,partition,offset is wanted, with numbers, not 'orders,x,1'"),
        ("orders,0", "line 1: topic,partition,offset or group,"),
        ("orders,0,-1", "with numbers"),
        ("orders,0,9223372036854775808", "no partition or offset is so large"),
        ("orders,2147483648,1", "no partition or offset is so large"),
        ("orders,0,1\norders,0,2", "orders-0 comes 2 times"),
        ("orders,0,1\n" + "x" * 200_000, "line 2: "),
    ],
)
def test_a_line_that_is_none_of_a_plan_is_named(text: str, message: str):
    with pytest.raises(ValueError, match=r"comes|line") as caught:
        from_csv(text, "any")
    assert message in str(caught.value)


@given(st.text(max_size=60))
def test_no_text_fails_otherwise(text: str):
    with suppress(ValueError):
        from_csv(text, "any")
    with suppress(ValueError):
        parse_length(text)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("15m", timedelta(minutes=15)),
        ("1h30m", timedelta(minutes=90)),
        ("PT15M", timedelta(minutes=15)),
        ("P2DT3H4M5.5S", timedelta(days=2, hours=3, minutes=4, seconds=5.5)),
        ("P1D", timedelta(days=1)),
    ],
)
def test_lengths_are_written_as_ours_or_kafkas(text: str, length: timedelta):
    assert parse_length(text) == length


@pytest.mark.parametrize("text", ["", "P", "PT", "P1DT", "1", "-1h", "PT1H1H", "P999999999999999D", "99999999999999d"])
def test_what_is_no_length_is_refused(text: str):
    with pytest.raises(ValueError, match="is no duration"):
        parse_length(text)
