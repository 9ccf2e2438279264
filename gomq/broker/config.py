"""The broker's settings, checked when they are made."""

from dataclasses import dataclass, field
from enum import StrEnum
from math import inf
from pathlib import Path
from typing import Final

from gomq.broker.groups.settings import GroupSettings
from gomq.errors import ConfigurationError
from gomq.net.endpoints import parse_endpoints, parse_listen_address
from gomq.net.limits import MOST_CONNECTIONS, ConnectionLimits, parse_overrides
from gomq_storage.config import KEY_MAP_BYTES, LogConfig

MAX_PARTITIONS: Final = 10_000
"""Of one topic, if nothing else is said."""

_SECONDS: Final = (
    "flush_interval", "checkpoint_interval", "retention_check_interval", "compaction_interval",
    "offset_commit_timeout", "offsets_retention_check_interval",
    "connections_max_idle", "first_request_timeout", "receive_timeout", "send_timeout", "stop_timeout",
)  # fmt: skip


class FlushMode(StrEnum):
    """When appended messages are made to survive a power cut."""

    ALWAYS = "always"
    """Before ``acks=all`` is answered, and before any consumer sees them: nothing seen is ever lost."""
    INTERVAL = "interval"
    """Every ``flush_interval`` seconds: a power cut may take the last of them."""
    NEVER = "never"
    """When the operating system pleases, with each recovery point and at a clean stop: Kafka relies on replicas."""


class MessageValidation(StrEnum):
    """How closely the broker looks at what a producer sends, beside the CRC."""

    HEADER = "header"
    """At each batch's header; at its records only where the topic is compacted."""
    FULL = "full"
    """At every record, as Kafka does: half a microsecond each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerConfig:
    """Everything a broker can be told."""

    data: Path
    """The data directory; it is made where its parent exists."""
    listen: str = "127.0.0.1:9092"
    """HOST:PORT or NAME://HOST:PORT, comma-separated where there are several; port 0 takes any free one."""
    advertise: str | None = None
    """``advertised.listeners``: by which address a listener's clients find the broker; None: the one they have used."""
    metrics_listen: str | None = None
    """HOST:PORT where /metrics, /healthz and /readyz are answered over HTTP; None: nowhere."""
    flush: FlushMode = FlushMode.ALWAYS
    flush_interval: float = 1.0
    """Seconds between syncs under ``FlushMode.INTERVAL``."""
    node_id: int = 1
    auto_create_topics: bool = True
    """``auto.create.topics.enable``: a Metadata request that allows it creates the topics it names."""
    default_partitions: int = 1
    """``num.partitions``: for topics created without saying how many."""
    max_partitions_per_topic: int = MAX_PARTITIONS
    checkpoint_interval: float = 60.0
    """Seconds between recovery points: ``log.flush.offset.checkpoint.interval.ms``."""
    retention_check_interval: float = 300.0
    """Seconds between looks for expired segments: ``log.retention.check.interval.ms``."""
    compaction_interval: float = 15.0
    """Seconds between looks for something to compact: ``log.cleaner.backoff.ms``."""
    compaction_memory_bytes: int = KEY_MAP_BYTES
    """``log.cleaner.dedupe.buffer.size``: a log with more keys is compacted a part at a time."""
    compaction_max_bytes_per_second: float | None = None
    """``log.cleaner.io.max.bytes.per.second``; a compaction never takes more than a third of a core."""
    producer_id_expiration_ms: int = 24 * 3_600_000
    """``producer.id.expiration.ms``: how long a log remembers a producer that is silent."""
    group_min_session_timeout_ms: int = 6000
    """``group.min.session.timeout.ms``."""
    group_max_session_timeout_ms: int = 1_800_000
    """``group.max.session.timeout.ms``."""
    group_max_size: int = 10_000
    """``group.max.size``: how many members a group may have. Kafka's default is no limit."""
    group_initial_rebalance_delay_ms: int = 0
    """``group.initial.rebalance.delay.ms``: how long an empty group waits for more members than the first. Kafka's
    default is 3000, for which every first message waits."""
    offsets_topic_partitions: int = 1
    """``offsets.topic.num.partitions``: of ``__consumer_offsets``, when it is made. Kafka's default is 50, so that as
    many brokers share the groups; here it would only be as many folders and syncs."""
    offset_metadata_max_bytes: int = 4096
    """``offset.metadata.max.bytes``: how much text may come with a committed offset."""
    offset_commit_timeout: float = 5.0
    """Seconds for a commit to become durable: ``offsets.commit.timeout.ms``."""
    offsets_retention_ms: int = 7 * 24 * 3_600_000
    """``offsets.retention.minutes``: how long offsets are kept once their group is empty."""
    offsets_retention_check_interval: float = 600.0
    """Seconds between looks for expired offsets: ``offsets.retention.check.interval.ms``."""
    message_validation: MessageValidation = MessageValidation.HEADER
    """``gomq.message.validation``: how closely producers' batches are looked at."""
    max_request_bytes: int = 100 << 20
    """``socket.request.max.bytes``: a connection that announces a larger request is closed."""
    queued_max_request_bytes: int | None = 256 << 20
    """``queued.max.request.bytes``: memory for the large requests of all connections; one that does not fit waits in
    the kernel until others are handled. None: no limit, as in Kafka."""
    max_connections: int = 10_000
    """``max.connections``: who comes then waits to be accepted until another leaves, as in Kafka, whose default is no
    limit."""
    max_connections_per_ip: int = MOST_CONNECTIONS
    """``max.connections.per.ip``: one more of the same address is closed at once."""
    max_connections_per_ip_overrides: str = ""
    """``max.connections.per.ip.overrides``: ADDRESS:COUNT, comma-separated."""
    connections_max_idle: float = 600.0
    """Seconds without a request after which a connection is closed: ``connections.max.idle.ms``."""
    first_request_timeout: float = 30.0
    """Seconds for a new connection to begin with its first request. Kafka has no such limit."""
    receive_timeout: float = 30.0
    """Seconds for a request that has begun to be there, and one more for each 64 KiB of it. Kafka has no such limit."""
    send_timeout: float = 360.0
    """Seconds for a client to take an answer, and one more for each 64 KiB of it. A consumer that is at work on what it
    has may take ``max.poll.interval.ms``, 300 seconds, until it reads on."""
    stop_timeout: float = 5.0
    """Seconds that a stop gives to requests that are being handled; it takes none where there are none."""
    max_fetch_bytes: int = 55 << 20
    """``fetch.max.bytes``: the most one answer to a Fetch holds, whatever the client asks for."""
    fetch_session_slots: int = 1000
    """``max.incremental.fetch.session.cache.slots``: how many clients have a fetch session; 0 for none."""
    fetch_session_eviction_ms: int = 120_000
    """``min.incremental.fetch.session.eviction.ms``: how long a session is unused before another may take its slot."""
    log: LogConfig = field(default_factory=LogConfig)
    """Settings of every topic that does not override them."""

    def __post_init__(self) -> None:
        parse_endpoints(self.listen, self.advertise)
        if self.metrics_listen is not None:
            parse_listen_address(self.metrics_listen)
        for name in _SECONDS:
            if not 0 < (seconds := getattr(self, name)) < inf:
                raise ConfigurationError(f"{name} must be more than 0 seconds, not {seconds}")
        if not 1 <= self.default_partitions <= self.max_partitions_per_topic:
            raise ConfigurationError(
                f"default_partitions must be 1 to {self.max_partitions_per_topic}, not {self.default_partitions}"
            )
        if not 1 <= self.offsets_topic_partitions <= self.max_partitions_per_topic:
            raise ConfigurationError(
                f"offsets_topic_partitions must be 1 to {self.max_partitions_per_topic}, "
                f"not {self.offsets_topic_partitions}"
            )
        self.groups  # noqa: B018 - checks them
        self.connection_limits  # noqa: B018 - checks them
        if self.offset_metadata_max_bytes < 0 or self.offsets_retention_ms < 1:
            raise ConfigurationError("offset_metadata_max_bytes must be 0 or more, and offsets_retention_ms 1 or more")

    @property
    def connection_limits(self) -> ConnectionLimits:
        """Settings of connections."""
        return ConnectionLimits(
            connections=self.max_connections,
            connections_per_ip=self.max_connections_per_ip,
            connections_per_ip_overrides=parse_overrides(self.max_connections_per_ip_overrides),
            request_bytes=self.max_request_bytes,
            queued_bytes=self.queued_max_request_bytes,
            idle_seconds=self.connections_max_idle,
            first_request_seconds=self.first_request_timeout,
            request_seconds=self.receive_timeout,
            send_seconds=self.send_timeout,
        )

    @property
    def groups(self) -> GroupSettings:
        """Settings of every group."""
        return GroupSettings(
            min_session_timeout_ms=self.group_min_session_timeout_ms,
            max_session_timeout_ms=self.group_max_session_timeout_ms,
            max_size=self.group_max_size,
            initial_rebalance_delay_ms=self.group_initial_rebalance_delay_ms,
        )
