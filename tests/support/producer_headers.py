"""Headers of batches as idempotent and transactional producers send them, without the batches."""

from gomq_storage.batch import BatchHeader

TRANSACTIONAL = 0b1_0000
MARKER = 0b11_0000


def header_of(
    producer_id: int, sequence: int, *, epoch: int = 0, offset: int = 0, count: int = 1, time: int = 0, kind: int = 0
) -> BatchHeader:
    return BatchHeader(offset, 100, 0, 2, 0, kind, count - 1, time, time, producer_id, epoch, sequence, count)
