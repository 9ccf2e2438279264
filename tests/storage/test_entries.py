"""A file of fixed-width entries is a list that a crash may have cut anywhere."""

import errno
from struct import Struct

import pytest
from hypothesis import given, strategies as st

from gomq_storage.entries import EntryFile
from tests.support.memory_files import MemoryFiles

ENTRY = Struct(">qI")
entry_lists = st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**32 - 1)), max_size=20)


def entry_file(files: MemoryFiles) -> EntryFile:
    return EntryFile(files.open(files.root / "entries", create=True), ENTRY)


@given(entry_lists)
def test_what_is_appended_is_there_now_and_after_opening_again(entries: list[tuple[int, int]]):
    files = MemoryFiles()
    written = entry_file(files)
    for entry in entries:
        written.append(*entry)

    for found in (written, entry_file(files)):
        assert [found[slot] for slot in range(len(found))] == entries
    assert files.content(files.root / "entries") == b"".join(ENTRY.pack(*entry) for entry in entries)


@given(entry_lists, st.integers(1, ENTRY.size - 1))
def test_a_torn_entry_at_the_end_does_not_count_and_is_overwritten(entries: list[tuple[int, int]], torn: int):
    files = MemoryFiles()
    files.put(files.root / "entries", b"".join(ENTRY.pack(*entry) for entry in entries) + b"\xff" * torn)
    found = entry_file(files)

    assert len(found) == len(entries)
    found.append(7, 8)

    assert entry_file(files)[len(entries)] == (7, 8)


@pytest.mark.parametrize("slot", [-1, 2, 10**9])
def test_there_is_no_entry_before_the_first_and_behind_the_last(slot: int):
    entries = entry_file(MemoryFiles())
    entries.append(1, 1)
    entries.append(2, 2)

    with pytest.raises(IndexError):
        entries[slot]


def test_entries_that_somebody_cut_off_read_as_zeros():
    files = MemoryFiles()
    entries = entry_file(files)
    entries.append(1, 1)
    entries.append(2, 2)
    files.open(files.root / "entries").truncate(ENTRY.size)

    assert (entries[0], entries[1]) == ((1, 1), (0, 0))


def test_an_entry_that_could_not_be_written_is_not_there():
    files = MemoryFiles()
    entries = entry_file(files)
    entries.append(1, 1)
    files.fail_call(files.calls, error=errno.ENOSPC)

    with pytest.raises(OSError, match="No space left"):
        entries.append(2, 2)
    assert len(entries) == 1
    entries.append(3, 3)

    assert (len(entries), entries[1]) == (2, (3, 3))


@given(entry_lists, entry_lists)
def test_rebuilding_leaves_the_file_alone_until_it_is_finished(old: list[tuple[int, int]], new: list[tuple[int, int]]):
    files = MemoryFiles()
    entries = entry_file(files)
    for entry in old:
        entries.append(*entry)
    before = files.content(files.root / "entries")

    entries.begin_rebuilding()
    for entry in new:
        entries.append(*entry)
    assert files.content(files.root / "entries") == before
    entries.finish_rebuilding()

    assert files.content(files.root / "entries") == b"".join(ENTRY.pack(*entry) for entry in new)
    assert [entries[slot] for slot in range(len(entries))] == new
    entries.append(5, 6)
    assert entry_file(files)[len(new)] == (5, 6)
