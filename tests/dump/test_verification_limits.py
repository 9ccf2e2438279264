"""What ``gomq-dump --verify`` cannot find, what it takes for no damage, and that lies do not fill its memory."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from hypothesis import HealthCheck, given, settings, strategies as st

import gomq
from gomq.broker.config import BrokerConfig
from gomq_dump.checks.complaints import Complaint, Complaints, look_again
from gomq_dump.cli import main
from gomq_dump.findings import Finding, Problem
from gomq_storage import time_index
from gomq_storage.batch import walk
from tests.support.data_directory import write_data_directory
from tests.support.verifying import complaints_of, damage_in, found_in

ORDERS = "orders-0"
FIRST = "00000000000000000000"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data_directory(tmp_path_factory.mktemp("sound") / "data")


@pytest.fixture
def data(sound: Path, tmp_path: Path) -> Path:
    """A data directory, to be damaged."""
    return shutil.copytree(sound, tmp_path / "data")


NOT_COVERED = {
    "meta.properties": "a comment, ids that nothing else has, and the name of what older brokers do not write",
    "partition.metadata": "the id of a topic of one partition",
    "recovery-point-offset-checkpoint": "an offset that is smaller",
    "leader-epoch-checkpoint": "where the first epoch begins",
    ".timeindex": "the offset of an entry, as long as it is the same batch's",
    ".index": "the offset of an entry, where it becomes that of a batch up to the next entry",
    ".log": "the leader epoch of the last batch, as long as it does not fall",
}
"""What may change unseen, as tools/README.md says."""


@pytest.fixture(scope="module")
def to_flip(sound: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shutil.copytree(sound, tmp_path_factory.mktemp("flip") / "data")


def may_be_unseen(file: Path, position: int) -> bool:
    """Whether nothing covers a byte: NOT_COVERED, told by where it is."""
    raw = file.read_bytes()
    if file.suffix == ".log":
        last = max(position for position, _ in walk(raw))
        return last + 12 <= position < last + 16
    if file.suffix in {".index", ".timeindex"}:
        return position % 8 < 4 if file.suffix == ".index" else position % 12 >= 8
    if file.name == "leader-epoch-checkpoint":
        return 6 <= position < raw.index(b"\n", 6)
    if file.name == "partition.metadata":
        return position >= raw.index(b": ", 12)
    if file.name == "meta.properties":
        line = raw.splitlines()[raw[:position].count(b"\n")]
        is_behind_its_name = b"=" in raw[:position].rsplit(b"\n")[-1]
        is_separator = raw[position : position + 1] == b"="  # for which a space does as well
        return b"=" not in line or line.startswith(b"directory.id") or is_behind_its_name or is_separator
    return raw[:position].rsplit(b"\n")[-1].count(b" ") == 2  # the offset in a checkpoint


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_flipped_byte_is_found_or_is_one_that_nothing_covers(to_flip: Path, data: st.DataObject):
    files = sorted(file for file in to_flip.rglob("*") if file.is_file() and not file.name.startswith("."))
    file = data.draw(st.sampled_from([file for file in files if file.stat().st_size]), label="file")
    before = file.read_bytes()
    position = data.draw(st.integers(0, len(before) - 1), label="byte")
    flip = data.draw(st.integers(1, 255), label="flip")
    is_excused = may_be_unseen(file, position)
    file.write_bytes(before[:position] + bytes([before[position] ^ flip]) + before[position + 1 :])
    os.utime(file, (0, 0))  # else it might be being written, and would be given time
    try:
        assert complaints_of(to_flip) or is_excused
    finally:
        file.write_bytes(before)


def test_nothing_is_said_of_what_depends_on_a_log_that_cannot_be_read(data: Path):
    log = data / "orders-1" / f"{FIRST}.log"
    log.unlink()
    log.mkdir()

    assert found_in(data) == {(log.name, "unreadable")}


def test_what_is_left_over_is_noted(data: Path):
    for name in (f"{FIRST}.log.swap", "00000000000000000004.index.deleted"):
        (data / ORDERS / name).write_bytes(b"x")

    assert found_in(data) == {(f"{FIRST}.log.swap", "leftover"), ("00000000000000000004.index.deleted", "leftover")}
    assert damage_in(data) == []


@pytest.mark.parametrize("place", [".", "..", ORDERS])
def test_a_partition_is_held_against_its_data_directory_from_wherever(
    data: Path, monkeypatch: pytest.MonkeyPatch, place: str
):
    checkpoint = data / "recovery-point-offset-checkpoint"
    checkpoint.write_bytes(checkpoint.read_bytes().replace(b"orders 0 24", b"orders 0 25"))
    below = data / ORDERS / "below"
    below.mkdir()
    monkeypatch.chdir({".": data / ORDERS, "..": below, ORDERS: data}[place])

    assert found_in(Path(place)) == {(checkpoint.name, "checkpoint")}


def finding(problem: Problem = Problem.CRC, position: int = 0) -> Finding:
    return Finding(problem=problem, position=position, message="")


def looks(*answers: list[Complaint]) -> Callable[[], Complaints]:
    following: Iterator[list[Complaint]] = iter(answers)
    return lambda: Complaints(next(following))


def test_sound_files_are_looked_at_once():
    assert list(look_again(looks([]))) == []


def test_what_is_there_twice_is_damage_and_what_passes_is_not():
    lasting, passing = Complaint("a.log", finding()), Complaint("a.log", finding(position=9))

    assert list(look_again(looks([passing], []))) == []
    assert list(look_again(looks([lasting, passing], [lasting]))) == [lasting]
    assert list(look_again(looks([passing], [lasting], [lasting]))) == [lasting]


def test_a_tail_of_which_there_is_more_each_time_is_no_torn_one():
    tails = [Complaint("a.log", replace(finding(Problem.TORN_TAIL), found=size)) for size in (5, 9)]

    assert list(look_again(looks(tails[:1], tails[1:], []))) == []
    assert list(look_again(looks(tails[:1], tails[:1]))) == tails[:1]


def test_time_is_given_to_what_may_be_being_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)
    snapshot = tmp_path / "00000000000000000015.snapshot"
    snapshot.touch()
    empty = [Complaint(str(snapshot), finding(Problem.SNAPSHOT))]

    assert list(look_again(looks(empty, []))) == []
    assert len(waits) == 1
    os.utime(snapshot, (0, 0))
    assert list(look_again(looks(empty, empty))) == empty
    assert len(waits) == 1


def test_a_busy_log_is_not_looked_at_for_ever():
    lasting = Complaint("a.log", finding())
    busy = [[lasting, Complaint("b.log", finding(position=each))] for each in range(9)]

    assert list(look_again(looks(*busy))) == [lasting]


def test_notes_are_no_reason_to_look_again():
    note = Complaint("a.log", finding(Problem.OFFSET_GAP))

    assert list(look_again(looks([note]))) == [note]


def test_a_file_of_lies_fills_no_memory(data: Path, capsys: pytest.CaptureFixture[str]):
    lies = b"".join(time_index.ENTRY.pack(number, number) for number in range(5000))
    (data / ORDERS / f"{FIRST}.timeindex").write_bytes(lies)

    assert main(["--verify", str(data / ORDERS)]) == 1

    *found, more, summed = capsys.readouterr().out.splitlines()
    assert len(found) == 1000
    assert more.startswith("and 3,")
    assert "findings of damage" in summed


def test_what_is_not_kept_of_several_files_is_counted():
    of_one, of_all = Complaints(), Complaints()
    for number in range(1200):
        of_one.add("a.log", finding(position=number))
    of_one.add("a.log", finding(Problem.OFFSET_GAP))

    of_all.add_all(of_one)
    of_all.add_all(of_one)

    assert (of_all.damage, of_all.notes, of_all.left_out) == (2400, 2, 1402)


def test_what_a_running_broker_writes_rolls_removes_and_compacts_is_sound(tmp_path: Path):
    config = BrokerConfig(
        data=tmp_path / "data",
        listen="127.0.0.1:0",
        retention_check_interval=0.05,
        compaction_interval=0.05,
    )
    topics = {
        "kept": {"segment.bytes": "16384", "index.interval.bytes": "512", "retention.bytes": "65536"},
        "compacted": {
            "segment.bytes": "16384", "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01",
        },
    }  # fmt: skip
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(gomq.Broker(config=config)) as broker:
        admin = AdminClient({"bootstrap.servers": broker.address})
        for created in admin.create_topics(
            [NewTopic(name, 1, 1, config=each) for name, each in topics.items()]
        ).values():
            created.result(10)
        producer = Producer({"bootstrap.servers": broker.address, "linger.ms": 0, "enable.idempotence": True})
        first = config.data / "kept-0" / f"{FIRST}.log"
        looked = 0
        while looked < 40 or (first.exists() and looked < 2000):
            for number in range(50):
                producer.produce("kept" if number % 2 else "compacted", b"x" * 1000, b"%d" % (number % 17))
            producer.poll(0)
            looked += 1  # and some is written meanwhile
            assert damage_in(config.data) == []
            if looked % 4 == 0:
                producer.flush(10)
        assert producer.flush(10) == 0
    assert damage_in(config.data) == []
    assert not first.exists()
