"""A raw protocol client for tests: any API in any version, well-formed or not, over one plain socket."""

import struct
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import anyio
from anyio.abc import SocketStream
from crc32c import crc32c

from gomq.net.address import parse_address
from gomq.protocol.api import SERVED, Api
from gomq.protocol.entities import is_flexible
from gomq.protocol.requests import encode_request
from gomq.protocol.responses import decode_response
from gomq_storage.batch import ATTRIBUTES_POSITION, CRC_POSITION
from gomq_storage.compression import Codec
from gomq_storage.record import NewRecord, encode_batch

DEADLINE: Final = 20.0
"""Seconds after which a test gives up on an answer that should be there at once."""
NOW_MS: Final = 1_700_000_000_000
ACKS_ALL: Final = -1
_DEFAULTS: Final[Mapping[str, Any]] = {
    "allow_auto_topic_creation": False,
    "include_cluster_authorized_operations": False,
    "include_topic_authorized_operations": False,
    "replica_id": -1,
    "isolation_level": 0,
    "timeout": 10_000,
    "transactional_id": None,
    "transaction_timeout": 1000,
    "enable2_pc": False,
    "keep_prepared_txn": False,
    "client_software_name": "wire",
    "client_software_version": "1.0",
    "include_fenced_brokers": False,
    "endpoint_type": 1,
}
"""Fields that few tests care about."""


class Wire:
    """One connection to a broker."""

    def __init__(self, stream: SocketStream) -> None:
        self._stream = stream
        self._received = b""
        self._correlation_id = 0

    async def send_bytes(self, data: bytes) -> None:
        """Send bytes as they are."""
        with anyio.fail_after(DEADLINE):
            await self._stream.send(data)

    async def send(self, api: Api, version: int, values: Mapping[str, Any]) -> int:
        """Send a request and return its correlation id."""
        self._correlation_id += 1
        await self.send_bytes(encode_request(api, version, self._correlation_id, "wire", {**_DEFAULTS, **values}))
        return self._correlation_id

    async def receive_frame(self) -> bytes:
        """Receive one frame, without its size."""
        with anyio.fail_after(DEADLINE):
            (size,) = struct.unpack(">i", await self._receive(4))
            return await self._receive(size)

    async def receive(self, api: Api, version: int, correlation_id: int | None = None) -> Any:
        """Receive the answer to the oldest request that has none yet."""
        frame = await self.receive_frame()
        (answered,) = struct.unpack_from(">i", frame)
        expected = self._correlation_id if correlation_id is None else correlation_id
        assert answered == expected, f"request {answered} was answered, not {expected}"
        return decode_response(memoryview(frame).toreadonly(), api, version)

    async def ask(self, api: Api, version: int | None = None, **values: Any) -> Any:
        """Send a request, in the newest version served unless told, and return its answer."""
        version = SERVED[api].newest if version is None else version
        correlation_id = await self.send(api, version, values)
        return await self.receive(api, version, correlation_id)

    async def is_closed(self) -> bool:
        """Wait until the broker closes the connection; True when it did so without another byte."""
        with anyio.fail_after(DEADLINE):
            try:
                await self._stream.receive()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                return not self._received
        return False

    async def has_answer(self, *, within: float) -> bool:
        """Say whether the broker sends anything within some seconds; what it sends is kept."""
        with anyio.move_on_after(within):
            self._received += await self._stream.receive()
        return bool(self._received)

    async def close(self) -> None:
        """Leave."""
        await self._stream.aclose()

    async def _receive(self, count: int) -> bytes:
        parts = [self._received]
        missing = count - len(self._received)
        while missing > 0:
            parts.append(await self._stream.receive(max(missing, 65536)))
            missing -= len(parts[-1])
        data = b"".join(parts)
        self._received = data[count:]
        return data[:count]


@asynccontextmanager
async def connect(address: str) -> AsyncIterator[Wire]:
    """Connect to a broker for the length of the block."""
    host, port = parse_address(address)
    async with await anyio.connect_tcp(host, port) as stream:
        yield Wire(stream)


def served_versions(*apis: Api) -> Iterator[tuple[Api, int]]:
    """Every version of some APIs, or of all."""
    for api in apis or SERVED:
        oldest, newest = SERVED[api]
        yield from ((api, version) for version in range(oldest, newest + 1))


def versions(api: Api) -> list[int]:
    """Every version of an API that is served."""
    return [version for _, version in served_versions(api)]


def request_head(api: int, version: int, *, correlation_id: int = 1, client_id: bytes = b"") -> bytes:
    """Lay out a request's header, flexible where the version is one that is known to be."""
    tags = b"\0" if api in SERVED and version in SERVED[Api(api)] and is_flexible(Api(api), version) else b""
    return struct.pack(">hhih", api, version, correlation_id, len(client_id)) + client_id + tags


def framed(payload: bytes) -> bytes:
    """Put a frame's size in front."""
    return len(payload).to_bytes(4, "big") + payload


def batch(*values: bytes, now_ms: int = NOW_MS, codec: Codec = Codec.NONE) -> bytes:
    """Encode values as one record batch."""
    return encode_batch([NewRecord(value) for value in values], now_ms=now_ms, codec=codec)


def timed_batch(*timestamps: int, codec: Codec = Codec.NONE) -> bytes:
    """Encode one record for each timestamp as one batch."""
    records = [NewRecord(b"at %d" % timestamp, timestamp=timestamp) for timestamp in timestamps]
    return encode_batch(records, now_ms=NOW_MS, codec=codec)


def patched(raw: bytes, position: int, replacement: bytes, *, crc: bool = True) -> bytes:
    """Overwrite bytes of a batch and, unless told otherwise, make its CRC right again."""
    changed = bytearray(raw)
    changed[position : position + len(replacement)] = replacement
    if crc:
        changed[CRC_POSITION:ATTRIBUTES_POSITION] = crc32c(changed[ATTRIBUTES_POSITION:]).to_bytes(4, "big")
    return bytes(changed)


def produce_values(
    batches: Mapping[Any, Mapping[int, bytes | None]], *, acks: int = ACKS_ALL, timeout: int = 10_000
) -> dict[str, Any]:
    """Fields of a Produce request; topics by name, or by id for the versions that want that."""
    return {
        "transactional_id": None,
        "acks": acks,
        "timeout": timeout,
        "topic_data": [
            {
                "name": topic,
                "topic_id": topic,
                "partition_data": [{"index": index, "records": raw} for index, raw in partitions.items()],
            }
            for topic, partitions in batches.items()
        ],
    }


def fetch_values(
    offsets: Mapping[Any, Sequence[tuple[int, int]]],
    *,
    max_wait: int = 0,
    min_bytes: int = 1,
    max_bytes: int = 1 << 20,
    partition_max_bytes: int = 1 << 20,
    session_id: int = 0,
    session_epoch: int = -1,
    leader_epoch: int = -1,
) -> dict[str, Any]:
    """Fields of a Fetch request: partition and offset by topic name, or by id for the versions that want that."""
    return {
        "replica_id": -1,
        "max_wait": max_wait,
        "min_bytes": min_bytes,
        "max_bytes": max_bytes,
        "isolation_level": 0,
        "session_id": session_id,
        "session_epoch": session_epoch,
        "topics": [
            {
                "topic": topic,
                "topic_id": topic,
                "partitions": [
                    {
                        "partition": index,
                        "current_leader_epoch": leader_epoch,
                        "fetch_offset": offset,
                        "log_start_offset": -1,
                        "partition_max_bytes": partition_max_bytes,
                    }
                    for index, offset in partitions
                ],
            }
            for topic, partitions in offsets.items()
        ],
        "forgotten_topics_data": [],
        "rack_id": "",
    }


def create_values(*names: str, partitions: int = 1, configs: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Fields of a CreateTopics request."""
    return {
        "topics": [
            {
                "name": name,
                "num_partitions": partitions,
                "replication_factor": 1,
                "assignments": [],
                "configs": [{"name": key, "value": value} for key, value in (configs or {}).items()],
            }
            for name in names
        ],
        "timeout": 10_000,
        "validate_only": False,
    }


def metadata_values(*names: str, create: bool = False) -> dict[str, Any]:
    """Fields of a Metadata request about some topics."""
    return {"topics": [{"name": name, "topic_id": None} for name in names], "allow_auto_topic_creation": create}
