"""Keys go where Kafka's own clients put them; the numbers are those of Kafka's ``UtilsTest.testMurmur2``."""

import pytest
from hypothesis import given, strategies as st

from gomq.client.producing.partitioner import murmur2, partition_of_key

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
