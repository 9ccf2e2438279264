"""The file system in memory loses what was not synced, and nothing else."""

import errno
from itertools import product

import pytest

from tests.support.memory_device import SECTOR_BYTES
from tests.support.memory_files import MemoryFiles

SEEDS = range(200)


def after_crashes(files: MemoryFiles, name: str, *, reorder: bool = False) -> set[bytes | None]:
    """List what a file may hold after a power cut; None where it is gone."""
    return {files.crash(seed, reorder=reorder).snapshot(files.root).get(name) for seed in SEEDS}


def test_memory_keeps_what_was_synced_with_its_name():
    files = MemoryFiles()
    file = files.open(files.root / "a", create=True)
    file.write(0, [b"synced"])
    file.sync()
    files.sync_directory(files.root)

    assert after_crashes(files, "a") == {b"synced"}


def test_memory_may_lose_a_synced_file_whose_name_was_not_synced():
    files = MemoryFiles()
    file = files.open(files.root / "a", create=True)
    file.write(0, [b"synced"])
    file.sync()

    assert after_crashes(files, "a") == {None, b"synced"}


@pytest.mark.parametrize(
    ("reorder", "torn"), [(False, {"ooo", "noo", "nno", "nnn"}), (True, set(map("".join, product("on", repeat=3))))]
)
def test_memory_tears_what_was_not_synced_into_sectors(reorder: bool, torn: set[str]):
    files = MemoryFiles()
    files.put(files.root / "a", b"o" * 3 * SECTOR_BYTES)
    files.open(files.root / "a").write(0, [b"n" * 3 * SECTOR_BYTES])

    assert after_crashes(files, "a", reorder=reorder) == {
        b"".join(letter.encode() * SECTOR_BYTES for letter in letters) for letters in torn
    }


def test_memory_may_give_a_file_its_new_size_and_not_the_bytes():
    files = MemoryFiles()
    files.put(files.root / "a", b"old")
    files.open(files.root / "a").write(3, [b"new"])

    assert {b"old", b"old\0\0\0", b"oldnew"} <= after_crashes(files, "a")


def test_memory_may_forget_removing_and_renaming_but_never_does_one_half_of_a_rename():
    files = MemoryFiles()
    for name in ("a", "b", "c"):
        files.put(files.root / name, name.encode())
    files.rename(files.root / "a", files.root / "b")
    files.remove(files.root / "c")

    found = [files.crash(seed).snapshot(files.root) for seed in SEEDS]

    renamed, kept, c = {"b": b"a"}, {"a": b"a", "b": b"b"}, {"c": b"c"}
    assert all(each in found for each in (renamed, kept, renamed | c, kept | c))
    assert len({str(each) for each in found}) == 4


def test_memory_fails_the_calls_it_is_told_to():
    files = MemoryFiles()
    file = files.open(files.root / "a", create=True)
    files.fail_call(2)
    file.write(0, [b"fine"])

    with pytest.raises(OSError, match="Input/output error"):
        file.sync()
    file.sync()
    files.fail_call(files.calls, error=errno.ENOSPC, forever=True)
    for _ in range(2):
        with pytest.raises(OSError, match="No space left"):
            file.write(0, [b"x" * 9])

    assert [name for name, _ in files.history] == ["open", "write", "sync", "sync", "write", "write"]
    assert files.calls == 6


def test_memory_counts_opening_a_file_when_it_is_first_used():
    files = MemoryFiles()
    files.put(files.root / "a", b"data")
    file = files.open(files.root / "a")
    assert files.history == []
    files.fail_call(0, error=errno.EMFILE)

    with pytest.raises(OSError, match="Too many open files"):
        file.size()
    assert file.read(0, 9) == b"data"
    file.truncate(1)

    assert [name for name, _ in files.history] == ["open", "open", "read", "truncate"]


def test_memory_counts_sizes_and_renaming():
    files = MemoryFiles()
    file = files.open(files.root / "a", create=True)
    file.rename(files.root / "b")
    files.size(files.root / "b")
    files.sizes(files.root)

    calls = [("open", "a"), ("rename", "a"), ("size", "b"), ("sizes", files.root.name)]
    assert [(name, path.name) for name, path in files.history] == calls


def test_memory_may_forget_that_a_file_in_use_was_renamed():
    files = MemoryFiles()
    files.put(files.root / "a", b"old")
    file = files.open(files.root / "a")
    file.rename(files.root / "b")
    file.truncate(0)
    file.sync()

    assert {str(files.crash(seed).snapshot(files.root)) for seed in SEEDS} == {"{'a': b''}", "{'b': b''}"}
