"""Keys go where Kafka's own clients put them; the numbers are those of Kafka's ``UtilsTest.testMurmur2``."""

import pytest
from hypothesis import given, strategies as st

from gomq.client.producing.partitioner import StickyPartitioner, murmur2, partition_of_key

KAFKAS_HASHES = [
    (b"21", -973932308),
    (b"foobar", -790332482),
    (b"a-little-bit-long-string", -985981536),
    (b"a-little-bit-longer-string", -1486304829),
    (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
    (b"abc", 479470107),
]


@pytest.mark.parametrize(("key", "signed"), KAFKAS_HASHES)
def test_the_hash_is_kafkas(key: bytes, signed: int):
    assert murmur2(key) == signed & 0xFFFFFFFF


@pytest.mark.parametrize(("key", "signed"), KAFKAS_HASHES)
def test_the_partition_is_the_hash_without_its_sign(key: bytes, signed: int):
    assert partition_of_key(key, 7) == (signed & 0x7FFFFFFF) % 7


@given(st.binary(max_size=40), st.integers(1, 1000))
def test_every_key_has_a_partition_that_exists(key: bytes, count: int):
    assert 0 <= partition_of_key(key, count) < count
    assert 0 <= murmur2(key) < 1 << 32


def chosen(
    partitioner: StickyPartitioner, count: int, *, times: int, filling: bool = False, lost: int = -1
) -> list[int]:
    return [
        partitioner.choose(count, 10, is_filling=lambda _: filling, has_leader=lambda each: each != lost)
        for _ in range(times)
    ]


def test_messages_without_a_key_stay_until_enough_bytes_went_to_a_partition():
    assert chosen(StickyPartitioner(sticky_bytes=30, first=1), 3, times=10) == [1, 1, 1, 2, 2, 2, 0, 0, 0, 1]


def test_a_batch_that_is_filling_is_filled_first():
    partitioner = StickyPartitioner(sticky_bytes=30, first=0)
    assert chosen(partitioner, 3, times=5, filling=True) == [0] * 5
    assert chosen(partitioner, 3, times=1) == [1]


def test_a_partition_without_a_leader_is_passed_over_unless_none_has_one():
    assert chosen(StickyPartitioner(sticky_bytes=10, first=0), 3, times=4, lost=1) == [0, 2, 0, 2]
    partitioner = StickyPartitioner(sticky_bytes=10, first=0)
    assert [partitioner.choose(2, 10, is_filling=lambda _: False, has_leader=lambda _: False) for _ in range(3)] == [
        0,
        1,
        0,
    ]


def test_partitions_that_are_added_have_their_turn_and_those_that_are_gone_have_not():
    partitioner = StickyPartitioner(sticky_bytes=10, first=0)
    assert chosen(partitioner, 2, times=3) == [0, 1, 0]
    assert chosen(partitioner, 4, times=4) == [1, 2, 3, 0]
    assert chosen(partitioner, 1, times=2) == [0, 0]
