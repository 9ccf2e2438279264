"""The command gomq-dump where it is asked for some of what there is, in a form of one's own, or for what is to come."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gomq_dump.cli import main
from tests.support.indexed_segments import gapped_batches, write_segments

COMMAND = [sys.executable, "-c", "import sys; from gomq_dump.cli import main; sys.exit(main())"]
BATCHES = gapped_batches(20)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in ("orders-0", "orders-1", "other-0"):
        write_segments(tmp_path / "data" / name, [BATCHES[:12], BATCHES[12:]])
    return tmp_path / "data"


def run(capsys: pytest.CaptureFixture[str], *words: object, code: int = 0) -> tuple[list[str], str]:
    assert main([str(word) for word in words]) == code
    out, err = capsys.readouterr()
    return out.splitlines(), err


def test_a_format_string_shows_messages_alone(data: Path, capsys: pytest.CaptureFixture[str]):
    lines, err = run(capsys, "-f", r"%t/%p %o %k %s\n", "--to-offset", 9, data / "orders-1")

    assert lines[:3] == ["orders/1 0  value 0 of 0", "orders/1 6 a value 0 of 1", "orders/1 7 b value 1 of 1"]
    assert len(lines) == 4
    assert err == ""


def test_a_format_string_leaves_out_markers(data: Path, capsys: pytest.CaptureFixture[str]):
    lines, _ = run(capsys, "-f", r"%s\n", data / "orders-0")

    assert len(lines) > 50
    assert all(line.startswith("value ") or not line for line in lines)


def test_a_topic_in_a_data_directory_is_named_and_its_partitions_too(data: Path, capsys: pytest.CaptureFixture[str]):
    form = ["-f", r"%t-%p\n"]

    assert set(run(capsys, *form, "orders", "--data", data)[0]) == {"orders-0", "orders-1"}
    assert set(run(capsys, *form, "orders", "--data", data, "--partition", 1)[0]) == {"orders-1"}
    assert set(run(capsys, *form, "--partition", 0, data)[0]) == {"orders-0", "other-0"}


def test_the_last_records_come_of_each_partition(data: Path, capsys: pytest.CaptureFixture[str]):
    lines, _ = run(capsys, "--tail", 2, "--format", "json", data)

    records = [each for each in map(json.loads, lines) if each["type"] == "record"]
    assert len(records) == 6
    assert len({each["offset"] for each in records}) == 2


def test_nothing_found_is_no_error_and_says_nothing(data: Path, capsys: pytest.CaptureFixture[str]):
    assert run(capsys, "--grep", "nothing like it", data) == ([], "")


def test_one_batch_by_its_position(data: Path, capsys: pytest.CaptureFixture[str]):
    log = data / "orders-0" / "00000000000000000000.log"

    lines, _ = run(capsys, "--at-position", len(BATCHES[0]), "--records", log)
    assert [line.split()[1] for line in lines] == [str(log), "starting", "6", "offset:", "offset:"]
    assert "has " in run(capsys, "--at-position", 10**9, log, code=2)[1]
    assert "is not one .log file" in run(capsys, "--at-position", 0, data, code=2)[1]
    assert "is no .log file" in run(capsys, "--at-position", 0, str(log).replace(".log", ".index"), code=2)[1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-f", "%q"], "there is no %q; there are %t"),
        (["-f", "%o", "--format", "json"], "leave out one of them"),
        (["--limit", "many"], "argument --limit: 'many' is not a number of records"),
        (["--since", "soon"], "--since: 'soon' is no moment; write 2026-11-26T10:00:00Z"),
    ],
)
def test_wrong_values_exit_with_2_and_say_what_would_do(
    data: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
):
    assert message in run(capsys, *words, data, code=2)[1]


def test_a_partition_that_is_not_there_exits_with_2(data: Path, capsys: pytest.CaptureFixture[str]):
    assert "has no partition 7" in run(capsys, "--partition", 7, data / "orders-0", code=2)[1]
    assert "it has other" in run(capsys, "none", "--data", data, code=2)[1].replace("orders, ", "")


def test_every_option_has_a_variable_that_is_checked(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("GOMQ_DUMP_TAIL", "1")
    monkeypatch.setenv("GOMQ_DUMP_FORMAT_STRING", r"%o\n")
    monkeypatch.setenv("GOMQ_DUMP_PARTITION", "1")
    assert len(run(capsys, data)[0]) == 1

    monkeypatch.setenv("GOMQ_DUMP_TAIL", "x")
    assert "GOMQ_DUMP_TAIL: 'x' is not a number of records" in run(capsys, data, code=2)[1]
    monkeypatch.setenv("GOMQ_DUMP_TAIL", "1")
    monkeypatch.setenv("GOMQ_DUMP_FOLLOW", "perhaps")
    assert "GOMQ_DUMP_FOLLOW is 'perhaps', choose from 1, true" in run(capsys, data, code=2)[1]


def test_what_is_given_takes_the_place_of_a_variable(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("GOMQ_DUMP_PARTITION", "0")
    words = ["--tail", "1", "-f", r"%t-%p\n", data]

    assert set(run(capsys, *words)[0]) == {"orders-0", "other-0"}
    assert run(capsys, "--partition", "1", *words)[0] == ["orders-1"]
    assert set(run(capsys, "--partition", "1", "--partition", "0", *words)[0]) == {"orders-0", "orders-1", "other-0"}


def test_following_shows_what_comes_at_once_and_ends_by_an_interrupt(data: Path):
    last = max((data / "other-0").glob("*.log"))
    words = ["--follow", "--tail", "1", "-f", r"%o\n", str(data / "other-0")]
    with subprocess.Popen([*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        before = int(process.stdout.readline())
        with last.open("ab") as file:
            file.write(gapped_batches(21)[20])
        assert int(process.stdout.readline()) > before
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)

    assert err == b""
    assert process.returncode == 130
