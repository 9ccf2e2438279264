"""Segments are replaced wholly or not at all, whenever the power goes."""

import errno
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from gomq_storage.batch import check_batch
from gomq_storage.config import LogConfig
from gomq_storage.errors import DamagedLogError, LogOfflineError
from gomq_storage.layout import CLEANED_SUFFIX, REMOVED_SUFFIX, SWAP_SUFFIX, parse_segment_file_name
from gomq_storage.segment import Segment
from gomq_storage.swap import SwapReport, finish_swaps, replace
from tests.support.log_batches import numbered
from tests.support.memory_files import MemoryFiles

CONFIG = LogConfig(index_interval_bytes=100)
BASES = (10, 16, 22, 28)
"""Segments of two batches of three records; the last one is active."""
FIRST = "00000000000000000010.log"


def write_segment(files: MemoryFiles, base_offset: int, numbers: range, *, extra_suffix: str = "") -> Segment:
    segment = Segment.open(files, files.root, base_offset, create=True, extra_suffix=extra_suffix)
    for number in numbers:
        batch = numbered(number)
        segment.append(batch, check_batch(batch), base_offset=10 + 3 * number, leader_epoch=0, config=CONFIG)
    segment.seal()
    segment.sync()
    segment.sync_indexes()
    return segment


def prepared() -> tuple[MemoryFiles, list[Segment], Segment]:
    """Make a log of four segments, of which the first three were compacted to three batches, the last among them."""
    files = MemoryFiles()
    old = [write_segment(files, base, range(2 * place, 2 * place + 2)) for place, base in enumerate(BASES)]
    files.sync_directory(files.root)
    cleaned = write_segment(files, 10, range(1, 6, 2), extra_suffix=CLEANED_SUFFIX)
    return files, old, cleaned


def logs_of(files: MemoryFiles) -> dict[str, bytes]:
    return {name: content for name, content in files.snapshot(files.root).items() if name.endswith(".log")}


def outcomes() -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Say what the log files may be afterwards: the old ones, or the new ones."""
    files, _, cleaned = prepared()
    old = logs_of(files)
    active = "00000000000000000028.log"
    return old, {"00000000000000000010.log": files.content(cleaned.path), active: old[active]}


OLD, NEW = outcomes()


def assert_settled(files: MemoryFiles, *allowed: dict[str, bytes]) -> None:
    """Nothing but segments is left; their logs are the old or the new ones; indexes are those of their log."""
    snapshot = files.snapshot(files.root)
    assert all(parse_segment_file_name(name) for name in snapshot)
    logs = logs_of(files)
    assert logs in allowed
    indexes = {name: content for name, content in snapshot.items() if not name.endswith(".log")}
    made = indexes_of_new() if logs == NEW else indexes_of_old()
    assert all(made[name] == content for name, content in indexes.items())


def indexes_of_old() -> dict[str, bytes]:
    snapshot = prepared()[0].snapshot(Path("/memory"))
    return {name: content for name, content in snapshot.items() if name.endswith("index")}


def indexes_of_new() -> dict[str, bytes]:
    files, old, cleaned = prepared()
    replace(files, files.root, cleaned, old[:3])
    finish_swaps(files, files.root)
    return {name: content for name, content in files.snapshot(files.root).items() if name.endswith("index")}


def calls_of(action: Callable[[MemoryFiles], object], files: MemoryFiles) -> int:
    before = files.calls
    action(files)
    return files.calls - before


def interrupted(after: int) -> MemoryFiles:
    """Replace segments until that call, from which on all fail."""
    files, old, cleaned = prepared()
    files.fail_call(files.calls + after, forever=True)
    with pytest.raises((OSError, LogOfflineError)):
        replace(files, files.root, cleaned, old[:3])
    files.fail_when(None)
    return files


def calls_of_replace() -> int:
    files, old, cleaned = prepared()
    return calls_of(lambda files: replace(files, files.root, cleaned, old[:3]), files)


def test_a_segment_takes_the_place_of_others_whose_files_stay_for_their_readers():
    files, old, cleaned = prepared()
    content = [files.content(segment.path) for segment in old]

    replace(files, files.root, cleaned, old[:3])

    assert logs_of(files) == NEW
    assert cleaned.path == files.root / "00000000000000000010.log"
    assert [segment.read(0, 1 << 20) for segment in old] == content
    deleted = [name for name in files.names(files.root) if name.endswith(REMOVED_SUFFIX)]
    assert len(deleted) == 9
    assert finish_swaps(files, files.root) == SwapReport()
    assert_settled(files, NEW)


def test_the_process_may_be_killed_at_any_call():
    seen = set()
    for call in range(calls_of_replace()):
        files = interrupted(call)
        finish_swaps(files, files.root)
        assert_settled(files, OLD, NEW)
        seen.add(logs_of(files) == NEW)
        assert finish_swaps(files, files.root) == SwapReport()
    assert seen == {False, True}


def test_the_power_may_go_at_any_call():
    for call in range(calls_of_replace()):
        for seed in range(30):
            files = interrupted(call).crash(seed)
            finish_swaps(files, files.root)
            assert_settled(files, OLD, NEW)
            after = files.crash(seed)
            assert finish_swaps(after, after.root) == SwapReport()


def test_once_it_is_done_no_power_cut_brings_the_old_segments_back():
    files, old, cleaned = prepared()
    replace(files, files.root, cleaned, old[:3])
    for seed in range(30):
        after = files.crash(seed)
        finish_swaps(after, after.root)
        assert_settled(after, NEW)


def replaced_again(after: int | None = None) -> MemoryFiles:
    """Replace segments, and at once what they were replaced by; from that call of the second time on all fail."""
    files, old, cleaned = prepared()
    replace(files, files.root, cleaned, old[:3])
    for segment in old[:3]:
        segment.remove(files)
    newer = write_segment(files, 10, range(5, 6), extra_suffix=CLEANED_SUFFIX)
    if after is not None:
        files.fail_call(files.calls + after, forever=True)
    with suppress(OSError, LogOfflineError):
        replace(files, files.root, newer, [cleaned])
    files.fail_when(None)
    return files


def test_the_power_may_go_while_a_segment_that_has_just_been_put_in_place_is_replaced_itself():
    wanted = replaced_again()
    finish_swaps(wanted, wanted.root)
    newer = wanted.snapshot(wanted.root)
    made = {NEW[FIRST]: indexes_of_new(), newer[FIRST]: newer}
    for call in range(calls_of_replace()):
        for seed in range(30):
            files = replaced_again(call).crash(seed)
            finish_swaps(files, files.root)
            after = files.snapshot(files.root)
            logs = logs_of(files)
            assert logs in (NEW, NEW | {FIRST: newer[FIRST]})
            indexes = {name: content for name, content in after.items() if name not in logs}
            assert indexes.items() <= made[logs[FIRST]].items()


@pytest.mark.parametrize("power", [False, True])
def test_finishing_may_be_interrupted_at_any_call_too(power: bool):
    for call in range(calls_of_replace()):
        for seed in range(3):
            broken = interrupted(call).crash(seed)
            wanted = broken.crash()
            calls = calls_of(lambda files: finish_swaps(files, files.root), wanted)
            for second in range(calls):
                files = broken.crash()
                files.fail_call(second, forever=True)
                with pytest.raises(OSError, match="error"):
                    finish_swaps(files, files.root)
                files.fail_when(None)
                if power:
                    files = files.crash(seed)
                finish_swaps(files, files.root)
                assert_settled(files, logs_of(wanted))


def test_a_failure_before_the_new_files_are_named_replaces_nothing():
    files, old, cleaned = prepared()
    files.fail_when(lambda _call, name, _path: OSError(errno.ENOSPC, "full") if name == "rename" else None)
    with pytest.raises(OSError, match="full"):
        replace(files, files.root, cleaned, old[:3])
    files.fail_when(None)

    cleaned.remove(files)
    assert files.snapshot(files.root).keys() == prepared()[0].snapshot(files.root).keys() - {
        f"00000000000000000010{suffix}{CLEANED_SUFFIX}" for suffix in (".log", ".index", ".timeindex")
    }
    assert logs_of(files) == OLD


def test_a_failure_later_on_can_only_be_mended_by_opening():
    files, old, cleaned = prepared()
    renamed = False

    def fail(_: int, name: str, __: Path) -> OSError | None:
        nonlocal renamed
        renamed |= name == "rename"
        return OSError(errno.EIO, "broken") if renamed and name == "sync_directory" else None

    files.fail_when(fail)
    with pytest.raises(LogOfflineError, match="replacing segments failed: broken"):
        replace(files, files.root, cleaned, old[:3])


def test_a_segment_cannot_stand_for_one_that_ends_behind_it_or_begins_elsewhere():
    files, old, cleaned = prepared()

    for others in (old, old[1:3], []):
        with pytest.raises(ValueError, match="a segment of offsets 10 to 28 cannot stand for"):
            replace(files, files.root, cleaned, others)

    assert logs_of(files) == OLD


def test_a_swap_file_of_kafkas_that_ends_early_takes_only_what_it_covers():
    files, _, _ = prepared()
    files.put(files.root / "00000000000000000010.log.swap", b"")

    assert finish_swaps(files, files.root).finished == 1

    assert logs_of(files) == OLD | {"00000000000000000010.log": b""}


def test_a_swap_file_that_is_no_log_is_refused_with_nothing_changed():
    for content in (NEW["00000000000000000010.log"][:-1], b"x" * 100):
        files, _, _ = prepared()
        files.put(files.root / "00000000000000000010.log.swap", content)
        before = files.snapshot(files.root)

        with pytest.raises(DamagedLogError, match="damaged"):
            finish_swaps(files, files.root)

        assert files.snapshot(files.root) == before


def test_aborted_transactions_of_removed_segments_go_with_them():
    for call in (None, calls_of_replace() - 1):
        files, old, cleaned = prepared()
        for base in BASES:
            files.put(files.root / f"{base:020d}.txnindex", b"")
        if call is None:
            replace(files, files.root, cleaned, old[:3])
        else:
            cleaned.rename(SWAP_SUFFIX)
        finish_swaps(files, files.root)

        left = [name for name in files.names(files.root) if name.endswith(".txnindex")]
        assert left == ["00000000000000000010.txnindex", "00000000000000000028.txnindex"]


def test_foreign_files_are_left_alone():
    files, _, cleaned = prepared()
    for name in ("00000000000000000016.log.torn", "notes.txt", "leader-epoch-checkpoint", "x.log.deleted"):
        files.put(files.root / name, b"mine")
    cleaned.rename(SWAP_SUFFIX)

    finish_swaps(files, files.root)

    assert sum(content == b"mine" for content in files.snapshot(files.root).values()) == 4
