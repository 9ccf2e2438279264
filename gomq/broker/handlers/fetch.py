"""Fetch, versions 4-18.  v5 log start; v7 sessions; v9 leader epoch; v12 flexible, diverging epoch; v13 topics by id.

An answer is sent as soon as it holds ``min_bytes``, or a partition has an error, or ``max_wait`` is over. Its records
go from the segment's file to the socket by ``sendfile``; the last batch of a partition may be cut off. What would keep
the event loop waiting, as indexes that have to be compared with their log first, is done in a worker thread, once.

Which partitions are looked at is the session's business (``fetching/sessions.py``), what there is in them
``fetching/reading.py``'s. A partition that is named twice is looked at once, as its last entry wants it. A replica that
asks is refused: there is none (v15 has moved its id into a tagged field).
"""

import errno
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias

from anyio import to_thread
from kio.schema.errors import ErrorCode

from gomq.broker.context import Request, Result, State
from gomq.broker.fetching.reading import (
    Target,
    Terms,
    Waiting,
    find_targets,
    has_come,
    is_enough,
    look,
    wait_for,
)
from gomq.broker.fetching.sessions import FINAL_EPOCH, NO_SESSION, Asked, Context
from gomq.broker.fetching.values import Found, PartitionKey, TopicKey, Wanted
from gomq.broker.monitoring.metrics import Metrics
from gomq.broker.partition import until
from gomq.net.session import Parts
from gomq.protocol.fetch import LEADER_SINCE, FetchedPartition, Leader, encode_response
from gomq.protocol.layout import NO_TOPIC_ID
from gomq_storage.errors import StorageError, WouldWaitError
from gomq_storage.files import FileRange

_BY_ID_SINCE: Final = 13
_STORAGE_ERROR_SINCE: Final = 6
_LEVELS: Final = {0: False, 1: True}
"""Isolation levels: are only committed messages wanted?"""


_Entry: TypeAlias = tuple[FetchedPartition, FileRange | None]


class _Fetch(NamedTuple):
    """One request, under way."""

    state: State
    request: Request
    context: Context
    targets: list[Target]
    unknown: list[Found]
    terms: Terms


async def handle(state: State, request: Request) -> Result:
    """Answer with what there is, or wait for it."""
    body = request.body
    committed = _LEVELS.get(body.isolation_level)
    if committed is None:
        return _refuse(request, ErrorCode.unknown_server_error)
    context = _context(state, request)
    targets, unknown = find_targets(state.topics, context.wanted)
    max_bytes = min(body.max_bytes, state.config.max_fetch_bytes)
    terms = Terms(min(body.min_bytes, max_bytes), max_bytes, committed, _replica_id(body))
    fetch = _Fetch(state, request, context, targets, unknown, terms)
    try:
        found = look(targets, terms)
    except WouldWaitError:
        found = await _look(fetch)
    seconds = body.max_wait.total_seconds()
    if seconds <= 0 or not targets or is_enough(found, terms):
        return _respond(fetch, found)
    try:
        waiting = wait_for(targets, found, terms)
    except (OSError, StorageError):
        return _respond(fetch, found)
    if has_come(waiting, terms):
        return _respond(fetch, await _look(fetch))
    return partial(_wait, fetch, waiting, seconds)


async def _wait(fetch: _Fetch, waiting: Sequence[Waiting], seconds: float) -> Parts:
    partitions = {partition for _, partition in fetch.targets}
    with fetch.state.long_polls.wait(seconds):
        await until(lambda: has_come(waiting, fetch.terms), partitions)
    return _respond(fetch, await _look(fetch))


async def _look(fetch: _Fetch) -> list[Found]:
    try:
        return look(fetch.targets, fetch.terms)
    except WouldWaitError:
        return await to_thread.run_sync(partial(look, fetch.targets, fetch.terms, may_wait=True))


def _context(state: State, request: Request) -> Context:
    """Find out which partitions the request is about."""
    body = request.body
    session_id, epoch = getattr(body, "session_id", NO_SESSION), getattr(body, "session_epoch", FINAL_EPOCH)
    wanted = _wanted(request)
    if epoch == FINAL_EPOCH and session_id == NO_SESSION:
        return Context(wanted.values())
    by_id = request.version >= _BY_ID_SINCE
    forgotten = list(_forgotten(body, by_id=by_id))
    return state.fetch_sessions.begin(Asked(session_id, epoch, wanted, forgotten, by_id), _now_ms())


def _wanted(request: Request) -> dict[PartitionKey, Wanted]:
    wanted: dict[PartitionKey, Wanted] = {}
    for topic in request.body.topics:
        key = (topic.topic_id or NO_TOPIC_ID) if request.version >= _BY_ID_SINCE else topic.topic
        for entry in topic.partitions:
            index = entry.partition
            epoch = getattr(entry, "current_leader_epoch", -1)
            last_fetched = getattr(entry, "last_fetched_epoch", -1)
            limit = entry.partition_max_bytes
            wanted[key, index] = Wanted(key, index, entry.fetch_offset, limit, max(epoch, -1), last_fetched)
    return wanted


def _forgotten(body: Any, *, by_id: bool) -> Iterator[PartitionKey]:  # noqa: ANN401 - one class a version
    for topic in body.forgotten_topics_data:
        key = (topic.topic_id or NO_TOPIC_ID) if by_id else topic.topic
        for index in topic.partitions:
            yield key, index


def _replica_id(body: Any) -> int:  # noqa: ANN401 - one class a version
    state = getattr(body, "replica_state", None)
    replica_id: int = body.replica_id if state is None else state.replica_id
    return replica_id


def _respond(fetch: _Fetch, found: list[Found]) -> Parts:
    request = fetch.request
    settled = fetch.context.settle([*found, *fetch.unknown], _now_ms())
    opened: list[FileRange] = []
    try:
        return encode_response(
            request.version,
            request.correlation_id,
            _by_topic(fetch, settled.found, opened),
            error_code=settled.error_code,
            session_id=settled.session_id,
            leader=_leader(fetch, settled.found),
        )
    except BaseException:
        for source in opened:
            source.close()
        raise


def _by_topic(fetch: _Fetch, found: Sequence[Found], opened: list[FileRange]) -> list[tuple[TopicKey, list[_Entry]]]:
    """Put neighbours of one topic together, as the order counts."""
    topics: list[tuple[TopicKey, list[_Entry]]] = []
    last: TopicKey | None = None
    for each in found:
        topic = each.wanted.topic
        if topic != last:
            last = topic
            topics.append((topic, []))
        topics[-1][1].append(_entry(fetch, each, opened))
    return topics


def _leader(fetch: _Fetch, found: Sequence[Found]) -> Leader | None:
    """Say where the leader is, to clients that believe in another."""
    if fetch.request.version < LEADER_SINCE or all(each.result.leader_epoch is None for each in found):
        return None
    return Leader(fetch.state.config.node_id, *fetch.request.reached_at)


def _entry(fetch: _Fetch, found: Found, opened: list[FileRange]) -> _Entry:
    result, records = found.result, found.records
    if fetch.state.metrics is not None:
        _count(fetch, found, fetch.state.metrics)
    if records is not None:
        try:
            source = records.open_range()
        except OSError as error:
            result = _unopened(fetch, found, error, others=len(opened))
        else:
            opened.append(source)
            return result, source
    if result.error_code == ErrorCode.kafka_storage_error and fetch.request.version < _STORAGE_ERROR_SINCE:
        # A client of that time would not try again. Kafka: KafkaApis.maybeDownConvertStorageError.
        result = result._replace(error_code=ErrorCode.not_leader_or_follower)
    return result, None


def _count(fetch: _Fetch, found: Found, metrics: Metrics) -> None:
    if found.result.error_code:
        metrics.failed(fetch.request.api, (found.result.error_code,))
    elif found.records is not None:
        partition = fetch.state.topics.partition(found.wanted.topic, found.wanted.partition_index)
        if partition is not None:
            partition.bytes_out += found.records.size


def _unopened(fetch: _Fetch, found: Found, error: OSError, *, others: int) -> FetchedPartition:
    """Say what becomes of records whose file cannot be opened."""
    if error.errno in {errno.EMFILE, errno.ENFILE}:
        if not others:
            raise error
        return found.result  # the answer holds the others, and the client asks again
    wanted = found.wanted
    partition = fetch.state.topics.partition(wanted.topic, wanted.partition_index)
    if partition is not None:
        partition.report_unreadable(error)
    return FetchedPartition(wanted.partition_index, ErrorCode.kafka_storage_error)


def _refuse(request: Request, error_code: ErrorCode) -> Parts:
    """Answer a request that makes no sense. Kafka: ``FetchRequest.getErrorResponse``."""
    topics: list[tuple[str, list[_Entry]]] = []
    if request.version < _BY_ID_SINCE:
        topics = [
            (topic.topic, [(FetchedPartition(entry.partition, error_code), None) for entry in topic.partitions])
            for topic in request.body.topics
        ]
    session_id = getattr(request.body, "session_id", NO_SESSION)
    return encode_response(
        request.version, request.correlation_id, topics, error_code=error_code, session_id=session_id
    )


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000
