"""The files beside logs and indexes: what is in them, and where what is wrong with them is."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from gomq_dump.findings import Finding
from gomq_dump.rendering.text import finding_text
from gomq_storage.checkpoint_text import encode_offsets
from gomq_storage.epochs import EpochStart, LeaderEpochs
from gomq_storage.layout import TopicPartition
from gomq_storage.producer_snapshot import encode_snapshot
from gomq_storage.producers import ActiveProducer, Producers
from gomq_storage.txn_index import AbortedTransaction, encode_entry
from tests.support.dumping import as_json, as_text, findings_in, inspect
from tests.support.segment_files import small_log

GOLDEN = Path(__file__).with_name("golden")
ABORTED = [AbortedTransaction(7, 3, 9, 3), AbortedTransaction(8, 1, 12, 1)]
TXN_INDEX = b"".join(map(encode_entry, ABORTED))
PRODUCERS = [
    ActiveProducer(7, 2, 30, 500, 10, 1_700_000_000_000, 4, 490),
    ActiveProducer(9, 0, -1, -1, 0, 1_700_000_000_001, 0, -1),
]
SNAPSHOT = encode_snapshot(Producers.restored(PRODUCERS, end=1000))
OFFSETS = encode_offsets({TopicPartition("orders", 0): 1200, TopicPartition("orders", 1): 88})
EPOCHS = LeaderEpochs([EpochStart(0, 0), EpochStart(3, 40)]).encode()
META = (GOLDEN / "meta.properties").read_bytes()
PARTITION = (GOLDEN / "__consumer_offsets-0" / "partition.metadata").read_bytes()
NAMES = {
    "00000000000000000003.txnindex": TXN_INDEX,
    "00000000000000001000.snapshot": SNAPSHOT,
    "recovery-point-offset-checkpoint": OFFSETS,
    "leader-epoch-checkpoint": EPOCHS,
    "meta.properties": META,
    "partition.metadata": PARTITION,
}


def lines(path: Path) -> list[str]:
    first, *rest = as_text(inspect(path)).decode().splitlines()
    assert first == f"Dumping {path}"
    return rest


def objects(path: Path) -> list[dict[str, Any]]:
    return [each for each in as_json(inspect(path)) if each["type"] != "file"]


def written(directory: Path, name: str, content: bytes) -> Path:
    path = directory / name
    path.write_bytes(content)
    return path


def only(findings: Iterable[Finding]) -> Finding:
    (finding,) = findings
    return finding


@pytest.mark.parametrize("name", NAMES)
def test_a_sound_file_has_no_findings(tmp_path: Path, name: str):
    assert findings_in(inspect(written(tmp_path, name, NAMES[name]))) == []


def test_aborted_transactions_are_shown_as_kafka_shows_them(tmp_path: Path):
    path = written(tmp_path, "00000000000000000003.txnindex", TXN_INDEX)

    assert lines(path) == [
        "version: 0 producerId: 7 firstOffset: 3 lastOffset: 9 lastStableOffset: 3",
        "version: 0 producerId: 8 firstOffset: 1 lastOffset: 12 lastStableOffset: 1",
    ]
    assert objects(path)[1] == {
        "type": "txn_index_entry",
        "position": 34,
        "version": 0,
        "producer_id": 8,
        "first_offset": 1,
        "last_offset": 12,
        "last_stable_offset": 1,
    }


def test_producers_are_shown_as_kafka_shows_them(tmp_path: Path):
    path = written(tmp_path, "00000000000000001000.snapshot", SNAPSHOT)

    with_a_batch, without = lines(path)

    assert with_a_batch == (
        "producerId: 7 producerEpoch: 2 coordinatorEpoch: 4 currentTxnFirstOffset: OptionalLong[490]"
        " lastTimestamp: 1700000000000 firstSequence: 20 lastSequence: 30 lastOffset: 500 offsetDelta: 10"
        " timestamp: 1700000000000"
    )
    assert without == (
        "producerId: 9 producerEpoch: 0 coordinatorEpoch: 0 currentTxnFirstOffset: OptionalLong.empty"
        " lastTimestamp: 1700000000001"
    )
    first, second = objects(path)
    assert (first["type"], first["first_sequence"], first["first_offset"], first["last_offset"]) == (
        "producer",
        20,
        490,
        500,
    )
    assert (second["first_offset"], second["last_offset"], second["txn_first_offset"]) == (None, None, None)


def test_tables_are_shown_in_words_of_our_own(tmp_path: Path):
    offsets = written(tmp_path, "recovery-point-offset-checkpoint", OFFSETS)
    epochs = written(tmp_path, "leader-epoch-checkpoint", EPOCHS)

    assert lines(offsets) == ["topic: orders partition: 0 offset: 1200", "topic: orders partition: 1 offset: 88"]
    assert objects(offsets)[0] == {
        "type": "offset_checkpoint",
        "position": 4,
        "topic": "orders",
        "partition": 0,
        "offset": 1200,
    }
    assert lines(epochs) == ["leaderEpoch: 0 startOffset: 0", "leaderEpoch: 3 startOffset: 40"]
    assert objects(epochs)[1] == {"type": "leader_epoch", "position": 8, "epoch": 3, "start_offset": 40}


def test_an_empty_table_is_one_without_lines(tmp_path: Path):
    for name in ("cleaner-offset-checkpoint", "leader-epoch-checkpoint"):
        for content in (b"", b"0\n0\n"):
            path = written(tmp_path, name, content)
            assert lines(path) == []
            assert objects(path) == []


def test_what_says_whose_something_is_is_shown_line_by_line(tmp_path: Path):
    partition = written(tmp_path, "partition.metadata", b"version: 0\ntopic_id: SfCNtwPjTN2HWXUSiYwrxg")
    meta = written(tmp_path, "meta.properties", b"#\n# Tue\nnode.id = 7\ncluster.id:a\\=b\n\nversion=1\n")

    assert lines(partition) == ["version: 0", "topic_id: SfCNtwPjTN2HWXUSiYwrxg"]
    assert [(each["position"], each["name"], each["value"]) for each in objects(meta)] == [
        (8, "node.id", "7"),
        (20, "cluster.id", "a=b"),
        (37, "version", "1"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "position", "expected", "found"),
    [
        ("00000000000000000003.txnindex", TXN_INDEX[:-1], 34, "a multiple of 34", 67),
        ("00000000000000000003.txnindex", b"\0\1" + TXN_INDEX[2:], 0, 0, 1),
        ("00000000000000000003.txnindex", TXN_INDEX[:34] * 2, 34, "more than 9", 9),
        ("00000000000000000010.txnindex", TXN_INDEX[:34], 0, "more than 9", 9),
        ("00000000000000000003.txnindex", encode_entry(AbortedTransaction(7, 9, 3, 3)), 0, "at least 9", 3),
        ("00000000000000001000.snapshot", b"", 0, 10, 0),
        ("00000000000000001000.snapshot", b"\0\2" + SNAPSHOT[2:], 0, 1, 2),
        ("00000000000000000400.snapshot", SNAPSHOT, 10, None, None),
        ("recovery-point-offset-checkpoint", b"1\n0\n", 0, None, None),
        ("recovery-point-offset-checkpoint", b"0\nx\n", 2, None, None),
        ("recovery-point-offset-checkpoint", b"0\n2\na 0 1\n", 10, 2, 1),
        ("recovery-point-offset-checkpoint", b"0\n1\na 0\n", 4, None, "a 0"),
        ("recovery-point-offset-checkpoint", b"0\n1\na/b 0 1\n", 4, None, "a/b 0 1"),
        ("recovery-point-offset-checkpoint", b"0\n1\na 0 -1\n", 4, None, "a 0 -1"),
        ("recovery-point-offset-checkpoint", b"0\n2\na 0 1\na 0 2\n", 10, None, None),
        ("recovery-point-offset-checkpoint", b"0\n1\na 0 1", 4, None, None),
        ("recovery-point-offset-checkpoint", b"0\n1\n" + b"a" * 5000 + b"\n", 4, None, None),
        ("leader-epoch-checkpoint", b"0\n2\n3 0\n3 40\n", 8, "more than 3", 3),
        ("leader-epoch-checkpoint", b"0\n2\n3 40\n4 40\n", 9, "more than 40", 40),
        ("leader-epoch-checkpoint", b"0\n1\nx 0\n", 4, None, "x 0"),
        ("partition.metadata", b"", 0, None, None),
        ("partition.metadata", b"version: 0\n", 11, None, None),
        ("partition.metadata", b"version: 0\ntopic_id: x\n", 11, None, "x"),
        ("partition.metadata", b"version: 7\n", 0, "0", "7"),
        ("meta.properties", b"version=1\nnode.id=-1\ncluster.id=x\n", 10, None, "-1"),
        ("meta.properties", b"version=2\n", 0, "0 or 1", "2"),
        ("meta.properties", b"cluster.id=x\n", 13, None, None),
    ],
)
def test_damage_has_a_place_and_what_was_expected(
    tmp_path: Path, name: str, content: bytes, position: int, expected: int | str | None, found: int | str | None
):
    finding = only(findings_in(inspect(written(tmp_path, name, content))))

    assert finding.is_damage
    assert (finding.position, finding.expected, finding.found) == (position, expected, found)


def test_any_changed_byte_of_a_snapshot_is_found(tmp_path: Path):
    for position in range(len(SNAPSHOT)):
        content = bytearray(SNAPSHOT)
        content[position] ^= 0x10
        path = written(tmp_path, "00000000000000001000.snapshot", bytes(content))
        assert any(finding.is_damage for finding in findings_in(inspect(path))), position


def test_a_damaged_snapshot_still_shows_its_producers(tmp_path: Path):
    path = written(tmp_path, "00000000000000001000.snapshot", SNAPSHOT[:-1] + b"x")

    assert [each["type"] for each in objects(path)] == ["finding", "producer", "producer"]


@given(name=st.sampled_from(list(NAMES)), content=st.binary(max_size=120), start=st.integers(0, 60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_that_a_file_may_hold_raises_anything(tmp_path: Path, name: str, content: bytes, start: int):
    path = written(tmp_path, name, NAMES[name][:start] + content)

    as_json(inspect(path))
    as_text(inspect(path))


def test_a_table_of_any_size_is_read_a_line_at_a_time(tmp_path: Path):
    count = 5_000
    rows = b"".join(b"topic%d 0 %d\n" % (number, number) for number in range(count))
    path = written(tmp_path, "log-start-offset-checkpoint", b"0\n%d\n%s" % (count, rows))

    assert len(objects(path)) == count


def test_what_is_left_over_is_named_by_a_note_and_not_read(tmp_path: Path):
    partition = tmp_path / "orders-0"
    partition.mkdir()
    written(partition, "00000000000000000000.log", small_log())
    left = written(partition, "00000000000000000012.log.deleted", small_log(first_offset=3))

    items = inspect(partition)

    note = only(findings_in(items))
    assert (note.problem.value, note.is_damage) == ("leftover", False)
    assert as_text(items).decode().splitlines()[-1] == f"Dumping {left}"
    assert as_json(items)[-2] | {"path": "", "size": 0} == {
        "type": "file",
        "path": "",
        "kind": "log",
        "base_offset": 12,
        "size": 0,
        "topic": "orders",
        "partition": 0,
        "leftover": "deleted",
    }


def test_what_is_left_over_is_read_where_it_is_asked_for(tmp_path: Path):
    left = written(tmp_path, "00000000000000000003.log.swap", small_log(first_offset=3))

    items = inspect(left)

    assert findings_in(items) == []
    assert len([each for each in as_json(items) if each["type"] == "batch"]) == 4


def test_a_snapshot_of_metadata_has_offsets_of_its_own(tmp_path: Path):
    path = written(tmp_path, "00000000000000000042-0000000003.checkpoint", small_log())

    start, *_ = as_json(inspect(path))

    assert findings_in(inspect(path)) == []
    assert (start["kind"], start["base_offset"], start["end_offset"], start["epoch"]) == ("checkpoint", None, 42, 3)
    assert lines(path)[0] == "Snapshot end offset: 42, epoch: 3"


def test_a_file_that_cannot_be_read_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = written(tmp_path, "leader-epoch-checkpoint", EPOCHS)

    def fail(_descriptor: int, _size: int, _position: int) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "pread", fail)

    assert only(findings_in(inspect(path))).message == "the file cannot be read: Input/output error"


SPOILT = {
    "a separator that Java does not know": ("meta.properties", META.replace(b"node.id=", b"node.id\x1d")),
    "a character behind a number": ("meta.properties", META.replace(b"version=1\n", b"version=1\v\n")),
    "another directory's id": ("meta.properties", META + b"directory.id=none\n"),
    "a name and its value in one": ("partition.metadata", PARTITION.replace(b": ", b":")),
    "the id that stands for none": ("partition.metadata", b"version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA\n"),
}


@pytest.mark.parametrize("what", SPOILT)
def test_what_kafka_would_not_read_is_found(tmp_path: Path, what: str):
    name, content = SPOILT[what]

    assert findings_in(inspect(written(tmp_path, name, content)))


def test_what_a_damaged_line_holds_commands_no_terminal(tmp_path: Path):
    path = written(tmp_path, "leader-epoch-checkpoint", b"0\n1\n0 \x1b[2J\n")

    (finding,) = findings_in(inspect(path))

    assert finding_text(str(path), finding).endswith("found '0 \\x1b[2J'\n")
