"""Where ``gomq serve`` writes its log: stderr, for people on a terminal, as JSON lines elsewhere."""

import logging
import os
import sys

import structlog
from structlog.typing import EventDict, WrappedLogger

from gomq.broker.logs import Event


def configure_logging(*, level: str, log_format: str) -> None:
    """Have all loggers write to stderr, one event a line.

    Args:
        level: debug, info, warning or error.
        log_format: console, json, or auto.
    """
    if log_format == "auto":
        log_format = "console" if sys.stderr.isatty() else "json"
    shared: list[structlog.typing.Processor] = [
        _name_event,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderers: list[structlog.typing.Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if log_format == "console":
        renderers.append(structlog.dev.ConsoleRenderer(colors=_wants_colours()))
    else:
        renderers += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=renderers))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def _wants_colours() -> bool:
    """Say whether it is a terminal that has them, and nobody minds: https://no-color.org."""
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _name_event(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
    """Take the name alone of an event: its fields are fields here."""
    message = event_dict["_record"].msg
    return {**event_dict, "event": message.name} if isinstance(message, Event) else event_dict


def change_level(level: str) -> None:
    """Log this level and worse from now on."""
    logging.getLogger().setLevel(level.upper())
