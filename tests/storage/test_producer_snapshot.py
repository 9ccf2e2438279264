"""A producer snapshot is Kafka's to the byte, gives back what was put in, and is refused if anything is wrong."""

from struct import pack

import pytest
from crc32c import crc32c
from hypothesis import example, given, strategies as st

from gomq_storage.errors import CorruptFileError
from gomq_storage.producer_snapshot import CRC_START, ENTRY, HEADER, VERSION, decode_snapshot, encode_snapshot
from gomq_storage.producers import MAX_SEQUENCE, ActiveProducer, Producers

END = 1000
SOUND = ActiveProducer(7, 2, 30, 500, 10, 1_700_000_000_000, 4, 490)

ids = st.integers(0, 2**63 - 1)
times = st.integers(-(2**63), 2**63 - 1)
batches = st.integers(0, END - 1).flatmap(
    lambda last: st.tuples(st.integers(-1, MAX_SEQUENCE), st.just(last), st.integers(0, last))
)
producers = st.builds(
    lambda producer_id, epoch, batch, *rest: ActiveProducer(producer_id, epoch, *batch, *rest),
    ids, st.integers(-1, 2**15 - 1), st.just((-1, -1, 0)) | batches, times, st.integers(-1, 2**31 - 1),
    st.integers(-1, END - 1),
)  # fmt: skip
lists_of_producers = st.lists(producers, max_size=8, unique_by=lambda producer: producer.producer_id)


def snapshot_of(*told: ActiveProducer) -> bytes:
    return encode_snapshot(Producers.restored(told, end=END))


def with_crc(entries: bytes | bytearray, *, count: int | None = None, version: int = VERSION) -> bytes:
    """Make a file of these entries whose CRC holds."""
    covered = pack(">i", len(entries) // ENTRY.size if count is None else count) + entries
    return pack(">hI", version, crc32c(covered)) + covered


def test_the_bytes_are_those_that_kafka_wrote():
    """A file of Kafka 4.3.1: a producer, and three transactions of which the last is open."""
    data = bytes.fromhex(
        "0001 a3f25006 00000004"
        "0000000000000001 0000 000000d0 00000000000000d0 00000009 000001a2102f8a8b ffffffff ffffffffffffffff"
        "0000000000000002 0000 00000009 00000000000000da 00000009 000001a2102f90c6 00000000 ffffffffffffffff"
        "0000000000000003 0000 00000009 00000000000000e5 00000009 000001a2102f9101 00000000 ffffffffffffffff"
        "0000000000000004 0000 00000009 00000000000000f0 00000009 000001a2102f92fe ffffffff 00000000000000e7"
    )

    found = decode_snapshot(data, 241)

    assert found.active() == [
        ActiveProducer(1, 0, 208, 208, 9, 1795567880843, -1, -1),
        ActiveProducer(2, 0, 9, 218, 9, 1795567882438, 0, -1),
        ActiveProducer(3, 0, 9, 229, 9, 1795567882497, 0, -1),
        ActiveProducer(4, 0, 9, 240, 9, 1795567883006, -1, 231),
    ]
    assert encode_snapshot(found) == data
    assert (HEADER.size, CRC_START, ENTRY.size) == (10, 6, 46)


@given(lists_of_producers)
@example([])
def test_what_goes_in_comes_out_in_the_same_order(told: list[ActiveProducer]):
    data = snapshot_of(*told)

    found = decode_snapshot(data, END)

    assert found.active() == told
    assert found.end == END
    assert len(data) == HEADER.size + len(told) * ENTRY.size
    assert encode_snapshot(found) == data


@given(lists_of_producers, st.data())
def test_a_file_cut_anywhere_or_with_anything_behind_is_refused(told: list[ActiveProducer], data: st.DataObject):
    whole = snapshot_of(*told)

    for spoiled in (
        whole[: data.draw(st.integers(0, len(whole) - 1))],
        whole + data.draw(st.binary(min_size=1, max_size=100)),
    ):
        with pytest.raises(CorruptFileError):
            decode_snapshot(spoiled, END)


@given(lists_of_producers, st.data())
def test_a_changed_bit_is_noticed_wherever_it_is(told: list[ActiveProducer], data: st.DataObject):
    spoiled = bytearray(snapshot_of(*told))
    spoiled[data.draw(st.integers(0, len(spoiled) - 1))] ^= 1 << data.draw(st.integers(0, 7))

    with pytest.raises(CorruptFileError):
        decode_snapshot(spoiled, END)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused(data: bytes):
    with pytest.raises(CorruptFileError):
        decode_snapshot(data, END)


@given(st.binary(max_size=200), st.integers(-(2**31), 2**31 - 1) | st.none())
def test_a_crc_that_holds_does_not_make_sense_of_anything(entries: bytes, count: int | None):
    data = with_crc(entries, count=count)

    try:
        found = decode_snapshot(data, END)
    except CorruptFileError:
        return
    assert encode_snapshot(found) == data


@given(lists_of_producers, st.lists(st.tuples(st.integers(0, 8 * ENTRY.size - 1), st.integers(0, 255)), max_size=5))
def test_what_is_not_refused_can_be_written_again(told: list[ActiveProducer], changes: list[tuple[int, int]]):
    entries = bytearray(snapshot_of(*told)[HEADER.size :])
    for position, value in changes:
        if position < len(entries):
            entries[position] = value
    data = with_crc(entries)

    try:
        found = decode_snapshot(data, END)
    except CorruptFileError:
        return
    assert encode_snapshot(found) == data


@pytest.mark.parametrize("count", [-1, 0, 2, 2**31 - 1])
def test_a_count_that_lies_is_refused(count: int):
    with pytest.raises(CorruptFileError, match=f"{count} producers in 46 bytes"):
        decode_snapshot(with_crc(ENTRY.pack(*SOUND), count=count), END)


@pytest.mark.parametrize("version", [-1, 0, 2])
def test_another_version_is_refused(version: int):
    with pytest.raises(CorruptFileError, match=f"of version {version}"):
        decode_snapshot(with_crc(ENTRY.pack(*SOUND), version=version), END)


@pytest.mark.parametrize(
    "nonsense",
    [
        {"producer_id": -1},
        {"epoch": -2},
        {"last_sequence": -2},
        {"last_offset": END},
        {"last_offset": -1},
        {"last_offset": -2, "last_sequence": -1, "offset_delta": 0},
        {"offset_delta": -1},
        {"offset_delta": 501},
        {"coordinator_epoch": -2},
        {"txn_first_offset": END},
        {"txn_first_offset": -2},
    ],
    ids=str,
)
def test_an_entry_that_cannot_be_is_refused(nonsense: dict[str, int]):
    with pytest.raises(CorruptFileError, match="snapshot of offset 1000 says"):
        decode_snapshot(with_crc(ENTRY.pack(*SOUND._replace(**nonsense))), END)


def test_a_producer_may_be_there_only_once():
    with pytest.raises(CorruptFileError, match="producer 7 is twice"):
        decode_snapshot(with_crc(2 * ENTRY.pack(*SOUND)), END)


def test_a_snapshot_of_the_empty_log_has_no_producers():
    assert len(decode_snapshot(encode_snapshot(Producers()), 0)) == 0
