"""Which timestamps a topic takes: a decision, no clock. Kafka: ``LogValidator.validateTimestamp``, KIP-937."""

from typing import Final, NamedTuple

from kio.schema.errors import ErrorCode

from gomq.broker.producing.validation import RejectedBatchError
from gomq.protocol.produce import RecordError
from gomq_storage.batch import NO_TIMESTAMP, BatchHeader
from gomq_storage.config import LogConfig, TimestampType

MAX_RECORD_ERRORS: Final = 100
"""How many of a batch's records an answer complains of. Kafka names all of them."""
_INT64: Final = 2**63


class TimeWindow(NamedTuple):
    """The timestamps of producers that are taken, both ends included, ms; beside them -1, for none."""

    earliest: int
    latest: int

    def takes(self, timestamp: int) -> bool:
        """Whether a record may have that timestamp."""
        return self.earliest <= timestamp <= self.latest or timestamp == NO_TIMESTAMP

    def problem(self, timestamp: int) -> str:
        """Say what is wrong with one that it does not take."""
        if timestamp > self.latest:
            return f"timestamp {timestamp} is later than {self.latest}, the latest that the topic takes now"
        return f"timestamp {timestamp} is earlier than {self.earliest}, the earliest that the topic takes now"


def time_window(config: LogConfig, *, now_ms: int) -> TimeWindow | None:
    """Work out what a topic takes now; None where the broker's clock is what counts."""
    if config.message_timestamp_type is TimestampType.LOG_APPEND_TIME:
        return None
    earliest = now_ms - config.message_timestamp_before_max_ms
    latest = now_ms + config.message_timestamp_after_max_ms
    return TimeWindow(max(earliest, -_INT64), min(latest, _INT64 - 1))


def check_timestamp_type(header: BatchHeader) -> None:
    """See that a producer does not say that the broker's clock set its timestamps.

    Raises:
        RejectedBatchError: it does.
    """
    if header.is_log_append_time:
        message = "only a broker sets log append time"
        errors = tuple(RecordError(number, message) for number in range(min(header.record_count, MAX_RECORD_ERRORS)))
        raise RejectedBatchError(ErrorCode.invalid_timestamp, message, errors)


def check_largest_timestamp(header: BatchHeader, config: LogConfig, *, now_ms: int) -> None:
    """Check a batch's largest timestamp, as its header has it: all that is known where the records are not read.

    Raises:
        RejectedBatchError: it is too old, or too far ahead.
    """
    age = now_ms - header.max_timestamp
    if -config.message_timestamp_after_max_ms <= age <= config.message_timestamp_before_max_ms:
        return  # so it is with nearly all
    window = time_window(config, now_ms=now_ms)
    if window is not None and not window.takes(header.max_timestamp):
        problem = window.problem(header.max_timestamp)
        errors = (RecordError(0, problem),) if header.record_count == 1 else ()
        raise RejectedBatchError(ErrorCode.invalid_timestamp, problem, errors)
