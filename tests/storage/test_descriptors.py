"""However few files may be open, every file works, and none is closed while it is used."""

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from gomq_storage.descriptors import DescriptorCache
from gomq_storage.files import OsFile, OsFiles
from tests.support.open_files import made, open_below


def in_child(script: str, directory: Path, *, limit: int) -> list[str]:
    """Run a script in a process that may open so many files; return the words it printed."""
    done = subprocess.run(
        [sys.executable, "-c", script, str(directory)], capture_output=True, text=True, check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)),
    )  # fmt: skip
    return done.stdout.split()


def test_nothing_is_opened_before_it_is_used(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"data")
    file = OsFiles(5).open(tmp_path / "a")
    assert open_below(tmp_path) == []

    assert file.read(0, 9) == b"data"
    assert open_below(tmp_path) == ["a"]
    file.close()
    assert open_below(tmp_path) == []


def test_the_file_that_was_not_used_for_the_longest_time_is_closed(tmp_path: Path):
    a, b, c, d = made(tmp_path, 4, max_open=3)
    assert open_below(tmp_path) == ["1", "2", "3"]

    b.size()
    a.size()

    assert open_below(tmp_path) == ["0", "1", "3"]
    c.sync()
    assert open_below(tmp_path) == ["0", "1", "2"]
    assert [file.read(0, 9) for file in (a, b, c, d)] == [b"0", b"1", b"2", b"3"]


def test_a_file_in_use_is_not_closed_for_another(tmp_path: Path):
    a, b, c = made(tmp_path, 3, max_open=1)
    first = a.take()
    second = a.take()  # as another thread might
    assert first == second

    b.size()
    c.size()
    assert open_below(tmp_path) == ["0", "2"]
    a.put_back(first)
    b.size()
    assert open_below(tmp_path) == ["0", "1"], "one of the two uses it still"
    a.put_back(second)
    b.size()
    c.size()

    assert open_below(tmp_path) == ["2"]


def test_a_file_in_use_is_closed_by_the_last_that_uses_it(tmp_path: Path):
    (file,) = made(tmp_path, 1, max_open=9)
    users = [file.take() for _ in range(3)]
    file.put_back(users.pop())

    file.close()

    with pytest.raises(OSError, match="Bad file descriptor"):
        file.take()
    assert os.pread(users[0], 9, 0) == b"0"
    file.put_back(users.pop())
    assert os.pread(users[0], 9, 0) == b"0"
    file.put_back(users.pop())
    assert open_below(tmp_path) == []
    with pytest.raises(OSError, match="Bad file descriptor"):
        file.read(0, 9)


def test_a_closed_file_makes_room(tmp_path: Path):
    a, b, c = made(tmp_path, 3, max_open=2)
    a.close()
    c.close()

    b.size()
    (tmp_path / "d").touch()
    OsFile(tmp_path / "d", b._cache).size()

    assert open_below(tmp_path) == ["1", "d"]
    assert b._cache.open_count == 2


def test_a_file_that_is_not_open_is_found_by_the_name_it_was_renamed_to(tmp_path: Path):
    a, b, c = made(tmp_path, 3, max_open=1)
    a.rename(tmp_path / "renamed")
    (tmp_path / "0").write_bytes(b"another")

    c.size()

    assert "renamed" not in open_below(tmp_path)
    assert a.read(0, 9) == b"0"
    assert b.read(0, 9) == b"1"


def test_a_file_is_made_once_and_not_again_when_somebody_removed_it(tmp_path: Path):
    a, _ = made(tmp_path, 2, max_open=1)
    (tmp_path / "0").unlink()

    with pytest.raises(FileNotFoundError):
        a.write(0, [b"x"])

    assert not (tmp_path / "0").exists()


def test_a_descriptor_of_its_own_outlives_the_file(tmp_path: Path):
    a, b = made(tmp_path, 2, max_open=1)
    descriptor = a.duplicate_descriptor()
    a.close()
    b.size()

    assert os.pread(descriptor, 9, 0) == b"0"
    os.close(descriptor)


@pytest.mark.parametrize(("limit", "expected"), [(100, 50), (30, 16)])
def test_without_a_number_half_of_what_the_process_may_open_is_used(tmp_path: Path, limit: int, expected: int):
    script = (
        "import os, resource, sys; from pathlib import Path; from gomq_storage.files import OsFiles\n"
        f"resource.setrlimit(resource.RLIMIT_NOFILE, ({limit}, 200))\n"
        "before = len(os.listdir('/proc/self/fd'))\n"
        "for n in range(150): OsFiles().open(Path(sys.argv[1], str(n)), create=True)\n"
        "print(len(os.listdir('/proc/self/fd')) - before)"
    )

    assert in_child(script, tmp_path, limit=200) == [str(expected)]


def test_where_descriptors_run_out_idle_files_are_closed_and_the_last_error_is_told(tmp_path: Path):
    script = (
        "import os, sys; from pathlib import Path; from gomq_storage.files import OsFiles\n"
        "root, files = Path(sys.argv[1]), OsFiles(10**6)\n"
        "opened = [files.open(root / str(n), create=True) for n in range(100)]\n"
        "for n, file in enumerate(opened): file.write(0, [b'%d' % n])\n"
        "print(all(file.read(0, 9) == b'%d' % n for n, file in enumerate(opened)))\n"
        "held, descriptors = opened[0].take(), []\n"
        "try:\n"
        "    while True: descriptors.append(opened[0].duplicate_descriptor())\n"
        "except OSError as error: print(error.errno)\n"
        "print(len(descriptors) > 40)\n"
        "try: opened[1].read(0, 9)\n"
        "except OSError as error: print(error.errno)\n"
        "os.close(descriptors.pop())\n"
        "print(len(files.names(root)), len(files.sizes(root)))\n"
        "files.sync_directory(root)\n"
        "print(opened[1].read(0, 9) == b'1')"
    )

    words = in_child(script, tmp_path, limit=64)

    assert words == ["True", str(errno.EMFILE), "True", str(errno.EMFILE), "100", "100", "True"]


def test_an_error_of_another_kind_closes_nothing(tmp_path: Path):
    made(tmp_path, 3, max_open=9)
    cache = DescriptorCache(9)

    with pytest.raises(FileNotFoundError):
        OsFile(tmp_path / "missing", cache).size()

    assert len(open_below(tmp_path)) == 3


def test_without_a_limit_there_is_one(monkeypatch: pytest.MonkeyPatch):
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    monkeypatch.setattr(resource, "getrlimit", lambda _: unlimited)

    assert DescriptorCache().max_open == 1 << 19


def test_a_call_that_finds_no_descriptor_left_is_made_again_until_nothing_can_be_closed(tmp_path: Path):
    a, *_ = made(tmp_path, 3, max_open=9)
    left: list[int] = []

    def call() -> None:
        left.append(len(open_below(tmp_path)))
        raise OSError(errno.ENFILE, os.strerror(errno.ENFILE))

    with pytest.raises(OSError, match="Too many open files in system"):
        a._cache.attempt(call)

    assert left == [3, 2, 1, 0]
