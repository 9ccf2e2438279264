"""What /metrics shows, read from the running broker when somebody asks.

Names of topics, groups and listeners are labels, and there may be many: of each metric no more than
``MOST_SAMPLES`` are shown, and ``gomq_metrics_left_out`` says how many were not. What a client may choose at will, such
as its id or address, is never a label.
"""

import platform
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import islice
from typing import Final, NamedTuple

from kio.schema.errors import ErrorCode

from gomq._version import __version__
from gomq.broker.catalogue import Topic
from gomq.broker.context import State
from gomq.broker.groups.group import ClassicGroup, GroupState
from gomq.broker.housekeeping import Housekeeping
from gomq.broker.listeners import BrokerListener
from gomq.broker.monitoring.exposition import Family, Labels, Sample, one
from gomq.broker.monitoring.metrics import Metrics
from gomq.broker.partition import Partition
from gomq.broker.serving import Serving

MOST_SAMPLES: Final = 10_000
"""Of one metric."""
_MOST_CHARACTERS: Final = 255
"""Of a group's name in a label."""


class Sources(NamedTuple):
    """The parts of the broker that are looked at."""

    state: State
    metrics: Metrics
    listeners: Sequence[BrokerListener]
    housekeeping: Housekeeping
    serving: Serving


def build_family() -> Family:
    """Say what runs."""
    labels = {"version": __version__, "python": platform.python_version()}
    return Family("gomq_build_info", "gauge", "What runs here; always 1.", (Sample(labels, 1),))


def broker_families(sources: Sources) -> Iterator[Family]:
    """Describe a running broker. Samples are made one by one as they are taken; others may run in between."""
    state = sources.state
    topics = list(state.topics)
    partitions = [partition for topic in topics for partition in topic.partitions]
    groups = list(state.groups.groups())
    lags = sum(len(state.offsets.committed(group_id)) for group_id in state.offsets.group_ids())
    yield from _listener_families(sources.listeners)
    yield one(
        "gomq_connections_refused_total",
        "counter",
        "Connections that could not be taken: too many of an address, no descriptors, no memory.",
        sources.serving.refusals,
    )
    yield from _request_families(sources.metrics)
    yield from _totals(topics, partitions)
    yield from _topic_families(topics[:MOST_SAMPLES])
    yield from _partition_families(partitions[:MOST_SAMPLES])
    yield from _flush_families(sources)
    yield from _group_families(groups)
    yield Family(
        "gomq_group_lag",
        "gauge",
        "Messages between what a group has committed and the high watermark.",
        islice(_lags(state), MOST_SAMPLES),
    )
    counts = {"topics": len(topics), "partitions": len(partitions), "groups": len(groups), "lags": lags}
    yield Family(
        "gomq_metrics_left_out",
        "gauge",
        f"How many are not shown one by one, as {MOST_SAMPLES} at most are.",
        (Sample({"of": name}, max(count - MOST_SAMPLES, 0)) for name, count in counts.items()),
    )


def _listener_families(listeners: Sequence[BrokerListener]) -> Iterator[Family]:
    yield Family(
        "gomq_connections",
        "gauge",
        "Connections now.",
        (Sample({"listener": listener.name}, listener.connections) for listener in listeners),
    )
    yield Family(
        "gomq_connections_accepted_total",
        "counter",
        "Connections since the start.",
        (Sample({"listener": listener.name}, listener.accepted) for listener in listeners),
    )


def _request_families(metrics: Metrics) -> Iterator[Family]:
    requests = list(metrics.requests())
    yield Family(
        "gomq_requests_total",
        "counter",
        "Requests, by API.",
        (Sample({"api": api}, counts.count) for api, counts in requests),
    )
    yield Family(
        "gomq_requests_refused_total",
        "counter",
        "Requests that could not be answered and closed their connection.",
        (Sample({"api": api}, counts.refused) for api, counts in requests),
    )
    yield Family(
        "gomq_request_errors_total",
        "counter",
        "Error codes in answers, by API and Kafka's name of the error; of a topic, partition or group each counts.",
        (
            Sample({"api": api, "error": _error_name(code)}, count)
            for api, counts in requests
            for code, count in sorted(counts.errors.items())
        ),
    )
    yield Family(
        "gomq_requests_waiting",
        "gauge",
        "Requests that wait for messages, for a sync, or for members of a group.",
        (Sample({"api": api}, counts.waiting) for api, counts in requests),
    )
    yield Family(
        "gomq_request_duration_seconds",
        "histogram",
        "Time from when a request was read to when its answer was ready; of a long poll its wait is part.",
        (sample for api, counts in requests for sample in counts.duration.samples({"api": api})),
    )


def _error_name(code: int) -> str:
    try:
        return ErrorCode(code).name.upper()
    except ValueError:
        return str(code)


def _totals(topics: Sequence[Topic], partitions: Sequence[Partition]) -> Iterator[Family]:
    offline = sum(partition.is_offline for partition in partitions)
    yield one("gomq_topics", "gauge", "Topics.", len(topics))
    yield one("gomq_partitions", "gauge", "Partitions of all topics.", len(partitions))
    yield one("gomq_partitions_offline", "gauge", "Partitions whose log cannot be used.", offline)


def _topic_families(topics: Sequence[Topic]) -> Iterator[Family]:
    yield _topic_sums("messages_in", "Messages appended since the start.", topics, _messages_in)
    yield _topic_sums("bytes_in", "Bytes appended since the start.", topics, lambda each: each.bytes_in)
    yield _topic_sums("bytes_out", "Bytes sent to consumers since the start.", topics, lambda each: each.bytes_out)


def _partition_families(partitions: Sequence[Partition]) -> Iterator[Family]:
    yield _of_each("log_start_offset", "First offset kept.", partitions, lambda each: each.log.log_start)
    yield _of_each("log_end_offset", "Offset of the next message.", partitions, lambda each: each.log.log_end)
    yield _of_each("high_watermark", "First offset not shown yet.", partitions, lambda each: each.high_watermark)
    yield _of_each("size_bytes", "Bytes of the segments.", partitions, lambda each: each.log.size)
    yield _of_each("segments", "Segments.", partitions, lambda each: len(each.log.segments))


def _messages_in(partition: Partition) -> int:
    return 0 if partition.is_offline else partition.log.log_end - partition.first_end


def _topic_sums(name: str, text: str, topics: Iterable[Topic], value: Callable[[Partition], int]) -> Family:
    samples = (Sample({"topic": topic.name}, sum(map(value, topic.partitions))) for topic in topics)
    return Family(f"gomq_topic_{name}_total", "counter", text, samples)


def _of_each(name: str, text: str, partitions: Iterable[Partition], value: Callable[[Partition], int]) -> Family:
    samples = (
        Sample({"topic": partition.name.topic, "partition": partition.name.partition}, value(partition))
        for partition in partitions
        if not partition.is_offline
    )
    return Family(f"gomq_partition_{name}", "gauge", text, samples)


def _flush_families(sources: Sources) -> Iterator[Family]:
    flushes, upkeep = sources.state.flusher.counts, sources.housekeeping.counts
    yield Family(
        "gomq_flush_duration_seconds",
        "histogram",
        "Time that each sync of a log took (fdatasync).",
        flushes.duration.samples(),
    )
    yield Family(
        "gomq_group_commit_batches",
        "histogram",
        "Batches that one trip to the device made durable.",
        flushes.batches.samples(),
    )
    for name, text, value in (
        ("retention_segments_removed", "Segments that retention has removed.", upkeep.segments_removed),
        ("retention_bytes_removed", "Bytes that retention has removed.", upkeep.bytes_removed),
        ("compactions", "Compactions of a log.", upkeep.compactions),
        ("compaction_bytes_removed", "Bytes that compaction has removed.", upkeep.bytes_compacted),
        ("housekeeping_failures", "Failures in housekeeping; the log has each kind once.", upkeep.failures),
    ):
        yield one(f"gomq_{name}_total", "counter", text, value)


def _group_families(groups: Sequence[ClassicGroup]) -> Iterator[Family]:
    states = Counter(group.state for group in groups)
    yield Family(
        "gomq_groups",
        "gauge",
        "Consumer groups, by state.",
        (Sample({"state": str(each)}, states[each]) for each in GroupState if each is not GroupState.DEAD),
    )
    yield Family(
        "gomq_group_members",
        "gauge",
        "Members of each consumer group.",
        (Sample({"group": _label(group.id)}, len(group.roster)) for group in groups[:MOST_SAMPLES]),
    )


def _lags(state: State) -> Iterator[Sample]:
    for group_id in state.offsets.group_ids():
        for where, committed in list(state.offsets.committed(group_id).items()):
            partition = state.topics.partition(where.topic, where.partition)
            if partition is not None and not partition.is_offline:
                labels: Labels = {"group": _label(group_id), "topic": where.topic, "partition": where.partition}
                yield Sample(labels, max(partition.high_watermark - committed.offset, 0))


def _label(group_id: str) -> str:
    """A group's name, or of one that is as long as clients may make them the start and a digest."""
    if len(group_id) <= _MOST_CHARACTERS:
        return group_id
    digest = blake2b(group_id.encode(errors="surrogatepass"), digest_size=8).hexdigest()
    return f"{group_id[: _MOST_CHARACTERS - len(digest) - 1]}~{digest}"
