"""`gomq bench`: what it counts, when it publishes, and that it leaves nothing behind."""

import json
import os
import re
import signal
import subprocess

import pytest
from hypothesis import given, strategies as st

from gomq.cli.bench.histogram import Histogram
from gomq.cli.bench.plan import Load, Schedule, values
from gomq.cli.bench.report import Tally
from tests.cli.conftest import RunGomq
from tests.support.brokers import GOMQ


@given(
    st.lists(st.tuples(st.floats(1e-6, 1e4), st.integers(1, 5)), min_size=1, max_size=60),
    st.sampled_from([0.0, 50.0, 95.0, 99.9, 100.0]),
)
def test_a_percentile_is_that_of_a_sorted_list_to_half_a_percent(durations: list[tuple[float, int]], percent: float):
    histogram = Histogram()
    for seconds, count in durations:
        histogram.record(seconds, count)
    in_order = sorted(seconds for seconds, count in durations for _ in range(count))
    exact = next(
        seconds for place, seconds in enumerate(in_order, 1) if place * 100 >= percent * len(in_order) - 1e-9 * 100
    )

    assert histogram.percentile(percent) == pytest.approx(exact, rel=0.0051)
    assert histogram.count == len(in_order)
    assert histogram.longest == in_order[-1]
    assert histogram.mean == pytest.approx(sum(in_order) / len(in_order))


def test_of_nothing_there_is_no_percentile():
    assert Histogram().percentile(99) == 0.0
    assert Histogram().mean == 0.0


def load(*, size: int = 100, count: int | None = None, seconds: float | None = None, rate: float | None = None) -> Load:
    return Load(size=size, count=count, seconds=seconds, rate=rate, batch_bytes=1_000_000)


@given(st.integers(1, 10**6), st.integers(0, 10**6))
def test_as_many_messages_are_handed_out_as_were_wanted(count: int, size: int):
    wanted = load(size=size, count=count)
    schedule = Schedule(wanted, start=0.0)

    pieces: list[int] = []
    while len(pieces) <= 1000 and (piece := schedule.next(1.0)) is not None:
        pieces.append(piece[0])

    assert sum(pieces) == count or len(pieces) > 1000
    assert all(0 < piece <= wanted.slice_count for piece in pieces)
    assert wanted.slice_count * size <= max(1_000_000, size)


def test_at_a_rate_each_piece_is_due_at_its_time_however_late_it_is():
    schedule = Schedule(load(rate=1000.0, count=20), start=50.0)

    assert [schedule.next(99.0) for _ in range(5)] == [(5, 50.0), (5, 50.005), (5, 50.01), (5, 50.015), None]


def test_without_a_rate_a_piece_is_due_when_it_is_taken_and_the_time_ends_it():
    schedule = Schedule(load(seconds=2.0), start=10.0)

    piece = schedule.next(11.5)
    assert piece is not None
    assert piece[1] == 11.5
    assert schedule.next(12.0) is None


def test_values_have_their_size_and_are_not_alike():
    made = values(load(size=50, count=20), seed=0)

    assert [len(value) for value in made] == [50] * 20
    assert len(set(made)) == 20
    assert all(re.fullmatch(rb"[A-Z]+", value) for value in made)
    assert values(load(size=0, count=3), seed=0) == [b"", b"", b""]


def test_a_report_is_a_line_and_an_object():
    tally = Tally("published")
    tally.add(1000, 100_000, 0.002)
    tally.add(1000, 100_000, 0.002)

    assert tally.interval(0.5) == "2000 published, 4000.0 messages/s (0.40 MB/s), 2.00 ms average, 2.00 ms max"
    assert tally.interval(0.5) == "0 published, 0.0 messages/s (0.00 MB/s)"
    assert tally.summary(1.0) == (
        "2000 messages published, 2000.0 messages/s (0.20 MB/s), 2.00 ms average, 2.00 ms p50, 2.00 ms p95, "
        "2.00 ms p99, 2.00 ms p99.9, 2.00 ms max"
    )
    assert tally.fields(1.0)["latency"] == {
        "mean_ms": 2.0, "p50_ms": 2.0, "p95_ms": 2.0, "p99_ms": 2.0, "p999_ms": 2.0, "max_ms": 2.0,
    }  # fmt: skip


def test_publishing_is_measured_and_leaves_no_topic(run_gomq: RunGomq):
    ran = run_gomq("bench", "publish", "--count", "2000", "--partitions", "3", "--producers", "2", "--format", "json")

    found = json.loads(ran.out)
    assert (ran.code, found["messages"], found["bytes"], found["producers"]) == (0, 2000, 200_000, 2)
    assert 0 < found["latency"]["p50_ms"] <= found["latency"]["p999_ms"] <= found["latency"]["max_ms"]
    assert b"gomq-bench" not in run_gomq("topic", "list").out


def test_what_is_published_to_a_named_topic_stays_and_can_be_received(run_gomq: RunGomq, topic: str):
    run_gomq("topic", "create", topic)
    ran = run_gomq("bench", "publish", topic, "--count", "500", "--rate", "5000", "--size", "10", "-z", "zstd")
    assert re.match(rb"500 messages published, [0-9.]+ messages/s \([0-9.]+ MB/s\), [0-9.]+ ms average, ", ran.out)

    received = json.loads(run_gomq("bench", "subscribe", topic, "--format", "json").out)
    assert (received["messages"], received["bytes"], received["topic"]) == (500, 5000, topic)


def test_receiving_is_measured_with_a_topic_of_its_own(run_gomq: RunGomq):
    ran = run_gomq("bench", "subscribe", "--count", "3000", "--interval", "0")

    assert ran.out.startswith(b"3000 messages received, ")
    assert ran.err == "publishing 3000 messages to be received\n"
    assert b"gomq-bench" not in run_gomq("topic", "list").out


def test_the_way_of_a_message_is_measured_to_its_acknowledgement_and_its_consumer(run_gomq: RunGomq):
    ran = run_gomq("bench", "latency", "--count", "50", "--rate", "1000", "--format", "json")
    found = json.loads(ran.out)
    assert (ran.code, found["messages"]) == (0, 50)
    assert found["latency"]["p50_ms"] > 0
    assert found["acknowledgement"]["p50_ms"] > 0

    assert len(run_gomq("bench", "latency", "--count", "5", "--interval", "0").out.splitlines()) == 2


def test_ctrl_c_says_what_was_measured_and_leaves_no_topic(address: str, run_gomq: RunGomq):
    environment = os.environ | {"GOMQ_BROKER": address}
    command = [*GOMQ, "bench", "publish", "--seconds", "60", "--rate", "100", "--interval", "0.05"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert b" published, " in process.stderr.readline()
        assert b"gomq-bench" in run_gomq("topic", "list").out
        process.send_signal(signal.SIGINT)

        assert process.wait(30) == 130
        assert b" messages published, " in process.stdout.read()
    assert b"gomq-bench" not in run_gomq("topic", "list").out


def test_what_is_wrong_with_a_name_is_said(run_gomq: RunGomq):
    ran = run_gomq("bench", "publish", "a b")

    assert "'a b' has characters other than ASCII letters, digits, '.', '_' and '-'" in ran.err


@pytest.mark.parametrize("arguments", [("publish",), ("publish", "t"), ("subscribe", "t"), ("latency", "t")])
def test_a_broker_that_says_nothing_is_waited_for_as_long_as_is_said(
    run_gomq: RunGomq, silent: str, arguments: tuple[str, ...]
):
    ran = run_gomq("bench", *arguments, "-b", silent, "--timeout", "0.2")

    assert (ran.code, ran.out) == (1, b"")
    assert f"no connection to {silent}: no answer within 0.2 s" in ran.err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("publish", "--size", "3000000", "--count", "1"), 1),
        (("publish", "--rate", "nan"), 2),
        (("publish", "--rate", "0"), 2),
        (("publish", "--acks", "2"), 2),
        (("latency", "--size", "8"), 2),
        (("subscribe", "none-such"), 1),
        (("publish", "a b"), 2),
        (("latency", "a/b"), 2),
        (("publish", "--timeout", "0"), 2),
    ],
)
def test_what_cannot_be_measured_is_one_line(run_gomq: RunGomq, arguments: tuple[str, ...], code: int):
    ran = run_gomq("bench", *arguments)

    assert (ran.code, ran.out) == (code, b"")
    assert len(ran.err.splitlines()) == 1
    assert b"gomq-bench" not in run_gomq("topic", "list").out
