"""Finds the aborted transactions of a segment in its batches, where no index tells of them.

Kafka: ``LogSegment.recover`` with ``ProducerAppendInfo.appendEndTxnMarker``. The key of a marker's record is its
version and its type, int16 each: 0 aborts, 1 commits.
"""

import struct
from typing import Final

from gomq_storage.batch import BatchHeader
from gomq_storage.errors import CorruptBatchError
from gomq_storage.record import decode_batch
from gomq_storage.segment import Segment
from gomq_storage.txn_index import AbortedTransaction, encode_entry

_VERSION_AND_TYPE: Final = struct.Struct(">hh")
_ABORT: Final = 0


class TransactionScan:
    """The transactions of one segment; it goes on where it stopped when the segment has grown.

    Args:
        segment: which.
        open_at_start: the producers whose transactions are open where it begins, and where those began.
    """

    def __init__(self, segment: Segment, open_at_start: dict[int, int]) -> None:
        self.segment = segment
        self.entries: bytearray = bytearray()
        """What the segment's index would hold."""
        self.open: dict[int, int] = dict(open_at_start)
        """The transactions that are open where the scan has come to."""
        self._position = 0

    def advance(self) -> None:
        """Scan what is not scanned yet; reads the whole segment, the first time.

        Raises:
            CorruptBatchError: a header cannot be one.
        """
        for position, header in self.segment.headers(self._position):
            self._position = position + header.size
            if header.is_transactional and header.record_count:
                self._note(header, position)

    def _note(self, header: BatchHeader, position: int) -> None:
        if not header.is_control:
            self.open.setdefault(header.producer_id, header.base_offset)
            return
        first_offset = self.open.pop(header.producer_id, None)
        if first_offset is None or not self._aborts(header, position):
            return
        last_stable_offset = min(self.open.values(), default=header.next_offset)
        aborted = AbortedTransaction(header.producer_id, first_offset, header.last_offset, last_stable_offset)
        self.entries += encode_entry(aborted)

    def _aborts(self, header: BatchHeader, position: int) -> bool:
        try:
            marker = decode_batch(self.segment.read(position, header.size), header)[0]
            _, kind = _VERSION_AND_TYPE.unpack_from(marker.key or b"")
        except (CorruptBatchError, IndexError, struct.error):
            return False
        return bool(kind == _ABORT)
