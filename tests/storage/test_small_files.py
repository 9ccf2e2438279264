"""A range of a file to be sent, and small files that are replaced whole."""

import errno
from pathlib import Path

import pytest

from gomq_storage.files import FileRange, Files, read_whole, write_atomically
from tests.support.memory_files import MemoryFiles

Place = tuple[Files, Path]


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
