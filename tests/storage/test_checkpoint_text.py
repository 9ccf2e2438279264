"""The text of checkpoint files: Kafka's to the byte, and anything else is refused."""

import pytest
from hypothesis import example, given, strategies as st

from gomq_storage.checkpoint_text import decode_offsets, encode_offsets
from gomq_storage.errors import CorruptFileError
from gomq_storage.layout import MAX_OFFSET, MAX_PARTITION, TopicPartition

ORDERS = TopicPartition("orders", 0)
REFUNDS = TopicPartition("refunds.v2", 11)

partitions = st.builds(
    TopicPartition, st.from_regex(r"[a-zA-Z0-9_-][a-zA-Z0-9._-]{0,248}", fullmatch=True), st.integers(0, MAX_PARTITION)
)
offsets = st.integers(0, MAX_OFFSET)


@given(st.dictionaries(partitions, offsets, max_size=8))
def test_offsets_come_back_from_their_text(known: dict[TopicPartition, int]):
    assert decode_offsets(encode_offsets(known)) == known


def test_the_text_is_kafkas():
    assert encode_offsets({REFUNDS: 7, ORDERS: 1200}) == b"0\n2\norders 0 1200\nrefunds.v2 11 7\n"
    assert encode_offsets({}) == b"0\n0\n"
    assert decode_offsets(b"0\n2\nrefunds.v2 11 7\norders 0 1200\n") == {ORDERS: 1200, REFUNDS: 7}


def test_the_empty_file_that_kafka_makes_has_no_offsets():
    assert decode_offsets(b"") == {}


@given(st.binary(max_size=60) | st.text("012a. \n-+", max_size=40).map(str.encode))
@example(b"1\n0\n")
@example(b"0\n1\norders 0 1\n\n")
@example(b"0\n2\norders 0 1\norders 0 2\n")
@example(b"0\n1\n.. 0 1\n")
@example(b"0\n1\norders 2147483648 1\n")
@example(b"0\n1\norders 0 9223372036854775808\n")
@example(b"0\n1\norders 0 -1\n")
@example(b"0\n999999999999\norders 0 1\n")
@example(b"0\n1\norders 0 " + b"1" * 5000 + b"\n")
def test_anything_else_is_a_corrupt_file(data: bytes):
    try:
        found = decode_offsets(data)
    except CorruptFileError:
        return
    assert sorted(encode_offsets(found)) == sorted(data or b"0\n0\n")


def test_a_text_that_is_cut_is_a_corrupt_file():
    text = encode_offsets({ORDERS: 1200, REFUNDS: 7})
    for size in range(1, len(text)):
        with pytest.raises(CorruptFileError):
            decode_offsets(text[:size])
