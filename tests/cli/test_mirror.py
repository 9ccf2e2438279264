"""`gomq mirror`: what it prints, its exit codes, and that it goes on where it stopped."""

import json
import os
import pty
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.cli.conftest import RunGomq
from tests.support.brokers import GOMQ, broker_in_thread


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A second broker."""
    with broker_in_thread(tmp_path_factory.mktemp("target") / "data") as broker:
        yield broker.address


def publish(run_gomq: RunGomq, topic: str, *lines: bytes) -> None:
    assert run_gomq("publish", topic, "-p", "0", stdin=b"".join(line + b"\n" for line in lines)).code == 0


def test_a_topic_is_copied_and_compared(run_gomq: RunGomq, address: str, target: str, topic: str):
    publish(run_gomq, topic, b"a", b"b")

    ran = run_gomq("mirror", address, target, topic, "--verify")

    assert ran.code == 0, ran.err
    lines = [line.split() for line in ran.out.decode().splitlines() if line]
    assert lines[0] == ["TOPIC", "PARTITION", "MESSAGES", "BYTES", "SOURCE-OFFSET", "DEST-OFFSET", "SAME-OFFSETS"]
    assert lines[1][:3] == [topic, "0", "2"]
    assert lines[1][4:] == ["2", "2", "yes"]
    assert lines[-1] == [topic, "0", "2", "0", "0", "yes"]
    assert run_gomq("subscribe", topic, "--replay", "--exit", "-b", target).out == b"a\nb\n"


def test_json_has_an_object_for_each_partition_and_group(run_gomq: RunGomq, address: str, target: str, topic: str):
    publish(run_gomq, topic, b"a", b"b", b"c")
    assert run_gomq("subscribe", topic, "--replay", "--count", "1", "--group", topic).code == 0

    ran = run_gomq("mirror", address, target, topic, "--verify", "--format", "json", "--group", topic)

    objects = [json.loads(line) for line in ran.out.splitlines()]
    assert ran.code == 0, ran.err
    assert [each["type"] for each in objects][:2] == ["copied", "verified"]
    assert [each["target_offset"] for each in objects[2:]] == [1]
    assert objects[0] == {
        "type": "copied",
        "topic": topic,
        "partition": 0,
        "messages": 3,
        "bytes": objects[0]["bytes"],
        "source_offset": 3,
        "target_offset": 3,
        "keeps_offsets": True,
        "lost": 0,
    }
    assert objects[1]["is_same"] is True


def test_a_dry_run_prints_the_plan_and_does_nothing(run_gomq: RunGomq, address: str, target: str, topic: str):
    publish(run_gomq, topic, b"a")

    ran = run_gomq("mirror", address, target, "--regex", topic, "--dry-run", "--format", "json")

    assert json.loads(ran.out)["offsets_to_copy"] == 1
    assert topic.encode() not in run_gomq("topic", "list", "-b", target).out.splitlines()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "--regex"),
        (("orders", "--follow", "--verify"), "--verify"),
        (("orders", "--rate", "fast"), "20M"),
        (("orders", "--rate", "0"), "20M"),
        (("-r", "("), "regular expression"),
    ],
)
def test_wrong_usage_says_what_would_do(
    run_gomq: RunGomq, address: str, target: str, arguments: tuple[str, ...], reason: str
):
    ran = run_gomq("mirror", address, target, *arguments)

    assert ran.code == 2
    assert reason in ran.err


def test_what_fails_is_one_line_that_says_what_to_do(run_gomq: RunGomq, address: str, target: str, topic: str):
    publish(run_gomq, topic, b"a")
    assert run_gomq("publish", topic, "-b", target, stdin=b"another's\n").code == 0

    foreign = run_gomq("mirror", address, target, topic)
    missing = run_gomq("mirror", address, target, "none-such")
    nobody = run_gomq("mirror", address, "127.0.0.1:1", topic, "--timeout", "1")

    assert [ran.code for ran in (foreign, missing, nobody)] == [1, 1, 1]
    assert "delete the topic at the target" in foreign.err
    assert missing.err == "gomq: topic 'none-such' does not exist at the source\n"
    assert re.fullmatch(r"gomq: no connection to 127\.0\.0\.1:1: .*; is a broker running there\?\n", nobody.err)


def test_following_says_how_far_it_is_on_a_terminal_and_ends_with_ctrl_c(
    run_gomq: RunGomq, address: str, target: str, topic: str, tmp_path: Path
):
    publish(run_gomq, topic, b"a", b"b")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GOMQ_")}
    command = [*GOMQ, "mirror", address, target, topic, "--follow", "--format", "json"]
    screen, terminal = pty.openpty()
    with closing(open(screen, "rb", buffering=0)) as shown, (tmp_path / "out").open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=terminal, env=environment)
        os.close(terminal)
        seen = b""
        while re.search(rb"2 messages +caught up", seen) is None:
            seen += shown.read(4096)
        process.send_signal(signal.SIGINT)
        with suppress(OSError):  # nobody writes to it any more
            while shown.read(4096):
                pass

    assert process.wait(30) == 130
    (copied,) = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    assert (copied["messages"], copied["target_offset"]) == (2, 2)
