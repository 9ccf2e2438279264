"""What readers of committed messages see of a log, from its producers and indexes, or from its batches alone."""

from pathlib import Path

import pytest

from gomq_storage.checkpoint import Checkpoints
from gomq_storage.config import LogConfig
from gomq_storage.errors import WouldWaitError
from gomq_storage.files import OsFiles
from gomq_storage.log import Log
from gomq_storage.log_values import LogSlice
from gomq_storage.transactions import Transactions
from gomq_storage.txn_index import AbortedTransaction, encode_entry
from gomq_storage.txn_scan import TransactionScan
from gomq_storage.upkeep import Upkeep
from tests.support.log_batches import batch_of
from tests.support.transactional import ABORT, COMMIT, marker, part_of, write_all

SMALL = LogConfig(segment_bytes=300, index_interval_bytes=100)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log.open(tmp_path, SMALL)


def read(log: Log, offset: int = 0, *, max_bytes: int = 1 << 20) -> LogSlice:
    found = log.read(offset, max_bytes=max_bytes)
    assert found is not None
    return found


def aborted(log: Log, transactions: Transactions, offset: int = 0, **limits: int) -> list[tuple[int, int]]:
    found = transactions.aborted(read(log, offset, **limits), offset, may_wait=True)
    return [(each.producer_id, each.first_offset) for each in found]


def test_a_log_without_transactions_is_stable_up_to_its_end_and_nothing_is_looked_at(log: Log):
    transactions = Transactions(log)
    write_all(log, batch_of(b"a"), batch_of(b"b"))
    assert not transactions.are_known
    assert transactions.last_stable(log.end, may_wait=False) == log.end
    assert transactions.aborted(read(log), 0, may_wait=False) == []


def test_a_transaction_that_is_open_holds_the_last_stable_offset_where_it_began(log: Log):
    transactions = Transactions(log)
    write_all(log, batch_of(b"0"), part_of(7, b"1"), batch_of(b"2"))
    assert transactions.last_stable_offset(3) == 1
    place = transactions.last_stable(log.end, may_wait=False)
    assert (place.offset, place.position) == (1, len(batch_of(b"0")))
    found = log.read(0, max_bytes=1 << 20, upto=place)
    assert found is not None
    assert found.size == place.position
    assert log.read(1, max_bytes=1 << 20, upto=place) is None


def test_a_marker_counts_once_it_can_be_seen(log: Log):
    transactions = Transactions(log)
    write_all(log, part_of(7, b"0"), marker(7, COMMIT))
    assert [transactions.last_stable_offset(seen) for seen in (0, 1, 2)] == [0, 0, 2]


def test_the_first_of_several_transactions_counts(log: Log):
    transactions = Transactions(log)
    write_all(log, part_of(7, b"0"), part_of(8, b"1"), part_of(9, b"2"), marker(8, COMMIT))
    assert transactions.last_stable_offset(4) == 0
    write_all(log, marker(7, ABORT))
    assert transactions.last_stable_offset(5) == 2
    write_all(log, part_of(7, b"5", sequence=1), marker(9, COMMIT))
    assert transactions.last_stable_offset(7) == 5


def test_open_transactions_are_known_again_after_a_restart(log: Log):
    write_all(log, batch_of(b"0"), part_of(8, b"1"), part_of(7, b"2"), marker(8, COMMIT))
    log.close()
    log = Log.open(log.directory, SMALL)
    assert Transactions(log).last_stable_offset(log.log_end) == 2
    log.close()
    for snapshot in log.directory.glob("*.snapshot"):
        snapshot.unlink()
    log = Log.open(log.directory, SMALL)
    assert Transactions(log).last_stable_offset(log.log_end) == 2


def test_a_transaction_in_front_of_the_logs_start_holds_it_there(log: Log):
    write_all(log, part_of(7, b"0"), batch_of(b"1"), batch_of(b"2"))
    log.delete_records(2)
    transactions = Transactions(log)
    assert transactions.last_stable_offset(3) == 2
    assert transactions.last_stable(log.end, may_wait=False).offset == 2


@pytest.mark.parametrize("has_snapshots", [True, False])
def test_without_indexes_aborted_transactions_are_found_in_the_batches(log: Log, has_snapshots: bool):
    write_all(log, part_of(7, b"0"), part_of(8, b"1"), marker(8, COMMIT), part_of(7, b"3", sequence=1))
    write_all(log, batch_of(b"4"), batch_of(b"5"), part_of(8, b"6", sequence=1), marker(7, ABORT), marker(8, ABORT))
    assert len(log.segments) > 2
    log.close()
    snapshots = sorted(log.directory.glob("*.snapshot"))
    for snapshot in snapshots[-1:] if has_snapshots else snapshots:
        snapshot.unlink()
    log = Log.open(log.directory, SMALL)
    transactions = Transactions(log)
    assert aborted(log, transactions, 0) == [(7, 0)]
    assert aborted(log, transactions, 3) == [(7, 0)]
    assert aborted(log, transactions, 6) == [(7, 0), (8, 6)]
    log.close()


def test_what_is_not_known_yet_would_wait_once(log: Log):
    write_all(log, part_of(7, b"0"), marker(7, ABORT))
    transactions = Transactions(log)
    with pytest.raises(WouldWaitError, match="aborted"):
        transactions.aborted(read(log), 0, may_wait=False)
    assert aborted(log, transactions) == [(7, 0)]
    assert transactions.aborted(read(log), 0, may_wait=False) == [AbortedTransaction(7, 0, 1, 2)]
    write_all(log, part_of(7, b"2", sequence=1))
    assert transactions.aborted(read(log), 0, may_wait=False) == [AbortedTransaction(7, 0, 1, 2)]
    write_all(log, marker(7, ABORT))
    with pytest.raises(WouldWaitError, match="aborted"):
        transactions.aborted(read(log), 0, may_wait=False)
    assert aborted(log, transactions) == [(7, 0), (7, 2)]


def test_an_index_is_believed_and_its_segment_not_scanned(log: Log):
    write_all(log, part_of(7, b"0"), part_of(8, b"1"), marker(7, ABORT), marker(8, ABORT))
    log.close()
    index = log.directory / f"{0:020d}.txnindex"
    index.write_bytes(encode_entry(AbortedTransaction(8, 1, 3, 4)))
    log = Log.open(log.directory, SMALL)
    assert aborted(log, Transactions(log)) == [(8, 1)]
    log.close()


@pytest.mark.parametrize("content", [b"\0\1" + b"\0" * 32, encode_entry(AbortedTransaction(7, 5, 4, 4))])
def test_a_damaged_index_is_passed_over(log: Log, content: bytes):
    write_all(log, part_of(7, b"0"), marker(7, ABORT))
    log.close()
    (log.directory / f"{0:020d}.txnindex").write_bytes(content)
    log = Log.open(log.directory, SMALL)
    assert aborted(log, Transactions(log)) == [(7, 0)]
    log.close()


def test_after_an_unclean_stop_the_last_segments_index_is_passed_over(log: Log):
    write_all(log, part_of(7, b"0"), marker(7, ABORT))
    log.flush()
    log.abandon()
    (log.directory / f"{0:020d}.txnindex").write_bytes(b"")
    log = Log.open(log.directory, SMALL)
    assert not log.recovery.was_clean
    assert aborted(log, Transactions(log)) == [(7, 0)]
    log.close()


def test_markers_that_came_after_an_index_was_written_are_found(log: Log):
    write_all(log, part_of(7, b"0"), marker(7, ABORT))
    log.close()
    (log.directory / f"{0:020d}.txnindex").write_bytes(encode_entry(AbortedTransaction(7, 0, 1, 2)))
    log = Log.open(log.directory, SMALL)
    transactions = Transactions(log)
    assert aborted(log, transactions) == [(7, 0)]
    write_all(log, part_of(7, b"2", sequence=1), marker(7, ABORT))
    assert aborted(log, transactions) == [(7, 0), (7, 2)]
    log.close()


def test_only_what_was_read_is_looked_for(log: Log):
    one = part_of(7, b"0")
    write_all(log, one, marker(7, ABORT), part_of(7, b"2", sequence=1), marker(7, ABORT))
    transactions = Transactions(log)
    assert aborted(log, transactions, 0, max_bytes=len(one)) == [(7, 0)]
    assert aborted(log, transactions, 2) == [(7, 2)]
    assert aborted(log, transactions, 0, max_bytes=1 << 20) == [(7, 0), (7, 2)]


def test_a_marker_that_ends_nothing_says_nothing(log: Log):
    write_all(log, marker(7, ABORT), part_of(8, b"1"), marker(8, COMMIT), marker(8, ABORT))
    transactions = Transactions(log)
    assert aborted(log, transactions) == []
    assert transactions.last_stable_offset(4) == 4


def test_an_expired_producer_keeps_its_open_transaction(log: Log):
    transactions = Transactions(log)
    write_all(log, part_of(7, b"0"), batch_of(b"1"))
    log.expire_producers(now_ms=2**62, expiration_ms=1)
    assert transactions.last_stable_offset(2) == 0


def test_indexes_of_segments_that_are_gone_are_removed(tmp_path: Path):
    log = Log.open(tmp_path, SMALL)
    write_all(log, *(part_of(7, b"x" * 150, sequence=number) for number in range(6)))
    index = tmp_path / f"{0:020d}.txnindex"
    index.write_bytes(encode_entry(AbortedTransaction(7, 0, 1, 2)))
    log.delete_records(log.segments[-1].base_offset)
    Upkeep(Checkpoints.take(OsFiles(), tmp_path)).enforce_retention([log], now_ms=0)
    assert not index.exists()
    log.close()


def scanned_by(log: Log, offset: int, monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """Read from an offset, and list the segments that had to be scanned."""
    scanned: set[int] = set()
    advance = TransactionScan.advance

    def watched(scan: TransactionScan) -> None:
        scanned.add(scan.segment.base_offset)
        advance(scan)

    with monkeypatch.context() as patch:
        patch.setattr(TransactionScan, "advance", watched)
        aborted(log, Transactions(log), offset)
    return scanned


def test_no_more_segments_are_scanned_than_matter(log: Log, monkeypatch: pytest.MonkeyPatch):
    for number in range(10):
        write_all(log, part_of(7, b"x" * 150, sequence=number), marker(7, ABORT if number % 2 else COMMIT))
    write_all(log, part_of(7, b"x" * 150, sequence=10), batch_of(b"x" * 200), marker(7, COMMIT))
    bases = [segment.base_offset for segment in log.segments]
    assert len(bases) > 8
    for base in bases[2:6]:
        assert scanned_by(log, base, monkeypatch) == {base}
    for snapshot in log.directory.glob("*.snapshot"):
        snapshot.unlink()
    assert scanned_by(log, bases[3], monkeypatch) == set(bases[:4])
    assert scanned_by(log, 20, monkeypatch) == set(bases)  # the transaction is open where its segment ends
