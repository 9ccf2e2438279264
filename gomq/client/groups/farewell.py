"""The last words to a coordinator: over whatever connection, for a consumer that is cancelled has lost its own."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import anyio
from anyio.abc import TaskGroup

from gomq.client.cluster.cluster import Cluster
from gomq.client.groups.coordinator import GroupCoordinator
from gomq.errors import BrokerError, GomqError

LEAVE_SECONDS: Final = 5.0
"""For the last commit and for leaving, together."""
HURRIED_SECONDS: Final = 1.0
"""The same where the consumer is cancelled, or interrupted: whoever presses Ctrl-C is not kept waiting."""

ConnectAnew: TypeAlias = Callable[[TaskGroup], Cluster]
"""Makes a cluster whose tasks run in a group that nobody has cancelled."""


def seconds_to_leave(error: BaseException | None) -> float:
    """Say how long leaving may take for what ends the consumer's block."""
    return LEAVE_SECONDS if error is None or isinstance(error, Exception) else HURRIED_SECONDS


async def say_goodbye(
    coordinator: GroupCoordinator, say: Callable[[], Awaitable[None]], connect_anew: ConnectAnew | None
) -> None:
    """Say something, once more over new connections where those there were are lost; raises nothing.

    Args:
        coordinator: whom to tell; it is found again over the new ones.
        say: what asks the coordinator.
        connect_anew: how to connect; None where there is only one try.
    """
    if await _try(say) or connect_anew is None:
        return
    async with anyio.create_task_group() as tasks:
        cluster = connect_anew(tasks)
        coordinator.use(cluster)
        await _try(say)
        cluster.close()
        tasks.cancel_scope.cancel()


async def _try(say: Callable[[], Awaitable[None]]) -> bool:
    """Return whether there was an answer, good or bad."""
    try:
        await say()
    except BrokerError as error:
        return not error.retriable
    except GomqError:
        return False
    return True
