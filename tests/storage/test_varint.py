"""Varints are Kafka's, whatever their size."""

import pytest
from hypothesis import given, strategies as st

from gomq_storage.varint import MAX_VARLONG_BYTES, SMALL, decode, encode, encode_unsigned

int64 = st.integers(-(2**63), 2**63 - 1)


def naive(value: int) -> bytes:
    """Write a number the way the format is explained: zig-zag, then seven bits a byte, the lowest first."""
    raw = 2 * value if value >= 0 else -2 * value - 1
    digits = [raw & 0x7F]
    while raw := raw >> 7:
        digits.append(raw & 0x7F)
    return bytes([digit | 0x80 for digit in digits[:-1]] + digits[-1:])


@given(int64)
def test_a_number_is_written_as_the_format_says(value: int):
    assert encode(value) == naive(value)


@given(int64, st.binary(max_size=3), st.binary(max_size=3))
def test_a_number_is_read_back_wherever_it_is(value: int, front: bytes, behind: bytes):
    coded = encode(value)

    assert decode(front + coded + behind, len(front)) == (value, len(front) + len(coded))


@pytest.mark.parametrize(
    ("value", "coded"),
    [
        (0, "00"), (-1, "01"), (1, "02"), (-2, "03"), (63, "7e"), (-64, "7f"), (64, "8001"), (300, "d804"),
        (2**31 - 1, "feffffff0f"), (-(2**31), "ffffffff0f"),
        (2**63 - 1, "feffffffffffffffff01"), (-(2**63), "ffffffffffffffffff01"),
    ],
)  # fmt: skip
def test_these_numbers_are_kafkas(value: int, coded: str):
    assert encode(value).hex() == coded
    assert decode(bytes.fromhex(coded), 0) == (value, len(coded) // 2)


@given(int64)
def test_every_cut_of_a_number_is_noticed(value: int):
    coded = encode(value)

    for size in range(len(coded)):
        with pytest.raises(IndexError):
            decode(coded[:size], 0)


@given(st.binary(min_size=MAX_VARLONG_BYTES, max_size=40))
def test_a_number_of_more_than_ten_bytes_is_refused(data: bytes):
    endless = bytes(byte | 0x80 for byte in data)

    with pytest.raises(ValueError, match="ten bytes"):
        decode(endless, 0)


@given(st.binary(max_size=24))
def test_no_bytes_make_it_do_anything_else_than_answer_or_refuse(data: bytes):
    try:
        _, position = decode(data, 0)
    except (IndexError, ValueError):
        return
    assert 0 < position <= min(len(data), MAX_VARLONG_BYTES)
    assert data[position - 1] < 0x80


@given(st.integers(0, 2**63 - 1))
def test_an_unsigned_number_is_the_same_without_the_zig_zag(value: int):
    assert encode_unsigned(2 * value) == encode(value)


def test_the_table_of_small_numbers_holds_what_encoding_them_gives():
    assert list(SMALL) == [encode(value) for value in range(len(SMALL))]
