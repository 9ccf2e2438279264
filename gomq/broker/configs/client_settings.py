"""The table of settings, second part: what clients may take, and for how long; their groups and offsets."""

from functools import partial
from typing import Final

from gomq.broker.configs.setting import Setting
from gomq.broker.configs.setting_kinds import address_counts, integer, minutes_as_ms, seconds, seconds_as_ms
from gomq.broker.configs.topic_config_table import MAX_INT

_bytes = partial(integer, word="BYTES", unit="bytes")
CLIENT_SETTINGS: Final = (
    Setting(
        name="group.min.session.timeout.ms",
        field="group_min_session_timeout_ms",
        kind=integer(1, MAX_INT, word="MS", unit="milliseconds"),
        documentation="The shortest session timeout that a member of a group may have.",
    ),
    Setting(
        name="group.max.session.timeout.ms",
        field="group_max_session_timeout_ms",
        kind=integer(1, MAX_INT, word="MS", unit="milliseconds"),
        documentation="The longest session timeout that a member of a group may have.",
    ),
    Setting(
        name="group.max.size",
        field="group_max_size",
        kind=integer(1, MAX_INT, word="COUNT"),
        documentation="How many members a group may have.",
    ),
    Setting(
        name="group.initial.rebalance.delay.ms",
        field="group_initial_rebalance_delay_ms",
        kind=integer(0, MAX_INT, word="MS", unit="milliseconds"),
        documentation="How long an empty group waits for more members than the first before any of them gets a "
        "message.",
    ),
    Setting(
        name="socket.request.max.bytes",
        field="max_request_bytes",
        kind=_bytes(1024, MAX_INT),
        documentation="A connection that announces a larger request is closed. New connections go by a changed one.",
        is_reloadable=True,
    ),
    Setting(
        name="fetch.max.bytes",
        field="max_fetch_bytes",
        kind=_bytes(1024, MAX_INT),
        documentation="The most that one answer to a Fetch holds, whatever the client asks for.",
        is_reloadable=True,
    ),
    Setting(
        name="offsets.topic.num.partitions",
        field="offsets_topic_partitions",
        kind=integer(1, MAX_INT),
        documentation="How many partitions __consumer_offsets has; it keeps those that it was made with.",
        is_reloadable=True,
    ),
    Setting(
        name="offset.metadata.max.bytes",
        field="offset_metadata_max_bytes",
        kind=_bytes(0, MAX_INT),
        documentation="How much text may come with a committed offset.",
        is_reloadable=True,
    ),
    Setting(
        name="offsets.commit.timeout.ms",
        field="offset_commit_timeout",
        kind=seconds_as_ms(),
        documentation="How long a commit may take to become durable.",
        is_reloadable=True,
    ),
    Setting(
        name="offsets.retention.minutes",
        field="offsets_retention_ms",
        kind=minutes_as_ms(),
        documentation="How long offsets are kept once their group is empty.",
        is_reloadable=True,
    ),
    Setting(
        name="offsets.retention.check.interval.ms",
        field="offsets_retention_check_interval",
        kind=seconds_as_ms(),
        documentation="Time between two looks for expired offsets.",
        is_reloadable=True,
    ),
    Setting(
        name="max.incremental.fetch.session.cache.slots",
        field="fetch_session_slots",
        kind=integer(0, MAX_INT),
        documentation="How many consumers have a fetch session, so that they need not name all partitions each time; "
        "0 for none.",
    ),
    Setting(
        name="min.incremental.fetch.session.eviction.ms",
        field="fetch_session_eviction_ms",
        kind=integer(0, word="MS", unit="milliseconds"),
        documentation="How long a fetch session is unused before another consumer may have its place.",
    ),
    Setting(
        name="queued.max.request.bytes",
        field="queued_max_request_bytes",
        kind=_bytes(1024, none=-1),
        documentation="Memory for the large requests of all connections together; one that does not fit waits.",
    ),
    Setting(
        name="max.connections",
        field="max_connections",
        kind=integer(1, MAX_INT),
        documentation="How many connections there may be; the next one waits until another ends.",
        is_reloadable=True,
    ),
    Setting(
        name="max.connections.per.ip",
        field="max_connections_per_ip",
        kind=integer(0, MAX_INT),
        documentation="How many connections one address may have; one more is closed at once.",
        is_reloadable=True,
    ),
    Setting(
        name="max.connections.per.ip.overrides",
        field="max_connections_per_ip_overrides",
        kind=address_counts(),
        documentation="Addresses that may have another number of connections.",
        is_reloadable=True,
    ),
    Setting(
        name="connections.max.idle.ms",
        field="connections_max_idle",
        kind=seconds_as_ms(),
        documentation="A connection without a request for so long is closed.",
        is_reloadable=True,
    ),
    Setting(
        name="first_request_timeout",
        kafka_name="gomq.first.request.timeout.ms",
        field="first_request_timeout",
        kind=seconds(),
        kafka_kind=seconds_as_ms(),
        documentation="Seconds for a new connection to begin with its first request.",
        is_reloadable=True,
    ),
    Setting(
        name="receive_timeout",
        kafka_name="gomq.receive.timeout.ms",
        field="receive_timeout",
        kind=seconds(),
        kafka_kind=seconds_as_ms(),
        documentation="Seconds for a request that has begun to be there, and one more for each 64 KiB of it.",
        is_reloadable=True,
    ),
    Setting(
        name="send_timeout",
        kafka_name="gomq.send.timeout.ms",
        field="send_timeout",
        kind=seconds(),
        kafka_kind=seconds_as_ms(),
        documentation="Seconds for a client to take an answer, and one more for each 64 KiB of it. A consumer may be "
        "at work on what it has before it reads on.",
        is_reloadable=True,
    ),
    Setting(
        name="stop_timeout",
        kafka_name="gomq.stop.timeout.ms",
        field="stop_timeout",
        kind=seconds(),
        kafka_kind=seconds_as_ms(),
        documentation="Seconds that a stop gives to requests that are being handled; it takes none where there are "
        "none.",
        is_reloadable=True,
    ),
)
