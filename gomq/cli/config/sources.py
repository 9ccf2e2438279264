"""What a broker is told: a flag counts before the environment, that before the file, and that before the default."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, NamedTuple

from gomq.broker.config import BrokerConfig
from gomq.broker.configs.settings import Setting, in_setting_names, with_values
from gomq.cli.config.file import read_config_file
from gomq.cli.config.process_settings import ALL_SETTINGS, PROCESS_DEFAULTS, PROCESS_FIELDS
from gomq.errors import ConfigurationError

DEFAULTS: Final = BrokerConfig(data=Path("gomq-data"))


class Source(StrEnum):
    """Where a value comes from."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"
    FLAG = "flag"


class Given(NamedTuple):
    """One value, and who gave it."""

    value: Any
    source: Source
    where: str = ""
    """The flag, the variable, or file and line."""


@dataclass(frozen=True, slots=True)
class Effective:
    """All settings as they count."""

    given: Mapping[str, Given]
    """By ``Setting.field``."""

    def broker_config(self) -> BrokerConfig:
        """Make the broker's settings of it.

        Raises:
            ConfigurationError: they do not go together.
        """
        values = {field: given.value for field, given in self.given.items() if field not in PROCESS_FIELDS}
        try:
            return with_values(DEFAULTS, values)
        except (ConfigurationError, ValueError) as error:
            raise ConfigurationError(in_setting_names(str(error))) from error

    def process(self, field: str) -> str:
        """Look up a setting of the process."""
        value: str = self.given[field].value
        return value

    def text(self, setting: Setting) -> str:
        """Say what a setting is, as it is written; "(hidden)" of what nobody may see."""
        value = self.given[setting.field].value
        if setting.is_sensitive and value is not None:
            return "(hidden)"
        return setting.kind.write(value)


def default_of(setting: Setting) -> Any:  # noqa: ANN401 - a value of whatever kind
    """Look up what a setting is where nobody says anything."""
    if setting.field in PROCESS_FIELDS:
        return PROCESS_DEFAULTS[setting.field]
    return setting.value(DEFAULTS)


def resolve(told: Mapping[str, Given], file: Path | None) -> Effective:
    """Find out what counts.

    Args:
        told: by flags and the environment, by ``Setting.field``.
        file: the file, which is read.

    Raises:
        ConfigurationError: the file cannot be read, or is not right.
    """
    given = {setting.field: Given(default_of(setting), Source.DEFAULT) for setting in ALL_SETTINGS}
    for setting, value, line in read_config_file(file) if file is not None else ():
        given[setting.field] = Given(value, Source.FILE, f"{file}:{line}" if line is not None else str(file))
    return Effective({**given, **told})
