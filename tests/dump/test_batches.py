"""Walking a log file: all of it is accounted for, and damage in one place costs nothing elsewhere."""

import struct

import pytest
from crc32c import crc32c
from hypothesis import given, settings, strategies as st

from gomq_dump.findings import Finding
from gomq_dump.reading.batches import Batch
from gomq_storage.batch import ATTRIBUTES_POSITION, HEADER, HEADER_SIZE, read_header
from gomq_storage.compression import Codec
from gomq_storage.record import NewRecord, build_batch, encode_batch
from tests.support.dumping import findings_in, problems, walk_log
from tests.support.segment_files import batch_positions, small_log

LOG = small_log(batches=5)
POSITIONS = batch_positions(LOG)
BASE_OFFSET_FIELD = range(8)
LEADER_EPOCH_FIELD = range(12, 16)


def changed(log: bytes, position: int, new: bytes) -> bytes:
    return log[:position] + new + log[position + len(new) :]


def batches_in(items: list[Batch | Finding]) -> list[Batch]:
    return [item for item in items if isinstance(item, Batch)]


def accounted_for(items: list[Batch | Finding]) -> int:
    """Add up the bytes of batches and of what was passed over."""
    return sum(item.header.size if isinstance(item, Batch) else item.size or 0 for item in items)


def only_finding(items: list[Batch | Finding]) -> Finding:
    (finding,) = findings_in(items)
    return finding


def test_a_sound_log_has_no_findings():
    items = walk_log(LOG)

    assert problems(items) == []
    assert [batch.position for batch in batches_in(items)] == POSITIONS
    assert all(batch.is_valid for batch in batches_in(items))


def test_records_are_read_only_when_asked_for():
    assert [batch.records for batch in batches_in(walk_log(LOG))] == [None] * 5
    offsets = [
        record.offset for batch in batches_in(walk_log(LOG, records=True)) if batch.records for record in batch.records
    ]
    assert offsets == list(range(15))


def test_an_empty_log_is_sound():
    assert walk_log(b"") == []


@settings(deadline=None)
@given(st.integers(0, 8 * len(LOG) - 1))
def test_a_flipped_bit_is_found_unless_only_the_neighbours_could_tell_and_cannot(bit: int):
    position = bit // 8
    hit = max(number for number, start in enumerate(POSITIONS) if start <= position)
    field = position - POSITIONS[hit]

    items = walk_log(changed(LOG, position, bytes([LOG[position] ^ 1 << bit % 8])))

    if not any(finding.is_damage for finding in findings_in(items)):
        is_last = hit == len(POSITIONS) - 1
        moved_forward = field in BASE_OFFSET_FIELD and is_last and problems(items) == ["offset-gap"]
        assert moved_forward or (field in LEADER_EPOCH_FIELD and hit in {0, len(POSITIONS) - 1})
    others = [start for number, start in enumerate(POSITIONS) if number != hit]
    assert set(others) <= {batch.position for batch in batches_in(items) if batch.is_valid}
    assert accounted_for(items) == len(LOG)


@settings(deadline=None)
@given(st.integers(0, len(LOG)))
def test_a_log_cut_within_a_batch_is_torn_there(size: int):
    items = walk_log(LOG[:size])

    whole = [start for start, end in zip(POSITIONS, [*POSITIONS[1:], len(LOG)], strict=True) if end <= size]
    assert [batch.position for batch in batches_in(items)] == whole
    if size in {*POSITIONS, len(LOG)}:
        assert problems(items) == []
    else:
        finding = only_finding(items)
        assert finding.problem in {"torn-tail", "zeroed-tail"}  # a batch's first bytes are zeros
        assert finding.position == max(start for start in POSITIONS if start < size)
        assert finding.position + (finding.size or 0) == size


EDITS = st.lists(
    st.tuples(st.integers(0, len(LOG)), st.integers(0, 200), st.binary(max_size=40)), min_size=1, max_size=4
)


@settings(deadline=None)
@given(EDITS, st.booleans())
def test_whatever_was_done_to_a_log_all_of_it_is_accounted_for(edits: list[tuple[int, int, bytes]], records: bool):
    log = LOG
    for position, removed, added in edits:
        log = log[:position] + added + log[position + removed :]

    items = walk_log(log, records=records)

    assert accounted_for(items) == len(log)
    positions = [item.position for item in items if isinstance(item, Batch)]
    assert positions == sorted(positions)


@settings(deadline=None)
@given(st.binary(max_size=300), st.integers(0, 2**63 - 1), st.booleans())
def test_arbitrary_bytes_are_accounted_for(data: bytes, base_offset: int, records: bool):
    assert accounted_for(walk_log(data, base_offset=base_offset, records=records)) == len(data)


@settings(deadline=None)
@given(st.data())
def test_batches_whose_crc_holds_but_whose_fields_are_nonsense_raise_nothing(data: st.DataObject):
    integers = [st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (16, 32, 64, 64, 64, 16, 32, 32)]
    fields = [data.draw(integer) for integer in integers]
    body = data.draw(st.binary(max_size=80))

    items = walk_log(sealed(fields, body), records=True)

    assert accounted_for(items) == HEADER_SIZE + len(body)


def sealed(fields: list[int], body: bytes) -> bytes:
    """Put a header with any fields, and the CRC that belongs to them, in front of a body."""
    covered = struct.pack(">hiqqqhii", *fields) + body
    return struct.pack(">qiibI", 0, HEADER_SIZE - 12 + len(body), 0, 2, crc32c(covered)) + covered


def test_a_bad_crc_is_reported_with_both_values_and_the_batch_is_shown():
    log = changed(LOG, POSITIONS[1] + 40, b"\xff")

    items = walk_log(log)

    finding = only_finding(items)
    assert (finding.problem, finding.position) == ("crc", POSITIONS[1])
    assert finding.expected == f"{read_header(LOG, POSITIONS[1]).crc:#010x}"
    assert finding.found not in {finding.expected, None}
    assert [batch.is_valid for batch in batches_in(items)] == [True, False, True, True, True]


@pytest.mark.parametrize("length", [49, 60, 400, 2**31 - 1], ids=["least", "shorter", "longer", "beyond-the-end"])
def test_a_lying_length_is_found_and_the_next_batch_too(length: int):
    items = walk_log(changed(LOG, POSITIONS[1] + 8, length.to_bytes(4, "big")))

    finding = only_finding(items)
    assert finding.problem in {"crc", "length"}
    assert (finding.position, finding.size) == (POSITIONS[1], POSITIONS[2] - POSITIONS[1])
    assert [batch.position for batch in batches_in(items)] == [POSITIONS[0], *POSITIONS[2:]]


def test_a_length_that_no_batch_can_have_is_reported_with_the_least_one():
    finding = only_finding(walk_log(changed(LOG, POSITIONS[1] + 8, (48).to_bytes(4, "big"))))

    assert (finding.problem, finding.expected, finding.found) == ("length", 49, 48)


@pytest.mark.parametrize(("magic", "problem"), [(0, "magic"), (1, "magic"), (3, "header"), (0x41, "header")])
def test_another_magic_is_reported(magic: int, problem: str):
    finding = only_finding(walk_log(changed(LOG, POSITIONS[2] + 16, bytes([magic]))))

    assert (finding.problem, finding.expected, finding.found) == (problem, 2, magic)


def test_offsets_that_go_backwards_are_reported_where_they_do():
    swapped = LOG[POSITIONS[1] : POSITIONS[2]] + LOG[: POSITIONS[1]] + LOG[POSITIONS[2] :]

    finding = [finding for finding in findings_in(walk_log(swapped)) if finding.is_damage]

    assert [(each.problem, each.expected, each.found) for each in finding] == [("offsets-backwards", 6, 0)]
    assert finding[0].position == POSITIONS[2] - POSITIONS[1]


def test_a_first_batch_in_front_of_the_file_names_offset_is_damage():
    finding = only_finding(walk_log(LOG, base_offset=7))

    assert (finding.problem, finding.position, finding.expected, finding.found) == ("base-offset", 0, 7, 0)


def test_missing_offsets_are_one_note_for_the_file():
    gappy = b"".join(LOG[POSITIONS[number] : POSITIONS[number + 1]] for number in (0, 2))

    for log, places in ((gappy, 1), (small_log(first_offset=4)[: POSITIONS[1]] + small_log(first_offset=90), 2)):
        finding = only_finding(walk_log(log))
        assert not finding.is_damage
        assert finding.problem == "offset-gap"
        assert ("in 2 places" in finding.message) == (places == 2)


def test_a_leader_epoch_that_goes_backwards_is_reported_once():
    log = changed(LOG, POSITIONS[1] + 12, (9).to_bytes(4, "big"))

    finding = only_finding(walk_log(log))

    assert (finding.problem, finding.position, finding.found) == ("leader-epoch", POSITIONS[2], 3)


def test_batches_without_a_leader_epoch_are_sound_among_others():
    assert problems(walk_log(changed(LOG, POSITIONS[2] + 12, b"\xff\xff\xff\xff"))) == []


def test_an_offset_that_no_index_can_hold_is_damage():
    finding = only_finding(walk_log(changed(LOG, POSITIONS[-1], (2**40).to_bytes(8, "big"))))

    assert (finding.problem, finding.found) == ("offset-range", 2**40 + 2)


@pytest.mark.parametrize("count", [1, 61, 100_000])
def test_a_tail_of_zeros_is_called_that(count: int):
    finding = only_finding(walk_log(LOG + bytes(count)))

    assert (finding.problem, finding.position, finding.size) == ("zeroed-tail", len(LOG), count)


def test_a_tail_whose_zeros_begin_within_a_batch_is_called_that():
    tail = POSITIONS[-1] + 70

    finding = only_finding(walk_log(LOG[:tail] + bytes(5000)))

    assert (finding.problem, finding.position) == ("zeroed-tail", POSITIONS[-1])
    assert "zeros" in finding.message


def test_a_file_that_is_something_else_is_told_by_its_content():
    finding = only_finding(walk_log(b"#!/bin/sh\necho This is no segment file at all, just a script.\n" * 3))

    assert (finding.problem, finding.position) == ("header", 0)
    assert (finding.expected, finding.found) == ("record batches", "text")


def test_more_records_than_offsets_are_reported():
    batch = bytearray(build_batch(b"", record_count=1, base_timestamp=0, max_timestamp=0))
    fields = list(HEADER.unpack_from(batch))
    fields[-1] = 2
    log = sealed(fields[5:], bytes(batch[HEADER_SIZE:]))

    assert problems(walk_log(log)) == ["record-count"]


def test_an_unknown_codec_is_reported_and_the_rest_is_read():
    header = read_header(LOG)
    unknown = sealed([header.attributes | 0b111, *header[6:]], LOG[HEADER_SIZE : POSITIONS[1]])

    items = walk_log(unknown + LOG[POSITIONS[1] :], records=True)

    finding = only_finding(items)
    assert (finding.problem, finding.found) == ("codec", 7)
    assert len(batches_in(items)) == 5


def test_records_that_cannot_be_read_are_reported_though_the_crc_holds():
    log = build_batch(b"\x10nonsense", record_count=1, base_timestamp=0, max_timestamp=0)

    assert problems(walk_log(log)) == []
    assert problems(walk_log(log, records=True)) == ["records"]


def test_records_in_the_wrong_order_are_reported():
    one, two = (encode_batch([NewRecord(b"v")], now_ms=0)[HEADER_SIZE:] for _ in range(2))
    log = build_batch(one + two, record_count=2, base_timestamp=0, max_timestamp=0)

    assert problems(walk_log(log, records=True)) == ["records"]


def test_a_batch_larger_than_a_chunk_is_checked_and_read_whole():
    batch = encode_batch([NewRecord(bytes(5 << 20))], now_ms=0)

    assert problems(walk_log(batch, records=True)) == []
    assert problems(walk_log(changed(batch, len(batch) - 2, b"x"), records=True)) == ["crc"]


def test_a_decompression_bomb_is_not_opened_and_said_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("gomq_dump.reading.records.MAX_DECOMPRESSED_BYTES", 1 << 20)
    batch = encode_batch([NewRecord(bytes(2 << 20))], now_ms=0, codec=Codec.ZSTD)

    finding = only_finding(walk_log(batch, records=True))

    assert finding.problem == "not-checked"
    assert not finding.is_damage
    assert "decompresses to more than" in finding.message


def test_batches_inside_a_damaged_batchs_payload_are_not_taken_for_the_logs_own():
    inner = small_log(batches=1, first_offset=0)
    outer = encode_batch([NewRecord(inner)], now_ms=0)
    log = small_log(batches=2) + changed(outer, 0, (6).to_bytes(8, "big"))
    torn = changed(log, len(small_log(batches=2)) + ATTRIBUTES_POSITION, b"\xff")[:-1]

    items = walk_log(torn)

    assert len(batches_in(items)) == 2
    assert problems(items) == ["torn-tail"]
