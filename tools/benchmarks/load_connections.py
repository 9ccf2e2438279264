"""Many connections that publish now and then, each on its own: how long does one of them wait for its acknowledgement?

Raw sockets and one selector, so that the load generator has as little to do as possible. The rate over all
connections is the same however many they are; each publishes in turn, and messages are spread evenly over time.
"""

import selectors
import socket
import time
from typing import Final

from benchmarks.job import Job, latency
from benchmarks.results import Figures, MeasurementError
from gomq.net.address import parse_address
from gomq.protocol import produce as produce_api
from gomq_storage.record import NewRecord, encode_batch

_MESSAGES_PER_S: Final = 500
_VERSION: Final = 9
_ACKS_ALL: Final = -1
_TIMEOUT_MS: Final = 10_000
_PATIENCE_S: Final = 10.0
_SIZE_BYTES: Final = 4


def publish_slowly(job: Job) -> Figures:
    """Open the connections, warm each up with one message, and publish for so many seconds."""
    host, port = parse_address(job.address)
    request = _request(job)
    connections = [socket.create_connection((host, port), timeout=_PATIENCE_S) for _ in range(job.connections)]
    try:
        for connection in connections:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sendall(request)
            _receive(connection)
        return latency(_publish(connections, request, seconds=job.seconds))
    finally:
        for connection in connections:
            connection.close()


def _publish(connections: list[socket.socket], request: bytes, *, seconds: float) -> list[float]:
    samples: list[float] = []
    sent_at: dict[socket.socket, float] = {}
    turn, started = 0, time.perf_counter()
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection, selectors.EVENT_READ)
        while (now := time.perf_counter()) < started + seconds or sent_at:
            due = started + turn / _MESSAGES_PER_S
            connection = connections[turn % len(connections)]
            if due <= now < started + seconds and connection not in sent_at:
                sent_at[connection] = now
                connection.sendall(request)
                turn += 1
            ready = selector.select(max(due - now, 0.0) if len(sent_at) < len(connections) else _PATIENCE_S)
            for key, _ in ready:
                answered: socket.socket = key.fileobj  # type: ignore[assignment]
                _receive(answered)
                samples.append(time.perf_counter() - sent_at.pop(answered))
    return samples


def _request(job: Job) -> bytes:
    raw = encode_batch([NewRecord(job.value)], now_ms=time.time_ns() // 1_000_000)
    request = produce_api.encode_request(
        _VERSION, 1, "bench", {job.topic: {0: raw}}, acks=_ACKS_ALL, timeout_ms=_TIMEOUT_MS
    )
    return b"".join(request)


def _receive(connection: socket.socket) -> None:
    data = b""
    while len(data) < _SIZE_BYTES or len(data) < _SIZE_BYTES + int.from_bytes(data[:_SIZE_BYTES]):
        part = connection.recv(1 << 16)
        if not part:
            raise MeasurementError("the broker closed a connection")
        data += part


OPERATIONS: Final = {"publish_slowly": publish_slowly}
