"""Signs of life of a member, and the clock of its session: whatever the user's code is busy with, they go on."""

import logging
from collections.abc import Callable
from math import inf
from typing import Final

import anyio

from gomq.client.groups.conversation import Conversation
from gomq.client.groups.settings import GroupSettings
from gomq.client.groups.state import Member
from gomq.client.groups.turns import Turns
from gomq.errors import GomqError

EXPECTING_SECONDS: Final = 1.0
"""For how long a cooperative member that was given nothing at first looks out for others to give something up."""
_EXPECTING_PAUSE: Final = 0.05
_LATE_SECONDS: Final = 1.0
"""By how much a sign of life has to be late at least for a warning; as much as an interval between two."""
_logger: Final = logging.getLogger("gomq.client")


class KeepAlive:
    """Sends signs of life for one member.

    Args:
        member: whose; it is told of answers and of time that has passed.
        conversation: how to send them.
        settings: how often.
        turns: what to wait for.
        on_answer: called with None once the member was told an answer, or with the error where there was none.
        on_time: called once it was told that time has passed.
    """

    def __init__(
        self,
        member: Member,
        conversation: Conversation,
        settings: GroupSettings,
        turns: Turns,
        on_answer: Callable[[GomqError | None], None],
        on_time: Callable[[], None],
    ) -> None:
        self._member = member
        self._conversation = conversation
        self._settings = settings
        self._turns = turns
        self._on_answer = on_answer
        self._on_time = on_time

    async def run(self) -> None:
        """Go on for ever."""
        late, stood_still = 0.0, False
        while True:
            now = anyio.current_time()
            stood_still = not stood_still and late >= min(_LATE_SECONDS, self._settings.session_timeout / 4)
            if not stood_still:  # or else the coordinator is asked first: perhaps the session lasts
                self._member.pass_time(now)
            self._on_time()
            due, ends = self._member.heartbeat_at(), self._member.session_ends_at()
            if due is not None and (stood_still or due <= now):
                late = await self._heartbeat(is_last_try=stood_still)
                continue
            soonest = min(inf if due is None else due, inf if ends is None else ends)
            with anyio.move_on_after(soonest - now):
                await self._turns.wait()
            late = anyio.current_time() - soonest
            self._warn_if_late(late)

    def _warn_if_late(self, seconds: float) -> None:
        """Say so where this task has not had its turn: somebody does not let the event loop go on."""
        if seconds < max(_LATE_SECONDS, self._settings.heartbeat_interval):
            return
        _logger.warning(
            "group %r: a sign of life is %.1f s late, as the event loop was blocked; after session_timeout, %g s, "
            "others are given this consumer's partitions. Have what takes so long run in a thread: "
            "anyio.to_thread.run_sync",
            self._settings.group_id,
            seconds,
            self._settings.session_timeout,
        )

    async def expect_more(self) -> bool:
        """Look out for a rebalance for a moment; return whether there is one.

        Others that gave something up join again at once, so it has begun by then if it is to come.
        """
        deadline = anyio.current_time() + EXPECTING_SECONDS
        while anyio.current_time() < deadline:
            await self._heartbeat()
            if not self._member.is_settled:
                return True
            await anyio.sleep(_EXPECTING_PAUSE)
        return False

    async def _heartbeat(self, *, is_last_try: bool = False) -> float:
        """Send a sign of life while the session lasts; return by how many seconds that was overrun.

        Args:
            is_last_try: try it though the session may be over, as this process stood still.
        """
        member = self._member
        now = anyio.current_time()
        third = self._settings.session_timeout / 3
        ends = member.session_ends_at()
        within = self._settings.session_timeout if ends is None else max(ends - now, third if is_last_try else 0)
        generation = member.generation
        member.heartbeat_sent(now)
        try:
            with anyio.move_on_after(within):  # connecting takes its time as well
                code = await self._conversation.heartbeat(member, within=third)
                member.heartbeat_answered(code, generation, now)
                self._on_answer(None)
        except GomqError as error:
            self._on_answer(error)
        return anyio.current_time() - now - within
