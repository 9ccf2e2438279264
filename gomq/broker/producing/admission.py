"""What a Produce request holds for one partition, from its bytes to a batch that may be appended.

The header is always checked; the records where the broker is set to, or the topic is compacted. Then the batch gets the
timestamp that counts: the broker's own where the topic is set to ``LogAppendTime``, and what the records bear out where
they were read. Kafka: ``LogValidator.validateMessagesAndAssignOffsets``.
"""

import time
from typing import NamedTuple

from gomq.broker.config import MessageValidation
from gomq.broker.partition import Partition
from gomq.broker.producing.record_checks import RecordChecks
from gomq.broker.producing.record_validation import RecordRules
from gomq.broker.producing.timestamps import check_largest_timestamp, check_timestamp_type, time_window
from gomq.broker.producing.validation import validate
from gomq_storage.batch import NO_TIMESTAMP, BatchHeader, date
from gomq_storage.config import TimestampType


class AdmittedBatch(NamedTuple):
    """A batch to be appended."""

    data: bytes
    header: BatchHeader
    log_append_time: int
    """By the broker's clock, ms; -1 where the producer's counts."""


class Admission:
    """Decides what is appended.

    Args:
        checks: reads records.
    """

    def __init__(self, checks: RecordChecks) -> None:
        self._checks = checks

    async def admit(
        self, records: bytes | None, partition: Partition, *, produce_version: int, validation: MessageValidation
    ) -> AdmittedBatch:
        """Check what a request holds for a partition, and give it the timestamp that counts.

        Args:
            records: one batch, as the producer sent it.
            partition: where it shall go.
            produce_version: the request's.
            validation: how closely to look.

        Raises:
            RejectedBatchError: it is not what may be appended.
            LogOfflineError: the partition cannot be used.
        """
        config = partition.log.config
        header = validate(records, produce_version=produce_version, max_bytes=config.max_message_bytes)
        assert records is not None
        check_timestamp_type(header)
        now_ms, largest = _now_ms(), header.max_timestamp
        if validation is MessageValidation.FULL or config.is_compacted:
            rules = RecordRules(config.is_compacted, time_window(config, now_ms=now_ms))
            largest = await self._checks.check(records, header, rules)
            now_ms = _now_ms()  # that may have taken its time
        else:
            check_largest_timestamp(header, config, now_ms=now_ms)
        if config.message_timestamp_type is TimestampType.LOG_APPEND_TIME:
            return AdmittedBatch(*date(records, header, max_timestamp=now_ms, is_log_append_time=True), now_ms)
        if largest != header.max_timestamp:
            dated = date(records, header, max_timestamp=largest, is_log_append_time=False)
            return AdmittedBatch(*dated, NO_TIMESTAMP)
        return AdmittedBatch(records, header, NO_TIMESTAMP)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
