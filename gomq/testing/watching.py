"""Faults of GoMQ's own that a broker survives: it closes a connection, and a client that tries again hides them."""

import logging
from typing import Final

_LOGGER: Final = logging.getLogger("gomq.broker")
_FORMATTER: Final = logging.Formatter()


class BrokerFaultWarning(UserWarning):
    """A test's broker has met a fault of its own, which ended a connection; please report it."""


class Watch:
    """Takes down what brokers log with a traceback, from ``begin`` to ``end``: as a filter that lets all of it pass."""

    def __init__(self) -> None:
        self._found: list[str] = []

    def begin(self) -> None:
        """Listen."""
        _LOGGER.addFilter(self.filter)

    def end(self) -> None:
        """Listen no more."""
        _LOGGER.removeFilter(self.filter)

    def take(self) -> list[BrokerFaultWarning]:
        """Return what was found since the last time."""
        found, self._found = self._found, []
        return [BrokerFaultWarning(each) for each in found]

    def filter(self, record: logging.LogRecord) -> bool:
        """Take a record down if it tells of a fault."""
        if record.levelno >= logging.ERROR and record.exc_info:
            self._found.append(f"the broker has met a fault of its own, please report it: {_FORMATTER.format(record)}")
        return True
