"""What `gomq publish` takes, `gomq subscribe` gives back."""

import json
import os
import random
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import RunGomq
from tests.support.brokers import GOMQ


def test_a_file_of_100_000_lines_comes_back_byte_for_byte(run_gomq: RunGomq, topic: str, tmp_path: Path):
    rng = random.Random(1)
    lines = [rng.randbytes(rng.randrange(120)).replace(b"\n", b"\r") for _ in range(100_000)]
    file = tmp_path / "lines"
    file.write_bytes(b"".join(line + b"\n" for line in lines))

    published = run_gomq("publish", topic, str(file))
    replayed = run_gomq("subscribe", topic, "--replay", "--exit")

    assert (published.code, published.out, published.err) == (0, b"", f"100000 messages published to {topic}\n")
    assert replayed.code == 0
    assert replayed.out == file.read_bytes()
    assert replayed.err == f"% reached the end of {topic} [0] at offset 100000\n"


def test_lines_are_taken_from_stdin_where_no_file_is_named(run_gomq: RunGomq, topic: str):
    assert run_gomq("publish", topic, stdin=b"one\n\ntwo without end").code == 0
    assert run_gomq("publish", topic, "-", stdin=b"three\n").code == 0

    assert run_gomq("subscribe", topic, "--replay", "--exit").out == b"one\n\ntwo without end\nthree\n"


def test_no_lines_are_no_messages(run_gomq: RunGomq, topic: str):
    run_gomq("topic", "create", topic)

    assert run_gomq("publish", topic).err == f"0 messages published to {topic}\n"
    assert run_gomq("subscribe", topic, "--replay", "--exit").out == b""


def test_what_is_in_front_of_the_key_delimiter_is_the_key(run_gomq: RunGomq, topic: str):
    run_gomq("publish", topic, "-K", "\\t", "-H", "trace=a=1", "-H", "empty=", stdin=b"k\tv\tw\nno key\n\tempty key\n")

    shown = run_gomq("subscribe", topic, "--replay", "--exit", "--format", "json").out.splitlines()

    first, second, third = map(json.loads, shown)
    assert (first["key"], first["value"]) == ("k", "v\tw")
    assert (second["key"], second["value"]) == (None, "no key")
    assert (third["key"], third["value"]) == ("", "empty key")
    assert first["headers"] == [{"name": "trace", "value": "a=1"}, {"name": "empty", "value": ""}]


def test_json_says_where_a_message_is_and_keeps_bytes_that_are_no_text(run_gomq: RunGomq, topic: str):
    published = run_gomq("publish", topic, "--format", "json", stdin="grüße\n".encode() + b"\xff\xfe\n")

    shown = run_gomq("subscribe", topic, "--replay", "--exit", "--format", "json").out.splitlines()

    assert json.loads(published.out) == {
        "topic": topic,
        "count": 2,
        "unacknowledged": 0,
        "partitions": [{"partition": 0, "first_offset": 0, "last_offset": 1}],
        "next_line": None,
    }
    first, second = map(json.loads, shown)
    assert {"topic": topic, "partition": 0, "offset": 0, "key": None, "value": "grüße", "headers": []}.items() <= (
        first.items()
    )
    assert first["timestamp"] > 1_600_000_000_000
    assert (second["offset"], second["value_base64"]) == (1, "//4=")


def test_the_count_ends_it(run_gomq: RunGomq, topic: str):
    run_gomq("publish", topic, stdin=b"1\n2\n3\n")

    assert run_gomq("subscribe", topic, "--replay", "--count", "2").out == b"1\n2\n"


def test_without_replay_nothing_old_is_shown(run_gomq: RunGomq, topic: str):
    run_gomq("publish", topic, stdin=b"old\n")

    assert run_gomq("subscribe", topic, "--exit").out == b""


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_each_codec_gives_the_lines_back(run_gomq: RunGomq, topic: str, codec: str):
    lines = b"".join(b"line %d\n" % number for number in range(1000))

    assert run_gomq("publish", topic, "--codec", codec, stdin=lines).code == 0

    assert run_gomq("subscribe", topic, "--replay", "--exit").out == lines


def test_a_partition_can_be_chosen(run_gomq: RunGomq, topic: str):
    run_gomq("topic", "create", topic, "--partitions", "3")
    run_gomq("publish", topic, "--partition", "2", stdin=b"here\n")

    shown = run_gomq("subscribe", topic, "--replay", "--exit", "--format", "json").out

    assert json.loads(shown)["partition"] == 2


def test_a_consumer_of_an_unknown_topic_is_told_so_and_creates_nothing(run_gomq: RunGomq, topic: str):
    ran = run_gomq("subscribe", topic, "--replay")

    assert (ran.code, ran.out, ran.err) == (1, b"", f"gomq: topic '{topic}' does not exist\n")
    assert topic.encode() not in run_gomq("topic", "list").out


@pytest.mark.parametrize("name", ["a/b", "..", "x" * 250])
def test_an_illegal_topic_name_is_refused_in_one_line(run_gomq: RunGomq, name: str):
    ran = run_gomq("publish", name, stdin=b"x\n")

    assert (ran.code, ran.out) == (2, b"")
    assert re.search("characters other than ASCII letters|may not be named|at most 249 characters", ran.err)
    assert len(ran.err.splitlines()) == 1


def test_a_line_that_is_too_large_for_the_topic_is_refused_in_one_line(run_gomq: RunGomq, topic: str):
    ran = run_gomq("publish", topic, stdin=b"x" * 2_000_000)

    assert ran.code == 1
    assert "at most 1048588 are taken" in ran.err
    assert len(ran.err.splitlines()) == 1


def test_a_file_that_is_not_there_is_wrong_usage(run_gomq: RunGomq, topic: str, tmp_path: Path):
    ran = run_gomq("publish", topic, str(tmp_path / "none"))

    assert ran.code == 2
    assert "does not exist" in ran.err


def test_an_empty_key_delimiter_is_wrong_usage(run_gomq: RunGomq, topic: str):
    ran = run_gomq("publish", topic, "-K", "", stdin=b"x\n")

    assert ran.code == 2
    assert "must not be empty" in ran.err


def test_an_empty_file_makes_an_empty_topic(run_gomq: RunGomq, topic: str, tmp_path: Path):
    (tmp_path / "empty").write_bytes(b"")

    assert run_gomq("publish", topic, str(tmp_path / "empty")).code == 0
    assert run_gomq("subscribe", topic, "--replay", "--exit").out == b""
    assert run_gomq("publish", "a/b", str(tmp_path / "empty")).code == 2


def test_where_some_lines_may_be_published_the_failure_says_so(run_gomq: RunGomq, topic: str):
    ran = run_gomq("publish", topic, stdin=b"one\n" + b"x" * 2_000_000 + b"\nthree\n")

    assert ran.code == 1
    told, why = ran.err.splitlines()
    assert told.startswith(f"gomq: 1 message published to {topic}")
    assert told.endswith("; go on with line 2 of the input")
    assert why.startswith(f"gomq: line 2 of the input: {topic}-0: batch of ")
    assert "at most 1048588 are taken" in why
    assert run_gomq("subscribe", topic, "--replay", "--exit").out == b"one\n"


def test_keys_may_be_any_bytes_but_topics_and_header_names_are_text(run_gomq: RunGomq, topic: str):
    key, no_text = os.fsdecode(b"\xff"), os.fsdecode(b"caf\xe9")

    assert run_gomq("publish", topic, "-K", key, stdin=b"a\xffb\n").code == 0
    shown = run_gomq("subscribe", topic, "--replay", "--exit", "--format", "json").out
    assert (json.loads(shown)["key"], json.loads(shown)["value"]) == ("a", "b")
    for arguments in (["publish", no_text], ["subscribe", no_text], ["topic", "delete", no_text, "-y"]):
        ran = run_gomq(*arguments)
        assert ran.code == 2
        assert "is not UTF-8" in ran.err


def test_lines_are_published_as_they_come(run_gomq: RunGomq, address: str, topic: str):
    environment = os.environ | {"GOMQ_BROKER": address}
    with subprocess.Popen([*GOMQ, "publish", topic], stdin=subprocess.PIPE, env=environment) as publishing:
        assert publishing.stdin is not None
        publishing.stdin.write(b"first\n")
        publishing.stdin.flush()
        while topic.encode() not in run_gomq("topic", "list").out.splitlines():
            assert publishing.poll() is None
        assert run_gomq("subscribe", topic, "--replay", "--count", "1").out == b"first\n"
        assert publishing.poll() is None, "it waits for more"
        publishing.stdin.close()
        assert publishing.wait(30) == 0


@pytest.mark.parametrize(("arguments", "closed"), [("publish t", "<&-"), ("topic list", ">&-")])
def test_a_closed_stream_is_one_line(address: str, arguments: str, closed: str):
    command = f"exec {shlex.join(GOMQ)} {arguments} {closed}"

    ran = subprocess.run(
        ["sh", "-c", command], stderr=subprocess.PIPE, env=os.environ | {"GOMQ_BROKER": address}, check=False
    )

    assert ran.returncode == 1
    assert len(ran.stderr.splitlines()) == 1
