"""Whether the records of a batch may be appended: a decision that may take long, so it is made a run at a time.

Kafka: ``LogValidator.validateRecord``. Stricter than that in two things, as what is refused here no producer writes:
records whose offsets are not in a row are refused, where Kafka writes the batch anew, and so is what decompresses to
more than ``MAX_DECOMPRESSED_BYTES``, where Kafka reads on.
"""

from collections.abc import Generator, Iterator
from typing import Final, NamedTuple

from kio.schema.errors import ErrorCode

from gomq.broker.producing.record_scan import Found, Place, scan, scan_each
from gomq.broker.producing.timestamps import MAX_RECORD_ERRORS, TimeWindow
from gomq.broker.producing.validation import RejectedBatchError
from gomq.protocol.produce import RecordError
from gomq_storage.batch import HEADER_SIZE, NO_TIMESTAMP, BatchHeader
from gomq_storage.compression import DEFAULT_MAX_DECOMPRESSED_BYTES, decompress
from gomq_storage.errors import CorruptBatchError, DecompressedTooLargeError
from gomq_storage.record import MIN_RECORD_SIZE

MAX_DECOMPRESSED_BYTES: Final = DEFAULT_MAX_DECOMPRESSED_BYTES
"""What compaction and GoMQ's consumers decompress too."""
RUN_RECORDS: Final = 1024
"""Records that are looked at in one go: half a millisecond."""


class RecordRules(NamedTuple):
    """What a topic asks of records."""

    needs_keys: bool
    """Whether each must have a key, because the topic is compacted."""
    window: TimeWindow | None
    """The timestamps that are taken; None for any."""


class _Faults:
    """What is wrong with single records, of which only the first are named."""

    def __init__(self) -> None:
        self.errors: list[RecordError] = []
        self.count = 0
        self.has_invalid_timestamp = False

    def note(self, number: int, message: str, *, is_timestamp: bool) -> None:
        self.count += 1
        self.has_invalid_timestamp |= is_timestamp
        if self.count <= MAX_RECORD_ERRORS:
            self.errors.append(RecordError(number, message))

    def raise_any(self, record_count: int) -> None:
        if self.count:
            code = ErrorCode.invalid_timestamp if self.has_invalid_timestamp else ErrorCode.invalid_record
            number, first = self.errors[0]
            message = f"{self.count} of {record_count} records are refused, first record {number}: {first}"
            raise RejectedBatchError(code, message, tuple(self.errors))


def open_records(batch: bytes, header: BatchHeader, *, max_bytes: int = MAX_DECOMPRESSED_BYTES) -> bytes:
    """Return the records of a batch, not compressed any more.

    Raises:
        DecompressedTooLargeError: they would have more than ``max_bytes``.
        RejectedBatchError: they cannot be decompressed.
    """
    records = batch[HEADER_SIZE : header.size]
    try:
        return decompress(header.codec, records, max_bytes=max_bytes)
    except DecompressedTooLargeError:
        raise
    except CorruptBatchError as error:
        raise RejectedBatchError(ErrorCode.corrupt_message, error.reason) from error


def too_large_to_open(error: DecompressedTooLargeError) -> RejectedBatchError:
    """Turn down a batch that would decompress to more than can be looked at: producers split it, if they can."""
    return RejectedBatchError(ErrorCode.message_too_large, f"the batch {error.reason}")


def check_records(data: bytes, header: BatchHeader, rules: RecordRules) -> Generator[None, None, int]:
    """Check all records of a batch, pausing behind each ``RUN_RECORDS``.

    Args:
        data: what ``open_records`` returned.
        header: the batch's, which ``validate`` has passed.
        rules: what else must hold.

    Returns:
        the largest timestamp, whatever the header says; -1 for none.

    Raises:
        RejectedBatchError: they are not what the header says, not records, or against the rules.
    """
    count, base = header.record_count, header.base_timestamp
    if count > len(data) // MIN_RECORD_SIZE:
        raise RejectedBatchError(ErrorCode.invalid_record, f"{count} records in {len(data)} bytes")
    place, faults, largest = Place(0, 0), _Faults(), NO_TIMESTAMP
    while place.number < count:
        start = place
        try:
            found, place = scan(data, start, min(RUN_RECORDS, count - start.number))
        except (IndexError, ValueError) as error:
            reason = f"records cannot be read: {error}"
            raise RejectedBatchError(ErrorCode.invalid_record, reason) from error
        largest = max(largest, base + found.most_delta)
        if not _is_good(found, base, rules):
            for number, message, is_timestamp in _faults_in(data, start, place, base, rules):
                faults.note(number, message, is_timestamp=is_timestamp)
        yield
    if place.position != len(data):
        left = len(data) - place.position
        raise RejectedBatchError(ErrorCode.invalid_record, f"{left} bytes are left behind {count} records")
    faults.raise_any(count)
    return largest


def _is_good(found: Found, base: int, rules: RecordRules) -> bool:
    if rules.needs_keys and not found.has_keys:
        return False
    window = rules.window
    if window is None:
        return True
    return window.earliest <= base + found.least_delta and base + found.most_delta <= window.latest


def _faults_in(data: bytes, start: Place, end: Place, base: int, rules: RecordRules) -> Iterator[tuple[int, str, bool]]:
    """Yield number and fault of each bad record of a run, and whether it is the timestamp."""
    window = rules.window
    for number, delta, has_key in scan_each(data, start, end):
        if rules.needs_keys and not has_key:
            yield number, "it has no key; the topic is compacted and needs one", False
        elif window is not None and not window.takes(base + delta):
            yield number, window.problem(base + delta), True
