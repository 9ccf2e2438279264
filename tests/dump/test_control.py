"""The records of control batches."""

import struct
import uuid

import pytest
from hypothesis import given, strategies as st

from gomq_dump.reading.batches import Batch
from gomq_dump.reading.control import read_control
from gomq_dump.rendering.json_objects import record_fields
from gomq_dump.rendering.text import batch_text
from gomq_storage.batch import BatchHeader, read_header
from gomq_storage.record import NewRecord, Record, encode_batch

DIRECTORY = uuid.UUID("aabbccdd-0011-2233-4455-66778899aabb")
DIRECTORY_TEXT = "qrvM3QARIjNEVWZ3iJmquw"


def key(type_id: int) -> bytes:
    return struct.pack(">hh", 0, type_id)


def control_header() -> BatchHeader:
    return read_header(encode_batch([NewRecord(b"")], now_ms=0))._replace(attributes=0b10_0000)


def shown(type_id: int, value: bytes) -> str:
    """Return what the record's line says behind the names of its headers."""
    batch = Batch(0, control_header(), 0, [Record(0, 0, key(type_id), value, ())])
    return batch_text(batch).splitlines()[1].split("headerKeys: []")[1]


@pytest.mark.parametrize(("type_id", "kind"), [(0, "ABORT"), (1, "COMMIT")])
def test_the_end_of_a_transaction_shows_the_coordinators_epoch(type_id: int, kind: str):
    value = struct.pack(">hi", 0, 12)

    assert shown(type_id, value) == f" endTxnMarker: {kind} coordinatorEpoch: 12"
    fields = record_fields(control_header(), Record(0, 0, key(type_id), value, ()))
    assert fields["control"] == {"kind": kind, "type_id": type_id, "coordinator_epoch": 12}


def test_a_change_of_leader_shows_who_voted():
    voters = b"\x02" + struct.pack(">i", 1) + b"\0"

    text = shown(2, struct.pack(">hi", 0, 1) + voters + voters + b"\0")

    assert text == (
        ' LeaderChange: {"version":0,"leaderId":1,"voters":[{"voterId":1}],"grantingVoters":[{"voterId":1}]}'
    )


def test_from_version_1_on_a_voter_has_a_directory():
    voter = struct.pack(">i", 3) + DIRECTORY.bytes + b"\x01\x09\x02ab"  # with a tagged field, as later versions may

    control = read_control(key(2), struct.pack(">hi", 1, 3) + b"\x02" + voter + b"\x01" + b"\0")

    assert control is not None
    assert control.fields == {
        "version": 1,
        "leaderId": 3,
        "voters": [{"voterId": 3, "voterDirectoryId": DIRECTORY_TEXT}],
        "grantingVoters": [],
    }


def test_the_other_records_of_a_quorum_show_their_fields():
    endpoint = b"\x0bCONTROLLER\x0a127.0.0.1" + struct.pack(">H", 9093) + b"\0"
    voter = struct.pack(">i", 1) + DIRECTORY.bytes + b"\x02" + endpoint + struct.pack(">hh", 0, 1) + b"\0\0"

    assert shown(3, struct.pack(">hq", 0, 99) + b"\0") == ' SnapshotHeader {"version":0,"lastContainedLogTimestamp":99}'
    assert shown(4, struct.pack(">h", 0) + b"\0") == ' SnapshotFooter {"version":0}'
    assert shown(5, struct.pack(">hh", 0, 1) + b"\0") == ' KRaftVersion {"version":0,"kRaftVersion":1}'
    assert shown(6, struct.pack(">h", 0) + b"\x02" + voter + b"\0") == (
        f' KRaftVoters {{"version":0,"voters":[{{"voterId":1,"voterDirectoryId":"{DIRECTORY_TEXT}",'
        '"endpoints":[{"name":"CONTROLLER","host":"127.0.0.1","port":9093}],'
        '"kRaftVersionFeature":{"minSupportedVersion":0,"maxSupportedVersion":1}}]}'
    )


def test_an_unknown_type_is_shown_with_its_number():
    assert shown(77, b"") == " controlType: UNKNOWN(77)"


@given(st.integers(-1, 8), st.none() | st.binary(max_size=60))
def test_arbitrary_values_raise_nothing(type_id: int, value: bytes | None):
    read_control(key(type_id), value)


@pytest.mark.parametrize("bad", [None, b"", b"\0\0\0"])
def test_a_record_without_a_whole_key_is_no_control_record(bad: bytes | None):
    assert read_control(bad, b"") is None
