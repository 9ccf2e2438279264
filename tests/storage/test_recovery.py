"""Opening a log: indexes are rebuilt, a torn tail is cut, and what may be good is never touched."""

import struct
import tracemalloc
from pathlib import Path

import pytest
from crc32c import crc32c
from hypothesis import given, settings, strategies as st

from gomq_storage.config import LogConfig
from gomq_storage.epochs import EpochStart
from gomq_storage.errors import DamagedLogError
from gomq_storage.log import Log
from gomq_storage.offset_index import MAX_RELATIVE_OFFSET
from gomq_storage.recovery import RecoveryReport
from tests.support.log_batches import batch_of, numbered, values_in, values_of, write_log
from tests.support.memory_files import MemoryFiles
from tests.support.sound_log import (
    BASES,
    BATCHES,
    CLEAN,
    COUNT,
    SIZE,
    SOUND,
    holding,
    killed,
    opened,
    segment,
    segments_of,
    stamped,
)


def assert_refused_untouched(files: MemoryFiles, name: str, position: int, *, reason: str | None = None) -> None:
    before = files.snapshot(files.root)
    with pytest.raises(DamagedLogError, match=reason) as raised:
        opened(files)
    assert (raised.value.path.name, raised.value.position) == (name, position)
    assert files.snapshot(files.root) == before


def test_a_log_that_was_closed_needs_no_repair():
    files = holding()
    log = opened(files)

    assert log.recovery == CLEAN
    assert values_in(log) == values_of(*BATCHES)
    log.close()
    assert segments_of(files) == SOUND
    assert opened(files).recovery == CLEAN


def test_indexes_without_a_log_are_removed_and_reported_and_other_files_are_left_alone():
    strays = {segment(90, ".index"): b"x", segment(90, ".timeindex"): b"y"}
    names = ["notes.txt", segment(0, ".log.torn-5"), segment(0, ".log.bak"), segment(0, ".txnindex"), "5.log"]
    foreign = dict.fromkeys(names, b"z")
    files = holding(**strays, **foreign)
    log = opened(files)

    assert log.recovery == RecoveryReport(removed_files=2)
    assert values_in(log) == values_of(*BATCHES)
    log.close()
    assert segments_of(files) == SOUND
    assert files.snapshot(files.root).items() > foreign.items()


@pytest.mark.parametrize("tail", [b"\x01", b"\0" * 100, b"garbage " * 900, BATCHES[3][:-1], BATCHES[3][:20]], ids=len)
def test_a_torn_tail_is_cut_reported_and_kept_beside_unless_it_is_zeros(tail: bytes):
    name = segment(36)
    files = holding(**{name: SOUND[name] + tail})
    log = opened(files)

    assert log.recovery == RecoveryReport(truncated_bytes=len(tail))
    assert files.content(files.root / name) == SOUND[name]
    kept = files.snapshot(files.root).get(f"{name}.torn-{3 * SIZE}")
    assert kept == (tail if tail.strip(b"\0") else None)
    log.append(numbered(COUNT))
    assert values_in(log) == values_of(*BATCHES, numbered(COUNT))
    log.close()
    assert opened(files).recovery == CLEAN


def test_what_is_cut_is_on_the_device_before_it_is_cut():
    name = segment(36)
    files = holding(**{name: SOUND[name] + b"torn"})
    opened(files)
    calls = [(call, path.name) for call, path in files.history]

    cut = calls.index(("truncate", name))
    assert calls.index(("sync", f"{name}.torn-{3 * SIZE}")) < calls.index(("sync_directory", "memory")) < cut
    assert calls[cut + 1] == ("sync", name)


def flipped(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@pytest.mark.parametrize("number", [12, 13])
def test_every_flipped_bit_of_a_batch_in_the_last_segment_with_others_behind_it_is_damage(number: int):
    name, start = segment(36), (number - 12) * SIZE
    epoch = range(8 * (start + 12), 8 * (start + 16))
    for bit in range(8 * start, 8 * (start + SIZE)):
        # A leader epoch that rose is found at the next batch, where it falls again; one below zero at once.
        found_at = start + SIZE if bit in epoch and bit != epoch[7] else start
        assert_refused_untouched(holding(**{name: flipped(SOUND[name], bit)}), name, found_at)


@pytest.mark.parametrize("base", [0, 18])
def test_a_flipped_bit_in_a_closed_segment_is_damage_where_opening_looks_and_changes_no_log_anywhere(base: int):
    name = segment(base)
    refused = 0
    for bit in range(0, 8 * 6 * SIZE, 11):
        files = holding(**{name: flipped(SOUND[name], bit)})
        try:
            opened(files).abandon()
        except DamagedLogError:
            refused += 1
        assert {each: files.content(files.root / each) for each in map(segment, BASES)} == {
            each: SOUND[each] if each != name else flipped(SOUND[name], bit) for each in map(segment, BASES)
        }
    assert refused


def test_every_flipped_bit_of_the_last_batch_costs_this_batch_or_an_error_and_no_altered_record_is_read():
    name, start = segment(36), 2 * SIZE
    sound = values_of(*BATCHES)
    unnoticed = set()
    for bit in range(8 * SIZE):
        content = flipped(SOUND[name], 8 * start + bit)
        files = holding(**{name: content})
        try:
            log = opened(files)
        except DamagedLogError:
            assert files.content(files.root / name) == content
            continue
        values = values_in(log)
        if values == sound:
            unnoticed.add(bit // 8)
        else:
            assert values == sound[:-3]
            assert log.recovery.truncated_bytes == SIZE
            assert files.content(files.root / f"{name}.torn-{start}") == content[start:]
    # A leader epoch that only went up could be right; the next batch would tell.
    assert unnoticed == {12, 13, 14, 15}


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("length", [-(2**31), -1, 0, 13, 48, 49, SIZE - 13, SIZE - 11, 2 * SIZE - 12, 2**31 - 1])
def test_a_length_that_lies_in_the_last_segment_is_damage_and_takes_no_memory(number: int, length: int):
    name = segment(36)
    content = bytearray(SOUND[name])
    struct.pack_into(">i", content, number * SIZE + 8, length)
    files = holding(**{name: bytes(content)})

    assert_refused_untouched(files, name, number * SIZE, reason="valid batch follows at byte")


@pytest.mark.parametrize("more", [1, 100, 1 << 20])
def test_a_last_batch_whose_length_reaches_beyond_the_file_is_cut_though_its_crc_holds(more: int):
    """The CRC does not cover the length, and is that of what is there."""
    name = segment(36)
    content = bytearray(SOUND[name])
    struct.pack_into(">i", content, 2 * SIZE + 8, SIZE - 12 + more)
    files = holding(**{name: bytes(content)})
    log = opened(files)

    assert log.recovery == RecoveryReport(truncated_bytes=SIZE)
    assert values_in(log) == values_of(*BATCHES[:-1])
    assert files.content(files.root / f"{name}.torn-{2 * SIZE}") == content[2 * SIZE :]


def test_a_length_that_lies_of_much_that_is_there_takes_no_memory(tmp_path: Path):
    log = Log.open(tmp_path)
    for _ in range(40):
        log.append(batch_of(bytes(1 << 20 - 1)))
    log.abandon()
    path = tmp_path / segment(0)
    with path.open("r+b") as file:
        file.seek(8)
        file.write((39 << 19).to_bytes(4, "big"))
    tracemalloc.start()
    try:
        with pytest.raises(DamagedLogError):
            Log.open(tmp_path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 5 << 20


def test_batches_larger_than_what_is_read_at_once_are_checked_whole():
    config = LogConfig(max_message_bytes=8 << 20)
    files = MemoryFiles()
    batches = [batch_of(bytes([number]) * size) for number, size in enumerate((3 << 20, 10, (1 << 20) - 80, 2 << 20))]
    write_log(files.root, batches, config, files=files)
    files = killed(files)
    log = Log.open(files.root, config, files=files)
    assert log.recovery == CLEAN
    assert log.recovery.scanned_bytes == log.size
    assert values_in(log) == values_of(*batches)
    log.abandon()
    files.open(files.root / segment(0)).write(files.open(files.root / segment(0)).size() - 2, [b"!"])

    assert values_in(Log.open(files.root, config, files=files)) == values_of(*batches[:-1])


def test_a_closed_segment_that_was_cut_is_damage():
    name = segment(18)
    for size in (0, 1, SIZE, 4 * SIZE, 6 * SIZE - 1):
        files = holding(**{name: SOUND[name][:size]})
        position = size // SIZE * SIZE
        assert_refused_untouched(files, name, position)


def test_a_missing_segment_is_damage():
    assert_refused_untouched(
        holding(**{segment(18): None, segment(18, ".index"): None, segment(18, ".timeindex"): None}),
        segment(0), 6 * SIZE, reason="ends before offset 18, the next one starts at 36",
    )  # fmt: skip


def test_a_segment_that_another_one_reaches_into_is_damage():
    reaching = {segment(15): SOUND[segment(0)][5 * SIZE :], segment(15, ".index"): b"", segment(15, ".timeindex"): b""}
    files = holding(**reaching)

    assert_refused_untouched(files, segment(0), 6 * SIZE)


def test_an_empty_last_segment_takes_the_next_batch():
    files = holding(**{segment(45): b""})
    log = opened(files)
    log.append(numbered(COUNT))

    assert values_in(log) == values_of(*BATCHES, numbered(COUNT))
    assert files.content(files.root / segment(45)) == stamped(45, batch=numbered(COUNT))


def test_a_log_may_begin_anywhere():
    files = MemoryFiles()
    files.put(files.root / segment(18), SOUND[segment(18)])
    log = opened(files)

    assert (log.log_start, log.log_end) == (18, 36)
    assert values_in(log) == values_of(*BATCHES[6:12])


@pytest.mark.parametrize("where", [0, 1])
def test_a_leader_epoch_that_goes_back_is_damage_and_nothing_is_cut(where: int):
    epochs = [3, 3, 3]
    epochs[where] = 7
    log = b"".join(stamped(3 * number, leader_epoch=epoch) for number, epoch in enumerate(epochs))
    files = MemoryFiles()
    for suffix, content in ((".log", log), (".index", b""), (".timeindex", b"")):
        files.put(files.root / segment(0, suffix), content)

    assert_refused_untouched(files, segment(0), (where + 1) * SIZE, reason="leader epoch 3 behind 7")


def test_leader_epochs_that_rise_or_are_missing_are_sound():
    files = MemoryFiles()
    epochs = [-1, 0, 0, 4, -1, 5]
    files.put(
        files.root / segment(0), b"".join(stamped(3 * number, leader_epoch=each) for number, each in enumerate(epochs))
    )

    assert opened(files).log_end == 18


def test_an_epoch_that_is_on_file_within_a_batch_is_one_of_a_batch_that_was_cut_off():
    files = MemoryFiles()
    log = Log.open(files.root, LogConfig(), files=files)
    log.append(batch_of(b"one"))
    log.begin_epoch(2)
    log.append(batch_of(b"two"))
    log.checkpoint()
    log.truncate(0)
    log.append(batch_of(b"three", b"four"))  # as far as the other two, in the first epoch
    log.abandon()

    log = Log.open(files.root, LogConfig(), files=files)

    assert log.epochs.entries == (EpochStart(0, 0),)


def test_offsets_that_no_index_can_hold_are_damage_and_no_crash():
    wide = bytearray(stamped(18))
    struct.pack_into(">i", wide, 23, MAX_RELATIVE_OFFSET)
    struct.pack_into(">I", wide, 17, crc32c(bytes(wide[21:])))
    files = holding(**{segment(base, suffix): None for base in (18, 36) for suffix in (".log", ".index", ".timeindex")})
    files.put(files.root / segment(0), SOUND[segment(0)] + wide)

    assert_refused_untouched(files, segment(0), 6 * SIZE, reason="too far from the file's first")


@settings(deadline=None, max_examples=25)
@given(st.binary(max_size=3000), st.integers(0, 2))
def test_bytes_that_are_no_log_are_cut_and_kept(content: bytes, zeros: int):
    files = MemoryFiles()
    files.put(files.root / segment(0), content + bytes(zeros * 400))
    log = opened(files)

    assert log.log_end == 0
    assert log.recovery.truncated_bytes == len(content) + zeros * 400
    log.append(BATCHES[0])
    assert values_in(log) == values_of(BATCHES[0])
