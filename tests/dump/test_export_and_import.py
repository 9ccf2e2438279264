"""What is exported and imported again is the same log: byte for byte, or record for record where it is compressed."""

import random
from collections.abc import Iterable, Mapping
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from gomq_dump.cli import main
from gomq_dump.exporting.lines import Place, batch_lines, segment_line
from gomq_dump.importing.lines import LineError, Origin, RecordLine, SegmentLine, read_line
from gomq_dump.importing.target import Options, Target
from gomq_dump.packing import pack_batch, pack_records
from gomq_storage.batch import MAGIC, BatchHeader, check_batch, walk
from gomq_storage.compression import Codec, compress
from gomq_storage.layout import TopicPartition, parse_segment_file_name
from gomq_storage.record import BatchRecords, NewRecord, Record
from gomq_storage.record_fields import decode_name
from tests.support.memory_files import MemoryFiles
from tests.support.segment_files import varied_records
from tests.support.sound_log import CLOSED

ORDERS = TopicPartition("orders", 0)
OPTIONS = Options(topic=None, partition=0, codec=Codec.NONE, segment_bytes=None, now_ms=1_700_000_000_000)

int64 = st.integers(-(2**63), 2**63 - 1)
timestamps = st.one_of(st.integers(-1, 2**41), st.integers(-(2**61), 2**61))
some_bytes = st.one_of(st.none(), st.text(max_size=8).map(str.encode), st.binary(max_size=8))
names = st.one_of(st.text(max_size=4), st.binary(max_size=4).map(decode_name))
headers = st.lists(st.tuples(names, some_bytes), max_size=3).map(tuple)


@st.composite
def batches(draw: st.DrawFn) -> list[bytes]:
    """Draw batches as a log may hold them: of any codec, with gaps in and between them, and with odd bits."""
    offset, epoch, drawn = draw(st.integers(0, 100)), draw(st.integers(0, 3)), []
    for _ in range(draw(st.integers(1, 4))):
        deltas = draw(st.lists(st.integers(1, 200), max_size=4, unique=True).map(sorted))
        base_timestamp = draw(timestamps)
        records = [
            Record(offset + delta, draw(timestamps), draw(some_bytes), draw(some_bytes), draw(headers))
            for delta in deltas
        ]
        last_delta = (deltas[-1] if deltas else 0) + draw(st.integers(0, 3))
        codec, flags = draw(st.sampled_from(Codec)), draw(st.sampled_from((0, 8, 16, 48, 64, 128, 72, 0x4000)))
        header = BatchHeader(
            base_offset=offset,
            length=0,
            leader_epoch=draw(st.sampled_from((-1, epoch))),
            magic=MAGIC,
            crc=0,
            attributes=codec | flags,
            last_offset_delta=last_delta,
            base_timestamp=base_timestamp,
            max_timestamp=draw(timestamps),
            producer_id=draw(st.integers(-1, 9)),
            producer_epoch=draw(st.integers(-1, 9)),
            base_sequence=draw(st.integers(-1, 9)),
            record_count=len(records),
        )
        body = compress(codec, pack_records(records, base_offset=offset, base_timestamp=base_timestamp))
        if draw(st.integers(0, 9)) == 0:
            body = draw(st.binary(max_size=30))  # its CRC will hold, and it makes no sense
        drawn.append(pack_batch(header, body))
        offset += last_delta + 1 + draw(st.sampled_from((0, 0, 5)))
        epoch += draw(st.integers(0, 1))
    return drawn


def exported(logs: Mapping[int, bytes]) -> list[bytes]:
    """Export segments, by their base offsets."""
    return [
        line
        for base, log in sorted(logs.items())
        for position, header in walk(log)
        for line in batch_lines(Place(ORDERS, base), log[position : position + header.size], header).splitlines(True)
    ]


def imported(lines: Iterable[bytes], *, name: str = "orders-0", options: Options = OPTIONS) -> MemoryFiles:
    files = MemoryFiles()
    target = Target(files, files.root / name, options)
    for line in lines:
        target.take(read_line(line))
    target.finish()
    return files.crash()  # all of it must be on the device


def logs_in(files: MemoryFiles, directory: Path) -> dict[int, bytes]:
    return {
        parsed[0]: content
        for name, content in files.snapshot(directory).items()
        if (parsed := parse_segment_file_name(name)) is not None and parsed[1] == ".log"
    }


@settings(max_examples=30, deadline=None)
@given(drawn=batches())
def test_a_log_comes_back(drawn: list[bytes]) -> None:
    base = check_batch(drawn[0]).base_offset
    lines = exported({base: b"".join(drawn)})
    files = imported(lines)

    logs = logs_in(files, files.root / "orders-0")
    assert exported(logs) == lines
    for before, (position, header) in zip(drawn, walk(logs[base]), strict=True):
        after = logs[base][position : position + header.size]
        check_batch(after)
        assert after == before or check_batch(before).codec is not Codec.NONE


def test_segments_come_back_file_by_file() -> None:
    logs = {int(name[:20]): content for name, content in CLOSED.items() if name.endswith(".log")}
    files = imported(exported(logs))
    assert logs_in(files, files.root / "orders-0") == logs
    assert {name for name in files.snapshot(files.root / "orders-0") if name.endswith(".snapshot")} == {
        name for name in CLOSED if name.endswith(".snapshot")
    }


def test_segments_are_of_another_size_where_that_is_wanted() -> None:
    logs = {int(name[:20]): content for name, content in CLOSED.items() if name.endswith(".log")}
    files = imported(exported(logs), options=OPTIONS._replace(segment_bytes=300))
    found = logs_in(files, files.root / "orders-0")
    assert max(map(len, found.values())) <= 300
    assert b"".join(content for _, content in sorted(found.items())) == b"".join(logs.values())


def test_only_what_a_batch_is_made_of_is_in_its_lines() -> None:
    (record,) = varied_records(1)
    log = pack_batch(_header(Codec.NONE), pack_records([record_at(record, 0)], base_offset=0, base_timestamp=5))
    batch, line = exported({0: log})
    assert b'"crc"' not in batch
    assert b'"attributes"' not in batch
    assert line.startswith(b'{"type":"record","offset":0,"timestamp":')


def record_at(record: NewRecord, offset: int) -> Record:
    return Record(offset, record.timestamp or 0, record.key, record.value, record.headers)


def _header(codec: Codec) -> BatchHeader:
    return BatchHeader(0, 0, 0, MAGIC, 0, codec, 0, 5, 5, -1, -1, -1, 1)


@pytest.mark.parametrize("seed", range(3))
def test_loose_records_get_the_offsets_that_they_name_or_the_next_ones(seed: int) -> None:
    rng, expected, lines = random.Random(seed), [], []
    offset = 0
    for number in count():
        if number == 400:
            break
        gap = rng.choice((0, 0, 0, 7))
        offset += gap
        named = f', "offset": {offset}' if gap or rng.random() < 0.2 else ""
        lines.append(f'{{"value": "{"x" * rng.randint(0, 900)}"{named}}}\n'.encode())
        expected.append(offset)
        offset += 1
    files = imported(lines)
    log = b"".join(logs_in(files, files.root / "orders-0").values())
    headers_found = [header for _, header in walk(log)]
    ends = [expected[0], *(header.next_offset for header in headers_found)]
    assert [header.base_offset for header in headers_found] == ends[:-1]  # a log that no broker takes for compacted
    found = [line.offset for line in map(read_line, exported({0: log})) if isinstance(line, RecordLine)]
    assert found == expected


def test_segments_without_a_batch_come_back_and_the_log_goes_on_where_it_had_come_to() -> None:
    files = imported([segment_line(Place(ORDERS, 500)), b'{"value": "next"}\n', segment_line(Place(ORDERS, 501))])
    logs = logs_in(files, files.root / "orders-0")
    assert [(base, len(log) > 0) for base, log in logs.items()] == [(500, True), (501, False)]
    assert [header.base_offset for _, header in walk(logs[500])] == [500]
    assert read_line(segment_line(Place(None, 7))) == SegmentLine(
        origin=Origin(topic=None, partition=None), base_offset=7
    )
    with pytest.raises(LineError, match='field "segment": expected at least 501'):
        imported([segment_line(Place(ORDERS, 500)), b'{"value": "next"}\n', segment_line(Place(ORDERS, 400))])


@pytest.mark.parametrize("base_timestamp", [-(2**63), 2**63 - 1])
def test_timestamps_beyond_64_bits_are_carried_as_they_lie_in_the_file(base_timestamp: int) -> None:
    header = _header(Codec.NONE)._replace(base_timestamp=base_timestamp)
    body = pack_records([Record(0, 7, None, b"x", ())], base_offset=0, base_timestamp=1)  # a delta of 6
    log = pack_batch(header, body) if base_timestamp > 0 else pack_batch(header, body.replace(b"\x0c", b"\x0b", 1))
    lines = exported({0: log})
    assert b'"records_base64"' in lines[0]
    files = imported(lines)
    assert logs_in(files, files.root / "orders-0") == {0: log}


def test_leader_epochs_do_not_fall() -> None:
    batches = [pack_batch(_header(Codec.NONE)._replace(base_offset=n, leader_epoch=3 - n), b"x") for n in (0, 1)]
    with pytest.raises(LineError, match='field "leader_epoch": expected at least 3'):
        imported(exported({0: b"".join(batches)}))
    files = imported([*exported({0: batches[0]}), b'{"value": "by hand"}\n'])
    log = logs_in(files, files.root / "orders-0")[0]
    assert [header.leader_epoch for _, header in walk(log)] == [3, 3]


def test_a_log_that_begins_behind_its_first_segments_offset_is_a_compacted_one() -> None:
    for segment, has_gaps in ((0, True), (5, False)):
        log = pack_batch(_header(Codec.NONE)._replace(base_offset=5), b"x")
        files = imported(exported({segment: log}), name="data")
        assert files.exists(files.root / "data" / "cleaner-offset-checkpoint") is has_gaps


def test_the_mark_that_editors_put_in_front_of_utf_8_is_skipped(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    file.write_bytes(b'\xef\xbb\xbf{"value": "\xef\xbb\xbfa"}\r\n{"value": "b"}\r\n')
    assert main(["import", str(file), "--to", str(tmp_path / "orders-0")]) == 0
    (_, header), *_ = walk(log := (tmp_path / "orders-0" / "00000000000000000000.log").read_bytes())
    assert BatchRecords(log, header).take(2).values == ["\ufeffa".encode(), b"b"]
