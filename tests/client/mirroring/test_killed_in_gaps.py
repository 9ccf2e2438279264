"""Mirrors that end without having written down how far they are, where the source's log has gaps."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

import gomq
from gomq.client.mirroring import lane
from gomq.client.mirroring.checkpoints import Checkpoints
from gomq.client.mirroring.group_offsets import CopiedOffset
from gomq.client.mirroring.mirror import Mirror
from tests.support.mirroring import SETTINGS, Pair, messages, mirrored, numbers, publish

COMPACTED: dict[str, object] = {
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": 0.001,
    "segment.bytes": 4000,
}


class KilledError(Exception):
    """The mirror is no more."""


async def kill_at_checkpoint(pair: Pair, number: int) -> None:
    """Have a mirror of orders end when it is about to write that checkpoint, all that was sent being stored."""
    left = number
    write = Checkpoints.write

    async def write_or_die(*arguments: object) -> None:
        nonlocal left
        left -= 1
        if not left:
            raise KilledError
        await write(*arguments)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoints, "write", write_or_die)
        with pytest.RaisesGroup(KilledError, flatten_subgroups=True, allow_unwrapped=True):
            async with Mirror(*pair.addresses, settings=SETTINGS) as mirror:
                await mirror.copy(await mirror.plan(["orders"]))


async def delete(pair: Pair, *, upto: int) -> None:
    """Delete the first messages of the source."""
    async with gomq.Admin(pair.source.address) as admin:
        await admin.delete_records("orders", {0: upto})


async def copy_group(pair: Pair, offset: int) -> CopiedOffset:
    """Have a group be at an offset of the source, and let it go on at the target."""
    async with gomq.Admin(pair.source.address) as admin:
        await admin.reset_offsets(await admin.plan_reset("billing", to={gomq.TopicPartition("orders", 0): offset}))
    async with Mirror(*pair.addresses, settings=SETTINGS) as mirror:
        plan = await mirror.plan(["orders"])
        await mirror.copy(plan)
        (copied,) = await mirror.copy_groups(plan, ["billing"])
    return copied


async def values(address: str) -> list[bytes | None]:
    return [each.value for each in await messages(address, "orders")]


@asynccontextmanager
async def compacting(tmp_path: Path) -> AsyncIterator[Pair]:
    """Have two brokers: the source compacts its topic all the time, the target never, so that its offsets count."""
    source_config, target_config = (
        gomq.BrokerConfig(
            data=tmp_path / name, listen="127.0.0.1:0", compaction_interval=seconds, flush=gomq.FlushMode.NEVER
        )
        for name, seconds in (("source", 0.02), ("target", 3600.0))
    )
    async with gomq.Broker(config=source_config) as source, gomq.Broker(config=target_config) as target:
        async with gomq.Admin(source.address) as admin:
            await admin.create_topic("orders", configs=COMPACTED)
        yield Pair(source, target)


async def test_a_group_goes_on_with_the_same_message_behind_a_gap_whose_mirror_was_killed(pair: Pair):
    await publish(pair.source.address, "orders", *numbers(0, 10))
    await mirrored(pair, "orders")
    await publish(pair.source.address, "orders", *numbers(10, 30))
    await delete(pair, upto=15)
    await kill_at_checkpoint(pair, 2)

    copied = await copy_group(pair, 17)

    assert await values(pair.target.address) == numbers(0, 10) + numbers(15, 30)
    assert (await values(pair.target.address))[copied.target_offset] == b"17"


async def test_what_the_source_deletes_behind_a_checkpoint_is_no_others(pair: Pair):
    await publish(pair.source.address, "orders", *numbers(0, 10))
    await delete(pair, upto=5)
    await kill_at_checkpoint(pair, 2)
    await publish(pair.source.address, "orders", *numbers(10, 30))
    await delete(pair, upto=15)

    await mirrored(pair, "orders")

    assert await values(pair.target.address) == numbers(5, 10) + numbers(15, 30)


async def test_a_batch_with_a_gap_in_it_is_gone_on_behind(tmp_path: Path):
    async with compacting(tmp_path) as pair, gomq.Producer(pair.source.address) as producer:
        for keys in (range(8), (4, 5), *((20 + number,) for number in range(12))):
            await producer.publish_many("orders", [gomq.NewMessage(bytes(400), key=b"k%d" % each) for each in keys])

        with anyio.fail_after(10):
            while 4 in [each.offset for each in await messages(pair.source.address, "orders")]:  # noqa: ASYNC110 - no event tells that it is compacted
                await anyio.sleep(0.01)
        await kill_at_checkpoint(pair, 2)

        await mirrored(pair, "orders")

        found = [
            [(each.key, each.timestamp) for each in await messages(side.address, "orders")]
            for side in (pair.source, pair.target)
        ]
        assert found[0] == found[1]


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(8))
async def test_of_a_source_that_is_compacted_nothing_is_lost_and_nothing_is_there_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
):
    chance = random.Random(seed)
    monkeypatch.setattr(lane, "_CHECKPOINT_MESSAGES", chance.choice([3, 20, 100_000]))
    async with compacting(tmp_path) as pair:
        await mirror_and_cancel(pair, chance, rounds=30)
        await mirrored(pair, "orders")

        at_source, at_target = await messages(pair.source.address, "orders"), await values(pair.target.address)
        there = [int(value or b"") for value in at_target]
        assert there == sorted(set(there)), seed
        assert {each.value for each in at_source} <= set(at_target), seed
        wanted = chance.choice(at_source)
        copied = await copy_group(pair, wanted.offset)
        assert there[copied.target_offset] <= int(wanted.value or b""), seed


async def mirror_and_cancel(pair: Pair, chance: random.Random, *, rounds: int) -> None:
    """Publish some more, and cancel a mirror somewhere, again and again."""
    count = 0
    async with gomq.Producer(pair.source.address) as producer:
        for _ in range(rounds):
            for _ in range(chance.randrange(25)):
                size = chance.randrange(1, 9)
                batch = [b"%d" % number for number in range(count, count + size)]
                await producer.publish_many(
                    "orders", [gomq.NewMessage(value, key=b"k%d" % chance.randrange(60)) for value in batch]
                )
                count += size
            await cancel_after(pair, chance.randrange(1, 20))


async def cancel_after(pair: Pair, steps: int) -> None:
    """Mirror, and cancel it after so many batches."""
    with anyio.CancelScope() as scope:

        def on_progress(_: int) -> None:
            nonlocal steps
            steps -= 1
            if not steps:
                scope.cancel()

        async with Mirror(*pair.addresses, settings=SETTINGS) as mirror:
            await mirror.copy(await mirror.plan(["orders"]), on_progress=on_progress)
