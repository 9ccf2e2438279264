"""The file system seam: the real one and the one in memory pass the same tests."""

import errno
import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from gomq_storage.files import FileRange, Files, OsFiles, read_whole, write_atomically
from tests.support.memory_files import MemoryFiles


@pytest.fixture(params=["os", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Files, Path]:
    """A file system and an empty directory in it."""
    if request.param == "os":
        return OsFiles(), tmp_path
    memory = MemoryFiles()
    return memory, memory.root


Place = tuple[Files, Path]


def failure(error: type[OSError], number: int, path: Path) -> "pytest.RaisesExc[OSError]":
    """Expect an error of the operating system, with the path it is about."""
    return pytest.RaisesExc(error, check=lambda raised: (raised.errno, raised.filename) == (number, str(path)))


def test_what_is_written_is_read_wherever_it_is(place: Place):
    files, root = place
    file = files.open(root / "a", create=True)

    file.write(0, [b"one", bytearray(b"two"), memoryview(b"three")])
    file.write(3, [b"TWO"])

    assert file.size() == 11
    assert file.path == root / "a"
    assert file.read(0, 100) == b"oneTWOthree"
    assert (file.read(3, 3), file.read(6, 0), file.read(11, 5), file.read(50, 5)) == (b"TWO", b"", b"", b"")
    assert files.open(root / "a").read(0, 100) == b"oneTWOthree"


def test_a_write_behind_the_end_leaves_zeros_in_between(place: Place):
    files, root = place
    file = files.open(root / "a", create=True)

    file.write(4, [b"x"])
    file.write(9, [b""])

    assert file.read(0, 100) == b"\0\0\0\0x"


def test_a_file_is_cut_or_filled_with_zeros(place: Place):
    files, root = place
    file = files.open(root / "a", create=True)
    file.write(0, [b"abcdef"])

    file.truncate(2)
    assert (file.size(), file.read(0, 100)) == (2, b"ab")
    file.truncate(4)
    assert file.read(0, 100) == b"ab\0\0"
    file.sync()


def test_opening_makes_a_file_only_when_told_to(place: Place):
    files, root = place

    with failure(FileNotFoundError, errno.ENOENT, root / "a"):
        files.open(root / "a")
    files.open(root / "a", create=True).write(0, [b"kept"])

    assert files.open(root / "a", create=True).read(0, 9) == b"kept"


def test_what_is_no_file_cannot_be_opened(place: Place):
    files, root = place
    files.make_directory(root / "d")
    files.open(root / "f", create=True)

    with failure(IsADirectoryError, errno.EISDIR, root / "d"):
        files.open(root / "d")
    with failure(NotADirectoryError, errno.ENOTDIR, root / "f" / "g"):
        files.open(root / "f" / "g", create=True)


def test_a_closed_file_is_of_no_use_and_closing_again_does_no_harm(place: Place):
    files, root = place
    file = files.open(root / "a", create=True)
    file.close()
    file.close()

    for use in (file.size, file.sync, lambda: file.read(0, 1), lambda: file.write(0, [b"x"]), lambda: file.truncate(0)):
        with pytest.raises(OSError, match="Bad file descriptor"):
            use()


def test_names_come_sorted_and_only_of_that_directory(place: Place):
    files, root = place
    for name in ("b", "a", ".c"):
        files.open(root / name, create=True)
    files.make_directory(root / "d")
    files.open(root / "d" / "inside", create=True)

    assert files.names(root) == [".c", "a", "b", "d"]
    assert files.names(root / "d") == ["inside"]
    assert (files.exists(root / "a"), files.exists(root / "d"), files.exists(root / "e")) == (True, True, False)
    assert not files.exists(root / "a" / "b")
    with failure(FileNotFoundError, errno.ENOENT, root / "e"):
        files.names(root / "e")
    with failure(NotADirectoryError, errno.ENOTDIR, root / "a"):
        files.names(root / "a")


def test_a_directory_is_made_once_in_a_parent_that_is_there(place: Place):
    files, root = place
    files.make_directory(root / "d")

    with failure(FileExistsError, errno.EEXIST, root / "d"):
        files.make_directory(root / "d")
    with failure(FileNotFoundError, errno.ENOENT, root / "e" / "f"):
        files.make_directory(root / "e" / "f")


def test_renaming_replaces_a_file_and_moves_a_directory_with_all_in_it(place: Place):
    files, root = place
    files.open(root / "new", create=True).write(0, [b"new"])
    opened = files.open(root / "old", create=True)
    opened.write(0, [b"old"])
    files.make_directory(root / "d")
    files.open(root / "d" / "f", create=True)

    files.rename(root / "new", root / "old")
    files.rename(root / "d", root / "e")

    assert files.names(root) == ["e", "old"]
    assert files.names(root / "e") == ["f"]
    assert files.open(root / "old").read(0, 9) == b"new"
    assert opened.read(0, 9) == b"old", "who has the replaced file open keeps it"
    with pytest.raises(FileNotFoundError):
        files.rename(root / "nothing", root / "f")


def test_a_removed_file_stays_with_whoever_has_it_open(place: Place):
    files, root = place
    opened = files.open(root / "a", create=True)
    opened.write(0, [b"data"])

    files.remove(root / "a")

    assert files.names(root) == []
    assert opened.read(0, 9) == b"data"
    with failure(FileNotFoundError, errno.ENOENT, root / "a"):
        files.remove(root / "a")


def test_only_an_empty_directory_is_removed(place: Place):
    files, root = place
    files.make_directory(root / "d")
    files.open(root / "d" / "f", create=True)

    with failure(OSError, errno.ENOTEMPTY, root / "d"):
        files.remove_directory(root / "d")
    files.remove(root / "d" / "f")
    files.remove_directory(root / "d")

    assert files.names(root) == []
    with failure(FileNotFoundError, errno.ENOENT, root / "d"):
        files.remove_directory(root / "d")


def test_a_directorys_names_can_be_synced(place: Place):
    files, root = place
    files.sync_directory(root)

    with failure(FileNotFoundError, errno.ENOENT, root / "d"):
        files.sync_directory(root / "d")


def test_a_range_has_a_descriptor_of_its_own(place: Place):
    files, root = place
    file = files.open(root / "a", create=True)
    file.write(0, [b"0123456789"])
    part = FileRange(file.duplicate_descriptor(), 3, 4)
    file.close()
    files.remove(root / "a")

    part.load()
    assert part.is_cached()
    assert part.read() == b"3456"
    part.close()
    part.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        part.read()


def test_a_small_file_is_replaced_and_read(place: Place):
    files, root = place
    for content in (b"first content", b"second"):
        write_atomically(files, root / "a", content)
        assert read_whole(files, root / "a", max_bytes=100) == content

    assert files.names(root) == ["a"]
    assert read_whole(files, root / "a", max_bytes=3) == b"sec"


def test_a_crash_at_any_call_leaves_a_small_file_old_or_new():
    for call in range(8):
        for seed in range(30):
            files = MemoryFiles(seed=seed)
            path = files.root / "a"
            write_atomically(files, path, b"old" * 400)
            files.fail_call(files.calls + call, forever=True)
            try:
                write_atomically(files, path, b"new" * 500)
            except OSError:
                allowed = {b"old" * 400, b"new" * 500}
            else:
                allowed = {b"new" * 500}
            assert files.crash(seed).content(path) in allowed


def test_a_small_file_that_cannot_be_written_leaves_nothing_behind():
    files = MemoryFiles()
    files.fail_when(lambda _, name, __: OSError(errno.ENOSPC, "full") if name == "sync" else None)

    with pytest.raises(OSError, match="full"):
        write_atomically(files, files.root / "a", b"content")

    assert files.names(files.root) == []


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
