"""`gomq publish`: what is made of files and of the input, and what is told when not all of it can be."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import anyio
import pytest

from gomq.cli.publish.input import READ_AHEAD_BYTES, Input, LinePlace, piece_stream
from tests.cli.conftest import RunGomq
from tests.support.brokers import GOMQ


def test_json_between_subscribe_and_publish_is_a_copy(run_gomq: RunGomq, topic: str):
    source, target = f"{topic}-1", f"{topic}-2"
    run_gomq("topic", "create", source, target, "--partitions", "3")
    run_gomq("publish", source, "-K", "=", "-H", "h=1", "-p", "2", stdin=b"a=1\nb=\xff\xfe\n")
    run_gomq("publish", source, "-k", "c", "-Z", "-p", "1", "--timestamp", "@1000", stdin=b"\n")
    lines = run_gomq("subscribe", source, "--replay", "--exit", "--format", "json").out

    copied = run_gomq("publish", target, "--input", "json", stdin=lines)

    assert copied.err == f"3 messages published to {target}\n"
    found = run_gomq("subscribe", target, "--replay", "--exit", "--format", "json").out
    assert sorted(found.splitlines()) == sorted(lines.replace(source.encode(), target.encode()).splitlines())


def test_partitions_that_the_target_does_not_have_are_chosen_anew_where_that_is_wanted(run_gomq: RunGomq, topic: str):
    run_gomq("topic", "create", topic)
    line = b'{"value": "x", "partition": 2}\n'

    refused = run_gomq("publish", topic, "--input", "json", stdin=line)
    taken = run_gomq("publish", topic, "--input", "json", "-p", "any", stdin=line)

    assert refused.code == 1
    assert "has no partition 2" in refused.err
    assert "-p any chooses partitions anew, -p N takes one" in refused.err
    assert taken.code == 0


def test_a_file_can_be_one_message_and_a_delimiter_any_bytes(run_gomq: RunGomq, topic: str, tmp_path: Path):
    (tmp_path / "a").write_bytes(b"1\n2\n")
    (tmp_path / "b").write_bytes(b"3")

    assert run_gomq("publish", topic, "--whole", str(tmp_path / "a"), str(tmp_path / "b")).code == 0
    assert run_gomq("publish", topic, "-D", r"\0", stdin=b"x\ny\0z\0").code == 0
    assert run_gomq("publish", topic, "-D", "--", stdin=b"p--q").code == 0

    shown = run_gomq("subscribe", topic, "--replay", "--exit", "-D", "|").out
    assert shown == b"1\n2\n|3|x\ny|z|p|q|"


def test_files_are_read_one_after_the_other_and_the_count_ends_it(run_gomq: RunGomq, topic: str, tmp_path: Path):
    for name, content in (("a", b"1\n2"), ("b", b"3\n4\n5\n")):
        (tmp_path / name).write_bytes(content)

    ran = run_gomq("publish", topic, str(tmp_path / "a"), str(tmp_path / "b"), "--count", "4", "--rate", "1000/s")

    assert ran.err == f"4 messages published to {topic}\n"
    assert run_gomq("subscribe", topic, "--replay", "--exit").out == b"1\n2\n3\n4\n"


def test_a_line_that_is_no_message_is_named_with_its_file_and_those_before_are_published(
    run_gomq: RunGomq, topic: str, tmp_path: Path
):
    (tmp_path / "a").write_bytes(b'{"value": "1"}\n')
    (tmp_path / "b").write_bytes(b'{"value": "2"}\n\nnope\n{"value": "3"}\n')

    ran = run_gomq("publish", topic, "--input", "json", "--format", "json", str(tmp_path / "a"), str(tmp_path / "b"))

    assert ran.code == 1
    assert ran.err.startswith(f"gomq: line 3 of {tmp_path / 'b'}: it is no JSON: ")
    told = json.loads(ran.out)
    assert (told["count"], told["next_line"]) == (2, {"file": str(tmp_path / "b"), "line": 3})
    assert run_gomq("subscribe", topic, "--replay", "--exit").out == b"1\n2\n"


def test_without_waiting_for_the_disk_all_lines_arrive(run_gomq: RunGomq, topic: str):
    ran = run_gomq("publish", topic, "--acks", "1", "-p", "any", stdin=b"x\n" * 1000)

    assert ran.code == 0
    assert len(run_gomq("subscribe", topic, "--replay", "--exit").out) == 2000


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("-k", "a", "-K", ":"), "give one of them"),
        (("--whole", "-D", "x"), "leave out --delimiter"),
        (("--whole", "--input", "json"), "leave out --delimiter"),
        (("--input", "json", "-Z"), "leave out --key-delimiter and --null"),
        (("-D", r"\q"), r"there is no escape \q"),
        (("--rate", "fast"), "'fast' is no rate: 100 or 100/s"),
        (("--rate", "0"), "'0' is no rate"),
        (("--rate", "5/d"), "'5/d' is no rate"),
        (("--timestamp", "soon"), "'soon' is no moment"),
        (("--timestamp", "@-1"), "before 1970"),
        (("-p", "-1"), "'-1' is no number of a partition, nor 'any'"),
        (("--timeout", "nan"), "'nan' is no number"),
        (("-p", "99999999999"), "is no number of a partition"),
    ],
)
def test_what_cannot_be_is_wrong_usage_and_says_what_can(
    run_gomq: RunGomq, topic: str, arguments: tuple[str, ...], told: str
):
    ran = run_gomq("publish", topic, *arguments, stdin=b"x\n")

    assert ran.code == 2
    assert told in ran.err
    assert len(ran.err.splitlines()) == 1


def test_who_interrupts_it_is_told_what_is_acknowledged_and_where_to_go_on(run_gomq: RunGomq, address: str, topic: str):
    run_gomq("topic", "create", topic)
    command = [*GOMQ, "publish", topic]
    environment = os.environ | {"GOMQ_BROKER": address}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(b"one\ntwo\nhalf a line")
        process.stdin.flush()
        assert run_gomq("subscribe", topic, "--replay", "--count", "2").out == b"one\ntwo\n"
        process.send_signal(signal.SIGINT)

        assert process.wait(30) == 130
        assert re.fullmatch(
            rf"interrupted: 2 messages published to {topic}, \[0\] up to offset 1; go on with line 3 of the input\n",
            process.stderr.read().decode(),
        )


def test_a_named_pipe_is_read_once_somebody_writes(run_gomq: RunGomq, address: str, topic: str, tmp_path: Path):
    run_gomq("topic", "create", topic)
    os.mkfifo(tmp_path / "pipe")
    environment = os.environ | {"GOMQ_BROKER": address}
    with subprocess.Popen([*GOMQ, "publish", topic, str(tmp_path / "pipe")], env=environment) as process:
        with (tmp_path / "pipe").open("wb") as pipe:
            pipe.write(b"one\n")
            pipe.flush()
            assert run_gomq("subscribe", topic, "--replay", "--count", "1").out == b"one\n"
            pipe.write(b"two\n")
        assert process.wait(30) == 0
    assert run_gomq("subscribe", topic, "--replay", "--exit").out == b"one\ntwo\n"


async def test_behind_the_last_line_of_a_file_the_next_one_goes_on_and_behind_all_of_them_nothing(tmp_path: Path):
    first, empty, last = (tmp_path / name for name in ("first", "empty", "last"))
    for file, content in ((first, b"1\n2\n"), (empty, b""), (last, b"3\n4")):
        file.write_bytes(content)
    source = Input([first, empty, last], b"\n")
    assert source.line_at(LinePlace(first, 3)) == LinePlace(first, 3)  # nobody knows yet that there is none

    send, receive = piece_stream()
    async with anyio.create_task_group() as group, receive:
        group.start_soon(source.read_ahead, send)
        _ = [chunk async for chunk in source.all_there(receive)]

    assert source.line_at(LinePlace(first, 2)) == LinePlace(first, 2)
    assert source.line_at(LinePlace(first, 3)) == LinePlace(last, 1)
    assert source.line_at(LinePlace(last, 2)) == LinePlace(last, 2)
    assert source.line_at(LinePlace(last, 3)) is None


async def test_of_large_messages_no_more_is_read_ahead_than_fits(tmp_path: Path):
    for name in ("a", "b", "c", "d"):
        (tmp_path / name).write_bytes(bytes(READ_AHEAD_BYTES // 2))
    source = Input([tmp_path / name for name in ("a", "b", "c", "d")], None)
    send, receive = piece_stream()

    async with anyio.create_task_group() as group, receive:
        group.start_soon(source.read_ahead, send)
        await anyio.wait_all_tasks_blocked()
        read_ahead = source.read
        chunks = [chunk async for chunk in source.all_there(receive)]

    assert read_ahead == 2
    assert sum(len(chunk.lines) for chunk in chunks) == 4
