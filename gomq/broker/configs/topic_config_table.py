"""Every topic config of Kafka 4: its type, what it may be, its name as a broker's setting, and who honours it.

A config is honoured by a field of ``LogConfig``, or has one value that every topic has. Two kinds are left out, as
there is nothing here that they could speak of: those of tiered storage, and those that slow replication down.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gomq.protocol.configs import ConfigType
from gomq_storage.config import MAX_SEGMENT_BYTES, MIN_SEGMENT_BYTES, TimestampType

MAX_INT: Final = 2**31 - 1
MAX_LONG: Final = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicConfig:
    """What there is to know of one topic config."""

    name: str
    type: ConfigType
    broker_name: str
    """What Kafka calls the broker's setting for all topics that do not have one of their own."""
    documentation: str
    field: str | None = None
    """The field of ``LogConfig`` that holds it; None where the value is fixed."""
    fixed: str = ""
    """The only value, where there is no field."""
    least: int = 0
    most: int = MAX_LONG
    no_limit: int | None = None
    """The number that stands for None."""
    choices: tuple[StrEnum, ...] = ()
    """All values, where they are words."""


def _compression_level(codec: str, level: int) -> TopicConfig:
    """What nobody can choose, with Kafka's default."""
    name = f"compression.{codec}.level"
    return TopicConfig(
        name=name,
        type=ConfigType.INT,
        broker_name=name,
        documentation="Used by no topic: batches stay as their producers compressed them.",
        fixed=str(level),
    )


_ALL: Final = (
    TopicConfig(
        name="cleanup.policy",
        type=ConfigType.LIST,
        broker_name="log.cleanup.policy",
        documentation="What becomes of old messages: delete them by age and size, compact them to the last of each "
        "key, both, or neither.",
        field="cleanup_policy",
    ),
    _compression_level("gzip", -1),
    _compression_level("lz4", 9),
    TopicConfig(
        name="compression.type",
        type=ConfigType.STRING,
        broker_name="compression.type",
        documentation="Batches stay as their producers compressed them.",
        fixed="producer",
    ),
    _compression_level("zstd", 3),
    TopicConfig(
        name="delete.retention.ms",
        type=ConfigType.LONG,
        broker_name="log.cleaner.delete.retention.ms",
        documentation="How long compaction keeps a message with a null value, which deletes its key.",
        field="delete_retention_ms",
    ),
    TopicConfig(
        name="file.delete.delay.ms",
        type=ConfigType.LONG,
        broker_name="log.segment.delete.delay.ms",
        documentation="How long the files of a deleted segment stay for those who still read them.",
        field="file_delete_delay_ms",
    ),
    TopicConfig(
        name="flush.messages",
        type=ConfigType.LONG,
        broker_name="log.flush.interval.messages",
        documentation="Not counted: when messages are synced is a setting of the broker.",
        fixed=str(MAX_LONG),
    ),
    TopicConfig(
        name="flush.ms",
        type=ConfigType.LONG,
        broker_name="log.flush.interval.ms",
        documentation="Not timed by topic: when messages are synced is a setting of the broker.",
        fixed=str(MAX_LONG),
    ),
    TopicConfig(
        name="index.interval.bytes",
        type=ConfigType.INT,
        broker_name="log.index.interval.bytes",
        documentation="Bytes of the log between two entries of its offset index.",
        field="index_interval_bytes",
        most=MAX_INT,
    ),
    TopicConfig(
        name="max.compaction.lag.ms",
        type=ConfigType.LONG,
        broker_name="log.cleaner.max.compaction.lag.ms",
        documentation="Age at which messages are compacted however few they are.",
        field="max_compaction_lag_ms",
        least=1,
        no_limit=MAX_LONG,
    ),
    TopicConfig(
        name="max.message.bytes",
        type=ConfigType.INT,
        broker_name="message.max.bytes",
        documentation="The largest record batch that is taken, as its producer compressed it.",
        field="max_message_bytes",
        most=MAX_INT,
    ),
    TopicConfig(
        name="message.timestamp.after.max.ms",
        type=ConfigType.LONG,
        broker_name="log.message.timestamp.after.max.ms",
        documentation="How far ahead of the broker's clock a message's timestamp may be.",
        field="message_timestamp_after_max_ms",
    ),
    TopicConfig(
        name="message.timestamp.before.max.ms",
        type=ConfigType.LONG,
        broker_name="log.message.timestamp.before.max.ms",
        documentation="How far behind the broker's clock a message's timestamp may be.",
        field="message_timestamp_before_max_ms",
    ),
    TopicConfig(
        name="message.timestamp.type",
        type=ConfigType.STRING,
        broker_name="log.message.timestamp.type",
        documentation="Whose clock a message's timestamp is read from: its producer's, or the broker's when it "
        "appends the message.",
        field="message_timestamp_type",
        choices=tuple(TimestampType),
    ),
    TopicConfig(
        name="min.cleanable.dirty.ratio",
        type=ConfigType.DOUBLE,
        broker_name="log.cleaner.min.cleanable.ratio",
        documentation="The part of a log that must be new before it is compacted again.",
        field="min_cleanable_dirty_ratio",
        most=1,
    ),
    TopicConfig(
        name="min.compaction.lag.ms",
        type=ConfigType.LONG,
        broker_name="log.cleaner.min.compaction.lag.ms",
        documentation="Age before which messages are not compacted.",
        field="min_compaction_lag_ms",
    ),
    TopicConfig(
        name="min.insync.replicas",
        type=ConfigType.INT,
        broker_name="min.insync.replicas",
        documentation="How many replicas must have a message that acks=all acknowledges: there is one.",
        fixed="1",
    ),
    TopicConfig(
        name="preallocate",
        type=ConfigType.BOOLEAN,
        broker_name="log.preallocate",
        documentation="Whether a new segment takes its whole size on disk at once.",
        fixed="false",
    ),
    TopicConfig(
        name="retention.bytes",
        type=ConfigType.LONG,
        broker_name="log.retention.bytes",
        documentation="Bytes of a partition that are kept while its oldest segments are deleted; -1 keeps all.",
        field="retention_bytes",
        least=-1,
        no_limit=-1,
    ),
    TopicConfig(
        name="retention.ms",
        type=ConfigType.LONG,
        broker_name="log.retention.ms",
        documentation="Age at which segments with nothing newer are deleted; -1 keeps all.",
        field="retention_ms",
        least=-1,
        no_limit=-1,
    ),
    TopicConfig(
        name="segment.bytes",
        type=ConfigType.INT,
        broker_name="log.segment.bytes",
        documentation="A segment file is closed before it would pass this size.",
        field="segment_bytes",
        least=MIN_SEGMENT_BYTES,
        most=MAX_SEGMENT_BYTES,
    ),
    TopicConfig(
        name="segment.index.bytes",
        type=ConfigType.INT,
        broker_name="log.index.size.max.bytes",
        documentation="Not reserved: an index grows with its segment.",
        fixed=str(10 << 20),
    ),
    TopicConfig(
        name="segment.jitter.ms",
        type=ConfigType.LONG,
        broker_name="log.roll.jitter.ms",
        documentation="Segments are closed at segment.ms, not at random before it.",
        fixed="0",
    ),
    TopicConfig(
        name="segment.ms",
        type=ConfigType.LONG,
        broker_name="log.roll.ms",
        documentation="A segment file is closed once its first message is so much older than the next.",
        field="segment_ms",
        least=1,
    ),
    TopicConfig(
        name="unclean.leader.election.enable",
        type=ConfigType.BOOLEAN,
        broker_name="unclean.leader.election.enable",
        documentation="Whether a replica that lacks messages may lead: there is one replica, and it lacks none.",
        fixed="false",
    ),
)
TOPIC_CONFIGS: Final = {config.name: config for config in _ALL}
"""By name, in the order of the names."""
