"""The settings of ``gomq serve`` that are not the broker's: of its process. They are written like the broker's."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from gomq.broker.configs.setting_kinds import choice
from gomq.broker.configs.settings import SETTINGS, Setting


class Backend(StrEnum):
    """The event loop."""

    ASYNCIO = "asyncio"
    UVLOOP = "uvloop"
    TRIO = "trio"


class LogLevel(StrEnum):
    """What is logged: this and what is worse."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """How an event is written."""

    AUTO = "auto"
    CONSOLE = "console"
    JSON = "json"


BACKEND: Final = "process.backend"
LOG_LEVEL: Final = "process.log_level"
LOG_FORMAT: Final = "process.log_format"
PROCESS_SETTINGS: Final = (
    Setting(
        name="backend",
        field=BACKEND,
        kind=choice(Backend),
        documentation="The event loop to run the broker on; uvloop is asyncio's with another engine.",
        is_common=True,
    ),
    Setting(
        name="log_level",
        field=LOG_LEVEL,
        kind=choice(LogLevel),
        documentation="What is logged to stderr: events of this level and worse.",
        is_reloadable=True,
        is_common=True,
    ),
    Setting(
        name="log_format",
        field=LOG_FORMAT,
        kind=choice(LogFormat),
        documentation="How events are written. auto: console on a terminal, else JSON lines.",
        is_common=True,
    ),
)
ALL_SETTINGS: Final = (*SETTINGS, *PROCESS_SETTINGS)
"""The broker's and the process's, in the order in which people are shown them."""
PROCESS_FIELDS: Final = frozenset(setting.field for setting in PROCESS_SETTINGS)
PROCESS_DEFAULTS: Final[Mapping[str, Any]] = {
    BACKEND: Backend.ASYNCIO,
    LOG_LEVEL: LogLevel.INFO,
    LOG_FORMAT: LogFormat.AUTO,
}
