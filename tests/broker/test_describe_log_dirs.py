"""DescribeLogDirs: what the logs take of the disk, and what is left of it."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from gomq.protocol.api import Api
from tests.broker.conftest import Disk
from tests.support.running import running
from tests.support.topics import create, produce
from tests.support.wire import Wire, versions

STORAGE = 56


async def ask(wire: Wire, topics: dict[str, tuple[int, ...]] | None = None, version: int = 5) -> Any:
    wanted = None if topics is None else [{"topic": name, "partitions": indexes} for name, indexes in topics.items()]
    answer = await wire.ask(Api.DESCRIBE_LOG_DIRS, version, topics=wanted)
    (result,) = answer.results
    return result


def sizes(result: Any) -> dict[str, dict[int, int]]:
    return {topic.name: {each.partition_index: each.partition_size for each in topic.partitions}
            for topic in result.topics}  # fmt: skip


@pytest.mark.parametrize("version", versions(Api.DESCRIBE_LOG_DIRS))
async def test_every_version_tells_the_size_of_each_log(
    wire: Wire, data: Path, version: int, monkeypatch: pytest.MonkeyPatch
):
    there = os.statvfs(data)
    monkeypatch.setattr(os, "statvfs", lambda _: there)  # others write into the same file system
    await create(wire, "orders", "bills", partitions=2)
    await produce(wire, "orders", bytes(1000))
    result = await ask(wire, version=version)
    (log,) = (data / "orders-0").glob("*.log")
    assert (result.error_code, result.log_dir) == (0, str(data))
    assert sizes(result) == {"orders": {0: log.stat().st_size, 1: 0}, "bills": {0: 0, 1: 0}}
    assert all((each.offset_lag, each.is_future_key) == (0, False) for each in result.topics[0].partitions)
    if version >= 4:
        assert result.total_bytes == shutil.disk_usage(data).total > 0
        assert result.usable_bytes == shutil.disk_usage(data).free
    if version >= 5:
        assert not result.is_cordoned


async def test_only_what_is_asked_for_and_is_there_is_told_and_once(wire: Wire):
    await create(wire, "orders", "bills", partitions=2)
    assert sizes(await ask(wire, {"orders": (1, 7, 1, -1), "nowhere": (0,)})) == {"orders": {1: 0}}
    assert sizes(await ask(wire, {})) == {}


async def test_a_partition_that_is_offline_is_passed_over(data: Path):
    async with running(data) as wire:
        await create(wire, "orders", partitions=2)
    (data / "orders-0").rename(data.parent / "taken-away")
    async with running(data) as wire:
        assert sizes(await ask(wire)) == {"orders": {1: 0}}


async def test_a_directory_that_failed_is_told_to_have(wire: Wire, disk: Disk):
    await create(wire, "orders")
    disk.is_broken = True
    await produce(wire, "orders", b"x")
    result = await ask(wire)
    assert (result.error_code, result.topics) == (STORAGE, ())


async def test_a_disk_that_cannot_be_asked_is_told_to_have_failed(wire: Wire, monkeypatch: pytest.MonkeyPatch):
    def fail(_: Path) -> None:
        raise OSError(5, os.strerror(5))

    monkeypatch.setattr(os, "statvfs", fail)
    assert (await ask(wire)).error_code == STORAGE
