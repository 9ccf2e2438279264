"""Where ``gomq serve`` writes its log: stderr, for people on a terminal, as JSON lines elsewhere."""

import logging
import sys

import structlog


def configure_logging(*, level: str, log_format: str) -> None:
    """Have all loggers write to stderr, one event a line.

    Args:
        level: debug, info, warning or error.
        log_format: console, json, or auto.
    """
    if log_format == "auto":
        log_format = "console" if sys.stderr.isatty() else "json"
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderers: list[structlog.typing.Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if log_format == "console":
        renderers.append(structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()))
    else:
        renderers += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=renderers))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def change_level(level: str) -> None:
    """Log this level and worse from now on."""
    logging.getLogger().setLevel(level.upper())
