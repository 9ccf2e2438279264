"""The same requests, one of every API and version that is served, to any broker that is new; its answers byte for byte.

What they need is made before: their topics, a coordinator of groups, and one that gives out producer ids.
"""

from collections.abc import Iterator
from typing import NamedTuple
from uuid import UUID

import anyio
from kio.schema.errors import ErrorCode

from gomq.protocol.api import SERVED, UNLISTED, Api
from tests.support.corpus import TOPIC_ID, sample_request
from tests.support.topics import until_led
from tests.support.wire import DEADLINE, Wire, connect, create_values, served_versions

PARTITIONS = 2
_TOPICS = ("orders", "bills", "altered", "deleted")
_NOT_IN_KAFKA = {(Api.INIT_PRODUCER_ID, 6)}
"""Apache Kafka 4.3 keeps it back until KIP-939 is done, and closes the connection."""


class Answer(NamedTuple):
    """A response, without its size in front."""

    api: Api
    version: int
    frame: bytes


def exchanged() -> Iterator[tuple[Api, int]]:
    """Every API and version that is asked with, in turn; what no Kafka lists is left out."""
    listed = served_versions(*[api for api in SERVED if api not in UNLISTED])
    return (each for each in listed if each not in _NOT_IN_KAFKA)


async def exchange(address: str) -> list[Answer]:
    """Prepare a broker that nobody has used, send all the requests and take their answers."""
    async with connect(address) as wire:
        topic_id = await _prepare(wire)
        return [Answer(api, version, await _ask(wire, api, version, topic_id)) for api, version in exchanged()]


async def _prepare(wire: Wire) -> UUID:
    created = await wire.ask(Api.CREATE_TOPICS, 7, **create_values(*_TOPICS, partitions=PARTITIONS))
    ids = {topic.name: topic.topic_id for topic in created.topics}
    for topic in _TOPICS:
        await until_led(wire, topic)
    with anyio.fail_after(4 * DEADLINE):
        await wire.ask(Api.FIND_COORDINATOR, 4, key_type=0, coordinator_keys=("group",))
        while not await _is_ready(wire):  # noqa: ASYNC110 - another process has no event
            await anyio.sleep(0.1)
    return UUID(bytes=ids["orders"].bytes)


async def _is_ready(wire: Wire) -> bool:
    producer = await wire.ask(Api.INIT_PRODUCER_ID, 4, producer_id=-1, producer_epoch=-1)
    described = await wire.ask(Api.DESCRIBE_GROUPS, 5, groups=("group",), include_authorized_operations=False)
    return (producer.error_code, described.groups[0].error_code) == (ErrorCode.none, ErrorCode.none)


async def _ask(wire: Wire, api: Api, version: int, topic_id: UUID) -> bytes:
    await wire.send_bytes(sample_request(api, version).replace(TOPIC_ID.bytes, topic_id.bytes))
    return await wire.receive_frame()
