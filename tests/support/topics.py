"""What tests do with topics over a raw connection."""

from pathlib import Path
from typing import Any

import anyio

from gomq.protocol.api import Api
from tests.support.waiting import WITHIN_SECONDS
from tests.support.wire import Wire, batch, create_values, fetch_values, produce_values


def folders(data: Path) -> set[str]:
    return {entry.name for entry in data.iterdir() if entry.is_dir()} - {"__gomq_metadata-0"}


async def create(wire: Wire, *names: str, version: int = 7, **fields: Any) -> list[Any]:
    return list((await wire.ask(Api.CREATE_TOPICS, version, **create_values(*names, **fields))).topics)


async def delete(wire: Wire, name: str) -> int:
    (result,) = (await wire.ask(Api.DELETE_TOPICS, 5, topic_names=(name,))).responses
    code: int = result.error_code
    return code


async def produce(wire: Wire, topic: str, *values: bytes) -> int:
    answer = await wire.ask(Api.PRODUCE, 9, **produce_values({topic: {0: batch(*values)}}))
    code: int = answer.responses[0].partition_responses[0].error_code
    return code


async def log_end(wire: Wire, topic: str) -> int:
    answer = await wire.ask(Api.FETCH, 11, **fetch_values({topic: [(0, 0)]}))
    end: int = answer.responses[0].partitions[0].high_watermark
    return end


async def until_led(wire: Wire, topic: str) -> None:
    """Wait until a real Kafka's broker knows that it leads a topic that was just created."""
    entry = {"partition_index": 0, "current_leader_epoch": -1, "timestamp": -1}
    with anyio.fail_after(WITHIN_SECONDS):
        while True:
            answer = await wire.ask(Api.LIST_OFFSETS, 5, topics=[{"name": topic, "partitions": [entry]}])
            if answer.topics[0].partitions[0].error_code == 0:
                return
            await anyio.sleep(0.02)
