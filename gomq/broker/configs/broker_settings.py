"""The table of settings, first part: where the broker is, what it keeps, how it keeps its logs in order."""

from functools import partial
from typing import Final

from gomq.broker.config import MAX_PARTITIONS, FlushMode, MessageValidation
from gomq.broker.configs.setting import Setting
from gomq.broker.configs.setting_kinds import (
    address,
    addresses,
    boolean,
    choice,
    integer,
    named_listeners,
    number,
    path,
    seconds,
    seconds_as_ms,
)
from gomq.broker.configs.topic_config_table import MAX_INT

_bytes = partial(integer, word="BYTES", unit="bytes")
BROKER_SETTINGS: Final = (
    Setting(
        name="data",
        kafka_name="log.dirs",
        field="data",
        kind=path(),
        documentation="The data directory. It is made where its parent exists, and locked while the broker runs.",
        is_common=True,
    ),
    Setting(
        name="listen",
        kafka_name="listeners",
        field="listen",
        kind=addresses(),
        kafka_kind=named_listeners(),
        documentation="Where to listen; port 0 takes any free one, no host means every interface. Several listeners "
        "are comma-separated, each NAME://HOST:PORT.",
        is_common=True,
    ),
    Setting(
        name="advertise",
        kafka_name="advertised.listeners",
        field="advertise",
        kind=addresses(optional=True, default_port=0),
        documentation="By which address clients find the broker, where that is not the one that they have used: "
        "behind a container's or router's port. NAME://HOST:PORT for one of several listeners; without a port, the "
        "one that it listens on.",
        is_common=True,
    ),
    Setting(
        name="flush",
        kafka_name="gomq.flush",
        field="flush",
        kind=choice(FlushMode),
        documentation="When messages are made to survive a power cut: before they are acknowledged, now and then, or "
        "whenever the system pleases. They survive the end of the broker's process in any case.",
        is_common=True,
    ),
    Setting(
        name="flush_interval",
        kafka_name="gomq.flush.interval.ms",
        field="flush_interval",
        kind=seconds(),
        kafka_kind=seconds_as_ms(),
        documentation="Seconds between flushes where flush is interval.",
        is_reloadable=True,
        is_common=True,
    ),
    Setting(
        name="partitions",
        kafka_name="num.partitions",
        field="default_partitions",
        kind=integer(1, MAX_INT),
        documentation="How many partitions a topic has that is created without saying so.",
        is_reloadable=True,
        is_common=True,
    ),
    Setting(
        name="auto_create",
        kafka_name="auto.create.topics.enable",
        field="auto_create_topics",
        kind=boolean(),
        documentation="Whether a topic is created when a producer publishes to one that does not exist.",
        is_reloadable=True,
        is_common=True,
    ),
    Setting(
        name="metrics_listen",
        kafka_name="gomq.metrics.listener",
        field="metrics_listen",
        kind=address(),
        documentation="Where to answer HTTP requests for /metrics (Prometheus), /healthz and /readyz; nowhere if not "
        "given. Whoever reaches it can read the names of topics and groups.",
        is_common=True,
    ),
    Setting(
        name="node.id",
        field="node_id",
        kind=integer(0, MAX_INT, word="ID"),
        documentation="The broker's id; a data directory belongs to the one it was made with, and to no other.",
    ),
    Setting(
        name="max_partitions_per_topic",
        kafka_name="gomq.max.partitions.per.topic",
        field="max_partitions_per_topic",
        kind=integer(1, MAX_PARTITIONS * 100),
        documentation="How many partitions one topic may have.",
        is_reloadable=True,
    ),
    Setting(
        name="log.flush.offset.checkpoint.interval.ms",
        field="checkpoint_interval",
        kind=seconds_as_ms(),
        documentation="Time between two recovery points; what was written since then is checked after a crash.",
        is_reloadable=True,
    ),
    Setting(
        name="log.retention.check.interval.ms",
        field="retention_check_interval",
        kind=seconds_as_ms(),
        documentation="Time between two looks for expired segments.",
        is_reloadable=True,
    ),
    Setting(
        name="log.cleaner.backoff.ms",
        field="compaction_interval",
        kind=seconds_as_ms(),
        documentation="Time between two looks for a log to compact.",
        is_reloadable=True,
    ),
    Setting(
        name="log.cleaner.dedupe.buffer.size",
        field="compaction_memory_bytes",
        kind=_bytes(1 << 20),
        documentation="Memory for the keys of the log that is compacted; one with more keys is compacted a part at a "
        "time.",
        is_reloadable=True,
    ),
    Setting(
        name="log.cleaner.io.max.bytes.per.second",
        field="compaction_max_bytes_per_second",
        kind=number(1, word="BYTES", unit="bytes per second", none=True),
        documentation="How fast compaction may read and write. It never takes more than a third of a core.",
        is_reloadable=True,
    ),
    Setting(
        name="producer.id.expiration.ms",
        field="producer_id_expiration_ms",
        kind=integer(1, word="MS", unit="milliseconds"),
        documentation="How long a log remembers an idempotent producer that is silent.",
        is_reloadable=True,
    ),
    Setting(
        name="message_validation",
        kafka_name="gomq.message.validation",
        field="message_validation",
        kind=choice(MessageValidation),
        documentation="Whether only the header of each batch is checked, or every message in it too, as Kafka does. "
        "Messages for compacted topics are checked in any case.",
        is_reloadable=True,
    ),
)
