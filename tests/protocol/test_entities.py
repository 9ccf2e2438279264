"""One set of plain values answers every version of an API."""

from random import Random

import pytest
from hypothesis import given, settings, strategies as st
from kio.schema.errors import ErrorCode

from gomq.errors import ProtocolError
from gomq.protocol.api import SERVED, SPOKEN, Api, Versions, common_version
from gomq.protocol.entities import build, decode, encode, schema
from gomq.protocol.requests import decode_request, encode_request
from gomq.protocol.responses import decode_response, encode_response, has_tagged_header, read_correlation_id
from tests.support.instances import instance, plain
from tests.support.wire import served_versions

EVERY_VERSION = list(served_versions())


@pytest.mark.parametrize(("api", "version"), EVERY_VERSION)
@given(random=st.randoms(use_true_random=True))
@settings(max_examples=5, deadline=None)
def test_a_response_built_from_plain_values_holds_them(api: Api, version: int, random: Random):
    kind = schema(api, version, "response")
    entity = instance(kind, random)
    assert build(kind, plain(entity)) == entity
    frame = encode_response(api, version, 77, {**plain(entity), "a field of another version": 1})
    assert int.from_bytes(frame[:4], "big") == len(frame) - 4
    payload = memoryview(frame)[4:].toreadonly()
    assert read_correlation_id(payload) == 77
    assert decode_response(payload, api, version) == entity


@pytest.mark.parametrize(("api", "version"), EVERY_VERSION)
@given(random=st.randoms(use_true_random=True))
@settings(max_examples=5, deadline=None)
def test_a_request_built_from_plain_values_holds_them(api: Api, version: int, random: Random):
    entity = instance(schema(api, version, "request"), random)
    frame = memoryview(encode_request(api, version, 1, "client", plain(entity)))[4:].toreadonly()
    assert decode_request(frame, api, version) == entity


def test_times_and_error_codes_are_given_as_numbers():
    kind = schema(Api.PRODUCE, 3, "response")
    partition = {"index": 0, "error_code": 3, "base_offset": 7, "log_append_time": 1_700_000_000_123}
    values = {"responses": [{"name": "orders", "partition_responses": [partition]}], "throttle_time": 0}
    built = build(kind, values)
    (answer,) = built.responses[0].partition_responses
    assert answer.error_code is ErrorCode.unknown_topic_or_partition
    assert encode(built).endswith((1_700_000_000_123).to_bytes(8, "big") + bytes(4))


def test_no_time_is_given_as_minus_one():
    kind = schema(Api.PRODUCE, 3, "response")
    partition = {"index": 0, "error_code": 0, "base_offset": 7, "log_append_time": -1}
    values = {"responses": [{"name": "orders", "partition_responses": [partition]}], "throttle_time": 0}
    assert build(kind, values).responses[0].partition_responses[0].log_append_time is None


def test_only_an_answer_to_api_versions_has_no_tags_in_a_flexible_header():
    assert has_tagged_header(Api.METADATA, 9)
    assert not has_tagged_header(Api.METADATA, 8)
    assert not has_tagged_header(Api.API_VERSIONS, 3)


@pytest.mark.parametrize("frame", [b"\0\0\0\1", b"\0\0\0\1\1", b"\0\0\0\1\0", b"\0\0"])
def test_a_response_that_is_cut_off_or_has_header_tags_is_a_protocol_error(frame: bytes):
    with pytest.raises(ProtocolError):
        decode_response(memoryview(frame), Api.METADATA, 9)


@given(data=st.binary(max_size=60), api=st.sampled_from(list(SERVED)), draw=st.data())
@settings(max_examples=300, deadline=None)
def test_random_bytes_are_a_response_or_a_protocol_error(data: bytes, api: Api, draw: st.DataObject):
    kind = schema(api, draw.draw(st.integers(*SERVED[api])), "response")
    try:
        entity = decode(kind, memoryview(data), 0)
    except ProtocolError as error:
        assert kind.__name__ in str(error)  # noqa: PT017 - an error is not the only way
    else:
        assert isinstance(entity, kind)


def test_the_client_speaks_only_what_the_broker_serves_but_for_groups_that_it_does_not_have():
    assert SPOKEN.keys() - SERVED.keys() == {Api.CONSUMER_GROUP_DESCRIBE}
    for api, spoken in SPOKEN.items():
        if api not in SERVED:
            continue
        assert spoken.oldest in SERVED[api]
        assert spoken.newest in SERVED[api]


def test_client_and_broker_agree_on_the_newest_version_that_both_know():
    assert common_version(Api.METADATA, Versions(0, 9)) == 9
    assert common_version(Api.METADATA, Versions(0, 99)) == SPOKEN[Api.METADATA].newest
    assert common_version(Api.METADATA, Versions(SPOKEN[Api.METADATA].oldest, 99)) == SPOKEN[Api.METADATA].newest
    assert common_version(Api.METADATA, Versions(0, 3)) is None
    assert common_version(Api.METADATA, Versions(99, 100)) is None


def test_a_range_of_versions_holds_both_its_ends_and_nothing_but_numbers():
    versions = Versions(2, 4)
    assert [number for number in range(7) if number in versions] == [2, 3, 4]
    wrong: object = "3"
    assert wrong not in versions
