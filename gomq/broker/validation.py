"""Whether a producer's batch may be appended: a decision over its header, no I/O. Kafka: ``LogValidator``.

The records are not opened, but for a compacted topic: what their producer compressed is stored and served as it is, if
only it begins as it must.
"""

from kio.schema.errors import ErrorCode

from gomq_storage.batch import HEADER_SIZE, NO_PRODUCER_ID, BatchHeader, Buffer, check_batch
from gomq_storage.compression import Codec, may_be
from gomq_storage.errors import CorruptBatchError, UnsupportedCodecError, UnsupportedMagicError
from gomq_storage.record_keys import BatchKeys, KeyColumns

_ZSTD_SINCE_PRODUCE = 7
_TELLING_BYTES = 8
_RUN_RECORDS = 1024


class RejectedBatchError(Exception):
    """The batch is not appended; the producer is told why."""

    def __init__(self, error_code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.error_code = error_code
        self.message = message


def validate(records: Buffer | None, *, produce_version: int) -> BatchHeader:
    """Check what a Produce request holds for one partition.

    Raises:
        RejectedBatchError: it is not exactly one good batch of format 2.
    """
    if not records:
        raise RejectedBatchError(ErrorCode.invalid_record, "no record batch")
    try:
        header = check_batch(records)
        codec = header.codec
    except UnsupportedMagicError as error:
        raise RejectedBatchError(ErrorCode.invalid_record, error.reason) from error
    except UnsupportedCodecError as error:
        raise RejectedBatchError(ErrorCode.unsupported_compression_type, error.reason) from error
    except CorruptBatchError as error:
        raise RejectedBatchError(ErrorCode.corrupt_message, error.reason) from error
    _check_codec(codec, records, produce_version)
    if (problem := _problem(header, len(records))) is not None:
        raise RejectedBatchError(ErrorCode.invalid_record, problem)
    if header.is_log_append_time:
        raise RejectedBatchError(ErrorCode.invalid_timestamp, "only a broker sets log append time")
    return header


def check_keys(records: Buffer, header: BatchHeader) -> None:
    """Check the records of a batch for a compacted topic: each has a key, and their offsets are in a row.

    Raises:
        RejectedBatchError: one has not, or they are not, or they cannot be read.
    """
    try:
        batch = BatchKeys(records, header)
        for first in range(0, header.record_count, _RUN_RECORDS):
            _check_run(batch.take(_RUN_RECORDS), first)
    except CorruptBatchError as error:
        raise RejectedBatchError(ErrorCode.corrupt_message, error.reason) from error


def _check_run(columns: KeyColumns, first: int) -> None:
    if None in columns.keys:
        number = first + columns.keys.index(None)
        raise RejectedBatchError(
            ErrorCode.invalid_record, f"record {number} has no key; the topic is compacted and needs one"
        )
    if columns.offsets != list(range(first, first + len(columns.offsets))):  # a producer's base offset is 0
        raise RejectedBatchError(ErrorCode.invalid_record, "the records' offsets are not in a row")


def _check_codec(codec: Codec, records: Buffer, produce_version: int) -> None:
    if codec is Codec.ZSTD and produce_version < _ZSTD_SINCE_PRODUCE:
        raise RejectedBatchError(ErrorCode.unsupported_compression_type, "zstd needs Produce version 7")
    if not may_be(codec, bytes(records[HEADER_SIZE : HEADER_SIZE + _TELLING_BYTES])):
        reason = f"the records are not {codec.name.lower()}, or not of a kind that Kafka's clients read"
        raise RejectedBatchError(ErrorCode.corrupt_message, reason)


def _problem(header: BatchHeader, size: int) -> str | None:
    if header.size != size:
        return f"{size - header.size} bytes behind the batch; one batch is taken for each partition"
    if header.record_count < 1 or header.record_count != header.last_offset_delta + 1:
        return f"{header.record_count} records with a last offset delta of {header.last_offset_delta}"
    if header.base_offset or header.is_control or header.delete_horizon_ms is not None:
        return "offsets (but 0), control batches and delete horizons are the broker's to write"
    if header.is_transactional:
        return "transactions are not supported"
    if header.producer_id != NO_PRODUCER_ID and header.base_sequence < 0:
        return f"producer {header.producer_id} gave the sequence number {header.base_sequence}"
    return None
