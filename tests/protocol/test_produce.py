"""What is laid out by hand for Produce is, byte for byte, what kio would have written."""

from uuid import UUID

import pytest
from hypothesis import given, settings, strategies as st
from kio.schema.errors import ErrorCode

from gomq.protocol import requests, responses
from gomq.protocol.api import SPOKEN, Api
from gomq.protocol.produce import ProducedPartition, RecordError, encode_request, encode_response
from tests.support.wire import versions

NAMES = st.sampled_from(["", "orders", "é", "x" * 249])
INT32 = st.integers(-(2**31), 2**31 - 1)
INT64 = st.integers(-(2**63), 2**63 - 1)
PARTITIONS = st.lists(
    st.builds(
        ProducedPartition,
        partition=INT32,
        error_code=st.sampled_from([int(code) for code in ErrorCode]),
        base_offset=INT64,
        log_append_time=st.one_of(st.just(-1), st.integers(0, 2**42)),
        log_start_offset=INT64,
        error_message=st.none() | st.sampled_from(["", "no such topic", "é" * 300]),
        record_errors=st.lists(
            st.builds(RecordError, INT32, st.sampled_from(["", "no key", "é" * 90])), max_size=3
        ).map(tuple),
    ),
    max_size=3,
)


def topics(version: int, names: st.SearchStrategy[str] = NAMES):
    keys = st.uuids().filter(lambda uuid: uuid.int != 0) if version >= 13 else names
    return st.lists(st.tuples(keys, PARTITIONS), max_size=3)


@pytest.mark.parametrize("version", versions(Api.PRODUCE))
@given(data=st.data(), correlation_id=INT32)
@settings(max_examples=20, deadline=None)
def test_a_response_is_laid_out_as_kio_writes_it(version: int, data: st.DataObject, correlation_id: int):
    answered = data.draw(topics(version))
    values = {
        "throttle_time": 0,
        "responses": [
            {
                "name": topic,
                "topic_id": topic,
                "partition_responses": [
                    {
                        "index": partition.partition,
                        "error_code": partition.error_code,
                        "base_offset": partition.base_offset,
                        "log_append_time": partition.log_append_time,
                        "log_start_offset": partition.log_start_offset,
                        "record_errors": [
                            {"batch_index": each.batch_index, "batch_index_error_message": each.message}
                            for each in partition.record_errors
                        ],
                        "error_message": partition.error_message,
                    }
                    for partition in partitions
                ],
            }
            for topic, partitions in answered
        ],
    }
    expected = responses.encode_response(Api.PRODUCE, version, correlation_id, values)
    assert encode_response(version, correlation_id, answered) == expected


@pytest.mark.parametrize("version", range(SPOKEN[Api.PRODUCE].oldest, SPOKEN[Api.PRODUCE].newest + 1))
@given(
    batches=st.dictionaries(NAMES, st.dictionaries(INT32, st.binary(max_size=200), max_size=3), max_size=3),
    acks=st.sampled_from([-1, 0, 1]),
    timeout_ms=st.integers(0, 2**31 - 1),
    client_id=st.sampled_from(["", "gomq", "é"]),
)
@settings(max_examples=20, deadline=None)
def test_a_request_is_laid_out_as_kio_writes_it(
    version: int, batches: dict[str, dict[int, bytes]], acks: int, timeout_ms: int, client_id: str
):
    values = {
        "transactional_id": None,
        "acks": acks,
        "timeout": timeout_ms,
        "topic_data": [
            {"name": topic, "partition_data": [{"index": index, "records": raw} for index, raw in entries.items()]}
            for topic, entries in batches.items()
        ],
    }
    expected = requests.encode_request(Api.PRODUCE, version, 9, client_id, values)
    parts = encode_request(version, 9, client_id, batches, acks=acks, timeout_ms=timeout_ms)
    assert b"".join(parts) == expected


def test_a_batch_is_sent_as_it_is_without_a_copy():
    raw = b"x" * 1000
    parts = encode_request(9, 1, "gomq", {"orders": {0: raw}}, acks=-1, timeout_ms=1)
    assert any(part is raw for part in parts)


def test_a_topic_that_no_id_was_given_for_is_answered_with_the_zero_id():
    frame = encode_response(13, 1, [(UUID(int=0), [ProducedPartition(0, 100)])])
    body = responses.decode_response(memoryview(frame)[4:].toreadonly(), Api.PRODUCE, 13)
    assert body.responses[0].topic_id is None
