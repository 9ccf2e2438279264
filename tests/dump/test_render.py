"""What is shown, as text and as JSON lines. That the text is Kafka's own, tests/interop compares with a real Kafka."""

import base64
from pathlib import Path

import pytest

from gomq_dump.findings import Finding, Problem
from gomq_dump.reading.batches import Batch
from gomq_dump.rendering.json_objects import batch_fields, record_fields
from gomq_dump.rendering.text import batch_text, finding_text
from gomq_storage.batch import BatchHeader, read_header
from gomq_storage.record import NewRecord, Record, build_batch, encode_batch, encode_records
from tests.support.dumping import as_json, as_text, inspect, walk_log
from tests.support.segment_files import write_partition, write_varied_partition

TIME = 1_700_000_000_000


def one_batch(data: bytes) -> Batch:
    (batch,) = walk_log(data, base_offset=read_header(data).base_offset, records=True)
    assert isinstance(batch, Batch)
    return batch


def header(**fields: int) -> BatchHeader:
    return read_header(encode_batch([NewRecord(b"v")], now_ms=TIME))._replace(**fields)


def lines(batch: Batch) -> list[str]:
    return batch_text(batch).splitlines()


def test_a_batch_line_has_kafkas_fields_in_kafkas_order():
    batch = build_batch(
        encode_records([NewRecord(b"a"), NewRecord(b"b")], base_timestamp=TIME),
        record_count=2, base_timestamp=TIME, max_timestamp=TIME + 1,
        base_offset=40, leader_epoch=7, producer_id=9, producer_epoch=1, base_sequence=5,
    )  # fmt: skip
    crc = read_header(batch).crc

    assert lines(one_batch(batch))[0] == (
        "baseOffset: 40 lastOffset: 41 count: 2 baseSequence: 5 lastSequence: 6 producerId: 9 producerEpoch: 1"
        " partitionLeaderEpoch: 7 isTransactional: false isControl: false deleteHorizonMs: OptionalLong.empty"
        f" position: 0 CreateTime: {TIME + 1} size: {len(batch)} magic: 2 compresscodec: none crc: {crc} isvalid: true"
    )


def test_record_lines_have_sizes_names_of_headers_and_what_is_not_null():
    records = [
        NewRecord(b"value", b"key", (("one", b"1"), ("two", None)), TIME),
        NewRecord(None, b"key", (), TIME),
        NewRecord(b"", None, (), TIME),
        NewRecord(None, None, (), TIME),
    ]

    time = f"CreateTime: {TIME}"
    assert lines(one_batch(encode_batch(records, now_ms=TIME)))[1:] == [
        f"| offset: 0 {time} keySize: 3 valueSize: 5 sequence: -1 headerKeys: [one,two] key: key payload: value",
        f"| offset: 1 {time} keySize: 3 valueSize: -1 sequence: -1 headerKeys: [] key: key",
        f"| offset: 2 {time} keySize: -1 valueSize: 0 sequence: -1 headerKeys: [] payload: ",
        f"| offset: 3 {time} keySize: -1 valueSize: -1 sequence: -1 headerKeys: []",
    ]


def test_attributes_show_in_the_batch_line():
    line = batch_text(Batch(0, header(attributes=0b111_1000), 0, None))

    assert "isTransactional: true isControl: true" in line
    assert f"deleteHorizonMs: OptionalLong[{TIME}]" in line
    assert f"LogAppendTime: {TIME}" in line
    assert "isvalid: false" in line


def test_sequence_numbers_start_again_from_zero_behind_the_largest():
    numbered = header(base_sequence=2**31 - 2, last_offset_delta=3, producer_id=1)
    records = [Record(offset, TIME, None, b"v", ()) for offset in range(4)]

    first, *rest = lines(Batch(0, numbered, 0, records))

    assert f"baseSequence: {2**31 - 2} lastSequence: 1 " in first
    assert [line.split("sequence: ")[1].split()[0] for line in rest] == [str(2**31 - 2), str(2**31 - 1), "0", "1"]


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"gr\xc3\xbc\xc3\x9fe", "grüße"),
        (b"\xff\xfea", "\ufffd\ufffda"),
        (b"\xe2\x82", "\ufffd"),
        (b"\xed\xa0\x80", "\ufffd"),  # a surrogate: Python alone would show three
        (b"\xed\xa0", "\ufffd"),
        (b"\xed\xbf\x80\x80", "\ufffd\ufffd"),
        (b"\xed", "\ufffd"),
        (b"\xf4\x90\x80\x80", "\ufffd\ufffd\ufffd\ufffd"),
    ],
)
def test_bytes_that_are_no_text_are_replaced_as_java_does(data: bytes, shown: str):
    text = as_text([one_batch(encode_batch([NewRecord(data, None, (), TIME)], now_ms=TIME))])

    assert text.decode().endswith(f" payload: {shown}\n")


def test_a_finding_is_one_line_with_place_expected_and_found():
    damage = Finding(problem=Problem.CRC, position=61, message="bad", expected="0x1", found="0x2", size=80)
    note = Finding(problem=Problem.OFFSET_GAP, position=0, message="odd", found=3)
    bare = Finding(problem=Problem.TORN_TAIL, position=5, message="torn", size=1)

    assert finding_text("a/0.log", damage) == "a/0.log: byte 61: bad: expected 0x1, found 0x2; 80 bytes passed over\n"
    assert finding_text("a/0.log", note) == "note: a/0.log: byte 0: odd: found 3\n"
    assert finding_text("a/0.log", bare) == "a/0.log: byte 5: torn; 1 byte passed over\n"


def test_an_empty_offset_index_is_said_to_be_empty(tmp_path: Path):
    partition = write_partition(tmp_path / "orders-0", [encode_batch([NewRecord(b"v", None, (), TIME)], now_ms=TIME)])
    log, index, times = (partition / f"00000000000000000000{suffix}" for suffix in (".log", ".index", ".timeindex"))

    assert as_text(item for path in (log, index, times) for item in inspect(path)).decode().splitlines() == [
        f"Dumping {log}",
        "Log starting offset: 0",
        lines(one_batch(log.read_bytes()))[0],
        f"Dumping {index}",
        f"{index} is empty.",
        f"Dumping {times}",
        f"timestamp: {TIME} offset: 0",
    ]


def test_every_object_says_its_type_and_a_batchs_records_follow_it(tmp_path: Path):
    partition = write_varied_partition(tmp_path / "orders-0", batches=20)

    objects = as_json(inspect(partition, records=True))

    types = {"file", "batch", "record", "index_entry", "time_index_entry", "leader_epoch", "offset_checkpoint"}
    assert {each["type"] for each in objects} == types
    batches = [number for number, each in enumerate(objects) if each["type"] == "batch"]
    for number in batches:
        count = objects[number]["record_count"]
        offsets = [each["offset"] for each in objects[number + 1 : number + 1 + count]]
        assert offsets == list(range(objects[number]["base_offset"], objects[number]["last_offset"] + 1))
    first = objects[0]
    assert (first["kind"], first["base_offset"]) == ("log", 0)
    assert first["path"] == str(partition / "00000000000000000000.log")
    assert first["size"] == (partition / "00000000000000000000.log").stat().st_size


def test_json_keeps_bytes_that_are_no_text_as_base64_and_null_as_null():
    record = Record(3, TIME, b"\xff\x00", "grüße".encode(), (("a", b"\xfe"), ("b", b"text"), ("c", None)))

    fields = record_fields(header(), record)

    assert "key" not in fields
    assert base64.b64decode(fields["key_base64"]) == b"\xff\x00"
    assert fields["value"] == "grüße"
    assert fields["headers"] == [
        {"name": "a", "value_base64": "/g=="},
        {"name": "b", "value": "text"},
        {"name": "c", "value": None},
    ]
    assert record_fields(header(), Record(3, TIME, None, None, ()))["value"] is None


def test_json_names_what_the_header_holds():
    fields = batch_fields(Batch(5, header(base_offset=8, attributes=0b1100), 1, None))

    assert (fields["position"], fields["base_offset"], fields["last_offset"], fields["record_count"]) == (5, 8, 8, 1)
    assert (fields["codec"], fields["timestamp_type"], fields["is_valid"]) == ("zstd", "LogAppendTime", False)
    assert (fields["delete_horizon_ms"], fields["producer_id"], fields["last_sequence"]) == (None, -1, -1)


def test_json_has_findings_among_the_rest_with_what_was_expected_and_found(tmp_path: Path):
    partition = write_varied_partition(tmp_path / "orders-0", batches=3)
    log = partition / "00000000000000000000.log"
    log.write_bytes(log.read_bytes()[:-5])

    *_, finding = as_json(inspect(log))

    assert (finding["type"], finding["severity"], finding["problem"]) == ("finding", "damage", "torn-tail")
    assert finding["path"] == str(log)
    assert finding["expected"] == finding["found"] + 5
    assert finding["position"] + finding["size"] == log.stat().st_size


def test_a_path_that_is_no_text_does_not_stop_json(tmp_path: Path):
    directory = tmp_path / b"caf\xe9-0".decode(errors="surrogateescape")
    partition = write_partition(directory, [])

    assert as_json(inspect(partition))[0]["path"].startswith(f"{tmp_path}/caf\ufffd-0/")
    assert b"caf\xe9-0" in as_text(inspect(partition))
