"""The broker's events: structlog's names and fields over the standard library's logging.

An embedded broker says nothing unless the program configures logging; ``gomq serve`` does.
"""

import logging
from typing import Any

import structlog


def get_logger(name: str) -> Any:  # noqa: ANN401 - structlog's loggers answer to any name
    """Make a logger whose events go to the standard logger of that name, their fields as ``extra``."""
    return structlog.wrap_logger(
        logging.getLogger(name),
        processors=[structlog.stdlib.filter_by_level, structlog.stdlib.render_to_log_kwargs],
        wrapper_class=structlog.stdlib.BoundLogger,
    )
