"""`gomq subscribe`: where it begins and ends, what it shows, and what a group remembers of it."""

import os
import signal
import subprocess
import time
from pathlib import Path

import anyio
import pytest

from gomq.testing import BrokerThread
from tests.cli.conftest import RunGomq
from tests.support.brokers import GOMQ
from tests.support.waiting import until


@pytest.fixture
def ten(run_gomq: RunGomq, topic: str) -> str:
    """A topic of ten messages, 0 to 9, each an hour older than the next; the last is from now."""
    lines = [b'{"value": "%d", "timestamp": %d}\n' % (n, (time.time() - 3600 * (9 - n)) * 1000) for n in range(10)]
    run_gomq("publish", topic, "--input", "json", stdin=b"".join(lines))
    return topic


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (("--from", "earliest"), "0123456789"),
        (("--from", "latest"), ""),
        (("--from", "7"), "789"),
        (("--from", "-2"), "89"),
        (("--from", "-99"), "0123456789"),
        (("--from", "150m"), "789"),
        (("--from", "s@1", "--to", "e@1000"), ""),
        (("--replay", "--to", "3"), "012"),
        (("--replay", "--to", "-7"), "012"),
        (("--from", "7", "--to", "8"), "7"),
        (("--from", "8", "--to", "7"), ""),
        (("--replay", "--to", "450m"), "01"),
        (("--replay", "--count", "4"), "0123"),
        (("--replay", "--grep", "[37]"), "37"),
        (("--replay", "--grep", "[0-7]", "--count", "3"), "012"),
        (("--from", "5", "-p", "0"), "56789"),
        (("--replay", "--isolation", "read_committed"), "0123456789"),
        (("--replay", "--speed", "10000000x"), "0123456789"),
        (("--replay", "--speed", "1x", "--max-wait", "0.001", "--count", "5"), "01234"),
    ],
)
def test_it_begins_and_ends_where_it_was_told_to(run_gomq: RunGomq, ten: str, arguments: tuple[str, ...], shown: str):
    ran = run_gomq("subscribe", ten, "--exit", "-f", "%s", *arguments)

    assert (ran.code, ran.out.decode()) == (0, shown)


def test_an_offset_that_is_not_there_is_told_and_the_nearest_taken(run_gomq: RunGomq, ten: str):
    run_gomq("topic", "delete-records", ten, "-p", "0", "--before", "4", "--yes")

    early = run_gomq("subscribe", ten, "--from", "1", "--exit", "-f", "%s")
    late = run_gomq("subscribe", ten, "--from", "50", "--exit", "--quiet")

    assert early.out == b"456789"
    assert early.err.splitlines() == [
        f"% {ten} [0] has no offset 1, it has 4 to 9: reading from 4 on",
        f"% reached the end of {ten} [0] at offset 10",
    ]
    assert (late.out, late.err) == (b"", f"% {ten} [0] has no offset 50, it has 4 to 9: reading from 10 on\n")


def test_several_topics_and_those_of_a_pattern_are_shown(run_gomq: RunGomq, topic: str):
    for name in ("a", "b", "c"):
        run_gomq("publish", f"{topic}-{name}", "-H", "n=1", "-k", name, stdin=b"x\n")

    named = run_gomq("subscribe", f"{topic}-a", f"{topic}-c", "--replay", "--exit", "-f", r"%t\n", "-q").out
    matched = run_gomq("subscribe", "-r", f"{topic}-[ab]", "--replay", "--exit", "-f", r"%t\n", "-q").out
    keyed = run_gomq("subscribe", "-r", f"{topic}-.*", "--replay", "--exit", "--key", "b", "-K", "=", "--headers")
    none = run_gomq("subscribe", "-r", "none-such-.*", "--replay", "--exit")

    assert sorted(named.decode().split()) == [f"{topic}-a", f"{topic}-c"]
    assert sorted(matched.decode().split()) == [f"{topic}-a", f"{topic}-b"]
    assert keyed.out == b"n=1\tb=x\n"
    assert none.code == 1
    assert none.err.startswith("gomq: no topic matches the pattern")


def test_a_replay_in_the_original_timing_merges_partitions_by_time(run_gomq: RunGomq, topic: str):
    run_gomq("topic", "create", topic, "--partitions", "3")
    lines = b"".join(b'{"value": "%d", "timestamp": %d, "partition": %d}\n' % (n, 1000 + n, n % 3) for n in range(30))
    run_gomq("publish", topic, "--input", "json", stdin=lines)

    shown = run_gomq("subscribe", topic, "--replay", "--exit", "--speed", "1x", "-f", "%s ")

    assert shown.out.decode().split() == [str(n) for n in range(30)]
    assert len(shown.err.splitlines()) == 3


def test_a_group_remembers_exactly_what_was_printed(run_gomq: RunGomq, ten: str):
    group = ("--group", ten, "-f", "%s", "-q")

    assert run_gomq("subscribe", ten, *group, "--replay", "--count", "3").out == b"012"
    assert run_gomq("subscribe", ten, *group, "--count", "4").out == b"3456"
    assert run_gomq("subscribe", ten, *group, "--from", "stored", "--exit").out == b"789"
    assert run_gomq("subscribe", ten, *group, "--exit").out == b""


def test_what_a_group_has_committed_counts_more_than_from_and_that_is_said(run_gomq: RunGomq, ten: str):
    run_gomq("subscribe", ten, "--group", ten, "--from", "2", "--count", "1")

    ran = run_gomq("subscribe", ten, "--group", ten, "--from", "earliest", "--count", "1")

    assert ran.out == b"3\n"
    assert ran.err.startswith(f"% group {ten} goes on where it has committed")
    assert f"`gomq group reset-offsets {ten}`" in ran.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "name a topic"),
        (("t", "-r", "x"), "topics or a pattern, not both"),
        (("-r", "["), "no regular expression"),
        (("-r", "x", "-p", "0"), "--partition is for topics that are named"),
        (("t", "--replay", "--from", "1"), "give one of them"),
        (("t", "--from", "soon"), "'soon' is no place; write earliest, latest"),
        (("t", "--from", "stored"), "'stored' is no place"),
        (("t", "--from", "-5", "--group", "g"), "the last N of a partition are not for a group"),
        (("t", "--to", "earliest"), "nothing is before earliest"),
        (("t", "--to", "2999-01-01"), "2999-01-01 is still to come"),
        (("t", "--speed", "0"), "'0' is no speed: 1x is the original timing"),
        (("t", "--speed", "1x", "--group", "g"), "leave out --group"),
        (("t", "--max-wait", "1"), "--max-wait shortens pauses of a replay with --speed"),
        (("t", "--speed", "1x", "--max-wait", "nan"), "'nan' is no number"),
        (("t", "-f", "%q"), "there is no %q; there are %t"),
        (("t", "-f", "%s", "--headers"), "cannot go together"),
        (("t", "--format", "json", "-K", ":"), "cannot go together"),
        (("t", "--grep", "("), "no regular expression"),
        (("t", "-p", "one"), "'one' is no number of a partition"),
        (("t", "-p", "0,"), "'' is no number of a partition"),
        (("t", "-p", "9999999999"), "is no number of a partition"),
    ],
)
def test_what_cannot_be_is_wrong_usage_and_says_what_can(run_gomq: RunGomq, arguments: tuple[str, ...], told: str):
    ran = run_gomq("subscribe", *arguments)

    assert ran.code == 2
    assert told in ran.err
    assert len(ran.err.splitlines()) == 1


def test_a_partition_that_is_not_there_is_told_with_those_that_are(run_gomq: RunGomq, ten: str):
    ran = run_gomq("subscribe", ten, "-p", "0,3", "--replay", "--exit")

    assert ran.code == 1
    assert "has no partition 3: it has 1, from 0 to 0" in ran.err


def test_who_interrupts_it_leaves_the_group_where_the_output_is_even_if_nobody_reads_that(
    run_gomq: RunGomq, address: str, topic: str
):
    run_gomq("publish", topic, stdin=b"".join(b"%0999d\n" % n for n in range(3000)))
    command = [*GOMQ, "subscribe", topic, "--replay", "--group", topic, "-q"]
    environment = os.environ | {"GOMQ_BROKER": address}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        shown = b"".join(process.stdout.readline() for _ in range(1000))
        process.send_signal(signal.SIGINT)  # the pipe is full, and stays so

        assert process.wait(30) == 130
        shown += process.stdout.read()
        assert process.stderr.read() == b""
    rest = run_gomq("subscribe", topic, "--group", topic, "--exit", "-q").out.splitlines()
    assert 0 < int(rest[0]) <= shown.count(b"\n")
    assert int(rest[-1]) == 2999


@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # it is about another process
async def test_who_interrupts_it_while_it_looks_where_to_begin_is_told_nothing_more(tmp_path: Path):
    with BrokerThread(tmp_path / "data", topics={"orders": 1}) as broker:
        broker.faults.delay("ListOffsets", 0.3)
        command = [*GOMQ, "subscribe", "orders", "--from", "-1", "-b", broker.address]
        async with await anyio.open_process(command) as process:
            assert process.stderr is not None
            await until(lambda: [asked.api for asked in broker.faults.seen].count("ListOffsets") == 2)
            process.send_signal(signal.SIGINT)

            with anyio.fail_after(10):
                assert await process.wait() == 130
                assert [part async for part in process.stderr] == []
