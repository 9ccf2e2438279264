"""Producer ids are never the same twice, whatever becomes of the broker in between."""

from pathlib import Path

import anyio
import pytest

import gomq
from gomq.protocol.api import Api
from tests.support.running import running, send, sequenced
from tests.support.topics import create
from tests.support.wire import Wire, connect, versions

MADE_UP = 2**63 - 1
"""A producer's id that no broker has handed out."""


async def next_id(wire: Wire, version: int = 5) -> int:
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


async def test_an_id_that_a_log_knows_is_not_handed_out_again(data: Path):
    """A log that comes from another broker remembers that broker's producers."""
    async with running(data) as wire:
        await create(wire, "orders", partitions=2)
        for partition, producer_id in enumerate((4711, 5)):
            assert await send(wire, "orders", sequenced(producer_id, 0, b"x"), partition=partition) == (0, 0)
        assert await send(wire, "orders", sequenced(MADE_UP, 0, b"x")) == (0, 1)
        assert await next_id(wire) < 1000
    async with running(data) as wire:
        mine = await next_id(wire)
        assert 4711 < mine < MADE_UP
        assert await send(wire, "orders", sequenced(mine, 0, b"x")) == (0, 2)
        assert await next_id(wire) == mine + 1


@pytest.mark.parametrize("version", [3, 4, 5])
async def test_a_producer_that_has_had_an_id_gets_a_new_one(wire: Wire, version: int):
    answer = await wire.ask(Api.INIT_PRODUCER_ID, version, producer_id=5, producer_epoch=3)
    assert (answer.error_code, answer.producer_epoch) == (0, 0)


@pytest.mark.parametrize("version", [3, 4, 5])
@pytest.mark.parametrize(("producer_id", "epoch"), [(-1, 0), (0, -1)])
async def test_half_of_an_id_is_an_invalid_request(wire: Wire, version: int, producer_id: int, epoch: int):
    answer = await wire.ask(Api.INIT_PRODUCER_ID, version, producer_id=producer_id, producer_epoch=epoch)
    assert (answer.error_code, answer.producer_id, answer.producer_epoch) == (42, -1, -1)


@pytest.mark.parametrize("version", [0, 3, 5])
@pytest.mark.parametrize("name", ["", "payments"])
async def test_there_are_no_transactions(wire: Wire, version: int, name: str):
    answer = await wire.ask(Api.INIT_PRODUCER_ID, version, transactional_id=name, producer_id=-1, producer_epoch=-1)
    assert (answer.error_code, answer.producer_id, answer.producer_epoch) == (42, -1, -1)
