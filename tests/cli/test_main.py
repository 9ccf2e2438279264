"""The command as a whole: help, versions, exit codes, the environment, and the demonstration."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import gomq
from gomq.cli.main import main
from tests.cli.conftest import RunGomq

GOMQ = [sys.executable, "-m", "gomq"]


def test_defaults_are_shown_as_they_are_given(run_gomq: RunGomq):
    shown = " ".join(run_gomq("serve", "--help").out.decode().split())

    assert "[env var: GOMQ_LISTEN; default: 127.0.0.1:9092]" in shown
    assert "[env var: GOMQ_PARTITIONS; default: 1]" in shown
    assert "[env var: GOMQ_ADVERTISE]" in shown


def test_the_version_is_the_packages(run_gomq: RunGomq):
    assert run_gomq("--version").out.decode() == f"gomq {gomq.__version__}\n"


@pytest.mark.parametrize(
    "arguments", [["bogus"], ["publish"], ["subscribe"], ["topic", "create"], ["subscribe", "t", "--count", "0"]]
)
def test_wrong_usage_exits_with_2(run_gomq: RunGomq, arguments: list[str]):
    ran = run_gomq(*arguments)

    assert ran.code == 2
    assert ran.err.startswith("gomq: ")
    assert len(ran.err.splitlines()) == 1
    assert ran.out == b""


def test_an_address_that_is_none_is_wrong_usage(run_gomq: RunGomq):
    ran = run_gomq("topic", "list", "-b", "nowhere:port")

    assert ran.code == 2
    assert "'nowhere:port' is not an address" in ran.err


def test_a_broker_that_is_not_there_is_one_line_that_says_what_to_do(run_gomq: RunGomq):
    ran = run_gomq("topic", "list", "-b", "127.0.0.1:1")

    assert ran.code == 1
    assert ran.err.startswith("gomq: no connection to 127.0.0.1:1: Connection refused; ")
    assert "`gomq serve` starts one" in ran.err
    assert len(ran.err.splitlines()) == 1


def test_options_can_be_set_in_the_environment(run_gomq: RunGomq, topic: str, monkeypatch: pytest.MonkeyPatch):
    run_gomq("publish", topic, stdin=b"x\ny\n")
    monkeypatch.setenv("GOMQ_SUBSCRIBE_REPLAY", "1")
    monkeypatch.setenv("GOMQ_SUBSCRIBE_COUNT", "1")

    assert run_gomq("subscribe", topic).out == b"x\n"


@pytest.mark.parametrize("backend", ["asyncio", "uvloop", "trio"])
def test_the_demonstration_gives_every_file_back_and_dumps_the_segments(
    backend: str, capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path
):
    (tmp_path / "without-end").write_bytes(b"one\r\ntwo\n\nthree")
    (tmp_path / "nothing").write_bytes(b"")
    files = [__file__, str(tmp_path / "without-end"), str(tmp_path / "nothing")]

    assert main(["demo", "--backend", backend, *files]) == 0

    out = capfdbinary.readouterr().out.decode()
    assert "Every file came back byte for byte." in out
    assert "\nDumping " in out
    assert "baseOffset: 0 " in out


def test_a_reader_that_has_enough_ends_it_quietly(address: str, run_gomq: RunGomq, topic: str):
    run_gomq("publish", topic, stdin=b"x" * 99 + b"\n" + (b"y" * 99 + b"\n") * 10_000)
    environment = os.environ | {"GOMQ_BROKER": address}

    command = [*GOMQ, "subscribe", topic, "--replay"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"x" * 99 + b"\n"
        process.stdout.close()
        assert process.wait(30) == 141
        assert process.stderr.read() == b""
