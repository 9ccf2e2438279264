"""A broker that is killed the hard way while messages are published, and starts again on the same data."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import anyio
import pytest

import gomq
from tests.client.producing.test_delivery import quick
from tests.client.producing.test_publish import everything
from tests.support.brokers import broker_process
from tests.support.waiting import until

VALUES = [b"%06d" % number for number in range(60_000)]
KILLS = 3


class Publisher:
    """Publishes all values in their order, in two ways, and tells how far it is."""

    def __init__(self) -> None:
        self.taken = 0
        self.published: gomq.Published | None = None

    def has_taken(self, count: int) -> bool:
        return self.taken > count

    def _take(self, values: list[bytes]) -> Iterator[bytes]:
        for value in values:
            yield value
            self.taken += 1

    async def run(self, address: str) -> None:
        settings = quick(max_batch_bytes=3000, buffer_bytes=100_000)
        async with gomq.Producer(address, settings=settings) as producer:
            for value in self._take(VALUES[:20_000]):
                while not producer._accumulator.has_room:
                    await producer.flush()
                producer.publish_nowait("orders", value)
            self.published = await producer.publish_many("orders", self._take(VALUES[20_000:]))


@pytest.mark.soak  # four starts of a broker
async def test_a_broker_that_is_killed_again_and_again_stores_everything_once_and_in_order(
    data: Path, kept_address: str
):
    publisher = Publisher()
    async with anyio.create_task_group() as group:
        for life in range(1, KILLS + 1):
            with broker_process(data, listen=kept_address) as running:
                if life == 1:
                    group.start_soon(publisher.run, kept_address)
                await until(partial(publisher.has_taken, 12_000 * life))
                running.kill()
        with broker_process(data, listen=kept_address):
            await until(lambda: publisher.published, within=30)
            stored = await everything(kept_address, "orders")

    assert [message.value for message in stored] == VALUES
