"""Look into a batch: whether its records are what its header says. It takes as long as reading them does."""

from gomq_dump.findings import Complain, Finding, Problem
from gomq_dump.reading.reader import ByteReader
from gomq_dump.reading.records import MAX_DECOMPRESSED_BYTES, DecodedRecords, read_records
from gomq_storage.batch import NO_TIMESTAMP, BatchHeader


def check_records(position: int, log: ByteReader, header: BatchHeader, complain: Complain) -> None:
    """Check the records of a batch whose CRC holds: their count, their offsets and their timestamps.

    Args:
        position: of the batch in the log.
        log: the file.
        header: the batch's header.
        complain: takes what is wrong.
    """
    records = read_bounded(position, log, header)
    if isinstance(records, Finding):
        complain(records)
        return
    if header.is_log_append_time:
        return
    largest = max((max(columns.timestamps, default=NO_TIMESTAMP) for columns in records.pieces()), default=NO_TIMESTAMP)
    if largest > header.max_timestamp:
        message = "a record has a larger timestamp than its batch says"
        complain(
            Finding(
                problem=Problem.RECORDS, position=position, message=message,
                expected=f"at most {header.max_timestamp}", found=largest,
            )
        )  # fmt: skip


def read_bounded(position: int, log: ByteReader, header: BatchHeader) -> DecodedRecords | Finding:
    """Read the records of a batch, unless it is so large that it would fill the memory."""
    if header.size > MAX_DECOMPRESSED_BYTES:
        message = f"the records are not read: the batch is larger than {MAX_DECOMPRESSED_BYTES} bytes"
        return Finding(problem=Problem.NOT_CHECKED, position=position, message=message, found=header.size)
    return read_records(position, log.view(position, header.size), header)
