"""A broker after something was done to it: it serves, and holds no more than before."""

import asyncio
import gc
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import sniffio
import trio

from gomq.protocol.api import Api
from tests.support.waiting import until
from tests.support.wire import Wire, batch, connect, fetch_values, metadata_values, produce_values

CLOSED_SECONDS = 0.5
"""Until then what was closed is gone, unless only the garbage collector lets it go."""
_TOPIC = "still-alive"


class Holdings(NamedTuple):
    """What this process holds."""

    descriptors: int
    tasks: int

    def exceed(self, others: "Holdings") -> bool:
        """Whether there is more of anything."""
        return self.descriptors > others.descriptors or self.tasks > others.tasks


def holdings() -> Holdings:
    """Count the descriptors of this process and the tasks of its event loop, with those that are garbage."""
    if sniffio.current_async_library() == "trio":
        tasks = trio.lowlevel.current_statistics().tasks_living
    else:
        tasks = len(asyncio.all_tasks())
    return Holdings(len(os.listdir("/proc/self/fd")), tasks)


async def until_no_more_than(before: Holdings) -> None:
    """Return once this process holds no more than before; looking through its garbage is slow, and comes last."""
    try:
        await until(lambda: not holdings().exceed(before), within=CLOSED_SECONDS)
    except TimeoutError:
        gc.collect()
        await until(lambda: not holdings().exceed(before))


async def alive(address: str) -> bool:
    """Whether a client that comes now publishes a message and gets it back."""
    async with connect(address) as wire:
        return await works(wire)


async def works(wire: Wire) -> bool:
    """Whether a message that is published over a connection comes back over it."""
    await wire.ask(Api.METADATA, 12, **metadata_values(_TOPIC, create=True))
    answer = await wire.ask(Api.PRODUCE, 9, **produce_values({_TOPIC: {0: batch(b"alive")}}))
    (produced,) = answer.responses[0].partition_responses
    answer = await wire.ask(Api.FETCH, 11, **fetch_values({_TOPIC: [(0, produced.base_offset)]}))
    return produced.error_code == 0 and b"alive" in (answer.responses[0].partitions[0].records or b"")


@asynccontextmanager
async def unharmed(address: str) -> AsyncIterator[None]:
    """Do in this block what one likes to an embedded broker; it must be as well afterwards as it was before.

    A client that was connected all the time is served, and so is one that comes after it. Then the process has no more
    descriptors and tasks than it had before the block.
    """
    async with connect(address) as wire:
        assert await works(wire)
        gc.collect()
        before = holdings()
        yield
        assert await works(wire), "a client that was there all the time is served"
        assert await alive(address), "a new client is served"
        await until_no_more_than(before)
