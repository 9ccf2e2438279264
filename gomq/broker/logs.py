"""The broker's events: structlog's names and fields over the standard library's logging.

What they look like is up to the program's handlers, which find the fields in a record's attributes; those that know
nothing of these write an event as ``connection.closed peer='127.0.0.1:51234' reason='...'``.
"""

import logging
from collections.abc import Mapping
from typing import Any, Self

import structlog
from structlog.typing import EventDict, WrappedLogger


class Event(str):
    """The name of an event, which a record has as its ``msg``; its message has the fields behind it."""

    __slots__ = ("_fields",)
    _fields: Mapping[str, Any]

    def __new__(cls, name: str, fields: Mapping[str, Any]) -> Self:
        """Make one of a name and what happened."""
        event = super().__new__(cls, name)
        event._fields = fields
        return event

    def __str__(self) -> str:
        return " ".join((self.name, *(f"{name}={value!r}" for name, value in self._fields.items())))

    @property
    def name(self) -> str:
        """The name alone."""
        return super().__str__()


def get_logger(name: str) -> Any:  # noqa: ANN401 - structlog's loggers answer to any name
    """Make a logger whose events go to the standard logger of that name, their fields as ``extra``."""
    return structlog.wrap_logger(
        logging.getLogger(name),
        processors=[structlog.stdlib.filter_by_level, _to_log_arguments],
        wrapper_class=structlog.stdlib.BoundLogger,
    )


def _to_log_arguments(logger: WrappedLogger, method: str, event_dict: EventDict) -> EventDict:
    arguments = structlog.stdlib.render_to_log_kwargs(logger, method, event_dict)
    return {**arguments, "msg": Event(arguments["msg"], arguments["extra"])}
