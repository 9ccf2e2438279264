"""What can be wrong with a log, each kind with the data a caller needs to act on it."""

import errno
from pathlib import Path


def is_disk_full(error: OSError) -> bool:
    """Say whether it was room that was missing, on the disk or of a quota, so that the next attempt may succeed."""
    return error.errno in {errno.ENOSPC, errno.EDQUOT}


class StorageError(Exception):
    """Base of every error this package raises on purpose."""


class CorruptBatchError(StorageError):
    """Bytes that should be a record batch are not: its length, magic or CRC is wrong, or its records lie."""

    def __init__(self, reason: str, *, position: int = 0, path: Path | None = None) -> None:
        where = f"{path}: " if path is not None else ""
        super().__init__(f"{where}corrupt batch at byte {position}: {reason}")
        self.reason = reason
        self.position = position
        self.path = path


class UnsupportedMagicError(CorruptBatchError):
    """A message in the format Kafka had before 0.11 (magic 0 or 1), or one that does not exist yet."""

    def __init__(self, magic: int, *, position: int = 0, path: Path | None = None) -> None:
        super().__init__(f"message format (magic) {magic}; only 2 is supported", position=position, path=path)
        self.magic = magic


class UnsupportedCodecError(CorruptBatchError):
    """The batch names a compression codec that Kafka has not defined."""

    def __init__(self, codec: int, *, position: int = 0) -> None:
        super().__init__(f"unknown compression codec {codec}", position=position)
        self.codec = codec


class DecompressedTooLargeError(CorruptBatchError):
    """Decompressing would pass the cap: a bomb, or a batch larger than this reader wants."""

    def __init__(self, max_bytes: int, *, position: int = 0) -> None:
        super().__init__(f"decompresses to more than {max_bytes} bytes", position=position)
        self.max_bytes = max_bytes


class OffsetOutOfRangeError(StorageError):
    """The wanted offset lies before the log's start or after its end."""

    def __init__(self, offset: int, *, log_start: int, log_end: int) -> None:
        super().__init__(f"offset {offset} is outside of the log, which holds {log_start} to {log_end}")
        self.offset = offset
        self.log_start = log_start
        self.log_end = log_end


class DamagedLogError(StorageError):
    """A log cannot be opened without losing data that may be good; nothing was changed."""

    def __init__(self, path: Path, position: int, reason: str) -> None:
        super().__init__(f"{path}: damaged at byte {position}: {reason}; the file was left as it is")
        self.path = path
        self.position = position
        self.reason = reason


class CorruptFileError(StorageError):
    """A small file beside a log (a checkpoint, a producer snapshot) is not what it should be; it can be made anew."""

    def __init__(self, reason: str, *, path: Path | None = None) -> None:
        where = f"{path}: " if path is not None else ""
        super().__init__(f"{where}{reason}")
        self.reason = reason
        self.path = path


class WouldWaitError(StorageError):
    """The answer takes longer than an event loop may wait, this once: ask again from a worker thread."""


class OutOfOrderSequenceError(StorageError):
    """An idempotent producer's batch is not the one that should follow; nothing was appended."""

    def __init__(self, producer_id: int, *, sequence: int, expected: int) -> None:
        super().__init__(f"producer {producer_id} sent the sequence number {sequence}, {expected} should follow")
        self.producer_id = producer_id
        self.sequence = sequence
        self.expected = expected


class InvalidProducerEpochError(StorageError):
    """A producer's batch has an older epoch than one before it: another has taken its place. Nothing was appended."""

    def __init__(self, producer_id: int, *, epoch: int, current: int) -> None:
        super().__init__(f"producer {producer_id} has the epoch {epoch}, {current} has been seen")
        self.producer_id = producer_id
        self.epoch = epoch
        self.current = current


class DirectoryInUseError(StorageError):
    """Another broker has the data directory open."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"data directory {path} is in use by another broker")
        self.path = path


class DirectoryUnusableError(StorageError):
    """The data directory cannot be used: not a directory, not writable, or made by something else."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"data directory {path}: {reason}")
        self.path = path
        self.reason = reason


class LogOfflineError(StorageError):
    """The log stopped taking writes after a write or sync failed; the broker must be restarted."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} is offline: {reason}")
        self.path = path
        self.reason = reason


class BatchTooLargeError(StorageError):
    """A batch is larger than the log takes; nothing was appended."""

    def __init__(self, size: int, max_bytes: int) -> None:
        super().__init__(f"batch of {size} bytes, at most {max_bytes} are taken")
        self.size = size
        self.max_bytes = max_bytes
