"""Names of files and folders in a data directory, both ways. Kafka's: ``LogFileUtils``, ``UnifiedLog``.

A name that this module did not make is not ours: the parsers answer None for it and callers leave it alone.
"""

import re
from typing import NamedTuple

LOG_SUFFIX = ".log"
OFFSET_INDEX_SUFFIX = ".index"
TIME_INDEX_SUFFIX = ".timeindex"
SNAPSHOT_SUFFIX = ".snapshot"
TXN_INDEX_SUFFIX = ".txnindex"
SEGMENT_SUFFIXES = (LOG_SUFFIX, OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX)
"""The files of one segment that this package writes."""
CLEANED_SUFFIX = ".cleaned"
"""Behind a segment file's suffix: what a compaction is writing, worth nothing until it is renamed."""
SWAP_SUFFIX = ".swap"
"""Behind a segment file's suffix: what a compaction has written, about to take the place of older segments."""
REMOVED_SUFFIX = ".deleted"
"""Behind a segment file's suffix: no part of the log any more, about to be unlinked."""
DELETED_SUFFIX = "-delete"
STRAY_SUFFIX = "-stray"
LEADER_EPOCH_FILE_NAME = "leader-epoch-checkpoint"
RECOVERY_POINT_FILE_NAME = "recovery-point-offset-checkpoint"
LOG_START_FILE_NAME = "log-start-offset-checkpoint"
CLEANER_OFFSET_FILE_NAME = "cleaner-offset-checkpoint"
CLEAN_SHUTDOWN_FILE_NAME = ".kafka_cleanshutdown"
LOCK_FILE_NAME = ".lock"
RESTORING_DIRECTORY_NAME = ".restoring"
"""In a data directory that a backup is being restored to; it is gone once all is in its place."""
META_PROPERTIES_FILE_NAME = "meta.properties"
PARTITION_METADATA_FILE_NAME = "partition.metadata"

MAX_TOPIC_NAME_LENGTH = 249
_TOPIC_NAME = re.compile(r"[a-zA-Z0-9._-]{1,249}")
MAX_OFFSET = 2**63 - 1
MAX_PARTITION = 2**31 - 1
_SEGMENT_FILE_NAME = re.compile(r"([0-9]{20})(\.log|\.index|\.timeindex)")
_SNAPSHOT_FILE_NAME = re.compile(r"([0-9]{20})\.snapshot")
_TEMPORARY_FILE_NAME = re.compile(
    r"([0-9]{20})(\.log|\.index|\.timeindex|\.snapshot|\.txnindex)(\.cleaned|\.swap|\.deleted)"
)
_PARTITION_DIRECTORY_NAME = re.compile(r"(.+)-(0|[1-9][0-9]{0,9})", re.DOTALL)
_DELETED_DIRECTORY_NAME = re.compile(r"[a-zA-Z0-9._-]+-(0|[1-9][0-9]{0,9})\.[0-9a-f]{32}-delete")
_MAX_NAME_LENGTH = 255


class TopicPartition(NamedTuple):
    """One partition of a topic."""

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition}"


def topic_name_problem(name: str) -> str | None:
    """Say why a topic may not have this name, or None when it may. Kafka's ``Topic.validate``."""
    if not name:
        return "a topic name must not be empty"
    if name in {".", ".."}:
        return f"a topic may not be named {name!r}"
    if len(name) > MAX_TOPIC_NAME_LENGTH:
        return f"a topic name has at most {MAX_TOPIC_NAME_LENGTH} characters, this one has {len(name)}"
    if _TOPIC_NAME.fullmatch(name) is None:
        return f"topic name {name!r} has characters other than ASCII letters, digits, '.', '_' and '-'"
    return None


def segment_file_name(base_offset: int, suffix: str = LOG_SUFFIX) -> str:
    """Name a file of the segment that starts at this offset: 42 -> 00000000000000000042.log."""
    return f"{base_offset:020d}{suffix}"


def parse_segment_file_name(name: str) -> tuple[int, str] | None:
    """Take a segment file's name apart into base offset and suffix, or None for a foreign name."""
    match = _SEGMENT_FILE_NAME.fullmatch(name)
    return (int(match[1]), match[2]) if match and int(match[1]) <= MAX_OFFSET else None


def parse_snapshot_file_name(name: str) -> int | None:
    """Take the name of a producer snapshot apart: the offset up to which it tells, or None for another name."""
    match = _SNAPSHOT_FILE_NAME.fullmatch(name)
    return int(match[1]) if match and int(match[1]) <= MAX_OFFSET else None


def parse_temporary_file_name(name: str) -> tuple[int, str, str] | None:
    """Take a name such as 00000000000000000042.log.swap apart into base offset and both suffixes, or None."""
    match = _TEMPORARY_FILE_NAME.fullmatch(name)
    return (int(match[1]), match[2], match[3]) if match and int(match[1]) <= MAX_OFFSET else None


def partition_directory_name(partition: TopicPartition) -> str:
    """Name the folder of a partition: ("orders", 0) -> orders-0."""
    return str(partition)


def parse_partition_directory_name(name: str) -> TopicPartition | None:
    """Take a folder's name apart at its last dash, or None for a foreign name."""
    match = _PARTITION_DIRECTORY_NAME.fullmatch(name)
    if match is None or topic_name_problem(match[1]) is not None or int(match[2]) > MAX_PARTITION:
        return None
    return TopicPartition(match[1], int(match[2]))


def deleted_directory_name(partition: TopicPartition, unique_id: str) -> str:
    """Name the folder of a partition that is being removed; a long topic is cut. ``unique_id``: 32 hex digits."""
    return _marked_directory_name(partition, unique_id, DELETED_SUFFIX)


def stray_directory_name(partition: TopicPartition, unique_id: str) -> str:
    """Name the folder of a partition that belongs to no topic and was put aside; it is never removed."""
    return _marked_directory_name(partition, unique_id, STRAY_SUFFIX)


def _marked_directory_name(partition: TopicPartition, unique_id: str, mark: str) -> str:
    suffix = f"-{partition.partition}.{unique_id}{mark}"
    return partition.topic[: _MAX_NAME_LENGTH - len(suffix)] + suffix


def is_deleted_directory_name(name: str) -> bool:
    """Whether a folder is what ``deleted_directory_name`` names."""
    return _DELETED_DIRECTORY_NAME.fullmatch(name) is not None
