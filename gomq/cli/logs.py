"""Where ``gomq serve`` writes its log: stderr, for people on a terminal, as JSON lines elsewhere."""

import logging
import sys
from typing import Literal, TypeAlias

import structlog

LogFormat: TypeAlias = Literal["auto", "console", "json"]


def configure_logging(*, level: str, log_format: LogFormat) -> None:
    """Have all loggers write to stderr, one event a line."""
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
