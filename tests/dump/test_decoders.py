"""What the records of internal topics mean. Texts in golden/ are those that Apache Kafka 4.3.1 printed of its files."""

import base64
import io
import json
import struct
from pathlib import Path
from typing import Any

import pytest

from gomq_dump.cli import main
from gomq_dump.decoders.choosing import CHOICES, decoder_of
from gomq_dump.reading.paths import SegmentFile, collect
from gomq_dump.rendering.text import TextRenderer
from gomq_storage.layout import TopicPartition
from gomq_storage.record import NewRecord, Record, encode_batch
from tests.support.dumping import as_json, inspect
from tests.support.segment_files import write_partition

GOLDEN = Path(__file__).with_name("golden")
LOG = "00000000000000000000.log"
GROUP_KEY = struct.pack(">hh", 2, 1) + b"g"
COMMIT_KEY = struct.pack(">hh", 1, 1) + b"g" + struct.pack(">h", 6) + b"orders" + struct.pack(">i", 3)
COMMIT = struct.pack(">hqih", 3, 42, 5, 4) + b"note" + struct.pack(">q", 1_700_000_000_000)


def file_of(topic: str | None, name: str = LOG) -> SegmentFile:
    (file,) = collect(str(GOLDEN / "__cluster_metadata-0" / name))
    partition = None if topic is None else TopicPartition(topic, 0)
    return SegmentFile(path=file.path, base_offset=0, suffix=file.suffix, partition=partition)


def fields_of(choice: str, key: bytes | None, value: bytes | None) -> dict[str, Any]:
    decoder = decoder_of(choice, file_of(None))
    assert decoder is not None
    return decoder.fields(Record(7, 0, key, value, ()))


def text_of(choice: str, key: bytes | None, value: bytes | None) -> tuple[str | None, str | None]:
    decoder = decoder_of(choice, file_of(None))
    assert decoder is not None
    return decoder.text(Record(7, 0, key, value, ()))


@pytest.mark.parametrize(
    ("golden", "options", "files"),
    [
        ("offsets", ["--offsets-decoder"], [f"__consumer_offsets-0/{LOG}"]),
        ("transactions", ["--transaction-log-decoder"], [f"__transaction_state-0/{LOG}"]),
        ("share", ["--share-group-state-decoder"], [f"__share_group_state-0/{LOG}"]),
        (
            "cluster",
            ["--cluster-metadata-decoder"],
            [
                f"__cluster_metadata-0/{LOG}",
                "__cluster_metadata-0/00000000000000000000-0000000000.checkpoint",
                "bootstrap.checkpoint",
            ],
        ),
        (
            "records",
            ["--print-data-log"],
            [f"dump.transactions-0/{LOG}", "dump.transactions-0/00000000000000000000.txnindex"],
        ),
    ],
)
def test_kafkas_files_are_shown_as_kafka_showed_them(
    golden: str,
    options: list[str],
    files: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsysbinary: pytest.CaptureFixture[bytes],
):
    monkeypatch.chdir(GOLDEN)

    assert main([*options, *files]) == 0

    assert capsysbinary.readouterr().out == (GOLDEN / f"{golden}.txt").read_bytes()


@pytest.mark.parametrize(
    "name", ["__consumer_offsets", "__transaction_state", "__share_group_state", "__cluster_metadata"]
)
def test_json_says_of_each_record_of_an_internal_topic_what_it_means(name: str):
    records = [each for each in as_json(inspect(GOLDEN / f"{name}-0", records=True)) if each["type"] == "record"]

    decoded = [each["decoded"] for each in records if "control" not in each]

    assert decoded
    assert [each for each in decoded if "error" in each] == []
    assert all(each["kind"] for each in decoded)


def test_a_committed_offset_is_read():
    assert fields_of("offsets", COMMIT_KEY, COMMIT) == {
        "kind": "OffsetCommit",
        "key": {"group": "g", "topic": "orders", "partition": 3},
        "version": 3,
        "value": {"offset": 42, "leaderEpoch": 5, "metadata": "note", "commitTimestamp": 1_700_000_000_000},
    }


def test_a_tombstone_takes_the_key_back():
    fields = fields_of("offsets", COMMIT_KEY, None)

    assert (fields["kind"], fields["version"], fields["value"]) == ("OffsetCommit", None, None)
    assert text_of("offsets", COMMIT_KEY, None)[1] == "<DELETE>"


def group_of_one(protocol_type: bytes, subscription: bytes) -> bytes:
    head = struct.pack(">hh", 0, len(protocol_type)) + protocol_type + struct.pack(">ihhi", 1, -1, -1, 1)
    member = struct.pack(">h", 1) + b"m" + struct.pack(">hhi", 0, 0, 9000)
    return head + member + struct.pack(">i", len(subscription)) + subscription + struct.pack(">i", 0)


def test_what_the_members_of_a_group_of_consumers_said_is_read():
    subscription = struct.pack(">hih", 0, 1, 6) + b"orders" + struct.pack(">i", -1)

    fields = fields_of("offsets", GROUP_KEY, group_of_one(b"consumer", subscription))

    (member,) = fields["value"]["members"]
    assert member["subscription"] == {"topics": ["orders"], "userData": None}
    assert member["assignment"] == ""


@pytest.mark.parametrize(("protocol_type", "subscription"), [(b"connect", b"\0\1{}"), (b"consumer", b"\0\1{}")])
def test_what_members_of_others_said_stays_bytes(protocol_type: bytes, subscription: bytes):
    fields = fields_of("offsets", GROUP_KEY, group_of_one(protocol_type, subscription))

    assert base64.b64decode(fields["value"]["members"][0]["subscription"]) == subscription


def test_the_state_of_a_transaction_is_named():
    value = struct.pack(">hqhibiqq", 0, 7, 1, 60_000, 4, -1, 1, 2)

    fields = fields_of("transactions", struct.pack(">hh", 0, 2) + b"tx", value)

    assert (fields["kind"], fields["key"], fields["state"]) == (
        "TransactionLog",
        {"transactionalId": "tx"},
        "CompleteCommit",
    )
    assert fields["value"]["transactionPartitions"] is None


@pytest.mark.parametrize(
    ("choice", "key", "value", "error"),
    [
        ("offsets", None, b"x", "a record without a key"),
        ("offsets", b"\0", b"x", "a key of 1 bytes"),
        ("offsets", struct.pack(">h", 99), b"x", "a record of a kind that is not known: 99"),
        ("offsets", COMMIT_KEY[:-1], COMMIT, "no OffsetCommitKey of version 1: it ends early"),
        ("offsets", COMMIT_KEY, COMMIT[:-1], "no OffsetCommitValue of version 3: it ends early"),
        ("offsets", COMMIT_KEY, b"\0\x09", "OffsetCommitValue of version 9; 0 to 4 are known"),
        ("cluster", None, None, "a record without a value"),
        ("cluster", None, b"", "no frame version in the record"),
        ("cluster", None, b"\2\2\0", "a frame of version 2; 1 is known"),
        ("cluster", None, b"\1\x63\0", "a record of a kind that is not known: 99"),
        ("cluster", None, b"\1\x08\0\0", "no UnfenceBrokerRecord of version 0: it ends early"),
        ("cluster", None, b"\1\x14\0\0\0", "1 bytes too many behind NoOpRecord"),
        ("cluster", None, b"\1\x14\3\0", "NoOpRecord of version 3; up to 0 are known"),
        ("gomq", None, b"{}", "a record without a key"),
        ("gomq", b"topic/x", b"{", "a key or a value that is not JSON"),
        ("gomq", b"\xff", b"{}", "a key or a value that is not JSON"),
        ("gomq", b"topic/x", b"NaN", "a key or a value that is not JSON"),
        ("gomq", b"topic/x", b'"\\ud800"', "a key or a value that is not JSON"),
        ("gomq", b"topic/x", b"[" * 100_000, "a key or a value that is not JSON"),
    ],
)
def test_what_cannot_be_read_is_said_in_a_field(choice: str, key: bytes | None, value: bytes | None, error: str):
    assert fields_of(choice, key, value) == {"error": error}


def test_the_bytes_stay_beside_what_cannot_be_read(tmp_path: Path):
    batch = encode_batch([NewRecord(b"value", b"\0\x63key", (), 1)], now_ms=1)
    partition = write_partition(tmp_path / "__consumer_offsets-0", [batch])

    (record,) = [each for each in as_json(inspect(partition, records=True)) if each["type"] == "record"]

    assert (record["key"], record["value"]) == ("\0ckey", "value")
    assert record["decoded"] == {"error": "a record of a kind that is not known: 99"}


def test_a_record_of_gomqs_metadata_is_read():
    assert fields_of("gomq", b"topic/orders", b'{"partitions": 1}') == {
        "kind": "topic",
        "key": {"name": "orders"},
        "value": {"partitions": 1},
    }
    assert fields_of("gomq", b"leader-epoch", None) == {"kind": "leader-epoch", "key": {}, "value": None}
    assert text_of("gomq", b"topic/orders", None) == ("topic/orders", None)


@pytest.mark.parametrize(
    ("topic", "name", "shown"),
    [
        ("__consumer_offsets", LOG, '{"type":"1"'),
        ("__transaction_state", LOG, "Unknown record type 1 "),
        ("__cluster_metadata", LOG, None),
        ("__gomq_metadata", LOG, "\0\1\0"),
        ("orders", LOG, "as it is"),
        (None, LOG, "as it is"),
        (None, "00000000000000000000-0000000000.checkpoint", None),
    ],
)
def test_the_topics_name_decides_where_nobody_does(topic: str | None, name: str, shown: str | None):
    decoder = decoder_of("auto", file_of(topic, name))

    key = "as it is" if decoder is None else decoder.text(Record(7, 0, COMMIT_KEY, COMMIT, ()))[0]

    assert key == shown if key is None or shown is None else key.startswith(shown)
    assert decoder_of("none", file_of(topic, name)) is None


def test_every_choice_can_be_made():
    for choice in CHOICES:
        decoder_of(choice, file_of(None))


def test_text_shows_records_as_they_are_unless_it_is_told_otherwise(capsys: pytest.CaptureFixture[str]):
    log = str(GOLDEN / "__consumer_offsets-0" / LOG)

    assert main(["--records", log]) == 0
    assert '{"type":"' not in capsys.readouterr().out
    assert main(["--records", "--decode", "auto", log]) == 0
    assert '{"type":"' in capsys.readouterr().out


def test_a_named_decoder_implies_records(capsys: pytest.CaptureFixture[str]):
    log = str(GOLDEN / "__consumer_offsets-0" / LOG)

    assert main(["--decode", "offsets", "--format", "json", log]) == 0

    assert any("decoded" in json.loads(line) for line in capsys.readouterr().out.splitlines())


def test_control_batches_are_no_decoders_business():
    out = io.BytesIO()
    renderer = TextRenderer(out, io.BytesIO(), decode="offsets")

    for item in inspect(GOLDEN / "dump.transactions-0" / LOG, records=True):
        renderer.show(item)

    assert b"endTxnMarker: COMMIT" in out.getvalue()
