"""A file of fixed-width entries is a list that a crash may have cut anywhere."""

import errno
import itertools
import threading
from bisect import bisect_right
from pathlib import Path
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
    assert [written[slot] for slot in range(len(written))] == entries
    written.flush()

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
    found.flush()

    assert entry_file(files)[len(entries)] == (7, 8)


@given(
    st.lists(st.tuples(st.integers(1, 300), st.integers(0, 10**6)), min_size=1, max_size=12),
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.integers(0, 500),
    st.data(),
)
def test_counting_finds_the_place_wherever_it_begins_to_look(
    runs: list[tuple[int, int]], guess: int | None, unwritten: int, data: st.DataObject
):
    """Each run is some entries with the same step between them, so that they rise as unevenly as one likes."""
    values = list(itertools.accumulate(step for count, step in runs for _ in range(count)))
    files = MemoryFiles()
    in_file = max(len(values) - unwritten, 0)
    files.put(files.root / "entries", b"".join(ENTRY.pack(value, 0) for value in values[:in_file]))
    entries = entry_file(files)
    for value in values[in_file:]:
        entries.append(value, 0)
    value = data.draw(st.sampled_from(values).map(lambda each: each - 1) | st.sampled_from(values), label="value")

    assert entries.count_upto(value, guess=guess) == bisect_right(values, value)


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
    entries.flush()
    files.open(files.root / "entries").truncate(ENTRY.size)

    assert (entries[0], entries[1]) == ((1, 1), (0, 0))


def test_entries_are_written_some_at_a_time():
    files = MemoryFiles()
    entries = entry_file(files)
    for number in range(1000):
        entries.append(number, number)

    assert len(files.content(files.root / "entries")) >= 950 * ENTRY.size
    assert [name for name, _ in files.history].count("write") < 30
    assert [entries[slot] for slot in range(1000)] == [(number, number) for number in range(1000)]


def test_entries_that_could_not_be_written_are_kept_and_written_later():
    files = MemoryFiles()
    entries = entry_file(files)
    files.fail_when(lambda _, name, __: OSError(errno.ENOSPC, "No space left") if name == "write" else None)

    failures = 0
    for number in range(100):
        try:
            entries.append(number, number)
        except OSError:
            failures += 1
    assert failures > 10
    assert (len(entries), entries[99]) == (100, (99, 99))
    files.fail_when(None)
    entries.append(100, 100)

    found = entry_file(files)
    assert [found[slot] for slot in range(len(found))] == [(number, number) for number in range(101)]


@given(entry_lists, entry_lists)
def test_rebuilding_leaves_the_file_alone_until_it_is_finished(old: list[tuple[int, int]], new: list[tuple[int, int]]):
    files = MemoryFiles()
    entries = entry_file(files)
    for entry in old:
        entries.append(*entry)
    entries.flush()
    before = files.content(files.root / "entries")

    entries.begin_rebuilding()
    for entry in new:
        entries.append(*entry)
    assert files.content(files.root / "entries") == before
    entries.finish_rebuilding()

    assert files.content(files.root / "entries") == b"".join(ENTRY.pack(*entry) for entry in new)
    assert [entries[slot] for slot in range(len(entries))] == new
    entries.append(5, 6)
    entries.flush()
    assert entry_file(files)[len(new)] == (5, 6)


def test_nothing_is_read_before_an_entry_is_wanted():
    files = MemoryFiles()
    entries = EntryFile(files.open(files.root / "entries"), ENTRY)
    assert files.calls == 0

    with pytest.raises(FileNotFoundError):
        len(entries)
    files.put(files.root / "entries", ENTRY.pack(1, 2))

    assert (len(entries), entries[0]) == (1, (1, 2))


def test_rebuilding_does_not_look_at_what_was_there():
    files = MemoryFiles()
    files.put(files.root / "entries", ENTRY.pack(1, 2) * 9)
    entries = EntryFile(files.open(files.root / "entries"), ENTRY)

    entries.begin_rebuilding()
    entries.append(3, 4)
    assert (files.calls, len(entries), entries[0]) == (0, 1, (3, 4))
    entries.finish_rebuilding()

    assert files.content(files.root / "entries") == ENTRY.pack(3, 4)


def test_rebuilding_that_could_not_be_finished_can_be_finished_later():
    files = MemoryFiles()
    entries = entry_file(files)
    entries.append(1, 1)
    entries.begin_rebuilding()
    entries.append(2, 2)
    files.fail_call(files.calls, error=errno.ENOSPC)

    with pytest.raises(OSError, match="No space left"):
        entries.finish_rebuilding()
    assert (len(entries), entries[0]) == (1, (2, 2))
    entries.append(3, 3)
    entries.finish_rebuilding()
    entries.finish_rebuilding()

    assert files.content(files.root / "entries") == ENTRY.pack(2, 2) + ENTRY.pack(3, 3)


@given(entry_lists, st.integers(0, 25), st.sampled_from(["in memory", "written", "opened again", "rebuilding"]))
def test_what_is_cut_is_gone_and_the_next_entry_follows_the_rest(before: list[tuple[int, int]], count: int, state: str):
    files = MemoryFiles()
    entries = entry_file(files)
    if state == "rebuilding":
        entries.begin_rebuilding()
    for number, entry in enumerate(before):
        entries.append(*entry)
        if state != "in memory" and number % 3 == 0:
            entries.flush()
    if state == "opened again":
        entries.flush()
        entries = entry_file(files)

    entries.cut(count)
    entries.append(5, 6)
    entries.finish_rebuilding()
    entries.flush()

    left = [*before[:count], (5, 6)]
    assert [entries[slot] for slot in range(len(entries))] == left
    assert files.content(files.root / "entries") == b"".join(ENTRY.pack(*entry) for entry in left)


def test_entries_are_synced_renamed_and_closed_with_their_file():
    files = MemoryFiles()
    entries = entry_file(files)
    files.sync_directory(files.root)
    entries.append(1, 1)
    entries.flush()
    entries.sync()
    entries.rename(files.root / "renamed")
    entries.append(2, 2)
    entries.flush()

    assert entries.path == files.root / "renamed"
    assert files.content(files.root / "renamed") == ENTRY.pack(1, 1) + ENTRY.pack(2, 2)
    kept = [content for seed in range(50) for content in files.crash(seed).snapshot(files.root).values()]
    assert len(kept) == 50
    assert all(content.startswith(ENTRY.pack(1, 1)) for content in kept)
    entries.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        entries[0]


def test_who_counts_the_entries_late_does_not_undo_an_append():
    files = MemoryFiles()
    files.put(files.root / "entries", ENTRY.pack(1, 1))
    entries = EntryFile(files.open(files.root / "entries"), ENTRY)
    appender = threading.Thread(target=entries.append, args=(2, 2))

    def append_meanwhile(_: int, name: str, __: Path) -> None:
        files.fail_when(None)
        assert name == "open"
        appender.start()
        appender.join(0.05)
        assert appender.is_alive(), "it waits until the entries are counted"

    files.fail_when(append_meanwhile)
    assert len(entries) == 1
    appender.join()

    assert (len(entries), entries[1]) == (2, (2, 2))
