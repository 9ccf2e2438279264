"""Damage that may hide good messages fences its partition, and nothing is deleted; what can be made anew is no loss."""

import logging
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import anyio
import pytest

from gomq.protocol.api import Api
from tests.support.brokers import broker_process
from tests.support.running import fetch, read_records, running, send
from tests.support.topics import create
from tests.support.wire import NOW_MS, Wire, batch, connect

STORAGE = 56
CONFIGS = {"segment.bytes": "1000", "index.interval.bytes": "100"}
COUNT = 30
VALUES = [b"%d" % number + b"x" * 100 for number in range(COUNT)]
TIMES = range(NOW_MS - 1, NOW_MS + COUNT + 1)


async def _make(data: Path, *, killed: bool) -> None:
    with broker_process(data) as process:
        async with connect(process.address) as wire:
            for topic in ("orders", "bills"):
                await create(wire, topic, configs=CONFIGS)
                for number, value in enumerate(VALUES):
                    assert (await send(wire, topic, batch(value, now_ms=NOW_MS + number)))[0] == 0
            process.kill() if killed else process.terminate()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """Data directories of a broker that was killed, and of one that was not; to be copied."""
    directory = tmp_path_factory.mktemp("damage")
    for killed in (True, False):
        anyio.run(partial(_make, directory / str(killed), killed=killed))
    return {killed: directory / str(killed) for killed in (True, False)}


def log_files(data: Path) -> list[Path]:
    return sorted((data / "orders-0").glob("*.log"))


def content(data: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in log_files(data)}


def change_a_byte(path: Path) -> None:
    """Damage a batch, behind which others follow."""
    raw = bytearray(path.read_bytes())
    raw[100] ^= 0xFF
    path.write_bytes(raw)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def empty(path: Path) -> None:
    path.write_bytes(b"")


async def all_values(wire: Wire, topic: str) -> list[bytes | None]:
    return [record.value for record in await read_records(wire, topic)]


async def offsets_by_time(wire: Wire, topic: str) -> list[int]:
    offsets = []
    for time in TIMES:
        entry = {"partition_index": 0, "current_leader_epoch": -1, "timestamp": time}
        answer = await wire.ask(Api.LIST_OFFSETS, 5, topics=[{"name": topic, "partitions": [entry]}])
        assert answer.topics[0].partitions[0].error_code == 0
        offsets.append(int(answer.topics[0].partitions[0].offset))
    return offsets


@pytest.mark.parametrize(
    ("which", "harm"),
    [(-1, change_a_byte), (0, cut_short), (1, cut_short), (-2, cut_short), (1, empty)],
    ids=["active", "first-cut", "second-cut", "last-sealed-cut", "second-emptied"],
)
async def test_after_a_kill_a_log_with_damage_in_its_middle_is_offline_and_all_others_serve(
    made: dict[bool, Path], data: Path, caplog: pytest.LogCaptureFixture, which: int, harm: Callable[[Path], None]
):
    shutil.copytree(made[True], data)
    path = log_files(data)[which]
    sound = path.read_bytes()
    harm(path)
    before = content(data)
    for start in range(2):
        caplog.clear()
        async with running(data) as wire:
            assert (await fetch(wire, "orders", 0)).error_code == STORAGE
            assert await send(wire, "orders", batch(b"more")) == (STORAGE, -1)
            assert await send(wire, "bills", batch(b"more")) == (0, COUNT + start)
            assert (await all_values(wire, "bills"))[:COUNT] == VALUES
        (told,) = [record for record in caplog.records if record.msg == "partition.offline"]
        assert (told.levelno, told.__dict__["partition"]) == (logging.ERROR, "orders-0")
        assert path.name in told.__dict__["reason"]
        assert content(data) == before
    path.write_bytes(sound)
    async with running(data) as wire:
        assert await all_values(wire, "orders") == VALUES, "once it is mended it is served"
        assert await send(wire, "orders", batch(b"more")) == (0, COUNT)


async def test_after_a_clean_stop_a_damaged_segment_is_refused_and_the_others_are_served(
    made: dict[bool, Path], data: Path, caplog: pytest.LogCaptureFixture
):
    shutil.copytree(made[False], data)
    path, following = log_files(data)[1:3]
    first, behind = int(path.stem), int(following.stem)
    cut_short(path)
    before = path.read_bytes()
    async with running(data) as wire:
        for _ in range(2):
            assert (await fetch(wire, "orders", first)).error_code == STORAGE
        assert [record.value for record in await read_records(wire, "orders", offset=behind)] == VALUES[behind:]
        assert await send(wire, "orders", batch(b"more")) == (0, COUNT)
        assert await all_values(wire, "bills") == VALUES
    assert path.read_bytes() == before
    assert [record.msg for record in caplog.records].count("partition.read_failed") == 1


SPOILED: dict[str, Callable[[bytes], bytes | None]] = {
    "missing": lambda _: None,
    "empty": lambda _: b"",
    "zeros": lambda raw: bytes(len(raw) or 24),
    "cut": lambda raw: raw[: len(raw) // 2 + 1],
    "garbage": lambda raw: b"\xa5" * (len(raw) + 7),
    "backwards": lambda raw: raw[::-1],
}


def spoil_files(data: Path, names: str, spoil: Callable[[bytes], bytes | None]) -> None:
    for path in list(data.glob(names)):
        spoiled = spoil(path.read_bytes())
        path.unlink() if spoiled is None else path.write_bytes(spoiled)


@pytest.mark.parametrize("killed", [True, False], ids=["killed", "stopped"])
@pytest.mark.parametrize("spoil", list(SPOILED.values()), ids=list(SPOILED))
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize(
    "names", ["orders-0/*.index", "orders-0/*.timeindex", "orders-0/*.snapshot", "orders-0/leader-*", "*-checkpoint"]
)
async def test_whatever_becomes_of_files_that_tell_about_the_log_it_is_the_same(
    made: dict[bool, Path], data: Path, names: str, spoil: Callable[[bytes], bytes | None], *, killed: bool
):
    shutil.copytree(made[killed], data)
    spoil_files(data, names, spoil)
    for start in range(2):
        async with running(data) as wire:
            assert (await all_values(wire, "orders"))[:COUNT] == VALUES
            assert await offsets_by_time(wire, "orders") == [0, *range(COUNT), -1]
            assert await send(wire, "orders", batch(b"more")) == (0, COUNT + start)
