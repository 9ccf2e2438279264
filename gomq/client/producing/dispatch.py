"""Produce requests: batches go out in them, and what the answers say is done. Nothing here waits."""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import anyio

from gomq.client.cluster.backoff import Backoff
from gomq.client.cluster.cluster import Cluster
from gomq.client.cluster.connection import Connection
from gomq.client.message import to_milliseconds
from gomq.client.producing.accumulator import Accumulator
from gomq.client.producing.batch import OutgoingBatch
from gomq.client.producing.lane import Lane
from gomq.client.producing.settings import ProducerSettings
from gomq.client.producing.trouble import Trouble
from gomq.client.producing.verdict import DUPLICATE, OUT_OF_ORDER, Verdict, may_be_stored, verdict_on
from gomq.errors import BrokerError, GomqError, ProtocolError, UnsupportedVersionError, error_for
from gomq.net.channel import Request
from gomq.protocol import produce
from gomq.protocol.api import Api
from gomq_storage.compression import Codec
from gomq_storage.layout import TopicPartition

_MAX_REQUEST_BYTES: Final = 16 << 20
_MAX_REQUESTS_IN_FLIGHT: Final = 5
"""On one connection. Kafka: ``max.in.flight.requests.per.connection``."""
_ZSTD_SINCE: Final = 7

BatchLane: TypeAlias = Lane[OutgoingBatch]


class Dispatch:
    """Sends batches over connections that are open, and settles them.

    Args:
        cluster: gives the pauses between attempts.
        settings: batching and delivery.
        accumulator: whose batches they are.
        trouble: is told what goes wrong.
        on_answer: called when more can perhaps be sent.
        on_refusal: called with a topic whose leaders may have changed.
    """

    def __init__(
        self,
        *,
        cluster: Cluster,
        settings: ProducerSettings,
        accumulator: Accumulator,
        trouble: Trouble,
        on_answer: Callable[[], None],
        on_refusal: Callable[[str], None],
    ) -> None:
        self._cluster = cluster
        self._settings = settings
        self._accumulator = accumulator
        self._trouble = trouble
        self._on_answer = on_answer
        self._on_refusal = on_refusal
        self._in_flight: dict[Connection, int] = {}
        self._backoffs: dict[TopicPartition, Backoff] = {}

    def has_room(self, connection: Connection) -> bool:
        """Whether another request may be under way; with enough of them, what becomes due shares the next."""
        return self._in_flight.get(connection, 0) < _MAX_REQUESTS_IN_FLIGHT

    def send(self, connection: Connection, lanes: list[BatchLane]) -> None:
        """Send the next batch of each lane, in as few requests as their size allows."""
        try:
            version = self._produce_version(connection)
        except UnsupportedVersionError as error:
            for lane in lanes:
                self._accumulator.fail(lane.take(), error, gave_up=False)
            return
        together: list[tuple[BatchLane, OutgoingBatch]] = []
        size = 0
        for lane in lanes:
            batch = lane.take()
            together.append((lane, batch))
            size += batch.size
            if size >= _MAX_REQUEST_BYTES:
                self._post(connection, version, together)
                together, size = [], 0
        if together:
            self._post(connection, version, together)

    def _produce_version(self, connection: Connection) -> int:
        version = connection.version_of(Api.PRODUCE)
        if self._settings.codec is Codec.ZSTD and version < _ZSTD_SINCE:
            raise UnsupportedVersionError(f"{connection.address} is too old for zstd: choose another codec")
        return version

    def _post(self, connection: Connection, version: int, sent: list[tuple[BatchLane, OutgoingBatch]]) -> None:
        settings = self._settings
        batches: dict[str, dict[int, tuple[bytes, ...]]] = {}
        for lane, batch in sent:
            topic, partition = lane.target
            batches.setdefault(topic, {})[partition] = batch.encode(settings.codec)

        def encode(correlation_id: int) -> list[bytes]:
            return produce.encode_request(
                version,
                correlation_id,
                settings.connection.client_id,
                batches,
                acks=settings.acks,
                timeout_ms=round(settings.connection.request_timeout * 1000),
            )

        request = Request(
            api=Api.PRODUCE,
            version=version,
            encode=encode,
            timeout=settings.connection.request_timeout,
            is_answered=settings.acks != 0,
        )

        def on_reply(response: Any, error: GomqError | None) -> None:  # noqa: ANN401 - one class a version
            self._count_in_flight(connection, -1)
            self._settle(sent, response, error)
            self._on_answer()

        try:
            connection.post(request, on_reply)
        except GomqError as error:
            for lane, batch in sent:
                self._missed(lane, batch, error, was_sent=False)
        else:
            self._count_in_flight(connection, 1)

    def _count_in_flight(self, connection: Connection, change: int) -> None:
        count = self._in_flight.get(connection, 0) + change
        if count:
            self._in_flight[connection] = count
        else:
            self._in_flight.pop(connection, None)

    def _settle(self, sent: list[tuple[BatchLane, OutgoingBatch]], response: Any, error: GomqError | None) -> None:  # noqa: ANN401
        """Take note of what became of the batches of a request."""
        results = _results(response) if response is not None else {}
        for lane, batch in sent:
            if error is not None:
                self._missed(lane, batch, error)
            elif response is None:  # acks=0
                self._accumulator.succeed(batch, base_offset=-1, log_append_time=None)
            elif (result := results.get(lane.target)) is None:
                problem = ProtocolError(f"the answer to a Produce request does not mention {lane.target}")
                self._missed(lane, batch, problem)
            elif result.error_code and not (lane.is_idempotent and result.error_code == DUPLICATE):
                why = getattr(result, "error_message", None) or result.error_code.name.replace("_", " ")
                self._missed(lane, batch, error_for(int(result.error_code), f"{lane.target}: {why}"))
            else:
                self._backoffs.pop(lane.target, None)
                stamp = to_milliseconds(result.log_append_time) if result.log_append_time else None
                self._accumulator.succeed(batch, base_offset=int(result.base_offset), log_append_time=stamp)

    def _missed(self, lane: BatchLane, batch: OutgoingBatch, error: GomqError, *, was_sent: bool = True) -> None:
        """Decide what becomes of a batch in flight that was not acknowledged."""
        batch.may_be_stored |= was_sent and may_be_stored(error)
        can_be_split = batch.count > 1 and not batch.may_be_stored and not batch.is_done
        verdict = verdict_on(error, is_numbered=lane.is_idempotent, can_be_split=can_be_split)
        if verdict is Verdict.SPLIT:
            self._accumulator.split(batch)
            return
        if verdict is Verdict.REFUSE:
            self._accumulator.fail(batch, error, gave_up=False)
            return
        backoff = self._backoffs.setdefault(lane.target, self._cluster.new_backoff())
        retry_at = anyio.current_time() + backoff.next()
        self._trouble.note(error)
        if retry_at >= batch.deadline and not batch.is_done:
            self._accumulator.fail(batch, error, gave_up=True)
        elif not _send_again(lane, batch, verdict, retry_at):
            why = f"{lane.target}: it may be stored, but its broker does not know it by its number any more"
            self._accumulator.fail(batch, error_for(OUT_OF_ORDER, why), gave_up=True)
        else:
            self._accumulator.forget_if_idle(lane)
        if verdict is Verdict.SEND_AGAIN and isinstance(error, BrokerError):
            self._on_refusal(lane.target.topic)  # perhaps another broker leads the partition now


def _send_again(lane: BatchLane, batch: OutgoingBatch, verdict: Verdict, retry_at: float) -> bool:
    """Have a batch sent again, and say whether it may be."""
    match verdict:
        case Verdict.OUT_OF_ORDER:
            return lane.out_of_order(batch, retry_at=retry_at)
        case Verdict.FENCED:
            return lane.fenced(batch, retry_at=retry_at)
        case Verdict.FORGOTTEN:
            lane.forgotten(batch, retry_at=retry_at)
        case _:
            lane.failed(batch, may_be_stored=False, retry_at=retry_at)
    return True


def _results(response: Any) -> dict[TopicPartition, Any]:  # noqa: ANN401 - one class a version
    return {
        TopicPartition(topic.name, int(partition.index)): partition
        for topic in response.responses
        for partition in topic.partition_responses
    }
