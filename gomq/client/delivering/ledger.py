"""Which messages are in hand, wait, or are done; and what is to be done next. Decides, and does nothing itself.

The clock is the event loop's, seconds. Of a partition that is given away nothing is handed out from ``close`` on, and
nothing counts from ``abandon`` on; its commit point stays what it is until ``forget``.
"""

from collections.abc import Callable, Collection
from math import inf
from typing import Final

from gomq.client.delivering.lanes import Entry, Lanes, lane_by_key, lane_by_partition
from gomq.client.delivering.retrying import pause_before_next
from gomq.client.delivering.settings import DeliverySettings, Order
from gomq.client.delivering.tracker import Tracker
from gomq.client.message import Message
from gomq_storage.layout import TopicPartition

_LANE_OF: Final[dict[Order, Callable[[Message], tuple[object, ...]]]] = {
    "partition": lane_by_partition,
    "key": lane_by_key,
}


class Ledger:
    """Every message from when it was taken until it is finished."""

    def __init__(self, settings: DeliverySettings) -> None:
        self._settings = settings
        self._ack_timeout = inf if settings.ack_timeout is None else settings.ack_timeout
        self._tracker = Tracker()
        self._lanes = Lanes(
            _LANE_OF[settings.order],
            max_waiting=settings.max_waiting,
            max_waiting_bytes=settings.max_waiting_bytes,
        )
        self._in_hand: set[Entry] = set()
        self._leases: dict[Entry, float] = {}
        """When those in hand are taken back, in its order; not those whose block is entered, which ends by itself."""
        self._closing: set[tuple[str, int]] = set()
        self._is_far_ahead = False

    @property
    def in_hand(self) -> Collection[Entry]:
        """What is handed out."""
        return self._in_hand

    @property
    def may_hand_out(self) -> bool:
        """Whether fewer are in hand than may be."""
        return len(self._in_hand) < self._settings.concurrency

    @property
    def wants_more(self) -> bool:
        """Whether more may be taken."""
        return not self._lanes.is_full and not (self._is_far_ahead and self._look_how_far())

    @property
    def has_free(self) -> bool:
        """Whether there is a message that was never handed out and need not wait for another."""
        return self._lanes.has_free

    @property
    def needs_clock(self) -> bool:
        """Whether it matters what time it is."""
        return self._ack_timeout != inf or self._lanes.next_due is not None

    def next_change(self) -> float:
        """Return when, without anybody's doing, there is something to hand out."""
        due = self._lanes.next_due if self.may_hand_out else None
        lease = next(iter(self._leases.values()), inf)
        return lease if due is None else min(due, lease)

    def points(self) -> dict[TopicPartition, int]:
        """Return the commit points: all before them is finished."""
        return self._tracker.points()

    def take(self, message: Message) -> None:
        """Take a message on; one that does not come behind its partition's last begins the partition anew."""
        target = message[:2]
        if target in self._closing:
            return
        progress = self._tracker.progress(target)
        if message.offset < progress.next_offset:  # somebody seeks, or the partition was lost and came back
            self.forget([target])
            progress = self._tracker.progress(target)
        progress.take(message.offset)
        if progress.ahead >= self._settings.max_ahead:
            self._is_far_ahead = True
        self._lanes.add(message, progress)

    def hand_out(self, now: float | None) -> Entry | None:
        """Put the message that is next in hand, if there is one and it may be.

        Args:
            now: the time, where ``needs_clock`` says that it matters.
        """
        if not self.may_hand_out:
            return None
        entry = self._lanes.next(now)
        if entry is not None:
            self._in_hand.add(entry)
            if now is not None and self._ack_timeout != inf and not entry.is_given_up:
                self._leases[entry] = now + self._ack_timeout
        return entry

    def deadline_of(self, entry: Entry) -> float:
        """Return when a message that was just handed out is taken back."""
        return self._leases.get(entry, inf)

    def enter(self, entry: Entry) -> None:
        """Leave it to the block that works on a message when to give it back."""
        self._leases.pop(entry, None)

    def finish(self, entry: Entry) -> None:
        """Count a message that is in hand as done."""
        if entry.is_counted:
            entry.progress.finish(entry.message.offset)
            self._let_go(entry)

    def release(self, entry: Entry, now: float) -> None:
        """Take a message back as if it had not been handed out."""
        if entry.is_counted:
            self._put_back(entry, now)

    def fail(self, entry: Entry, reason: str, *, pause: float | None, now: float) -> None:
        """Take a message back that was not acknowledged.

        Args:
            entry: the message, in hand.
            reason: why.
            pause: seconds until it is handed out again; None gives it up: it stays in hand, for whoever called to get
                rid of it, and is ``is_given_up`` from then on.
            now: the time.
        """
        entry.reason = reason
        if pause is None:
            entry.is_given_up = True
            self._leases.pop(entry, None)
        elif entry.is_counted:
            entry.attempt += 1
            self._put_back(entry, now + pause)

    def expire(self, now: float, reason: str, *, spread: float) -> list[Entry]:
        """Take back what was not acknowledged in time; return it.

        What has had its last attempt is to be had from ``hand_out``, given up.
        """
        expired: list[Entry] = []
        for entry, lease in self._leases.items():
            if lease > now:
                break
            expired.append(entry)
        for entry in expired:
            entry.failure = None
            pause = pause_before_next(entry.attempt, self._settings, spread=spread)
            self.fail(entry, reason, pause=pause, now=now)
            if pause is None:
                self._put_back(entry, now)
        return expired

    def hold(self, targets: Collection[tuple[str, int]]) -> None:
        """Hand out nothing of these partitions, and of all others again; what is in hand stays there."""
        self._lanes.hold(targets)

    def has_in_hand(self, targets: Collection[tuple[str, int]]) -> bool:
        """Whether anything of these partitions is in hand."""
        return any(entry.target in targets for entry in self._in_hand)

    def close(self, targets: Collection[tuple[str, int]]) -> None:
        """Hand nothing of these partitions out any more, and take nothing more of them."""
        self._closing.update(targets)
        self._lanes.drop(targets)

    def abandon(self, targets: Collection[tuple[str, int]]) -> None:
        """Let nothing count any more that is kept of these partitions."""
        self._lanes.drop(targets)
        for entry in [entry for entry in self._in_hand if entry.target in targets]:
            self._let_go(entry)
            entry.is_counted = False

    def forget(self, targets: Collection[tuple[str, int]]) -> None:
        """Know nothing of these partitions any more, as before their first message."""
        self._closing.difference_update(targets)
        self._tracker.forget(targets)
        self.abandon(targets)

    def _look_how_far(self) -> bool:
        self._is_far_ahead = self._tracker.ahead >= self._settings.max_ahead
        return self._is_far_ahead

    def _put_back(self, entry: Entry, due: float) -> None:
        if entry.target in self._closing:
            self._let_go(entry)
            entry.is_counted = False
            return
        self._in_hand.discard(entry)
        self._leases.pop(entry, None)
        self._lanes.put_back(entry, due)

    def _let_go(self, entry: Entry) -> None:
        self._in_hand.discard(entry)
        self._leases.pop(entry, None)
        self._lanes.finish(entry)
