"""A cancellation wherever deliveries wait: no message is lost or committed unhandled, and the next task goes on."""

from random import Random

import anyio

from gomq.client.delivering.deliveries import Deliveries
from gomq_storage.layout import TopicPartition
from tests.support.virtual_source import DeadLetterBox, VirtualSource, deliveries_of, message

COUNT = 12


class Interruptions:
    """Cancels the scope that is current when something waits for the n-th time."""

    def __init__(self, at: int) -> None:
        self.left = at
        self.scope = anyio.CancelScope()

    def __call__(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.scope.cancel()


async def handle(deliveries: Deliveries, interrupt: Interruptions, handled: list[int], random: Random) -> None:
    async for delivery in deliveries:
        interrupt()
        async with delivery:
            interrupt()
            await anyio.lowlevel.checkpoint()
            offset = delivery.message.offset
            if offset % 4 == 1 or random.random() < 0.2:
                raise LookupError
            handled.append(offset)
        interrupt()


async def test_a_cancellation_at_every_wait_loses_nothing():
    """One task, which is cancelled at its n-th wait, and another that does the rest."""
    reached = 0
    for at in range(1, 200):
        source, box, handled = VirtualSource(*map(message, range(COUNT))), DeadLetterBox(), list[int]()
        deliveries = deliveries_of(source, box, max_attempts=2, ack_timeout=60, order="key", concurrency=2)
        random = Random(at)
        interrupt = Interruptions(at)
        source.on_wait = box.on_wait = interrupt

        def is_done(box: DeadLetterBox = box, handled: list[int] = handled) -> bool:
            return {*box.offsets, *handled} == set(range(COUNT))

        async def finish(source: VirtualSource = source, is_done=is_done) -> None:
            while not is_done():
                await anyio.lowlevel.checkpoint()
            source.close()

        with anyio.fail_after(20):
            async with anyio.create_task_group() as group:
                group.start_soon(finish)
                with interrupt.scope:
                    await handle(deliveries, interrupt, handled, random)
                points = deliveries.points().get(TopicPartition("orders", 0), 0)
                assert set(range(points)) <= {*box.offsets, *handled}
                await handle(deliveries, Interruptions(0), handled, random)
        assert deliveries.points() == {TopicPartition("orders", 0): COUNT}
        if not interrupt.scope.cancel_called:
            break
        reached = at

    assert reached > 40
