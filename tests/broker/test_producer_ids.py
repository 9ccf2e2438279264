"""Producer ids are never the same twice, whatever becomes of the broker in between."""

from pathlib import Path

import anyio
import pytest

import gomq
from gomq.protocol.api import Api
from tests.support.wire import Wire, connect, versions


async def next_id(wire: Wire, version: int = 6) -> int:
    answer = await wire.ask(Api.INIT_PRODUCER_ID, version, producer_id=-1, producer_epoch=-1)
    assert (answer.error_code, answer.producer_epoch) == (0, 0)
    producer_id: int = answer.producer_id
    return producer_id


async def test_every_version_hands_out_an_id(wire: Wire):
    ids = [await next_id(wire, version) for version in versions(Api.INIT_PRODUCER_ID)]
    assert len(set(ids)) == len(ids)
    assert min(ids) >= 0


async def test_ids_do_not_repeat_across_restarts(data: Path):
    ids: list[int] = []
    for _ in range(4):
        async with gomq.Broker(data=data, listen="127.0.0.1:0") as broker, connect(broker.address) as wire:
            ids += [await next_id(wire) for _ in range(3)]
    assert len(set(ids)) == 12


async def test_ids_do_not_repeat_across_blocks(wire: Wire):
    ids = [await next_id(wire, 0) for _ in range(1100)]
    assert len(set(ids)) == 1100


async def test_many_who_ask_at_once_get_different_ids(broker: gomq.Broker):
    ids: list[int] = []

    async def ask() -> None:
        async with connect(broker.address) as wire:
            ids.append(await next_id(wire))

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(ask)
    assert len(set(ids)) == 20


@pytest.mark.parametrize("version", [0, 3, 6])
@pytest.mark.parametrize("name", ["", "payments"])
async def test_there_are_no_transactions(wire: Wire, version: int, name: str):
    answer = await wire.ask(Api.INIT_PRODUCER_ID, version, transactional_id=name, producer_id=-1, producer_epoch=-1)
    assert (answer.error_code, answer.producer_id, answer.producer_epoch) == (42, -1, -1)
