"""The settings that a running broker goes by: those it was started with, and over them what AlterConfigs has set.

Both may change while it runs: the first when its file is read again, the second by requests. Only settings that are
safe to change do (``Setting.is_reloadable``). Kafka: ``DynamicBrokerConfig``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from gomq.broker.config import BrokerConfig
from gomq.broker.configs.settings import BY_KAFKA_NAME, SETTINGS, in_setting_names, with_values
from gomq.errors import ConfigurationError

Listener: TypeAlias = Callable[[BrokerConfig], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloaded:
    """What became of settings that were read again; names are those of the file."""

    changed: tuple[str, ...]
    """They are in force, but where a request has set another value."""
    needs_restart: tuple[str, ...]
    """They are as they were."""


class RunningConfig:
    """The one place where a running broker's settings are kept.

    Args:
        started: what the broker was started with.
    """

    def __init__(self, started: BrokerConfig) -> None:
        self._started = started
        self._current = started
        self._dynamic: Mapping[str, str] = {}
        self._listeners: list[Listener] = []

    @property
    def current(self) -> BrokerConfig:
        """What counts now."""
        return self._current

    @property
    def started(self) -> BrokerConfig:
        """What came with the start, or with a file that was read again: Kafka's "static" configs."""
        return self._started

    @property
    def dynamic(self) -> Mapping[str, str]:
        """What requests have set, by Kafka's names."""
        return self._dynamic

    def subscribe(self, listener: Listener) -> None:
        """Have a function called, on the event loop, with the new settings after each change."""
        self._listeners.append(listener)

    def check_dynamic(self, configs: Mapping[str, str]) -> BrokerConfig:
        """Check that requests may set these, and nothing else, and say what would count then.

        Raises:
            ValueError: one is not known, cannot change while the broker runs, or has a value that cannot be.
        """
        return _over(self._started, configs)

    def set_dynamic(self, configs: Mapping[str, str]) -> None:
        """Have requests' configs be these, and nothing else, at once; errors are those of ``check_dynamic``."""
        current = _over(self._started, configs)
        self._dynamic = dict(configs)
        self._change(current)

    def reload(self, config: BrokerConfig) -> Reloaded:
        """Go by settings that were read again, as far as they may change.

        Raises:
            ConfigurationError: they do not go with what requests have set; nothing changed.
        """
        differing = [setting for setting in SETTINGS if setting.value(config) != setting.value(self._started)]
        values = {setting.field: setting.value(config) for setting in differing if setting.is_reloadable}
        try:
            started = with_values(self._started, values)
            current = _over(started, self._dynamic)
        except ValueError as error:
            raise ConfigurationError(str(error)) from error
        self._started = started
        self._change(current)
        return Reloaded(
            changed=tuple(setting.name for setting in differing if setting.is_reloadable),
            needs_restart=tuple(setting.name for setting in differing if not setting.is_reloadable),
        )

    def _change(self, current: BrokerConfig) -> None:
        if current != self._current:
            self._current = current
            for listener in self._listeners:
                listener(current)


def _over(started: BrokerConfig, configs: Mapping[str, str]) -> BrokerConfig:
    """Put what requests set over the rest."""
    values: dict[str, Any] = {}
    for name, text in configs.items():
        setting = BY_KAFKA_NAME.get(name)
        if setting is None:
            raise ValueError(f"the broker has no config {name[:100]!r}")
        if not setting.is_reloadable:
            raise ValueError(f"{name} cannot be changed while the broker runs: start it with another")
        values[setting.field] = setting.parse_kafka(text)
    try:
        return with_values(started, values)
    except (ConfigurationError, ValueError) as error:
        raise ValueError(in_setting_names(str(error))) from error
