"""Read the records of one batch, and say what is wrong with them where they cannot be read."""

from itertools import pairwise
from typing import Final

from gomq_dump.findings import Finding, Problem
from gomq_storage.batch import BatchHeader
from gomq_storage.errors import CorruptBatchError, DecompressedTooLargeError, UnsupportedCodecError
from gomq_storage.record import Record, decode_batch

MAX_DECOMPRESSED_BYTES: Final = 256 << 20
"""The most that one batch may take in memory. Brokers take batches of a MiB; this is for bombs."""


def read_records(position: int, batch: memoryview, header: BatchHeader) -> list[Record] | Finding:
    """Read the records of the batch that lies at a position of its file."""
    try:
        records = decode_batch(batch, header, max_bytes=MAX_DECOMPRESSED_BYTES)
    except UnsupportedCodecError as error:
        return Finding(problem=Problem.CODEC, position=position, message="no such compression codec", found=error.codec)
    except DecompressedTooLargeError as error:
        return Finding(
            problem=Problem.NOT_CHECKED, position=position, message=f"the records are not shown: {error.reason}"
        )
    except CorruptBatchError as error:
        return Finding(
            problem=Problem.RECORDS, position=position, message=f"the records cannot be read: {error.reason}"
        )
    offsets = [header.base_offset - 1, *(record.offset for record in records), header.last_offset + 1]
    if any(offset >= following for offset, following in pairwise(offsets)):
        message = f"the records' offsets do not ascend from {header.base_offset} to {header.last_offset}"
        return Finding(problem=Problem.RECORDS, position=position, message=message)
    return records
