"""What can be said of the end of a log in which no good batch is found any more."""

from dataclasses import replace
from typing import Final

from gomq_dump.findings import Finding, Problem
from gomq_dump.reading.foreign import describe_content
from gomq_dump.reading.reader import ByteReader
from gomq_storage.batch import HEADER_SIZE

_MIN_ZEROS: Final = HEADER_SIZE
"""As many zeros at the end of a file as no record is likely to end in."""


def explain_tail(reader: ByteReader, finding: Finding) -> Finding:
    """Say more of a damaged place that no good batch follows: zeros, a write that was cut short, another kind of file.

    Raises:
        OSError: the file cannot be read.
    """
    position, size = finding.position, reader.size
    zeros_from = reader.end_without_zeros(position, size)
    if zeros_from == position:
        message = "nothing but zeros up to the end of the file"
        return Finding(problem=Problem.ZEROED_TAIL, position=position, message=message)
    if finding.problem is Problem.TORN_TAIL:
        return finding
    if size - zeros_from >= _MIN_ZEROS:
        message = f"the file ends in {size - zeros_from} zeros, which begin within this batch"
        return replace(finding, problem=Problem.ZEROED_TAIL, message=message, expected=None, found=None)
    if position == 0:
        content = describe_content(bytes(reader.view(0, HEADER_SIZE)))
        return replace(finding, expected="record batches", found=content)
    return finding
