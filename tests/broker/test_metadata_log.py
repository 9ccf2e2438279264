"""What the broker remembers is a compacted log: it stays small, and a restart finds the same catalogue."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gomq.broker import topic_logs
from gomq.protocol.api import Api
from tests.support.brokers import broker_process
from tests.support.configs import alter, own_configs, set_config
from tests.support.running import BUSY, running
from tests.support.topics import create, delete, folders
from tests.support.waiting import until
from tests.support.wire import Wire, connect

OFTEN: dict[str, Any] = {"compaction_interval": 0.02}
SEGMENT_BYTES = 5_000

Catalogue = dict[str, tuple[Any, int, dict[str, str]]]


@pytest.fixture
def _small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    small = replace(topic_logs._METADATA_CONFIG, segment_bytes=SEGMENT_BYTES, file_delete_delay_ms=0)
    monkeypatch.setattr(topic_logs, "_METADATA_CONFIG", small)


async def catalogue(wire: Wire) -> Catalogue:
    """All topics with their ids, numbers of partitions and configs."""
    answer = await wire.ask(Api.METADATA, 12, topics=None)
    return {
        topic.name: (topic.topic_id, len(topic.partitions), await own_configs(wire, topic.name))
        for topic in answer.topics
    }


async def change(wire: Wire, rounds: int) -> None:
    """Create, alter and delete topics: little of it is left in the end."""
    for number in range(rounds):
        name = f"passing-{number % 3}"
        assert [each.error_code for each in await create(wire, name)] == [0]
        await set_config(wire, "kept", "retention.ms", str(number))
        assert await delete(wire, name) == 0


def size(data: Path) -> int:
    """Bytes of the log, without what is about to be unlinked."""
    return sum(path.stat().st_size for path in (data / "__gomq_metadata-0").glob("*.log"))


@pytest.mark.usefixtures("_small_segments")
async def test_it_stays_small_and_a_restart_finds_the_same(data: Path):
    async with running(data, **OFTEN) as wire:
        await create(wire, "kept", partitions=3, configs={"segment.bytes": "1000"})
        await create(wire, "also-kept")
        for _ in range(4):
            await change(wire, 20)
            await until(lambda: size(data) < 2 * SEGMENT_BYTES)
        before = await catalogue(wire)
        assert before["kept"][1:] == (3, {"retention.ms": "19", "segment.bytes": "1000"})
    for _ in range(2):
        async with running(data, **OFTEN) as wire:
            assert await catalogue(wire) == before
            assert folders(data) == {"kept-0", "kept-1", "kept-2", "also-kept-0"}
            await create(wire, "passing-0")
            await delete(wire, "passing-0")


@pytest.mark.usefixtures("_small_segments")
async def test_nobody_is_handed_out_a_producer_id_again_that_compaction_has_passed_over(data: Path):
    ids: list[int] = []
    for _ in range(3):
        async with running(data, **OFTEN) as wire:
            await create(wire, "kept")
            answer = await wire.ask(Api.INIT_PRODUCER_ID, producer_id=-1, producer_epoch=-1)
            ids.append(int(answer.producer_id))
            await change(wire, 20)
            await until(lambda: size(data) < 2 * SEGMENT_BYTES)
    assert ids == sorted(set(ids))


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_kill_after_it_was_compacted_loses_nothing(data: Path):
    name = "x" * 240
    configs: dict[str, str | None] = {"retention.ms": "1", "retention.bytes": "2", "segment.bytes": "3000000"}
    with broker_process(data, command=BUSY) as process:
        async with connect(process.address) as wire:
            await create(wire, name, "also-kept")
            number = 0
            while not list((data / "__gomq_metadata-0").glob("*.deleted")):
                assert await alter(wire, name, configs | {"retention.ms": str(number)}) == (0, None)
                number += 1
            before = await catalogue(wire)
            process.kill()
    async with running(data) as wire:
        assert await catalogue(wire) == before
        assert before[name][2]["retention.ms"] == str(number - 1)
