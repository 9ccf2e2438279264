"""The handler form: as many tasks as deliveries may be in hand, each of which handles one after the other."""

from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import TypeAlias

import anyio

from gomq.client.delivering.deliveries import Deliveries
from gomq.client.delivering.delivery import Delivery
from gomq.errors import ConfigurationError, GomqError

Handler: TypeAlias = Callable[[Delivery], Awaitable[object]]
"""Handles a delivery in its block: returning acknowledges, raising has it delivered again."""


async def handle_all(deliveries: Deliveries, handler: Handler, *, concurrency: int) -> None:
    """Handle deliveries until they end.

    Args:
        deliveries: what to handle.
        handler: an asynchronous function; what blocks belongs into ``anyio.to_thread.run_sync`` within it.
        concurrency: how many tasks do so.

    Raises:
        GomqError: what ended the deliveries; handlers that are at work are cancelled then.
        ConfigurationError: the handler is not asynchronous.
    """
    failures: list[GomqError] = []
    async with anyio.create_task_group() as group:

        async def work() -> None:
            try:
                async for delivery in deliveries:
                    async with delivery:
                        await _call(deliveries, handler, delivery)
            except GomqError as error:
                failures.append(error)
                group.cancel_scope.cancel()

        for _ in range(concurrency):
            group.start_soon(work)
    if failures:
        raise failures[0]


async def _call(deliveries: Deliveries, handler: Handler, delivery: Delivery) -> None:
    handling: object = handler(delivery)
    if not isawaitable(handling):
        error = ConfigurationError(
            f"the handler {getattr(handler, '__qualname__', handler)!s} is not asynchronous: make it `async def`, and "
            "call what blocks with `await anyio.to_thread.run_sync(...)`"
        )
        deliveries.break_off(error)
        raise error
    await handling
