"""What only the real file system does: short writes, limits, modes, links, names that go while they are listed."""

import errno
import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from gomq_storage.files import OsFiles


def test_a_write_that_the_system_cuts_short_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def short(descriptor: int, parts: Sequence[bytes], position: int) -> int:
        return os.pwrite(descriptor, b"".join(parts)[:5], position)

    monkeypatch.setattr("gomq_storage.files.os.pwritev", short)
    file = OsFiles().open(tmp_path / "a", create=True)

    file.write(2, [b"abc", b"defg", b"hij"])

    assert file.read(0, 99) == b"\0\0abcdefghij"


def test_a_read_that_the_system_cuts_short_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = OsFiles().open(tmp_path / "a", create=True)
    file.write(0, [b"0123456789"])
    whole = os.pread
    monkeypatch.setattr("gomq_storage.files.os.pread", lambda fd, size, at: whole(fd, min(size, 3), at))

    assert (file.read(1, 8), file.read(5, 99)) == (b"12345678", b"56789")


def test_a_write_beyond_what_is_allowed_fails(tmp_path: Path):
    limit = 700
    script = (
        "import sys; from pathlib import Path; from gomq_storage.files import OsFiles\n"
        "file = OsFiles().open(Path(sys.argv[1]), create=True)\n"
        "try: file.write(0, [bytes(400), bytes(600)])\n"
        "except OSError as error: print(error.errno, file.size())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "a")], capture_output=True, text=True, check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )  # fmt: skip

    assert done.stdout.split() == [str(errno.EFBIG), str(limit)]


def test_what_this_process_makes_others_may_read_and_children_do_not_inherit(tmp_path: Path):
    file = OsFiles().open(tmp_path / "a", create=True)
    descriptor = file.duplicate_descriptor()

    assert (tmp_path / "a").stat().st_mode & 0o600 == 0o600
    assert not os.get_inheritable(descriptor)
    os.close(descriptor)


def test_the_link_to_a_directory_goes_and_the_directory_stays(tmp_path: Path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")

    OsFiles().remove_directory(tmp_path / "link")

    assert [path.name for path in tmp_path.iterdir()] == ["elsewhere"]


def test_links_to_files_have_sizes_and_those_that_lead_nowhere_have_none(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"12345")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    (tmp_path / "broken").symlink_to(tmp_path / "nothing")

    assert OsFiles().sizes(tmp_path) == {"a": 5, "link": 5}
