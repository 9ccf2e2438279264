"""Topics carried from one broker to another: all of them, once, and as they were."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path

import anyio
import pytest
from anyio.from_thread import start_blocking_portal

import gomq
from gomq.client.mirroring.choosing import CHECKPOINT_TOPIC
from gomq.client.mirroring.errors import ForeignMessagesError, MirrorError, StaleEndError
from gomq.client.mirroring.mirror import Mirror
from gomq.client.mirroring.settings import MirrorSettings
from gomq.errors import UnknownTopicError
from gomq.testing.reserved_port import ReservedPort
from tests.support.mirroring import QUICK, SETTINGS, Pair, messages, mirrored, numbers, publish
from tests.support.waiting import until


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_a_topic_arrives_with_its_partitions_configs_and_every_field_and_offset(pair: Pair):
    async with gomq.Admin(pair.source.address) as admin:
        await admin.create_topic("orders", partitions=3, configs={"segment.bytes": 1 << 20})
    await publish(pair.source.address, "orders", *numbers(0, 500))

    await mirrored(pair, "orders")

    assert await messages(pair.target.address, "orders") == await messages(pair.source.address, "orders")
    async with gomq.Admin(pair.target.address) as admin:
        assert (await admin.describe_configs("orders"))["segment.bytes"].value == str(1 << 20)
        assert CHECKPOINT_TOPIC not in {topic.name for topic in await admin.list_topics()}


async def test_started_again_it_goes_on_where_it_stopped(pair: Pair):
    for start in (0, 50, 100):
        await publish(pair.source.address, "orders", *numbers(start, start + 50))
        plan = await mirrored(pair, "orders")
        assert plan.offsets_to_copy == 50
        assert plan.topics[0].notices == ()

    assert await messages(pair.target.address, "orders") == await messages(pair.source.address, "orders")


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_where_the_first_messages_are_gone_a_checkpoint_keeps_which_offset_is_which(pair: Pair):
    await publish(pair.source.address, "orders", *numbers(0, 20))
    async with gomq.Admin(pair.source.address) as admin:
        await admin.delete_records("orders", {0: 5})

    first = await mirrored(pair, "orders")
    await publish(pair.source.address, "orders", *numbers(20, 30))
    await mirrored(pair, "orders")

    assert "offsets are not the same" in first.topics[0].notices[0]
    assert [each.value for each in await messages(pair.target.address, "orders")] == numbers(5, 30)


async def test_groups_go_on_with_the_same_message(pair: Pair):
    await publish(pair.source.address, "orders", *numbers(0, 20))
    async with gomq.Admin(pair.source.address) as admin:
        await admin.delete_records("orders", {0: 5})
        await admin.reset_offsets(await admin.plan_reset("billing", to={gomq.TopicPartition("orders", 0): 12}))

    async with Mirror(*pair.addresses, settings=SETTINGS) as mirror:
        plan = await mirror.plan(["orders"])
        await mirror.copy(plan)
        (copied,) = await mirror.copy_groups(plan, ["billing", "nobody"])

    assert (copied.source_offset, copied.target_offset, copied.is_ahead) == (12, 7, False)
    async with gomq.Consumer(pair.target.address, "orders", group="billing") as consumer:
        assert (await anext(consumer)).value == b"12"


async def test_a_group_that_has_gone_on_at_the_target_is_not_set_back(pair: Pair):
    where = gomq.TopicPartition("orders", 0)
    await publish(pair.source.address, "orders", *numbers(0, 20))
    await mirrored(pair, "orders")
    for broker, offset in ((pair.source, 5), (pair.target, 9)):
        async with gomq.Admin(broker.address) as admin:
            await admin.reset_offsets(await admin.plan_reset("billing", to={where: offset}))

    async with Mirror(*pair.addresses, settings=SETTINGS) as mirror:
        (copied,) = await mirror.copy_groups(await mirror.plan(["orders"]), ["billing"])

    assert (copied.target_offset, copied.is_further) == (5, True)
    async with gomq.Admin(pair.target.address) as admin:
        assert (await admin.group_offsets("billing"))[where].committed == 9


async def test_what_the_source_deletes_before_its_turn_is_told(pair: Pair):
    await publish(pair.source.address, "orders", *numbers(0, 10))
    await mirrored(pair, "orders")
    await publish(pair.source.address, "orders", *numbers(10, 20))
    async with gomq.Admin(pair.source.address) as admin:
        await admin.delete_records("orders", {0: 15})

    plan = await mirrored(pair, "orders")

    assert any("offsets 10 to 14 were deleted" in notice for notice in plan.topics[0].notices)
    assert [each.value for each in await messages(pair.target.address, "orders")] == numbers(0, 10) + numbers(15, 20)


async def test_somebody_elses_messages_are_not_added_to(pair: Pair):
    await publish(pair.source.address, "orders", *numbers(0, 10))
    await publish(pair.target.address, "orders", b"another's")

    with pytest.raises(ForeignMessagesError, match="delete the topic at the target"):
        await mirrored(pair, "orders")
    assert len(await messages(pair.target.address, "orders")) == 1


async def test_a_target_that_was_emptied_is_not_taken_for_one_that_a_mirror_has_filled(pair: Pair):
    await publish(pair.source.address, "orders", *numbers(0, 20))
    await publish(pair.target.address, "orders", *numbers(100, 110))
    async with gomq.Admin(pair.target.address) as admin:
        await admin.delete_records("orders", {0: 10})

    with pytest.raises(ForeignMessagesError, match="10 messages that no mirror tells of"):
        await mirrored(pair, "orders")


async def test_a_target_that_has_expired_is_gone_on_with(pair: Pair):
    await publish(pair.source.address, "orders", *numbers(0, 10))
    await mirrored(pair, "orders")
    await publish(pair.source.address, "orders", *numbers(10, 20))
    async with gomq.Admin(pair.target.address) as admin:
        await admin.delete_records("orders", {0: 10})

    await mirrored(pair, "orders")

    assert [each.offset for each in await messages(pair.target.address, "orders")] == [*range(10, 20)]


async def test_a_topic_that_was_made_anew_at_the_source_is_not_carried_on(pair: Pair):
    await publish(pair.source.address, "orders", *numbers(0, 10))
    await mirrored(pair, "orders")
    async with gomq.Admin(pair.source.address) as admin:
        await admin.delete_topic("orders")
    await publish(pair.source.address, "orders", *numbers(100, 120))

    with pytest.raises(ForeignMessagesError, match="not the one that the source has"):
        await mirrored(pair, "orders")


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_a_message_of_another_that_comes_in_between_is_noticed(pair: Pair):
    await publish(pair.source.address, "orders", *numbers(0, 10))
    await mirrored(pair, "orders")
    await publish(pair.source.address, "orders", *numbers(10, 20))

    async with Mirror(*pair.addresses, settings=SETTINGS) as mirror:
        plan = await mirror.plan(["orders"])
        await publish(pair.target.address, "orders", b"another's")
        with pytest.raises((StaleEndError, ForeignMessagesError)):
            await mirror.copy(plan)


async def test_two_mirrors_at_the_same_time_store_nothing_twice(pair: Pair):
    """As a mirror does that was killed, whose last batches the broker takes only now."""
    await publish(pair.source.address, "orders", *numbers(0, 10))
    await mirrored(pair, "orders")
    await publish(pair.source.address, "orders", *numbers(10, 500))

    async with Mirror(*pair.addresses, settings=SETTINGS) as late, Mirror(*pair.addresses, settings=SETTINGS) as mirror:
        plans = await late.plan(["orders"]), await mirror.plan(["orders"])
        await late.copy(plans[0])
        await mirror.copy(plans[1])

    assert await messages(pair.target.address, "orders") == await messages(pair.source.address, "orders")


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_it_follows_until_it_is_stopped(pair: Pair):
    await publish(pair.source.address, "orders", *numbers(0, 10))
    done = 0
    caught_up = anyio.Event()

    def on_progress(count: int) -> None:
        nonlocal done
        done += count
        if done >= 30:
            caught_up.set()

    async with Mirror(*pair.addresses, settings=SETTINGS) as mirror, anyio.create_task_group() as group:
        plan = await mirror.plan(["orders"])

        async def follow() -> None:
            await mirror.copy(plan, follow=True, on_progress=on_progress)

        group.start_soon(follow)
        await publish(pair.source.address, "orders", *numbers(10, 30))
        await caught_up.wait()
        mirror.stop()

    (copied,) = mirror.copied()
    assert (copied.messages, copied.source_offset) == (30, 30)


@contextmanager
def broker_at(data: Path, address: str) -> Iterator[gomq.Broker]:
    """Run a broker on a thread of its own, so that it can be stopped while a mirror runs on the loop."""
    broker = gomq.Broker(data=data, listen=address, flush="never")
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(broker) as running:
        yield running


async def test_it_outlives_a_restart_of_either_side(tmp_path: Path):
    with closing(ReservedPort()) as one, closing(ReservedPort()) as other, ExitStack() as source, ExitStack() as target:
        sides = {"source": source, "target": target}
        at = {"source": one.address, "target": other.address}
        for name, stack in sides.items():
            stack.enter_context(broker_at(tmp_path / name, at[name]))
        await publish(at["source"], "orders", *numbers(0, 10))
        async with Mirror(at["source"], at["target"], settings=SETTINGS) as mirror, anyio.create_task_group() as group:
            plan = await mirror.plan(["orders"])
            group.start_soon(partial(mirror.copy, plan, follow=True))
            for count, name in ((20, "target"), (30, "source")):
                await until(lambda: sum(each.messages for each in mirror.copied()) == count - 10)  # noqa: B023
                sides[name].close()
                sides[name].enter_context(broker_at(tmp_path / name, at[name]))
                await publish(at["source"], "orders", *numbers(count - 10, count))
            await until(lambda: mirror.copied()[0].messages == 30)
            mirror.stop()
        assert [each.value for each in await messages(at["target"], "orders")] == numbers(0, 30)


async def test_topics_are_found_by_a_pattern_and_those_of_brokers_are_not(pair: Pair):
    async with gomq.Admin(pair.source.address) as admin:
        for name in ("shop.orders", "shop.payments", "other"):
            await admin.create_topic(name)

    async with Mirror(*pair.addresses, settings=SETTINGS) as mirror:
        plan = await mirror.plan([], pattern=re.compile("shop.*"))
        with pytest.raises(UnknownTopicError):
            await mirror.plan(["none-such"])
        with pytest.raises(MirrorError, match="no topic"):
            await mirror.plan([], pattern=re.compile("x"))

    assert [topic.name for topic in plan.topics] == ["shop.orders", "shop.payments"]


async def test_a_target_with_too_few_partitions_gets_as_many(pair: Pair):
    for broker, count in ((pair.source, 3), (pair.target, 2)):
        async with gomq.Admin(broker.address) as admin:
            await admin.create_topic("orders", partitions=count)
    await publish(pair.source.address, "orders", *numbers(0, 30))

    plan = await mirrored(pair, "orders")

    assert [each.offsets_to_copy > 0 for _, each in plan.partitions()] == [True] * 3


async def test_a_message_that_is_too_large_says_which_config_to_raise(pair: Pair):
    async with gomq.Admin(pair.target.address) as admin:
        await admin.create_topic("orders", configs={"max.message.bytes": 1000})
    await publish(pair.source.address, "orders", *numbers(0, 100), b"x" * 2000)

    with pytest.raises(MirrorError, match=r"max\.message\.bytes"):
        await mirrored(pair, "orders")
    assert [each.value for each in await messages(pair.target.address, "orders")] == numbers(0, 100)


async def test_a_target_that_sets_its_own_timestamps_is_told_first(pair: Pair):
    async with gomq.Admin(pair.target.address) as admin:
        await admin.create_topic("orders", configs={"message.timestamp.type": "LogAppendTime"})
    await publish(pair.source.address, "orders", *numbers(0, 10))

    plan = await mirrored(pair, "orders")

    assert any("new timestamps" in notice for notice in plan.topics[0].notices)


async def test_a_cluster_is_not_mirrored_to_itself(pair: Pair):
    async with Mirror(pair.source.address, pair.source.address, settings=SETTINGS) as mirror:
        with pytest.raises(MirrorError, match="the same cluster"):
            await mirror.plan(["orders"])


async def test_it_carries_no_more_than_it_may(pair: Pair):
    await publish(pair.source.address, "orders", *[b"x" * 1000] * 20)
    settings = MirrorSettings(source=QUICK, target=QUICK, bytes_per_second=100_000)
    started = anyio.current_time()

    async with Mirror(*pair.addresses, settings=settings) as mirror:
        await mirror.copy(await mirror.plan(["orders"]))

    assert anyio.current_time() - started >= 0.19
