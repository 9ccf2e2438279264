"""What `gomq subscribe` is made of, without a broker: printing, filtering, and timing."""

import re
from math import inf
from typing import Any

import pytest
from hypothesis import given, strategies as st

from gomq.cli.pacing import Rate
from gomq.cli.places import Kind, Place
from gomq.cli.subscribe.filter import Filter
from gomq.cli.subscribe.merging import Merging
from gomq.cli.subscribe.output import as_format, as_text
from gomq.cli.subscribe.pacing import Pacing
from gomq.cli.subscribe.run import Wanted, check_there_is_some
from gomq.cli.subscribe.span import Span
from gomq.client import Batch, Consumer
from gomq_dump.format_string import FormatString
from gomq_storage.record_fields import Columns


def batch_of(*rows: tuple[Any, ...], partition: int = 0) -> Batch:
    return Batch("t", partition, Columns(*([row[at] for row in rows] for at in range(5))))


def at(*timestamps: int, partition: int = 0) -> Batch:
    return batch_of(*((n, t, None, b"%d" % t, ()) for n, t in enumerate(timestamps)), partition=partition)


ROWS = (
    (0, 10, b"k", b"one", (("h", b"1"), ("n", None))),
    (1, 11, None, None, ()),
    (2, 12, b"", b"three", (("h", b"needle"),)),
)


@pytest.mark.parametrize(
    ("options", "printed"),
    [
        ({}, b"one\n\nthree\n"),
        ({"delimiter": b"\0"}, b"one\0\0three\0"),
        ({"key_delimiter": b"="}, b"k=one\n=\n=three\n"),
        ({"headers": True}, b"h=1,n=NULL\tone\n\t\nh=needle\tthree\n"),
        ({"headers": True, "key_delimiter": b":"}, b"h=1,n=NULL\tk:one\n\t:\nh=needle\t:three\n"),
    ],
)
def test_text_has_what_was_asked_for_in_front_of_the_values(options: dict[str, Any], printed: bytes):
    render = as_text(**({"delimiter": b"\n", "key_delimiter": None, "headers": False} | options))

    assert render(batch_of(*ROWS)) == printed
    assert render(batch_of(*ROWS).part(0, 0)) == b""


def test_names_of_headers_that_are_no_text_are_printed_with_replacement_characters():
    batch = batch_of((0, 10, b"k", b"one", (("a\udcff", b"\xff"), ("ü", None))))

    assert as_text(b"\n", key_delimiter=None, headers=True)(batch) == (
        "a\ufffd=".encode() + b"\xff," + "ü=NULL\tone\n".encode()
    )


def test_a_format_string_prints_each_message():
    assert (
        as_format(FormatString.parse(r"%t %p %o %k=%s\n"))(batch_of(*ROWS)) == b"t 0 0 k=one\nt 0 1 =\nt 0 2 =three\n"
    )


@pytest.mark.parametrize(
    ("kept", "offsets"),
    [
        (Filter(), [0, 1, 2]),
        (Filter(keys={b"k"}), [0]),
        (Filter(keys={b"", b"k"}), [0, 2]),
        (Filter(pattern=re.compile(b"^t")), [2]),
        (Filter(pattern=re.compile(b"k")), [0]),
        (Filter(pattern=re.compile(b"needle")), [2]),
        (Filter(keys={b"k"}, pattern=re.compile(b"needle")), []),
    ],
)
def test_messages_are_kept_by_key_and_by_pattern(kept: Filter, offsets: list[int]):
    assert kept.kept(batch_of(*ROWS)).offsets == offsets


def test_a_replay_keeps_the_distances_between_messages_at_its_speed():
    pacing = Pacing(10.0)

    assert pacing.wait(5_000, 100.0) == 0
    assert pacing.wait(15_000, 100.0) == pytest.approx(1.0)
    assert pacing.wait(15_000, 100.75) == pytest.approx(0.25)
    assert pacing.wait(4_000, 101.0) == 0
    assert pacing.wait(-1, 101.0) == 0


def test_a_long_pause_is_shortened_and_what_comes_behind_it_comes_earlier():
    pacing = Pacing(1.0, max_wait=2.0)
    pacing.wait(0, 0.0)

    pacing.shorten(60_000, 0.0)

    assert pacing.wait(60_000, 0.0) == pytest.approx(2.0)
    assert pacing.wait(61_000, 2.0) == pytest.approx(1.0)


timestamps = st.lists(st.integers(0, 500), min_size=1, max_size=20).map(sorted)


@given(st.lists(timestamps, min_size=1, max_size=4), st.sampled_from([inf, 0.05]))
def test_messages_of_all_partitions_come_in_the_order_of_their_timestamps_and_not_too_early(
    partitions: list[list[int]], max_wait: float
):
    merging = Merging(Pacing(2.0, max_wait=max_wait))
    for partition, stamps in enumerate(partitions):
        merging.add(at(*stamps, partition=partition))
    first, now = min(stamps[0] for stamps in partitions), 0.0
    shown: list[int] = []
    while merging:
        wait = merging.wait(now)
        assert wait <= max_wait + 1e-9
        now += wait
        taken = merging.take(now).timestamps
        if max_wait == inf:
            assert now >= (taken[-1] - first) / 2000 - 1e-9
        shown += taken

    assert shown == sorted(stamp for stamps in partitions for stamp in stamps)


@given(st.floats(0.5, 5000), st.lists(st.tuples(st.floats(0, 0.5), st.integers(1, 300)), max_size=50))
def test_no_more_messages_go_than_the_rate_allows(per_second: float, asked: list[tuple[float, int]]):
    rate, now, count = Rate(per_second), 0.0, 0

    for pause, most in asked:
        now += pause
        count += rate.take(most, now)

    assert count <= now * per_second + max(per_second * 0.1, 1.0) + 1e-6


def test_messages_that_wait_for_the_rate_get_all_of_it():
    rate, now, count = Rate(50.0), 0.0, 0
    while count < 101:
        count += rate.take(1, now)
        now += rate.wait()

    assert now == pytest.approx(101 / 50)


@pytest.mark.parametrize(
    ("exits", "end", "told"), [(True, None, "others"), (False, Place(Kind.LATEST), "others"), (False, None, "waiting")]
)
def test_a_member_that_is_given_nothing_waits_only_where_there_is_no_end(
    capsys: pytest.CaptureFixture[str], exits: bool, end: Place | None, told: str
):
    span = Span(begin=Place(Kind.LATEST), end=end, exits=exits)
    wanted = Wanted(span=span, kept=Filter(), count=None, pacing=None, is_in_group=True, is_quiet=False)

    check_there_is_some(Consumer("localhost:1", "orders", group="g"), wanted)

    assert capsys.readouterr().err.startswith(f"% the group has no partition for this member now: {told}")
