"""What is laid out by hand for Fetch is, byte for byte, what kio would have written around the records."""

from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings, strategies as st
from kio.schema.errors import ErrorCode

from gomq.protocol import responses
from gomq.protocol.api import Api
from gomq.protocol.fetch import LEADER_SINCE, EpochEndOffset, FetchedPartition, Leader, encode_response
from tests.support.wire import versions

INT32 = st.integers(-(2**31), 2**31 - 1)
INT64 = st.integers(-(2**63), 2**63 - 1)


class Held(NamedTuple):
    """Records that are somewhere else."""

    raw: bytes

    @property
    def size(self) -> int:
        return len(self.raw)


PARTITIONS = st.lists(
    st.tuples(
        st.builds(
            FetchedPartition,
            partition=INT32,
            error_code=st.sampled_from([int(code) for code in ErrorCode]),
            high_watermark=INT64,
            last_stable_offset=INT64,
            log_start_offset=INT64,
            aborted=st.none() | st.lists(st.tuples(INT64, INT64), max_size=3),
            diverging=st.none() | st.builds(EpochEndOffset, st.integers(0, 2**31 - 1), INT64),
            leader_epoch=st.none() | st.integers(0, 2**31 - 1),
        ),
        st.none() | st.builds(Held, st.one_of(st.binary(max_size=20), st.just(b"r" * 70_000))),
    ),
    max_size=3,
)


LEADERS = st.none() | st.builds(Leader, INT32, st.sampled_from(["", "localhost", "é" * 100]), INT32)


def aborted_values(partition: FetchedPartition) -> list[dict[str, int]] | None:
    if partition.aborted is None:
        return None
    return [{"producer_id": producer_id, "first_offset": offset} for producer_id, offset in partition.aborted]


def epoch_values(partition: FetchedPartition) -> dict[str, int]:
    return partition.diverging._asdict() if partition.diverging is not None else {}


def leader_values(partition: FetchedPartition, leader: Leader | None) -> dict[str, int]:
    if leader is None or partition.leader_epoch is None:
        return {}
    return {"leader_id": leader.node_id, "leader_epoch": partition.leader_epoch}


@pytest.mark.parametrize("version", versions(Api.FETCH))
@given(data=st.data(), correlation_id=INT32, error_code=st.sampled_from([0, 70]), session_id=INT32)
@settings(max_examples=20, deadline=None)
def test_a_response_is_laid_out_as_kio_writes_it(
    version: int, data: st.DataObject, correlation_id: int, error_code: int, session_id: int
):
    ids = st.uuids().filter(lambda uuid: uuid.int != 0)
    keys: st.SearchStrategy[Any] = ids if version >= 13 else st.sampled_from(["", "orders", "é"])
    found = data.draw(st.lists(st.tuples(keys, PARTITIONS), max_size=3))
    leader = data.draw(LEADERS) if version >= LEADER_SINCE else None
    values = {
        "throttle_time": 0,
        "error_code": error_code,
        "session_id": session_id,
        "node_endpoints": [] if leader is None else [{**leader._asdict(), "rack": None}],
        "responses": [
            {
                "topic": topic,
                "topic_id": topic,
                "partitions": [
                    {
                        "partition_index": partition.partition,
                        "error_code": partition.error_code,
                        "high_watermark": partition.high_watermark,
                        "last_stable_offset": partition.last_stable_offset,
                        "log_start_offset": partition.log_start_offset,
                        "aborted_transactions": aborted_values(partition),
                        "diverging_epoch": epoch_values(partition),
                        "current_leader": leader_values(partition, leader),
                        "preferred_read_replica": -1,
                        "records": b"" if records is None else records.raw,
                    }
                    for partition, records in partitions
                ],
            }
            for topic, partitions in found
        ],
    }
    expected = responses.encode_response(Api.FETCH, version, correlation_id, values)
    parts = encode_response(version, correlation_id, found, error_code=error_code, session_id=session_id, leader=leader)
    assert b"".join(part if isinstance(part, bytes) else part.raw for part in parts) == expected


def test_records_are_passed_on_unread_and_in_order():
    first, second = Held(b"1" * 10), Held(b"2" * 20)
    partitions = [(FetchedPartition(0, 0), first), (FetchedPartition(1, 0), None), (FetchedPartition(2, 0), second)]
    parts = encode_response(12, 1, [("orders", partitions)])
    assert [part for part in parts if isinstance(part, Held)] == [first, second]
