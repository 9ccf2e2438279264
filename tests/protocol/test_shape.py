"""Counts and lengths are measured against the bytes that are there before anything is allocated for them."""

import struct
import tracemalloc
from random import Random

import pytest
from hypothesis import given, settings, strategies as st

from gomq.errors import ProtocolError
from gomq.protocol.api import Api
from gomq.protocol.entities import Kind, decode, encode, schema
from gomq.protocol.requests import decode_request
from gomq.protocol.shape import MAX_REQUEST_ELEMENTS, check_shape
from gomq_storage.varint import encode_unsigned
from tests.support.corpus import sample_request
from tests.support.instances import instance
from tests.support.wire import request_head, served_versions

EVERY_MESSAGE = [(api, version, kind) for api, version in served_versions() for kind in ("request", "response")]
COUNTS = (2**32 - 1, 2**31 - 1, 10**9, 10**6, 100)


def view(data: bytes) -> memoryview:
    return memoryview(data).toreadonly()


@pytest.mark.parametrize(("api", "version", "kind"), EVERY_MESSAGE)
@given(random=st.randoms(use_true_random=True))
@settings(max_examples=10, deadline=None)
def test_the_walk_over_a_message_ends_where_the_message_does(api: Api, version: int, kind: Kind, random: Random):
    entity_type = schema(api, version, kind)
    entity = instance(entity_type, random)
    raw = encode(entity)
    assert check_shape(entity_type, view(raw), 0) == raw
    assert decode(entity_type, view(raw + b"next"), 0) == entity
    for size in random.sample(range(len(raw)), min(4, len(raw))):
        with pytest.raises((ProtocolError, IndexError, struct.error)):
            check_shape(entity_type, view(raw[:size]), 0)


@pytest.mark.parametrize("count", COUNTS)
def test_a_compact_count_larger_than_the_message_is_refused(count: int):
    """kio would reserve 16 bytes for each, and the process would end where that cannot be."""
    frame = request_head(Api.METADATA, 12) + encode_unsigned(count)
    with pytest.raises(ProtocolError, match="elements announced"):
        decode_request(view(frame), Api.METADATA, 12)


@pytest.mark.parametrize("count", [2**31 - 1, 10**9, 10**6, 100])
def test_a_plain_count_larger_than_the_message_is_refused(count: int):
    frame = request_head(Api.METADATA, 1) + struct.pack(">i", count)
    with pytest.raises(ProtocolError, match="elements announced"):
        decode_request(view(frame), Api.METADATA, 1)


@pytest.mark.parametrize("count", [-2, -(2**31)])
def test_a_negative_count_other_than_null_is_refused(count: int):
    frame = request_head(Api.METADATA, 1) + struct.pack(">i", count)
    with pytest.raises(ProtocolError):
        decode_request(view(frame), Api.METADATA, 1)


def test_null_where_an_array_is_wanted_is_refused():
    response = schema(Api.METADATA, 12, "response")
    with pytest.raises(ProtocolError, match="null where an array is wanted"):
        decode(response, view(bytes(40)), 0)


@pytest.mark.parametrize("count", COUNTS)
def test_a_count_in_a_response_is_measured_too(count: int):
    response = schema(Api.METADATA, 12, "response")
    with pytest.raises(ProtocolError, match="elements announced"):
        decode(response, view(bytes(4) + encode_unsigned(count)), 0)


def test_many_small_elements_are_refused_before_any_is_made():
    count = MAX_REQUEST_ELEMENTS + 1
    frame = request_head(Api.METADATA, 1) + struct.pack(">i", count) + b"\0\0" * count
    decode_request(view(sample_request(Api.METADATA, 1)[4:]), Api.METADATA, 1)  # imports what it needs
    tracemalloc.start()
    try:
        with pytest.raises(ProtocolError, match=f"more than {MAX_REQUEST_ELEMENTS} elements"):
            decode_request(view(frame), Api.METADATA, 1)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_the_elements_of_all_arrays_count_together():
    topic = b"\0\1t" + struct.pack(">i", 1000) + struct.pack(">iqi", 0, 0, 0) * 1000
    topics = MAX_REQUEST_ELEMENTS // 1000 + 1
    frame = request_head(Api.FETCH, 4) + struct.pack(">iiiibi", -1, 0, 1, 1, 0, topics) + topic * topics
    with pytest.raises(ProtocolError, match=f"more than {MAX_REQUEST_ELEMENTS} elements"):
        decode_request(view(frame), Api.FETCH, 4)


def test_as_many_elements_as_are_allowed_are_read_in_bounded_time():
    count = MAX_REQUEST_ELEMENTS
    frame = request_head(Api.METADATA, 1) + struct.pack(">i", count) + b"\0\0" * count
    assert len(decode_request(view(frame), Api.METADATA, 1).topics) == count


def test_a_compact_string_longer_than_any_string_is_refused():
    name = b"x" * 32768
    frame = request_head(Api.CREATE_TOPICS, 5) + b"\x02" + encode_unsigned(len(name) + 1) + name + bytes(20)
    with pytest.raises(ProtocolError, match="string of 32768 bytes"):
        decode_request(view(frame), Api.CREATE_TOPICS, 5)


def fetch_with_tags(tags: bytes) -> bytes:
    return request_head(Api.FETCH, 12) + struct.pack(">iiiibii", -1, 0, 1, 1, 0, 0, -1) + b"\1\1\1" + tags


def test_a_known_tagged_field_is_read():
    assert decode_request(view(fetch_with_tags(b"\1\0\4\4abc")), Api.FETCH, 12).cluster_id == "abc"


@pytest.mark.parametrize("size", [0, 3, 5, 100])
def test_a_tagged_field_of_another_size_than_it_says_is_refused(size: int):
    with pytest.raises(ProtocolError):
        decode_request(view(fetch_with_tags(b"\1\0" + bytes([size]) + b"\4abc")), Api.FETCH, 12)


def test_unknown_tagged_fields_around_a_known_one_are_passed_over():
    tags = b"\3" + b"\0\4\4abc" + b"\x0b\2xy" + b"\x0c\0"
    assert decode_request(view(fetch_with_tags(tags)), Api.FETCH, 12).cluster_id == "abc"


def test_unknown_tagged_fields_are_passed_over_in_every_struct():
    partition = struct.pack(">iiqiqi", 3, -1, 5, -1, -1, 9) + b"\1\x20\3xyz"
    topic = b"\2t" + b"\2" + partition + b"\2\x20\0\x21\1q"
    fixed = struct.pack(">iiiibii", -1, 0, 1, 1, 0, 0, -1)
    frame = request_head(Api.FETCH, 12) + fixed + b"\2" + topic + b"\1\1" + b"\1\x30\0"
    topics = decode_request(view(frame), Api.FETCH, 12).topics
    assert [(entry.topic, entry.partitions[0].partition, entry.partitions[0].fetch_offset) for entry in topics] == [
        ("t", 3, 5)
    ]
    assert topics[0].partitions[0].partition_max_bytes == 9


def test_an_unknown_tagged_field_within_a_known_one_is_passed_over():
    replica_state = struct.pack(">iq", 4, 8) + b"\1\x09\2no"
    fixed = struct.pack(">iiibii", 0, 1, 1, 0, 0, -1)
    tags = b"\2" + b"\1" + bytes([len(replica_state)]) + replica_state + b"\x07\0"
    frame = request_head(Api.FETCH, 15) + fixed + b"\1\1\1" + tags
    state = decode_request(view(frame), Api.FETCH, 15).replica_state
    assert (state.replica_id, state.replica_epoch) == (4, 8)


@pytest.mark.parametrize("count", [2**32 - 1, 2**21, 200])
def test_more_tagged_fields_than_bytes_are_refused(count: int):
    frame = request_head(Api.API_VERSIONS, 3) + b"\2a\2b" + encode_unsigned(count) + b"\x09\0" * 10
    with pytest.raises(ProtocolError):
        decode_request(view(frame), Api.API_VERSIONS, 3)


def test_a_varint_of_more_than_five_bytes_is_refused():
    with pytest.raises(ProtocolError, match="varint"):
        decode_request(view(request_head(Api.METADATA, 12) + b"\x80" * 5 + b"\x01"), Api.METADATA, 12)
