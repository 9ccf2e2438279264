"""Completion: what shells are given, and what they are told when somebody presses Tab."""

import shutil
import subprocess
import time

import pytest

from gomq.cli.completion import completing
from gomq.cli.main import main
from tests.cli.conftest import RunGomq


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_is_given_a_script_that_it_understands(run_gomq: RunGomq, shell: str):
    script = run_gomq("completion", shell).out

    assert b"_GOMQ_COMPLETE" in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, check=True)


@pytest.fixture(autouse=True)
def _is_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may take more than the second that people are kept waiting."""
    monkeypatch.setattr(completing, "_PATIENCE", 20.0)


def completed(run_gomq: RunGomq, monkeypatch: pytest.MonkeyPatch, line: str) -> list[str]:
    words = line.split(" ")
    with monkeypatch.context() as patch:
        patch.setenv("_GOMQ_COMPLETE", "bash_complete")
        patch.setenv("COMP_WORDS", line)
        patch.setenv("COMP_CWORD", str(len(words) - 1))
        ran = run_gomq()
    assert (ran.code, ran.err) == (0, "")
    return [each.partition(",")[2] for each in ran.out.decode().splitlines() if each]


def test_commands_and_options_are_completed(run_gomq: RunGomq, monkeypatch: pytest.MonkeyPatch):
    assert "group" in completed(run_gomq, monkeypatch, "gomq gr")
    assert completed(run_gomq, monkeypatch, "gomq group rese") == ["reset-offsets"]
    assert completed(run_gomq, monkeypatch, "gomq group reset-offsets --to-e") == ["--to-earliest"]


def test_groups_and_topics_are_asked_of_the_broker(run_gomq: RunGomq, monkeypatch: pytest.MonkeyPatch, topic: str):
    run_gomq("topic", "create", topic)
    run_gomq("group", "reset-offsets", f"{topic}-group", topic, "--to-latest", "--execute")

    assert completed(run_gomq, monkeypatch, f"gomq group describe {topic[:-1]}") == [f"{topic}-group"]
    assert completed(run_gomq, monkeypatch, f"gomq group delete-offsets x {topic[:-1]}") == [topic]
    assert topic in completed(run_gomq, monkeypatch, "gomq bench subscribe ")
    for command in ("publish", "subscribe", "topic describe", "topic delete"):
        assert completed(run_gomq, monkeypatch, f"gomq {command} {topic[:-1]}") == [topic]


def test_a_name_that_a_shell_would_run_is_not_put_into_a_command(
    run_gomq: RunGomq, monkeypatch: pytest.MonkeyPatch, topic: str
):
    run_gomq("topic", "create", topic)
    for name in (f"{topic};reboot", f"{topic}$(reboot)", f"{topic}-größe"):
        run_gomq("group", "reset-offsets", name, topic, "--to-latest", "--execute")

    assert completed(run_gomq, monkeypatch, f"gomq group describe {topic}") == [f"{topic}-größe"]


def test_bash_takes_addresses_apart_and_they_are_understood(
    run_gomq: RunGomq, monkeypatch: pytest.MonkeyPatch, address: str, topic: str
):
    run_gomq("topic", "create", topic)
    monkeypatch.setenv("GOMQ_BROKER", "127.0.0.1:1")
    line = f"gomq topic describe -b {address.replace(':', ' : ')} {topic[:-1]}"

    assert completed(run_gomq, monkeypatch, line) == [topic]
    assert completed(run_gomq, monkeypatch, line.replace("-b", "--broker =")) == [topic]
    assert completed(run_gomq, monkeypatch, "gomq topic list --format = js") == ["json"]
    assert completed(run_gomq, monkeypatch, f"{line} : ") == []


def test_whoever_presses_tab_is_not_kept_waiting_by_a_broker_that_is_silent(
    run_gomq: RunGomq, monkeypatch: pytest.MonkeyPatch, silent: str
):
    monkeypatch.setattr(completing, "_PATIENCE", 0.2)
    started = time.monotonic()

    assert completed(run_gomq, monkeypatch, f"gomq group describe -b {silent} x") == []
    assert time.monotonic() - started < 20
    assert completed(run_gomq, monkeypatch, "gomq group describe -b 127.0.0.1:1 x") == []


@pytest.mark.parametrize("instruction", ["bash_complete", "nonsense"])
def test_what_no_shell_asks_is_not_answered(
    capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch, instruction: str
):
    monkeypatch.setenv("_GOMQ_COMPLETE", instruction)

    assert main([]) == 1
    assert capfdbinary.readouterr() == (b"", b"")
