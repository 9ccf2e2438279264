"""The command gomq-dump repair: what it says, its exit codes, what it refuses; and data directories."""

import json
import os
import shutil
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from gomq_dump.cli import main
from gomq_storage.checkpoint import CleanEnd
from gomq_storage.config import LogConfig
from gomq_storage.directory import LogDirectory
from gomq_storage.layout import TopicPartition
from tests.support.log_batches import numbered
from tests.support.rights import as_nobody, folder_for_all

CONFIG = LogConfig(segment_bytes=1000)
LOG = "00000000000000000000.log"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with a partition of two topics each, left in order."""
    directory = LogDirectory.open(tmp_path / "data")
    ends: dict[TopicPartition, CleanEnd] = {}
    for topic in ("orders", "bills"):
        log = directory.create_log(TopicPartition(topic, 0), topic_id=uuid.uuid4(), config=CONFIG)
        for number in range(12):
            log.append(numbered(number))
        end = log.close()
        assert end is not None
        ends[log.name] = end
    directory.close(ends)
    return tmp_path / "data"


def damage(path: Path, position: int = 230) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def tree(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_a_sound_directory_has_nothing_to_repair(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["repair", str(data)]) == 0
    assert capsys.readouterr() == ("2 partitions: nothing is to be done\n", "")


def test_a_dry_run_says_what_would_be_done_and_changes_nothing(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damage(data / "orders-0" / LOG)
    before = tree(data)
    for more in ([], ["--in-place"], ["--to", str(data.parent / "new")]):
        assert main(["repair", str(data), *more]) == 1
        out, err = capsys.readouterr()
        first, *_, last = out.splitlines()
        assert first.startswith(
            f"drop    orders-0/{LOG}: 142 bytes at byte 142, offsets 3 to 5, 3 records: the CRC is 0x"
        )
        assert first.endswith(f"; kept in orders-0.{LOG}.byte-142.offsets-3-5.damaged")
        assert last.startswith("2 partitions: ")
        assert "nothing was written; add --to NEWDIR --execute" in last
        assert err == ""
    assert tree(data.parent) == {f"data/{name}": content for name, content in before.items()}


def test_json_has_an_object_for_each_deed_and_one_at_the_end(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damage(data / "orders-0" / LOG)
    assert main(["repair", str(data), "--format", "json"]) == 1
    *actions, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert [action["action"] for action in actions][:2] == ["drop", "fill"]
    assert actions[0]["path"] == f"orders-0/{LOG}"
    assert (actions[0]["position"], actions[0]["size"], actions[0]["record_count"]) == (142, 142, 3)
    assert last == {"type": "repair", "executed": False, "actions": len(actions)}


def test_a_copy_leaves_what_was_damaged_beside_it(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damage(data / "orders-0" / LOG)
    before, new = tree(data), data.parent / "new"
    assert main(["repair", str(data), "--to", str(new), "--execute"]) == 0
    assert f"{new} is sound; see {new}.damaged for what was left out" in capsys.readouterr().out
    assert tree(data) == before
    aside = f"orders-0.{LOG}.byte-142.offsets-3-5.damaged"
    assert tree(data.parent / "new.damaged") == {aside: before[f"orders-0/{LOG}"][142:284]}
    assert set(before) - set(tree(new)) == {".kafka_cleanshutdown", ".lock"}
    assert tree(new)[f"bills-0/{LOG}"] == before[f"bills-0/{LOG}"]
    assert main(["--verify", str(new)]) == 0


def test_damaged_bytes_can_be_dropped(data: Path) -> None:
    damage(data / "orders-0" / LOG)
    assert main(["repair", str(data), "--to", str(data.parent / "new"), "--execute", "--damaged", "drop"]) == 0
    assert not (data.parent / "new.damaged").exists()


def test_in_place_a_copy_of_what_changes_is_made_first(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damage(data / "orders-0" / LOG)
    before = tree(data)
    assert main(["repair", str(data), "--in-place", "--execute"]) == 0
    backup = data.parent / "data.before-repair.1"
    assert str(backup) in capsys.readouterr().out
    assert tree(backup)[f"orders-0/{LOG}"] == before[f"orders-0/{LOG}"]
    assert ".kafka_cleanshutdown" not in tree(data)
    assert main(["--verify", str(data)]) == 0
    assert main(["repair", str(data), "--in-place", "--execute"]) == 0
    assert not (data.parent / "data.before-repair.2").exists()


def test_one_partition_of_a_data_directory_is_repaired_with_what_the_checkpoints_say(data: Path) -> None:
    partition = data / "orders-0"
    last = max(partition.glob("*.log"))
    last.write_bytes(last.read_bytes()[:-1])
    assert main(["repair", str(partition), "--in-place", "--execute"]) == 0
    checkpoint = (data / "recovery-point-offset-checkpoint").read_text()
    assert "orders 0 33\n" in checkpoint
    assert "bills 0 36\n" in checkpoint
    assert (data.parent / "data.before-repair.1" / "orders-0" / last.name).exists()
    assert main(["--verify", str(data)]) == 0


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("recovery-point-offset-checkpoint", b"nonsense"),
        ("log-start-offset-checkpoint", b"0\n5\n"),
        ("cleaner-offset-checkpoint", b"9\n0\n"),
        ("meta.properties", b"#\nnode.id=1\n"),
    ],
)
def test_a_bad_file_of_a_data_directory_goes_with_a_word(
    data: Path, name: str, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / name).write_bytes(content)
    new = data.parent / "new"
    assert main(["repair", str(data), "--to", str(new), "--execute"]) == 0
    assert f"remove  {name}: " in capsys.readouterr().out
    assert not (new / name).exists()
    assert main(["--verify", str(new)]) == 0


def test_a_log_start_behind_the_end_of_a_log_deletes_nothing(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "log-start-offset-checkpoint").write_text("0\n2\nbills 0 12\norders 0 9000000000000000000\n")
    new = data.parent / "new"
    assert main(["repair", str(data), "--to", str(new), "--execute"]) == 0
    assert "orders-0 is at 9000000000000000000 in it, the log ends at 36" in capsys.readouterr().out
    assert (new / "log-start-offset-checkpoint").read_text() == "0\n1\nbills 0 12\n"
    assert tree(new)[f"orders-0/{LOG}"] == tree(data)[f"orders-0/{LOG}"]
    assert main(["--verify", str(new)]) == 0


def test_other_folders_are_left_alone_and_told_of(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "notes").mkdir()
    (data / f"old-0.{'0' * 32}-delete").mkdir()
    assert main(["repair", str(data)]) == 0
    out = capsys.readouterr().out
    assert "note    notes: it is no partition's folder, and is left alone" in out
    assert "-delete: it is being deleted" in out


def test_a_running_broker_is_in_the_way_of_a_repair_in_place_only(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(data / "orders-0" / LOG)
    broker = LogDirectory.open(data)
    assert main(["repair", str(data), "--in-place", "--execute"]) == 2
    assert "stop it first, or write a copy with --to NEWDIR" in capsys.readouterr().err
    assert main(["repair", str(data / "orders-0"), "--in-place", "--execute"]) == 2
    assert "stop it first, or write a copy with --to NEWDIR" in capsys.readouterr().err
    assert main(["repair", str(data)]) == 1
    assert "a broker is using" in capsys.readouterr().err
    broker.close()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["{data}", "--execute"], "--execute needs --to NEWDIR, which leaves DIR as it is, or --in-place"),
        (["{data}", "--to", "{data}/..", "--execute"], "is there already and not empty"),
        (["{data}", "--to", "{data}/../no/new"], "is no directory; make it first"),
        (["{data}", "--to", "{data}/new"], "is in what is to be repaired"),
        (["{data}/nothing"], "No such file or directory"),
        (["{data}/bills-0/00000000000000000000.log"], "Not a directory"),
        (["{data}/empty"], "has neither segment files"),
        (["{data}", "--to", "x", "--in-place"], "not allowed with argument"),
        ([], "required: DIR"),
    ],
)
def test_what_cannot_be_done_exits_with_2_and_a_line_that_says_why(
    data: Path, arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / "empty").mkdir()
    assert main(["repair", *(argument.format(data=data) for argument in arguments)]) == 2
    err = capsys.readouterr().err
    assert complaint in err
    assert "Traceback" not in err


def test_a_file_that_cannot_be_read_is_named(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with folder_for_all() as folder:
        log = Path(shutil.copytree(data, folder / "data")) / "orders-0" / LOG
        for path in (folder / "data", *(folder / "data").rglob("*")):
            path.chmod(0o755)
        log.chmod(0)
        with as_nobody():
            assert main(["repair", str(folder / "data")]) == 2
        assert f"gomq-dump: {log}: Permission denied" in capsys.readouterr().err


def test_a_disk_without_room_leaves_no_copy_and_is_named(data: Path) -> None:
    damage(data / "orders-0" / LOG)
    script = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))\n"
    script += "from gomq_dump.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", script, "repair", str(data), "--to", str(data.parent / "new"), "--execute"]
    done = subprocess.run(command, capture_output=True, check=False, timeout=30)
    assert done.returncode == 2
    assert done.stderr.decode().endswith(".log: File too large\n")
    assert sorted(os.listdir(data.parent)) == ["data"]


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["repair", "--help"]) == 0
    assert "Examples:\n  gomq-dump repair data/orders-0 " in capsys.readouterr().out


def test_ctrl_c_in_the_middle_of_a_copy_leaves_nothing_of_it(data: Path) -> None:
    damage(data / "orders-0" / LOG)
    interrupted = """
import os, signal, sys
from gomq_dump.cli import main
from gomq_storage.files import OsFile
write, count = OsFile.write, 0
def writes(self, position, parts):
    global count
    count += 1
    if count == 5:
        os.kill(os.getpid(), signal.SIGINT)
    write(self, position, parts)
OsFile.write = writes
sys.exit(main(sys.argv[1:]))
"""
    command = [sys.executable, "-c", interrupted, "repair", str(data), "--to", str(data.parent / "new"), "--execute"]
    done = subprocess.run(command, capture_output=True, check=False, timeout=30)
    assert (done.returncode, done.stderr) == (128 + signal.SIGINT, b"")
    assert sorted(os.listdir(data.parent)) == ["data"]
