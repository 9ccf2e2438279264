"""One broker has a data directory at a time, and one that died has it no more."""

import fcntl
import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from gomq_storage.config import LogConfig
from gomq_storage.directory import LogDirectory
from gomq_storage.errors import DirectoryInUseError
from gomq_storage.layout import TopicPartition

OPEN = "import sys, pathlib, gomq_storage.directory as d; kept = d.LogDirectory.open(pathlib.Path(sys.argv[1]))"


def test_a_second_broker_of_this_process_is_refused_and_the_first_unharmed(tmp_path: Path):
    first = LogDirectory.open(tmp_path)
    for _ in range(2):
        with pytest.raises(DirectoryInUseError) as raised:
            LogDirectory.open(tmp_path)
        assert raised.value.path == tmp_path
    first.create_log(TopicPartition("orders", 0), topic_id=uuid.uuid4(), config=LogConfig()).close()
    first.close()

    LogDirectory.open(tmp_path).close()


def test_a_second_broker_in_another_process_is_refused(tmp_path: Path):
    opened = LogDirectory.open(tmp_path)
    done = subprocess.run([sys.executable, "-c", OPEN, str(tmp_path)], capture_output=True, text=True, check=False)
    opened.close()

    assert done.returncode != 0
    assert "DirectoryInUseError" in done.stderr


def test_a_lock_like_kafkas_is_respected(tmp_path: Path):
    """Java locks with fcntl, which only another process can see."""
    script = (
        "import fcntl, sys; lock = open(sys.argv[1], 'w'); fcntl.lockf(lock, fcntl.LOCK_EX)\n"
        "print('locked', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(tmp_path / ".lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        with pytest.raises(DirectoryInUseError):
            LogDirectory.open(tmp_path)
        holder.communicate("")
    LogDirectory.open(tmp_path).close()


def test_the_lock_of_a_process_that_died_is_free(tmp_path: Path):
    dying = OPEN + "; import os; os.kill(os.getpid(), 9)"
    done = subprocess.run([sys.executable, "-c", dying, str(tmp_path)], check=False)

    assert done.returncode == -9
    LogDirectory.open(tmp_path).close()


def test_a_lock_has_both_kinds(tmp_path: Path):
    opened = LogDirectory.open(tmp_path)
    other = os.open(tmp_path / ".lock", os.O_RDWR)
    with pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(other)
    opened.close()
