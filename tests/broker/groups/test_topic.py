"""Which group is in which partition: where Kafka looks for it."""

import pytest
from hypothesis import given, strategies as st

from gomq.broker.groups.topic import partition_of


@pytest.mark.parametrize(
    ("group", "partition"), [("", 0), ("a", 47), ("readers", 28), ("grüße 😀", 34), ("my-consumer-group", 13)]
)
def test_a_group_is_where_kafka_looks_for_it(group: str, partition: int):
    assert partition_of(group, 50) == partition
    assert partition_of(group, 1) == 0


@given(st.text(max_size=100), st.integers(1, 1000))
def test_every_group_is_in_some_partition(group: str, partitions: int):
    assert 0 <= partition_of(group, partitions) < partitions
