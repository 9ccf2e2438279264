"""Hold the indexes of aborted transactions against the markers in the log. Kafka: ``TransactionIndex``, ``AbortedTxn``.

Each marker that aborts a transaction has an entry in the index of its segment. What compaction has taken out of a
transaction is not seen any more: its entry may then say more than the log does, never something else.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from gomq_dump.findings import Complain, Finding, Problem
from gomq_dump.reading.txn_entries import TxnEntry
from gomq_storage.batch import BatchHeader
from gomq_storage.txn_index import ENTRY, AbortedTransaction

MAX_OPEN: Final = 100_000
"""Transactions open at once; where a log claims more, its indexes are not compared with it from there on."""


class OpenTransactions:
    """The transactions that are open where the walk through a log has come to.

    Args:
        first_offsets: those that are known to be open where it begins, by producer.
        are_all_known: whether these are all.
    """

    def __init__(self, first_offsets: Mapping[int, int], *, are_all_known: bool) -> None:
        self.first_offsets: dict[int, int] = dict(first_offsets)
        self.are_all_known: bool = are_all_known
        """Whether all of them are known, and where they began."""
        self.are_too_many: bool = False

    def meet(self, header: BatchHeader) -> None:
        """Go on with a batch of a transaction that has records."""
        self.first_offsets.setdefault(header.producer_id, header.base_offset)
        if len(self.first_offsets) > MAX_OPEN:
            self.are_too_many = True
            self.first_offsets.clear()

    def doubt(self) -> None:
        """Something in the log is missing, be it damaged or compacted."""
        self.are_all_known = False


class TxnEntries:
    """The entries of one transaction index.

    Args:
        items: what ``walk_txn_index`` yields, nothing where there is no file; findings of its own are passed on.
        complain: takes what is wrong.
        opened: the transactions of the log.
    """

    def __init__(self, items: Iterable[TxnEntry | Finding], complain: Complain, opened: OpenTransactions) -> None:
        self._items: Iterator[TxnEntry | Finding] = iter(items)
        self._complain = complain
        self._open = opened
        self._end = 0
        self._after_damage = False
        self._entry = self._next()

    def meet_marker(self, header: BatchHeader, *, aborts: bool) -> None:
        """Go on with the marker that ends a producer's transaction."""
        opened = self._open
        first_offset = opened.first_offsets.pop(header.producer_id, None)
        if opened.are_too_many or not aborts:
            return
        self._pass(header.base_offset)
        entry = self._entry
        if entry is not None and entry.aborted.last_offset <= header.last_offset:
            self._compare(entry, header, first_offset)
            self._entry = self._next()
        elif first_offset is not None:
            message = f"the transaction that the marker at offset {header.last_offset} aborts has no entry"
            self._complain(Finding(problem=Problem.TXN_INDEX, position=self._end, message=message))
        self._after_damage = False

    def meet_damage(self) -> None:
        """Go on behind batches that nothing is known of."""
        self._after_damage = True

    def finish(self) -> None:
        """The segment ends here."""
        if not self._open.are_too_many:
            self._pass(None)

    def _next(self) -> TxnEntry | None:
        for item in self._items:
            if isinstance(item, Finding):
                self._complain(item)
                continue
            self._end = item.position + ENTRY.size
            return item
        return None

    def _pass(self, offset: int | None) -> None:
        """Complain of the entries whose markers should be in front of an offset."""
        while (entry := self._entry) is not None and (offset is None or entry.aborted.last_offset < offset):
            if not self._after_damage:
                message = "the segment has no marker that aborts a transaction at the entry's offset"
                found = entry.aborted.last_offset
                finding = Finding(problem=Problem.TXN_INDEX, position=entry.position, message=message, found=found)
                self._complain(finding)
            self._entry = self._next()

    def _compare(self, entry: TxnEntry, header: BatchHeader, first_offset: int | None) -> None:
        told, opened = entry.aborted, self._open
        first = told.first_offset
        if first_offset is not None:
            first = first_offset if opened.are_all_known else min(first, first_offset)
        stable = min(told.last_stable_offset, header.next_offset)
        if opened.are_all_known:
            stable = min(opened.first_offsets.values(), default=header.next_offset)
        true = AbortedTransaction(header.producer_id, first, header.last_offset, stable)
        for name, expected, found in zip(AbortedTransaction._fields, true, told, strict=True):
            if expected != found:
                message = f"the entry's {name.replace('_', ' ')} is not what the log says"
                self._complain(
                    Finding(
                        problem=Problem.TXN_INDEX, position=entry.position, message=message,
                        expected=expected, found=found,
                    )
                )  # fmt: skip
