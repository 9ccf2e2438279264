"""Rules of what goes wrong: for which requests, how often, until when. Values and decisions only."""

import threading
from dataclasses import dataclass
from enum import Enum, auto
from types import TracebackType
from typing import NamedTuple, Self

from gomq.errors import ConfigurationError
from gomq.testing.asked import ANY, Asked


class Kind(Enum):
    """What a rule does to a request."""

    FAIL = auto()
    """It is answered with an error, and not handled."""
    DELAY = auto()
    """It is handled a while later."""
    DISCONNECT = auto()
    """Its connection is closed, and it is not handled."""
    DISCONNECT_AFTER = auto()
    """It is handled, and its connection closed in place of the answer."""
    BLACKHOLE = auto()
    """It is neither handled nor answered, nor is any other of its connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong with which requests."""

    kind: Kind
    api: str = ANY
    topic: str | None = None
    """Only requests that name this topic."""
    client_id: str | None = None
    """Only requests of this client."""
    code: int = 0
    """Kafka's error code."""
    message: str = ""
    seconds: float = 0.0

    def concerns(self, asked: Asked) -> bool:
        """Say whether a request is one of those."""
        return (
            self.api in {ANY, asked.api}
            and (self.topic is None or self.topic in asked.topics)
            and (self.client_id is None or self.client_id == asked.client_id)
        )

    def __str__(self) -> str:
        where = [f"topic={self.topic!r}"] * (self.topic is not None)
        who = [f"client_id={self.client_id!r}"] * (self.client_id is not None)
        return " ".join((self.kind.name.lower(), self.api, *where, *who))


class Rule:
    """A fault that is in force from when it was made: for every request that it concerns, if nothing else is said.

    ``remove`` ends it; so does a ``with`` block of it, and what says how often.

    Args:
        rules: those that are in force.
        fault: what goes wrong.
    """

    def __init__(self, rules: "Rules", fault: Fault) -> None:
        self.fault: Fault = fault
        self.is_removed: bool = False
        self._rules = rules
        self._most: int | None = None
        self._each = 1
        self.concerned: int = 0
        """How many requests it concerned so far."""
        self.hits: int = 0
        """How many requests it was applied to so far."""

    def once(self) -> Self:
        """Apply it to the next request that it concerns, and to no other."""
        return self.times(1)

    def times(self, most: int) -> Self:
        """Apply it to the next ``most`` requests that it concerns."""
        self._most = _positive(most)
        return self

    def every(self, each: int) -> Self:
        """Apply it to every ``each``-th request that it concerns: the third, the sixth and so on for 3."""
        self._each = _positive(each)
        return self

    def always(self) -> Self:
        """Apply it to all requests that it concerns, until it is removed; so it is from the start."""
        self._most, self._each = None, 1
        return self

    def remove(self) -> None:
        """Apply it no more. Requests that it holds up are let go; connections that it has silenced are closed."""
        self._rules.remove(self)

    @property
    def is_over(self) -> bool:
        """Whether it was applied as often as it was to be."""
        return self._most is not None and self.hits >= self._most

    def applies(self, asked: Asked) -> bool:
        """Say whether it applies to a request, which is counted."""
        if self.is_over or not self.fault.concerns(asked):
            return False
        self.concerned += 1
        if self.concerned % self._each:
            return False
        self.hits += 1
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.remove()

    def __repr__(self) -> str:
        return f"<Rule {self.fault}, applied {self.hits} times>"


class Verdict(NamedTuple):
    """What becomes of a request."""

    delays: tuple[Rule, ...] = ()
    """Those that hold it up, one after the other."""
    decisive: Rule | None = None
    """What else happens to it; None: it is handled."""


FINE = Verdict()
"""No rule applies."""


class Rules:
    """The rules in force, in the order in which they were made; any thread may change them."""

    def __init__(self) -> None:
        self._in_force: tuple[Rule, ...] = ()
        self._changing = threading.Lock()

    def add(self, fault: Fault) -> Rule:
        """Put a rule in force."""
        rule = Rule(self, fault)
        with self._changing:
            self._in_force = (*self._in_force, rule)
        return rule

    def remove(self, *rules: Rule) -> None:
        """Take rules out of force; nothing happens to those that are not."""
        with self._changing:
            self._in_force = tuple(each for each in self._in_force if each not in rules)
        for rule in rules:
            rule.is_removed = True
        self._changed()

    def clear(self) -> None:
        """Take all of them out of force."""
        self.remove(*self._in_force)

    def decide(self, asked: Asked) -> Verdict:
        """Say what becomes of a request: it is held up by all delays up to the first rule that does something else."""
        delays: list[Rule] = []
        for rule in self._in_force:
            if not rule.applies(asked):
                continue
            if rule.fault.kind is not Kind.DELAY:
                return Verdict(tuple(delays), rule)
            delays.append(rule)
        return Verdict(tuple(delays)) if delays else FINE

    def _changed(self) -> None:
        """Hear that rules were removed."""


def _positive(number: int) -> int:
    if number < 1:
        raise ConfigurationError(f"a rule applies 1 time or more, not {number}")
    return number
