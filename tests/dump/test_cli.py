"""The command gomq-dump: exit codes, streams, and how it ends when it is interrupted."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gomq_dump.cli import main
from tests.support.segment_files import varied_batches, write_partition, write_varied_partition

COMMAND = [sys.executable, "-c", "import sys; from gomq_dump.cli import main; sys.exit(main())"]


@pytest.fixture
def partition(tmp_path: Path) -> Path:
    return write_varied_partition(tmp_path / "data" / "orders-0")


@pytest.fixture
def damaged(partition: Path) -> Path:
    log = partition / "00000000000000000000.log"
    data = bytearray(log.read_bytes())
    data[80] ^= 0xFF
    log.write_bytes(data)
    return log


def test_sound_files_exit_with_0_and_say_nothing_on_stderr(partition: Path, capsys: pytest.CaptureFixture[str]):
    assert main([str(partition)]) == 0

    out, err = capsys.readouterr()
    assert out.startswith(f"Dumping {partition}/00000000000000000000.log\nLog starting offset: 0\nbaseOffset: 0 ")
    assert err == ""


def test_damage_exits_with_1_and_goes_to_stderr(damaged: Path, capsys: pytest.CaptureFixture[str]):
    assert main([str(damaged)]) == 1

    out, err = capsys.readouterr()
    assert "isvalid: false" in out
    assert err.startswith(f"{damaged}: byte 0: the batch's CRC does not hold: expected 0x")
    assert len(err.splitlines()) == 1


def test_in_json_damage_is_an_object_on_stdout(damaged: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["--format", "json", str(damaged)]) == 1

    out, err = capsys.readouterr()
    assert [each["problem"] for each in map(json.loads, out.splitlines()) if each["type"] == "finding"] == ["crc"]
    assert err == ""


def test_notes_leave_the_exit_code_at_0(partition: Path, capsys: pytest.CaptureFixture[str]):
    for file in partition.glob("00000000000000000000.*"):
        file.rename(file.with_name(file.name.replace("00000000000000000000", "00000000099999999999")))
    index = partition / "00000000099999999999.index"
    (partition / "00000000099999999999.log").unlink()

    assert main([str(index)]) == 0
    assert capsys.readouterr().err.startswith(f"note: {index}: ")


@pytest.mark.parametrize("option", ["--records", "--print-data-log"])
def test_records_are_shown_when_asked_for(partition: Path, option: str, capsys: pytest.CaptureFixture[str]):
    assert main([str(partition)]) == 0
    assert "\n| offset: " not in capsys.readouterr().out

    assert main([option, str(partition)]) == 0
    assert "payload: plain" in capsys.readouterr().out


def test_options_can_be_set_in_the_environment(
    partition: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("GOMQ_DUMP_RECORDS", "1")
    monkeypatch.setenv("GOMQ_DUMP_FORMAT", "json")

    assert main([str(partition)]) == 0

    assert '{"type":"record",' in capsys.readouterr().out


def test_a_format_from_the_environment_is_checked(
    partition: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("GOMQ_DUMP_FORMAT", "xml")

    assert main([str(partition)]) == 2
    assert "GOMQ_DUMP_FORMAT is 'xml', choose from text, json" in capsys.readouterr().err


def test_several_paths_are_read_in_the_order_given(partition: Path, capsys: pytest.CaptureFixture[str]):
    other = write_partition(partition.parent / "first-0", varied_batches(1))

    assert main([str(partition), str(other)]) == 0

    shown = [line.split()[1] for line in capsys.readouterr().out.splitlines() if line.startswith("Dumping")]
    others = len([path for path in other.iterdir() if path.name != ".kafka_cleanshutdown"])
    assert [os.path.dirname(path) for path in shown] == [str(partition)] * (len(shown) - others) + [str(other)] * others


def test_unusable_paths_exit_with_2_each_in_one_line_and_nothing_is_read(
    partition: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    foreign = tmp_path / "notes.txt"
    foreign.write_text("hello")

    assert main([str(partition), str(tmp_path / "none"), str(foreign)]) == 2

    out, err = capsys.readouterr()
    assert out == ""
    assert [line.partition(": ")[2] for line in err.splitlines()] == [
        f"{tmp_path}/none: No such file or directory",
        (
            f"{foreign}: is text; expected a file such as .log or .index (--help lists them), a partition's directory"
            " or a data directory"
        ),
    ]


@pytest.mark.parametrize("arguments", [[], ["--frobnicate", "x"], ["--format", "xml", "x"], ["--rec", "x"]])
def test_wrong_usage_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]):
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("gomq-dump: ")
    assert line.endswith("; see gomq-dump --help")


def test_help_shows_examples_and_exit_codes(capsys: pytest.CaptureFixture[str]):
    assert main(["--help"]) == 0

    out = capsys.readouterr().out
    assert "Examples:" in out
    assert "Exit code:" in out
    assert max(map(len, out.splitlines())) <= 100


def test_a_file_that_cannot_be_read_is_damage_of_that_file_only(
    partition: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    pread = os.pread
    failing = os.stat(partition / "00000000000000000000.log").st_ino

    def fail(descriptor: int, size: int, position: int) -> bytes:
        if os.fstat(descriptor).st_ino == failing:
            raise OSError(5, "Input/output error")
        return pread(descriptor, size, position)

    monkeypatch.setattr("os.pread", fail)

    assert main([str(partition)]) == 1

    out, err = capsys.readouterr()
    assert f"{partition}/00000000000000000000.log: byte 0: the file cannot be read: Input/output error" in err
    assert out.count("Dumping") == len([path for path in partition.iterdir() if path.name != ".kafka_cleanshutdown"])


def test_a_file_that_retention_removes_meanwhile_is_a_note(
    partition: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    opened = os.open
    doomed = str(partition / "00000000000000000000.index")

    def remove_first(path: str, flags: int) -> int:
        if path == doomed and os.path.exists(doomed):
            os.unlink(doomed)
        return opened(path, flags)

    monkeypatch.setattr("gomq_dump.reading.reader.os.open", remove_first)

    assert main([str(partition)]) == 0
    assert f"note: {doomed}: byte 0: the file has been removed" in capsys.readouterr().err


def test_files_are_opened_for_reading_only(partition: Path):
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in partition.iterdir()}
    for path in before:
        path.chmod(0o444)
    partition.chmod(0o555)
    try:
        assert main(["--records", str(partition)]) == 0
    finally:
        partition.chmod(0o755)

    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in partition.iterdir()} == before


def test_the_command_runs_and_ends_with_its_exit_code(damaged: Path):
    done = subprocess.run([*COMMAND, str(damaged)], capture_output=True, check=False, timeout=30)

    assert done.returncode == 1
    assert b"isvalid: false" in done.stdout
    assert done.stderr.count(b"\n") == 1


def test_who_hears_nothing_still_sees(damaged: Path):
    command = ["sh", "-c", 'exec "$@" 2>&-', "sh", *COMMAND, str(damaged)]

    done = subprocess.run(command, stdout=subprocess.PIPE, check=False, timeout=30)

    assert done.returncode == 1
    assert b"isvalid: false" in done.stdout


def test_a_closed_pipe_ends_it_silently(tmp_path: Path):
    partition = write_partition(tmp_path / "big-0", varied_batches(3000))
    with subprocess.Popen(
        [*COMMAND, "--records", str(partition)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b"Dumping ")
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 141


def test_an_interrupt_leaves_no_traceback(tmp_path: Path):
    partition = write_partition(tmp_path / "big-0", varied_batches(3000))
    with subprocess.Popen(
        [*COMMAND, "--records", str(partition)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"Dumping ")  # it has started, and waits for a reader
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)

    assert err == b""
    assert process.returncode == 130


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this system")
def test_a_full_disk_under_the_output_is_one_line(partition: Path):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*COMMAND, str(partition)], stdout=full, stderr=subprocess.PIPE, check=False, timeout=30)

    assert done.returncode == 2
    assert done.stderr == b"gomq-dump: cannot write: No space left on device\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this system")
@pytest.mark.parametrize("words", [["/nothing"], ["--nonsense"], ["repair", "/nothing"], ["export", "/nothing"]])
def test_what_cannot_be_said_on_stderr_ends_with_2_and_no_more(words: list[str]):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*COMMAND, *words], stdout=subprocess.PIPE, stderr=full, check=False, timeout=30)

    assert (done.returncode, done.stdout) == (2, b"")


def test_it_starts_without_what_it_does_not_need(partition: Path):
    code = (
        "import sys; from gomq_dump.cli import main; code = main(sys.argv[1:]);"
        "print(*sorted(set(sys.modules) & {'anyio', 'asyncio', 'trio', 'rich', 'click', 'kio', 'json', 'gomq'}),"
        " file=sys.stderr); sys.exit(code)"
    )

    done = subprocess.run([sys.executable, "-c", code, str(partition)], capture_output=True, check=True, timeout=30)

    assert done.stderr == b"\n"


def test_memory_does_not_grow_with_the_file(tmp_path: Path):
    batch = varied_batches(1, records_each=500)[0]
    peaks = []
    for count in (100, 4000):
        partition = write_partition(tmp_path / f"size{count}-0", [batch] * count)
        code = (
            "import resource, sys; from gomq_dump.cli import main; code = main(sys.argv[1:]);"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr); sys.exit(code)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, str(partition)],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True, timeout=60,
        )  # fmt: skip
        peaks.append(int(done.stderr))

    assert peaks[1] < 1.5 * peaks[0]
