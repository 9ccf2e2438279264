"""Whether a producer's batch may be appended: a decision over its header, no I/O.

Kafka: ``ProduceRequest.validateRecords``, ``UnifiedLog.analyzeAndValidateRecords`` and ``LogValidator.validateBatch``,
in that order, so that a batch with two faults is refused for the same one. The records are not opened here: see
``record_validation.py``. What their producer compressed is stored and served as it is, if only it begins as it must.
"""

import struct
from typing import Final

from crc32c import crc32c
from kio.schema.errors import ErrorCode

from gomq.protocol.produce import RecordError
from gomq_storage.batch import (
    ATTRIBUTES_POSITION,
    HEADER,
    HEADER_SIZE,
    LENGTH_OVERHEAD,
    MAGIC,
    MAGIC_POSITION,
    NO_PRODUCER_ID,
    BatchHeader,
)
from gomq_storage.compression import Codec, may_be
from gomq_storage.errors import UnsupportedCodecError

_ZSTD_SINCE_PRODUCE: Final = 7
_TELLING_BYTES: Final = 8
_LENGTH: Final = struct.Struct(">8xi")
_LEAST_LENGTH: Final = 14
"""What a message of the oldest format has behind its length; Kafka: ``LegacyRecord.RECORD_OVERHEAD_V0``."""
_ATTRIBUTES: Final = struct.Struct(">21xh")


class RejectedBatchError(Exception):
    """The batch is not appended; the producer is told why."""

    def __init__(self, error_code: ErrorCode, message: str, record_errors: tuple[RecordError, ...] = ()) -> None:
        super().__init__(message)
        self.error_code = error_code
        self.message = message
        self.record_errors = record_errors
        """Of which records something is wrong, where that is known; bounded."""


class NotOneBatchError(RejectedBatchError):
    """What a request holds for a partition cannot be one batch: no log was asked. Kafka: ``validateRecords``."""


def validate(records: bytes | None, *, produce_version: int, max_bytes: int) -> BatchHeader:
    """Check what a Produce request holds for one partition.

    Args:
        records: exactly one batch; the beginning of another that is not whole may follow, and is left out.
        produce_version: the request's.
        max_bytes: ``max.message.bytes``: the most that a batch may have, its header included.

    Raises:
        RejectedBatchError: it is not exactly one good batch of format 2.
    """
    if records is None or (size := _size_of_first(records)) is None:
        raise NotOneBatchError(ErrorCode.invalid_record, "no whole record batch")
    _check_format(records, size, produce_version)
    if size > max_bytes:
        raise RejectedBatchError(ErrorCode.message_too_large, f"batch of {size} bytes, at most {max_bytes} are taken")
    if size < HEADER_SIZE:
        raise RejectedBatchError(ErrorCode.corrupt_message, f"batch of {size} bytes, its header has {HEADER_SIZE}")
    header = BatchHeader._make(HEADER.unpack_from(records))
    if header.base_offset:
        raise RejectedBatchError(ErrorCode.invalid_record, f"base offset {header.base_offset}, a producer's is 0")
    crc = crc32c(memoryview(records)[ATTRIBUTES_POSITION:size])
    if crc != header.crc:
        reason = f"CRC is {crc:#010x}, the header says {header.crc:#010x}"
        raise RejectedBatchError(ErrorCode.corrupt_message, reason)
    _check_codec(header, records)
    if (problem := _problem(header)) is not None:
        raise RejectedBatchError(ErrorCode.invalid_record, problem)
    return header


def _check_format(records: bytes, size: int, produce_version: int) -> None:
    if records[MAGIC_POSITION] != MAGIC:
        reason = f"message format (magic) {records[MAGIC_POSITION]}; Produce takes {MAGIC} since version 3"
        raise NotOneBatchError(ErrorCode.invalid_record, reason)
    if produce_version < _ZSTD_SINCE_PRODUCE and _ATTRIBUTES.unpack_from(records)[0] & 0b111 == Codec.ZSTD:
        raise NotOneBatchError(ErrorCode.unsupported_compression_type, "zstd needs Produce version 7")
    if len(records) > size and _size_of_first(records[size:]) is not None:
        raise NotOneBatchError(ErrorCode.invalid_record, "more than one batch for a partition")


def _size_of_first(data: bytes) -> int | None:
    """Return the size of the batch at the beginning, or None where none is whole. Kafka: ``nextBatchSize``.

    Raises:
        NotOneBatchError: there cannot be one.
    """
    if len(data) < LENGTH_OVERHEAD:
        return None
    (length,) = _LENGTH.unpack_from(data)
    if length < _LEAST_LENGTH:
        raise NotOneBatchError(ErrorCode.corrupt_message, f"length {length}, the least is {_LEAST_LENGTH}")
    if len(data) <= MAGIC_POSITION:
        return None
    if data[MAGIC_POSITION] > MAGIC:
        raise NotOneBatchError(ErrorCode.corrupt_message, f"message format (magic) {data[MAGIC_POSITION]}")
    size: int = LENGTH_OVERHEAD + length
    return size if size <= len(data) else None


def _check_codec(header: BatchHeader, records: bytes) -> None:
    try:
        codec = header.codec
    except UnsupportedCodecError as error:
        raise RejectedBatchError(ErrorCode.unsupported_compression_type, error.reason) from error
    if codec and not may_be(codec, records[HEADER_SIZE : HEADER_SIZE + _TELLING_BYTES]):
        reason = f"the records are not {codec.name.lower()}, or not of a kind that Kafka's clients read"
        raise RejectedBatchError(ErrorCode.corrupt_message, reason)


def _problem(header: BatchHeader) -> str | None:
    count = header.record_count
    if count < 1 or count != header.last_offset_delta + 1:
        return f"{count} records with a last offset delta of {header.last_offset_delta}"
    attributes = header.attributes
    if attributes & 0b111_0000:
        if header.is_control or header.delete_horizon_ms is not None:
            return "control batches and delete horizons are the broker's to write"
        return "transactions are not supported"
    if header.producer_id > NO_PRODUCER_ID and header.base_sequence < 0:
        return f"producer {header.producer_id} gave the sequence number {header.base_sequence}"
    return None
