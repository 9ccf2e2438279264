"""What was published in transactions that were aborted is passed over; all else is handed out."""

import pytest
from hypothesis import given, strategies as st

from gomq.client.consuming.aborted import without_aborted
from gomq.client.consuming.fetched import Chunk
from gomq_storage.batch import read_header, stamp, walk
from gomq_storage.compression import Codec
from gomq_storage.errors import CorruptBatchError
from gomq_storage.layout import TopicPartition
from gomq_storage.record import NewRecord, encode_batch
from tests.support.transactional import ABORT, COMMIT, marker, part_of


def log_of(*batches: bytes) -> bytes:
    """Put batches one behind the other, with offsets."""
    data, offset = b"", 0
    for batch in batches:
        header = read_header(batch)
        data += stamp(header, base_offset=offset, leader_epoch=0) + batch[16:]
        offset += header.last_offset_delta + 1
    return data


def values_of(data: bytes, aborted: list[tuple[int, int]]) -> list[bytes | None]:
    chunk = Chunk(
        target=TopicPartition("orders", 0),
        wanted=0,
        data=data,
        batches=without_aborted(data, walk(data), aborted),
        max_decompressed_bytes=1 << 20,
    )
    found: list[bytes | None] = []
    while not chunk.is_taken:
        found += chunk.take().values
    assert chunk.next_offset == list(walk(data))[-1][1].next_offset
    return found


def test_an_aborted_transaction_is_passed_over_up_to_its_marker_and_no_further():
    data = log_of(
        part_of(1, b"a", b"b"),
        part_of(2, b"c"),
        marker(1, ABORT),
        part_of(1, b"d"),
        marker(2, COMMIT),
        marker(1, COMMIT),
    )

    assert values_of(data, []) == [b"a", b"b", b"c", b"d"]
    assert values_of(data, [(1, 0)]) == [b"c", b"d"]


def test_what_the_same_producer_published_before_counts():
    data = log_of(part_of(1, b"a"), marker(1, COMMIT), part_of(1, b"b"), marker(1, ABORT), part_of(1, b"c"))

    assert values_of(data, [(1, 2)]) == [b"a", b"c"]


def test_what_is_in_no_transaction_counts_whoever_published_it():
    plain = encode_batch([NewRecord(b"plain")], now_ms=0)
    data = log_of(part_of(1, b"a"), plain, marker(1, ABORT))

    assert values_of(data, [(1, 0)]) == [b"plain"]


def test_a_marker_without_a_type_is_corrupt():
    batch = encode_batch([NewRecord(b"x", key=b"y")], now_ms=0)
    broken = [(0, read_header(batch)._replace(producer_id=1, attributes=0b11_0000))]

    with pytest.raises(CorruptBatchError, match="without a type"):
        without_aborted(batch, broken, [(1, 0)])


def test_a_marker_that_claims_to_be_huge_is_corrupt_before_memory_is_taken():
    record = NewRecord(bytes(10_000_000), key=bytes(4))
    batch = encode_batch([record], now_ms=0, codec=Codec.ZSTD)
    broken = [(0, read_header(batch)._replace(producer_id=1, attributes=0b11_0000 | Codec.ZSTD))]

    with pytest.raises(CorruptBatchError, match="more than 1024 bytes"):
        without_aborted(batch, broken, [(1, 0)])


steps = st.lists(st.tuples(st.integers(1, 3), st.sampled_from(["publish", "commit", "abort"])), min_size=1, max_size=20)


@given(steps)
def test_whatever_producers_do_what_they_commit_is_what_comes(steps: list[tuple[int, str]]):
    batches: list[bytes] = []
    open_since: dict[int, int] = {}
    aborted: list[tuple[int, int]] = []
    values: dict[bytes, int] = {}
    dropped: set[bytes] = set()
    endings = [(producer_id, "commit") for producer_id in (1, 2, 3)]
    for producer_id, step in steps + endings:
        offset = len(batches)
        if step == "publish":
            open_since.setdefault(producer_id, offset)
            values[b"%d" % offset] = producer_id
            batches.append(part_of(producer_id, b"%d" % offset))
        elif producer_id in open_since:
            first = open_since.pop(producer_id)
            if step == "abort":
                aborted.append((producer_id, first))
                dropped.update(value for value, by in values.items() if by == producer_id and int(value) >= first)
            batches.append(marker(producer_id, ABORT if step == "abort" else COMMIT))
    if batches:
        assert values_of(log_of(*batches), aborted) == [value for value in values if value not in dropped]
