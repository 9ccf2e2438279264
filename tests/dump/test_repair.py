"""What a repair does about each kind of damage. The log has three segments of six, six and three batches."""

import pytest

from gomq_dump.repairing.edits import Deed
from gomq_storage.batch import read_header
from gomq_storage.checkpoint import LogCheckpoint
from gomq_storage.errors import DamagedLogError
from gomq_storage.log import Log
from tests.support.log_batches import NOW, batch_of, numbered, produced
from tests.support.memory_files import MemoryFiles
from tests.support.repairing import batches_in, changed, deeds, log_deeds, mended, plan
from tests.support.sound_log import CLOSED, CONFIG, SIZE, killed, opened, put, segment, stamped
from tests.support.transactional import ABORT, COMMIT, marker, part_of

FIELDS = {
    "base offset": (7, b"\x63"),
    "a base offset that is too small": (7, b"\x02"),
    "a base offset one further": (7, b"\x19"),
    "a base offset that cannot be": (0, b"\x80"),
    "a length that is too large": (8, b"\x7f"),
    "a length that is too small": (11, b"\x0a"),
    "a length that is a little more": (11, b"\x83"),
    "magic": (16, b"\x01"),
    "a leader epoch that is larger": (12, b"\x01"),
    "a leader epoch that is negative": (12, b"\xf0"),
}


def test_a_log_that_is_sound_stays_as_it_is() -> None:
    planned = plan(put(CLOSED))
    assert not planned.changes
    assert planned.deeds.actions == []


def test_what_a_broker_that_was_killed_leaves_stays_as_it_is() -> None:
    left = {**CLOSED, segment(36, ".timeindex"): bytes(1200), segment(36, ".index"): bytes(800)}
    del left["leader-epoch-checkpoint"], left[segment(45, ".snapshot")]
    planned = plan(put(left))
    assert [action.reason for action in planned.deeds.actions] == ["it is missing"]  # of the sealed segments' epoch
    left["leader-epoch-checkpoint"] = CLOSED["leader-epoch-checkpoint"]
    assert not plan(put(left)).changes


@pytest.mark.parametrize("number", [0, 2, 5])
@pytest.mark.parametrize("name", FIELDS)
def test_a_field_without_a_checksum_is_put_right_where_the_neighbours_say_what_it_was(name: str, number: int) -> None:
    offset, value = FIELDS[name]
    if name == "a base offset one further":
        value = bytes([18 + 3 * number + 1])
    if name == "a base offset that is too small" and number == 0:
        value = b"\x11"
    damaged = changed(number * SIZE + offset, value)
    planned = plan(damaged)
    first = 18 + 3 * number
    assert log_deeds(planned) == [("mend", number * SIZE, first, first + 2)]
    assert mended(damaged)[segment(18)] == CLOSED[segment(18)]


def test_magic_and_length_can_both_be_wrong() -> None:
    damaged = changed(2 * SIZE + 8, b"\0\0\0\x07\0\0\0\0\x09")
    assert mended(damaged)[segment(18)] == CLOSED[segment(18)]


def test_a_damaged_batch_goes_and_an_empty_one_stands_for_its_offsets() -> None:
    damaged = changed(2 * SIZE + 100, b"!!")
    planned = plan(damaged)
    assert log_deeds(planned) == [("drop", 2 * SIZE, 24, 26), ("fill", 3 * SIZE, 24, 26)]
    assert planned.deeds.actions[0].records == 3
    (aside,) = planned.asides
    assert aside.name == f"orders-0.{segment(18)}.byte-{2 * SIZE}.offsets-24-26.damaged"
    found, whole = batches_in(mended(damaged)[segment(18)]), batches_in(CLOSED[segment(18)])
    header = read_header(found.pop(24))
    assert (header.record_count, header.last_offset) == (0, 26)
    del whole[24]
    assert found == whole


def test_a_number_of_records_that_cannot_be_is_not_told() -> None:
    planned = plan(changed(2 * SIZE + 58, b"\xff"))
    assert log_deeds(planned)[0] == ("drop", 2 * SIZE, 24, 26)
    assert planned.deeds.actions[0].records is None


def test_a_log_that_no_broker_opens_goes_on_at_the_same_offsets() -> None:
    with pytest.raises(DamagedLogError):
        opened(killed(changed(SIZE + 100, b"!!", base_offset=36)))
    log = opened(put(mended(killed(changed(SIZE + 100, b"!!", base_offset=36)))))
    assert (log.log_start, log.log_end) == (0, 45)
    log.close()
    log = opened(put(mended(changed(2 * SIZE + 100, b"!!"))))
    assert (log.log_start, log.log_end) == (0, 45)
    assert log.recovery.truncated_bytes == 0
    log.close()


def test_damage_over_several_batches_is_passed_over_up_to_the_next_good_one() -> None:
    planned = plan(changed(SIZE + 5, bytes(2 * SIZE)))
    kinds = [deed[0] for deed in log_deeds(planned)]
    assert kinds[-1] == "fill"
    assert log_deeds(planned)[-1][2:] == (21, 26)


def test_a_batch_that_is_there_twice_goes_once() -> None:
    log = CLOSED[segment(18)]
    twice = put({**CLOSED, segment(18): log[: 2 * SIZE] + log[SIZE:]})
    assert log_deeds(plan(twice)) == [("drop", 2 * SIZE, 21, 23)]
    assert mended(twice)[segment(18)] == log


def test_a_batch_at_the_end_whose_offset_nothing_confirms_is_cut_off() -> None:
    assert log_deeds(plan(changed(2 * SIZE + 7, b"\x02", base_offset=36))) == [("cut", 2 * SIZE, 42, None)]


@pytest.mark.parametrize("left", [5, 61, SIZE - 1])
def test_a_torn_tail_is_cut_off(left: int) -> None:
    torn = put({**CLOSED, segment(36): CLOSED[segment(36)][: 2 * SIZE + left]})
    planned = plan(torn)
    assert log_deeds(planned) == [("cut", 2 * SIZE, 42, None)]
    assert planned.log_end == 42
    assert mended(torn)[segment(36)] == CLOSED[segment(36)][: 2 * SIZE]


def test_zeros_at_the_end_are_cut_off_and_not_kept() -> None:
    planned = plan(put({**CLOSED, segment(36): CLOSED[segment(36)] + bytes(4096)}))
    assert log_deeds(planned) == [("cut", 3 * SIZE, 45, None)]
    assert planned.asides == []


def test_a_sealed_segment_that_ends_too_early_is_filled_up_to_the_next() -> None:
    torn = put({**CLOSED, segment(18): CLOSED[segment(18)][:-5]})
    assert log_deeds(plan(torn)) == [("drop", 5 * SIZE, 33, 35), ("fill", 6 * SIZE - 5, 33, 35)]


def test_a_missing_segment_is_stood_in_for() -> None:
    missing = put({name: content for name, content in CLOSED.items() if name != segment(18)})
    planned = plan(missing)
    assert log_deeds(planned) == [("fill", 6 * SIZE, 18, 35)]
    assert deeds(planned.deeds.actions)[segment(18, ".index")] == "remove"
    assert segment(18) not in mended(missing)


def test_a_segment_without_a_good_batch_goes() -> None:
    planned = plan(put({**CLOSED, segment(18): b"\xff" * 300}))
    assert ("drop", 0, None, None) in log_deeds(planned)
    assert segment(18) in planned.removed


def test_offsets_are_not_given_out_again_where_all_of_the_last_segment_is_gone() -> None:
    lost = put({**CLOSED, segment(36): b"\xff" * 300})
    planned = plan(lost)
    assert planned.log_end == 36
    assert mended(lost)[segment(36)] == b""


def test_a_log_without_any_file_begins_where_the_old_one_had_come_to() -> None:
    empty = put({name: content for name, content in CLOSED.items() if not name.endswith(".log")})
    planned = plan(empty)
    assert (planned.log_start, planned.log_end) == (45, 45)
    log = opened(put(mended(empty)))
    assert log.log_end == 45
    log.close()


def test_what_overlaps_the_next_segment_goes_as_nobody_could_read_it() -> None:
    overlapping = put({**CLOSED, segment(18): CLOSED[segment(18)] + stamped(36, batch=numbered(99))})
    assert log_deeds(plan(overlapping)) == [("drop", 6 * SIZE, 36, 38)]
    assert mended(overlapping)[segment(18)] == CLOSED[segment(18)]


def test_offsets_that_compaction_removed_stay_missing() -> None:
    log = CLOSED[segment(18)]
    compacted = put({**CLOSED, segment(18): log[:SIZE] + log[3 * SIZE :]})
    known = plan(compacted, LogCheckpoint(first_dirty=36))
    assert log_deeds(known) == []
    assert log_deeds(plan(compacted)) == [("fill", SIZE, 21, 26)]


def test_offsets_that_no_segment_can_hold_are_not_filled() -> None:
    far = put({**CLOSED, segment(9_000_000_000_000_000_000): stamped(9_000_000_000_000_000_000)})
    with pytest.raises(DamagedLogError, match="the next one starts at 9000000000000000000"):
        plan(far)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (segment(18, ".index"), b"abc"),
        (segment(18, ".index"), b"\0\0\0\x05\0\0\0\x05"),
        (segment(18, ".timeindex"), b"\xff" * 24),
        (segment(0, ".timeindex"), b""),
        (segment(36, ".timeindex"), b"\0" * 11),
        ("leader-epoch-checkpoint", b"nonsense"),
        ("leader-epoch-checkpoint", b"0\n1\n3 7\n"),
        (segment(36, ".snapshot"), b"nonsense"),
        (segment(45, ".snapshot"), b""),
    ],
)
def test_a_file_that_follows_from_the_log_is_made_anew(name: str, content: bytes) -> None:
    files = put({**CLOSED, name: content})
    assert deeds(plan(files).deeds.actions)[name] == "rebuild"
    made = mended(files)[name]
    assert made == CLOSED[name] or (name.endswith("index") and made != content)  # how dense one was nobody knows


def test_the_topics_id_goes_where_it_is_none() -> None:
    planned = plan(put({**CLOSED, "partition.metadata": b"version: 0\ntopic_id: what\n"}))
    assert deeds(planned.deeds.actions) == {"partition.metadata": "remove"}
    assert plan(put({**CLOSED, "partition.metadata": b"version: 0\ntopic_id: R29NUSBpbnRlcm9wIHRlc3"})).changes
    good = b"version: 0\ntopic_id: R29NUSBpbnRlcm9wIHRlcw"
    assert not plan(put({**CLOSED, "partition.metadata": good})).changes


def test_an_interrupted_compaction_is_finished() -> None:
    kept = stamped(18, batch=numbered(6)) + stamped(33, batch=numbered(11))
    files = put({**CLOSED, segment(18, ".log.swap"): kept, segment(20, ".log.cleaned"): b"x"})
    planned = plan(files, LogCheckpoint(first_dirty=36))
    assert deeds(planned.deeds.actions)[segment(18, ".log.swap")] == "finish"
    assert b"".join(planned.logs[segment(18)].chunks()) == kept
    assert {segment(18, ".log.swap"), segment(20, ".log.cleaned")} <= set(planned.removed)


def test_a_compactions_result_that_is_damaged_counts_for_nothing_while_the_old_segments_are_there() -> None:
    planned = plan(put({**CLOSED, segment(18, ".log.swap"): CLOSED[segment(18)][:-9]}))
    assert planned.removed == [segment(18, ".log.swap")]
    assert not planned.logs


def producing(*batches: bytes) -> dict[str, bytes]:
    """Make a log of one segment and a next one that is empty, with its notes."""
    files = MemoryFiles()
    log = Log.open(files.root, CONFIG, files=files)
    for batch in batches:
        log.append(batch)
    log.roll()
    log.close()
    return files.snapshot(files.root)


def test_producers_are_known_as_the_batches_that_are_left_tell() -> None:
    batches = [produced([(NOW, b"value")], producer_id=7, sequence=number) for number in range(3)]
    contents = producing(*batches)
    log = bytearray(contents[segment(0)])
    log[-1] ^= 1
    files = put({**contents, segment(0): bytes(log)})
    planned = plan(files)
    assert planned.contents[segment(3, ".snapshot")] != contents[segment(3, ".snapshot")]
    reopened = Log.open(MemoryFiles().root, CONFIG, files=put(mended(files)))
    (producer,) = reopened.active_producers()
    assert (producer.producer_id, producer.last_sequence) == (7, 1)
    reopened.close()


def test_a_transaction_that_lost_its_end_is_told_of() -> None:
    contents = producing(part_of(9, b"a"), marker(9, COMMIT), batch_of(b"more"))
    log = bytearray(contents[segment(0)])
    size = len(part_of(9, b"a"))
    log[size + 70] ^= 1
    planned = plan(put({**contents, segment(0): bytes(log)}))
    (note,) = [action for action in planned.deeds.actions if action.deed is Deed.NOTE]
    assert "producer 9's transaction from offset 0 on may have lost its end" in note.reason


def test_a_transaction_whose_end_was_cut_off_is_told_of_whatever_was_damaged_before() -> None:
    files = MemoryFiles()
    log = Log.open(files.root, CONFIG, files=files)
    for batch in (batch_of(b"one"), batch_of(b"two"), part_of(9, b"a"), marker(9, COMMIT)):
        log.append(batch)
    log.close()
    contents = files.snapshot(files.root)
    raw = bytearray(contents[segment(0)])
    raw[70] ^= 1
    planned = plan(put({**contents, segment(0): bytes(raw[:-1])}))
    assert [deed[0] for deed in log_deeds(planned)] == ["drop", "fill", "cut"]
    assert any("producer 9's transaction from offset 2 on" in action.reason for action in planned.deeds.actions)


def test_aborted_transactions_are_listed() -> None:
    contents = producing(part_of(9, b"a"), marker(9, ABORT), batch_of(b"more"))
    planned = plan(put(contents))
    made = planned.contents[segment(0, ".txnindex")]
    assert made == (b"\0\0" + b"".join(number.to_bytes(8, "big") for number in (9, 0, 1, 2)))
    assert not plan(put({**contents, segment(0, ".txnindex"): made})).changes
    assert deeds(plan(put({**contents, segment(0, ".txnindex"): made[:-1]})).deeds.actions) == {
        segment(0, ".txnindex"): "rebuild"
    }


def test_batches_larger_than_what_is_read_at_once_are_looked_at_whole() -> None:
    large = [stamped(base, batch=batch_of(bytes([base]) * 1_500_000)) for base in (45, 46, 47)]
    log = bytearray(CLOSED[segment(36)] + b"".join(large))
    log[3 * SIZE + 1_400_000] ^= 1
    damaged = put({**CLOSED, segment(36): bytes(log)})
    assert [deed[0] for deed in log_deeds(plan(damaged))] == ["drop", "fill"]
    assert {45, 46, 47} <= set(batches_in(mended(damaged)[segment(36)]))
