"""``gomq-dump --verify``: what a broker leaves is sound, and whatever is changed in it is found and named."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from crc32c import crc32c

from gomq_dump.cli import main
from gomq_storage import offset_index, txn_index
from gomq_storage.batch import HEADER, read_header, walk
from gomq_storage.producer_snapshot import decode_snapshot, encode_snapshot
from gomq_storage.producers import Producers
from tests.support.data_directory import write_data_directory
from tests.support.verifying import complaints_of, found_in

ORDERS, MOVES = "orders-0", "moves-0"
FIRST = "00000000000000000000"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data_directory(tmp_path_factory.mktemp("sound") / "data")


@pytest.fixture
def data(sound: Path, tmp_path: Path) -> Path:
    """A data directory, to be damaged."""
    return shutil.copytree(sound, tmp_path / "data")


def test_what_a_broker_leaves_is_sound(data: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["--verify", str(data)]) == 0

    out, err = capsys.readouterr()
    assert err == ""
    (line,) = out.splitlines()
    assert line.startswith("verified 3 partitions, ")
    assert line.endswith("GB/s): sound")


def test_records_are_sound_too(data: Path):
    assert complaints_of(data, is_deep=True) == []


def test_json_sums_up_in_one_object(data: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["--verify", "--format", "json", str(data)]) == 0

    (summed,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (summed["type"], summed["is_sound"], summed["partitions"]) == ("verified", True, 3)
    assert summed["batches"] == 12 + 1 + 24
    assert summed["log_bytes"] == sum(log.stat().st_size for log in data.glob("*/*.log"))


class Damage(NamedTuple):
    """Something that is done to a file, and what is found then."""

    file: str
    change: Callable[[bytes], bytes]
    problem: str
    where: str = ""
    """The file in which it is found; the same one where this is empty."""


def replaced(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    return lambda data: data.replace(old, new, 1)


def with_batch(number: int, **changes: int) -> Callable[[bytes], bytes]:
    """Change fields of a batch's header, its CRC being right again."""

    def change(data: bytes) -> bytes:
        position, header = list(walk(data))[number]
        raw = bytearray(data)
        HEADER.pack_into(raw, position, *header._replace(**changes))
        crc = crc32c(raw[position + 21 : position + header.size])
        HEADER.pack_into(raw, position, *read_header(raw, position)._replace(crc=crc))
        return bytes(raw)

    return change


def without_batch(number: int) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        position, header = list(walk(data))[number]
        return data[:position] + data[position + header.size :]

    return change


def with_aborted(**changes: int) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        _, *fields = txn_index.ENTRY.unpack_from(data)
        return txn_index.encode_entry(txn_index.AbortedTransaction(*fields)._replace(**changes)) + data[34:]

    return change


def with_producer(end: int, **changes: int) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        first, *others = decode_snapshot(data, end).active()
        return encode_snapshot(Producers.restored([first._replace(**changes), *others], end=end))

    return change


DAMAGE = {
    "a flipped byte of a batch": Damage(f"{ORDERS}/{FIRST}.log", lambda data: data[:70] + b"?" + data[71:], "crc"),
    "a torn tail": Damage(f"{ORDERS}/{FIRST}.log", lambda data: data[:-3], "torn-tail"),
    "a batch that is there twice": Damage(f"{ORDERS}/{FIRST}.log", lambda data: data[:81] + data, "offsets-backwards"),
    "a sequence number that is left out": Damage(f"{ORDERS}/{FIRST}.log", with_batch(4, base_sequence=6), "sequence"),
    "a sequence number that comes again": Damage(f"{ORDERS}/{FIRST}.log", with_batch(2, base_sequence=0), "sequence"),
    "an older producer epoch": Damage(f"{ORDERS}/{FIRST}.log", with_batch(4, producer_epoch=-1), "producer-epoch"),
    "more records than offsets": Damage(f"{ORDERS}/{FIRST}.log", with_batch(4, record_count=9), "record-count"),
    "an index entry beyond the log": Damage(
        f"{ORDERS}/{FIRST}.index", lambda data: data[:-4] + b"\0\0\xff\xff", "index-position"
    ),
    "an index entry within a batch": Damage(
        f"{ORDERS}/{FIRST}.index", lambda data: offset_index.ENTRY.pack(5, 163) + data[8:], "index-position"
    ),
    "an index entry of another batch": Damage(
        f"{ORDERS}/{FIRST}.index", lambda data: offset_index.ENTRY.pack(4, 162) + data[8:], "index-offset"
    ),
    "part of an index entry": Damage(f"{ORDERS}/{FIRST}.index", lambda data: data[:-1], "index-length"),
    "index entries that do not ascend": Damage(f"{ORDERS}/{FIRST}.index", lambda data: data + data[:8], "index-order"),
    "a time index entry of another time": Damage(
        f"{ORDERS}/{FIRST}.timeindex", lambda data: b"\0" * 7 + data[7:], "index-timestamp"
    ),
    "a time index entry of no batch": Damage(
        f"{ORDERS}/{FIRST}.timeindex", lambda data: data[:-4] + b"\0\0\1\0", "index-offset"
    ),
    "a time index that ends early": Damage(f"{ORDERS}/{FIRST}.timeindex", lambda data: data[:-12], "index-incomplete"),
    "a time index without a larger time in front": Damage(
        f"{ORDERS}/{FIRST}.log",
        with_batch(0, max_timestamp=1_800_000_000_000),
        "index-timestamp",
        where=f"{FIRST}.timeindex",
    ),
    "an aborted transaction that has no entry": Damage(
        f"{MOVES}/{FIRST}.txnindex", lambda data: data[:34] + data[68:], "txn-index"
    ),
    "an entry of a transaction that was not aborted": Damage(
        f"{MOVES}/{FIRST}.txnindex", with_aborted(last_offset=2, first_offset=0), "txn-index"
    ),
    "an entry of another producer": Damage(f"{MOVES}/{FIRST}.txnindex", with_aborted(producer_id=9), "txn-index"),
    "an entry that begins elsewhere": Damage(f"{MOVES}/{FIRST}.txnindex", with_aborted(first_offset=1), "txn-index"),
    "an entry of another stable offset": Damage(
        f"{MOVES}/{FIRST}.txnindex", with_aborted(last_stable_offset=2), "txn-index"
    ),
    "an entry of an unknown version": Damage(f"{MOVES}/{FIRST}.txnindex", lambda data: b"\1" + data[1:], "txn-index"),
    "a snapshot's flipped byte": Damage(
        f"{ORDERS}/00000000000000000016.snapshot", lambda data: data[:20] + b"?" + data[21:], "snapshot"
    ),
    "a snapshot with another sequence": Damage(
        f"{ORDERS}/00000000000000000016.snapshot", with_producer(16, last_sequence=77), "snapshot"
    ),
    "a snapshot with another last offset": Damage(
        f"{ORDERS}/00000000000000000016.snapshot", with_producer(16, last_offset=9), "snapshot"
    ),
    "a snapshot of a producer that wrote nothing": Damage(
        f"{ORDERS}/00000000000000000016.snapshot", with_producer(16, producer_id=99), "snapshot"
    ),
    "a snapshot without an open transaction": Damage(
        f"{MOVES}/00000000000000000012.snapshot", with_producer(12, txn_first_offset=-1), "snapshot"
    ),
    "a snapshot of another epoch": Damage(
        f"{MOVES}/00000000000000000012.snapshot", with_producer(12, epoch=3), "snapshot"
    ),
    "another leader epoch": Damage(
        f"{ORDERS}/leader-epoch-checkpoint", replaced(b"\n1 14\n", b"\n2 14\n"), "epoch-checkpoint"
    ),
    "a leader epoch that begins elsewhere": Damage(
        f"{ORDERS}/leader-epoch-checkpoint", replaced(b"\n1 14\n", b"\n1 15\n"), "epoch-checkpoint"
    ),
    "a leader epoch behind the log": Damage(
        f"{ORDERS}/leader-epoch-checkpoint",
        replaced(b"\n2\n0 0\n1 14\n", b"\n3\n0 0\n1 14\n2 99\n"),
        "epoch-checkpoint",
    ),
    "a leader epoch file that is cut": Damage(
        f"{ORDERS}/leader-epoch-checkpoint", lambda data: data[:-1], "epoch-checkpoint"
    ),
    "a recovery point behind the log": Damage(
        "recovery-point-offset-checkpoint", replaced(b"orders 0 24", b"orders 0 25"), "checkpoint"
    ),
    "a checkpoint of a partition that is not there": Damage(
        "recovery-point-offset-checkpoint", replaced(b"orders 1", b"orders 7"), "stale"
    ),
    "a checkpoint with a line too many": Damage(
        "recovery-point-offset-checkpoint", lambda data: data + b"bills 0 0\n", "checkpoint"
    ),
    "a topic with two ids": Damage("orders-1/partition.metadata", replaced(b": ", b": B"), "identity"),
    "no version": Damage("meta.properties", replaced(b"version", b"virsion"), "identity"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_found_in_its_file(data: Path, name: str):
    damage = DAMAGE[name]
    file = data / damage.file
    before = file.read_bytes()
    file.write_bytes(damage.change(before))
    assert file.read_bytes() != before

    assert (damage.where or file.name, damage.problem) in found_in(data)


def test_one_changed_batch_is_complained_of_in_one_place(data: Path, capsys: pytest.CaptureFixture[str]):
    log = data / ORDERS / f"{FIRST}.log"
    log.write_bytes(DAMAGE["a flipped byte of a batch"].change(log.read_bytes()))

    assert main(["--verify", str(data / ORDERS)]) == 1

    found, summed = capsys.readouterr().out.splitlines()
    assert found.startswith(f"{log}: byte 0: the batch's CRC does not hold: expected 0x")
    assert summed.endswith("1 finding of damage")


def test_a_segment_that_is_missing_or_comes_twice_is_found(data: Path):
    partition = data / MOVES
    for file in partition.glob("00000000000000000012.*"):
        file.unlink()
    gap = ("00000000000000000023.log", "offset-gap")
    assert found_in(partition) == found_in(data) == {gap, (MOVES, "offset-gap")}
    (data / "cleaner-offset-checkpoint").write_text("0\n1\nmoves 0 30\n")
    assert found_in(partition) == found_in(data) == {gap}

    shutil.copy(partition / f"{FIRST}.log", partition / "00000000000000000005.log")
    assert ("00000000000000000005.log", "segments-overlap") in found_in(partition)


def test_indexes_that_are_missing_are_noted(data: Path):
    (data / ORDERS / f"{FIRST}.index").unlink()
    (data / ORDERS / f"{FIRST}.timeindex").unlink()

    assert found_in(data) == {(f"{FIRST}.index", "missing-file"), (f"{FIRST}.timeindex", "missing-file")}
    assert not any(finding.is_damage for _, finding in complaints_of(data))


def test_a_log_that_does_not_begin_at_0_is_held_against_the_snapshot_of_its_start(data: Path):
    partition = data / MOVES
    for file in partition.glob(f"{FIRST}.*"):
        file.unlink()
    assert complaints_of(data) == []

    (partition / "00000000000000000012.snapshot").unlink()
    assert complaints_of(data) == []


def test_files_that_are_named_are_verified_alone(data: Path, capsys: pytest.CaptureFixture[str]):
    index = data / ORDERS / f"{FIRST}.index"
    index.write_bytes(offset_index.ENTRY.pack(4, 162))

    assert main(["--verify", str(index)]) == 1
    assert "1 file, " in capsys.readouterr().out
    assert main(["--verify", str(index.with_suffix(".log"))]) == 0


def test_a_log_that_is_named_alone_is_held_against_itself(data: Path):
    for log in (data / MOVES).glob("*.log"):
        assert complaints_of(log) == []

    log = data / ORDERS / f"{FIRST}.log"
    log.write_bytes(with_batch(4, base_sequence=6)(log.read_bytes()))
    assert found_in(log) == {(log.name, "sequence")}


def test_records_are_looked_at_when_asked_for(data: Path, capsys: pytest.CaptureFixture[str]):
    log = data / ORDERS / f"{FIRST}.log"
    raw = bytearray(log.read_bytes())
    raw[61 + 3] = 9  # the first record's offset delta
    raw[17:21] = crc32c(raw[21:81]).to_bytes(4, "big")
    log.write_bytes(raw)

    assert main(["--verify", str(data)]) == 0
    assert main(["--deep", str(data)]) == 1
    assert "the records cannot be read" in capsys.readouterr().out


def test_a_record_later_than_its_batch_says_is_found(data: Path):
    log = data / ORDERS / f"{FIRST}.log"
    log.write_bytes(with_batch(7, max_timestamp=1_700_000_000_000)(log.read_bytes()))

    assert (log.name, "records") in {
        (Path(path).name, finding.problem.value) for path, finding in complaints_of(data, is_deep=True)
    }


@pytest.mark.parametrize("option", ["--records", "--format-string=%o", "--limit=3", "--stats", "--from-offset=3"])
def test_what_does_not_go_with_it_is_wrong_usage(data: Path, option: str, capsys: pytest.CaptureFixture[str]):
    assert main(["--verify", option, str(data)]) == 2
    assert capsys.readouterr().err.endswith("; see gomq-dump --help\n")
