"""What members tell their leader and it them: read as it was written, and bounded whatever is in it."""

import struct

import pytest
from hypothesis import given, strategies as st
from kio.schema.consumer_protocol_assignment.v0 import ConsumerProtocolAssignment

from gomq.client.groups.subscription import (
    Subscription,
    decode_assignment,
    decode_subscription,
    encode_assignment,
    encode_subscription,
)
from gomq.client.groups.user_data import (
    Previous,
    decode_generation,
    decode_previous,
    encode_generation,
    encode_previous,
)
from gomq.errors import ProtocolError
from gomq.protocol.entities import decode
from gomq_storage.layout import TopicPartition
from tests.support.membership import subscription

TOPICS = st.sampled_from(["a", "orders", "é", "x" * 249])
PARTITIONS = st.builds(TopicPartition, TOPICS, st.integers(0, 2**31 - 1))
OWNED = st.frozensets(PARTITIONS, max_size=8).map(lambda found: tuple(sorted(found)))
GENERATIONS = st.integers(-1, 2**31 - 1)
SUBSCRIPTIONS = st.builds(
    Subscription,
    topics=st.lists(TOPICS, max_size=4, unique=True).map(tuple),
    user_data=st.none() | st.binary(max_size=20),
    owned=OWNED,
    generation=GENERATIONS,
    rack=st.none() | st.text("ab", max_size=3),
)


@given(SUBSCRIPTIONS)
def test_a_subscription_is_read_as_it_was_written(written):
    assert decode_subscription(encode_subscription(written)) == written


@given(SUBSCRIPTIONS, st.integers(0, 2))
def test_an_older_version_says_less(written, version):
    read = decode_subscription(encode_subscription(written, version=version))
    assert (read.topics, read.user_data) == (written.topics, written.user_data)
    assert read.owned == (written.owned if version >= 1 else ())
    assert read.generation == (written.generation if version >= 2 else -1)
    assert read.rack is None


@given(SUBSCRIPTIONS, st.integers(4, 0x7FFF), st.binary(max_size=20))
def test_a_newer_version_is_read_as_the_newest_known(written, version, more):
    raw = version.to_bytes(2, "big") + encode_subscription(written)[2:] + more
    assert decode_subscription(raw) == written


def test_the_oldest_version_is_what_other_clients_write():
    read = decode_subscription(subscription("orders", "payments"))
    assert read == Subscription(topics=("orders", "payments"))


@given(st.frozensets(PARTITIONS, max_size=8))
def test_an_assignment_is_read_as_it_was_written_and_by_the_oldest_clients(given_to):
    raw = encode_assignment(given_to)
    assert decode_assignment(raw) == given_to
    old = decode(ConsumerProtocolAssignment, memoryview(raw).toreadonly(), 2)
    found = {(topic.topic, index) for topic in old.assigned_partitions for index in topic.partitions}
    assert found == given_to


def test_no_bytes_are_no_partitions():
    assert decode_assignment(b"") == frozenset()


@given(st.binary(max_size=60))
def test_whatever_comes_is_read_or_refused(raw):
    for read in (decode_subscription, decode_assignment):
        try:
            read(raw)
        except ProtocolError:
            continue


@given(SUBSCRIPTIONS, st.data())
def test_a_subscription_that_is_cut_short_is_refused(written, data):
    raw = encode_subscription(written)
    end = data.draw(st.integers(0, len(raw) - 1))
    with pytest.raises(ProtocolError):
        decode_subscription(raw[:end])


@pytest.mark.parametrize("raw", [b"\0\3\x7f\xff\xff\xff", b"\xff\xff\0\0\0\0", struct.pack(">hihi", 3, -1, 0, 0)])
def test_counts_and_versions_that_cannot_be_are_refused(raw):
    with pytest.raises(ProtocolError):
        decode_subscription(raw)


def test_a_partition_below_zero_is_refused():
    raw = struct.pack(">hih1siii", 1, 1, 1, b"a", 1, -4, -1)
    with pytest.raises(ProtocolError, match="negative"):
        decode_assignment(raw)


@given(OWNED, GENERATIONS)
def test_what_sticky_remembers_is_read_as_it_was_written(partitions, generation):
    previous = Previous(partitions, generation)
    assert decode_previous(encode_previous(previous)) == previous


@given(OWNED)
def test_the_first_version_of_sticky_has_no_generation(partitions):
    raw = encode_previous(Previous(partitions, 7))[:-4]
    assert decode_previous(raw) == Previous(partitions, -1)


@given(st.none() | st.binary(max_size=60))
def test_what_sticky_cannot_read_is_nothing_remembered(raw):
    assert all(partition.partition >= 0 for partition in decode_previous(raw).partitions)


def test_a_count_of_sticky_beyond_the_bytes_is_nothing_remembered():
    assert decode_previous(b"\x7f\xff\xff\xff") == Previous()


@given(GENERATIONS)
def test_a_generation_is_read_as_it_was_written(generation):
    assert decode_generation(encode_generation(generation)) == generation


@pytest.mark.parametrize("raw", [None, b"", b"\0\0\1"])
def test_no_generation_is_none(raw):
    assert decode_generation(raw) == -1
