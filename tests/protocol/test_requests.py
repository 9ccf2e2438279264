"""Requests: what the schemas say is read, and anything else is a ProtocolError, never another error or a long loop."""

import itertools
import struct
import time

import pytest
from hypothesis import given, settings, strategies as st
from kio.index import UnknownEntity

from gomq.errors import ProtocolError
from gomq.protocol.api import SERVED, Api
from gomq.protocol.entities import build, is_flexible, schema
from gomq.protocol.requests import RequestHead, decode_request, encode_request, read_head
from tests.support.corpus import sample_request, sample_values
from tests.support.wire import request_head, served_versions

EVERY_VERSION = list(served_versions())
FLEXIBLE = [(api, version) for api, version in EVERY_VERSION if is_flexible(api, version)]


def view(data: bytes) -> memoryview:
    return memoryview(data).toreadonly()


def decodes(data: bytes, api: Api, version: int) -> bool:
    """Whether it can be read; any error but a ProtocolError goes on to the test."""
    try:
        decode_request(view(data), api, version)
    except ProtocolError:
        return False
    return True


@pytest.mark.parametrize(("api", "version"), EVERY_VERSION)
def test_a_request_is_read_as_it_was_written(api: Api, version: int):
    frame = sample_request(api, version, correlation_id=-5)
    assert read_head(view(frame[4:])) == RequestHead(api, version, -5)
    expected = build(schema(api, version, "request"), sample_values(api, version))
    assert decode_request(view(frame[4:]), api, version) == expected


def test_every_api_has_a_request_and_a_response_in_every_version_served():
    for api, version in EVERY_VERSION:
        for kind in ("request", "response"):
            entity = schema(api, version, kind)
            assert (entity.__api_key__, entity.__version__) == (api, version)


def test_what_is_served_reaches_back_to_kafka_2_1_and_on_to_the_newest_schema():
    of_kafka_2_1 = {
        Api.PRODUCE: 7, Api.FETCH: 10, Api.LIST_OFFSETS: 4, Api.METADATA: 7, Api.FIND_COORDINATOR: 2,
        Api.API_VERSIONS: 2, Api.CREATE_TOPICS: 3, Api.DELETE_TOPICS: 3, Api.INIT_PRODUCER_ID: 1,
        Api.DELETE_RECORDS: 1, Api.OFFSET_FOR_LEADER_EPOCH: 2, Api.DESCRIBE_CONFIGS: 2, Api.ALTER_CONFIGS: 1,
        Api.DESCRIBE_LOG_DIRS: 1, Api.CREATE_PARTITIONS: 1,
        Api.DESCRIBE_ACLS: 1, Api.CREATE_ACLS: 1, Api.DELETE_ACLS: 1,
        Api.OFFSET_COMMIT: 6, Api.OFFSET_FETCH: 5, Api.JOIN_GROUP: 3, Api.SYNC_GROUP: 2, Api.HEARTBEAT: 2,
        Api.LEAVE_GROUP: 2, Api.DESCRIBE_GROUPS: 2, Api.LIST_GROUPS: 2, Api.DELETE_GROUPS: 1,
        Api.INCREMENTAL_ALTER_CONFIGS: 0,  # from 2.3 on
        Api.OFFSET_DELETE: 0,  # from 2.4 on
        Api.ELECT_LEADERS: 1, Api.LIST_PARTITION_REASSIGNMENTS: 0,  # from 2.4 on
        Api.DESCRIBE_CLUSTER: 0, Api.DESCRIBE_PRODUCERS: 0,  # from 2.8 on
        Api.GET_TELEMETRY_SUBSCRIPTIONS: 0, Api.PUSH_TELEMETRY: 0, Api.LIST_CONFIG_RESOURCES: 0,  # from 3.7 on
        Api.DESCRIBE_TOPIC_PARTITIONS: 0,  # from 3.8 on
    }  # fmt: skip
    unfinished = {Api.INIT_PRODUCER_ID}  # its version 6 is not offered by Kafka 4.3 either
    for api, (oldest, newest) in SERVED.items():
        assert oldest <= of_kafka_2_1[api] <= newest
        with pytest.raises(UnknownEntity):
            schema(api, newest + 1 + (api in unfinished), "request")


@pytest.mark.parametrize(("api", "version"), EVERY_VERSION)
def test_a_request_cut_at_any_byte_is_a_protocol_error(api: Api, version: int):
    frame = sample_request(api, version)[4:]
    readable = [size for size in range(8, len(frame)) if decodes(frame[:size], api, version)]
    assert readable == []


@pytest.mark.parametrize(("api", "version"), EVERY_VERSION)
def test_hostile_bytes_anywhere_in_a_request_do_no_harm(api: Api, version: int):
    frame = sample_request(api, version)[4:]
    hostile = (
        b"\xff\xff\xff\xff\x0f", b"\xff\xff\xff\xff\x7f", b"\xff\xff\xff\xff\xff", b"\x80\x80\x80\x80\x08",
        b"\x7f\xff\xff\xff", b"\x80\x00\x00\x00", b"\xff\xff\xff\xfe", b"\x7f\xff", b"\xff",
    )  # fmt: skip
    started = time.process_time()
    for position, bad in itertools.product(range(8, len(frame)), hostile):
        decodes(frame[:position] + bad + frame[position + len(bad) :], api, version)
        decodes(frame[:position] + bad, api, version)
    assert time.process_time() - started < 10


@pytest.mark.parametrize("api", list(SERVED))
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_random_bytes_are_read_or_are_a_protocol_error(api: Api, data: st.DataObject):
    version = data.draw(st.integers(*SERVED[api]))
    body = data.draw(st.binary(max_size=80))
    decodes(request_head(api, version) + body, api, version)


@pytest.mark.parametrize("api", list(SERVED))
@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_a_request_with_some_bytes_changed_is_read_or_is_a_protocol_error(api: Api, data: st.DataObject):
    version = data.draw(st.integers(*SERVED[api]))
    frame = bytearray(sample_request(api, version)[4:])
    for _ in range(data.draw(st.integers(1, 4))):
        frame[data.draw(st.integers(8, len(frame) - 1))] = data.draw(st.integers(0, 255))
    decodes(bytes(frame), api, version)


@pytest.mark.parametrize("size", range(8, 10))
def test_a_request_that_ends_within_its_client_ids_size_is_a_protocol_error(size: int):
    with pytest.raises(ProtocolError, match="ends within its header"):
        decode_request(view(bytes(size)), Api.METADATA, 1)


@pytest.mark.parametrize("size", [-2, -(2**15), 1, 2**15 - 1])
def test_a_client_id_that_is_not_there_is_a_protocol_error(size: int):
    with pytest.raises(ProtocolError, match=f"client id of {size} bytes"):
        decode_request(view(struct.pack(">hhih", Api.METADATA, 1, 1, size)), Api.METADATA, 1)


@pytest.mark.parametrize("client_id", [b"", b"\xff\xfe not UTF-8", b"\r\n\x1b[31m", b"x" * 32767])
def test_a_client_id_may_be_any_bytes(client_id: bytes):
    frame = request_head(Api.METADATA, 1, client_id=client_id) + struct.pack(">i", -1)
    assert decode_request(view(frame), Api.METADATA, 1).topics is None


def test_a_client_id_may_be_null():
    frame = struct.pack(">hhih", Api.METADATA, 1, 1, -1) + struct.pack(">i", 0)
    assert decode_request(view(frame), Api.METADATA, 1).topics == ()


def with_header_tags(tags: bytes) -> bytes:
    body = sample_request(Api.API_VERSIONS, 3)[4 + len(request_head(Api.API_VERSIONS, 3, client_id=b"corpus")) :]
    return struct.pack(">hhih", Api.API_VERSIONS, 3, 1, -1) + tags + body


def test_tagged_fields_in_the_header_are_passed_over():
    tags = b"\x02" + b"\x00\x03abc" + b"\x85\x01\x00"
    assert decode_request(view(with_header_tags(tags)), Api.API_VERSIONS, 3).client_software_name == "wire"


@pytest.mark.parametrize(
    "tags",
    [
        pytest.param(b"\x41" + b"\x00\x00" * 65, id="65 of them"),
        pytest.param(b"\xff\xff\xff\xff\x0f", id="4 billion announced"),
        pytest.param(b"\xff\xff\xff\xff\xff\x01", id="varint too long"),
        pytest.param(b"\x01\x00\x7f", id="longer than the request"),
        pytest.param(b"\x01\x00", id="no size"),
        pytest.param(b"\x01", id="no tag"),
    ],
)
def test_bad_tagged_fields_in_the_header_are_a_protocol_error(tags: bytes):
    frame = struct.pack(">hhih", Api.API_VERSIONS, 3, 1, -1) + tags
    with pytest.raises(ProtocolError):
        decode_request(view(frame), Api.API_VERSIONS, 3)


@pytest.mark.parametrize(("api", "version"), FLEXIBLE)
def test_unknown_tagged_fields_behind_a_request_are_passed_over(api: Api, version: int):
    frame = sample_request(api, version)[4:]
    expected = decode_request(view(frame), api, version)
    has_tags_of_its_own = api is Api.FETCH  # its cluster id, in front of which the count stands
    if has_tags_of_its_own:
        assert frame.endswith(b"\x01\x00\x08\x08cluster")
        extended = frame[: -len(b"\x01\x00\x08\x08cluster")] + b"\x02\x00\x08\x08cluster" + b"\x63\x02ab"
    else:
        assert frame.endswith(b"\x00")
        extended = frame[:-1] + b"\x02" + b"\x63\x00" + b"\x80\x01\x02ab"
    assert decode_request(view(extended), api, version) == expected


def test_bytes_behind_a_request_are_tolerated():
    frame = sample_request(Api.METADATA, 1)[4:]
    assert decode_request(view(frame + b"more"), Api.METADATA, 1) == decode_request(view(frame), Api.METADATA, 1)


def test_text_that_is_not_utf_8_is_a_protocol_error():
    frame = request_head(Api.METADATA, 1) + struct.pack(">ih", 1, 2) + b"\xff\xfe"
    with pytest.raises(ProtocolError):
        decode_request(view(frame), Api.METADATA, 1)


def test_a_request_may_be_encoded_from_values_of_all_versions():
    values = {"topics": None, "allow_auto_topic_creation": True, "no such field": 1}
    assert decode_request(view(encode_request(Api.METADATA, 4, 1, "", values)[4:]), Api.METADATA, 4).topics is None
