"""Topic configs, from Kafka's names and text to a ``LogConfig`` and back.

No others are accepted than ``topic_config_table`` has, and none with a value that is not honoured: a setting that is
taken and then ignored would be a promise not kept.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import reduce
from operator import or_
from typing import Any, Final, TypeAlias

from gomq.broker.configs.topic_config_table import TOPIC_CONFIGS, TopicConfig
from gomq.protocol.configs import ConfigSource, ConfigType
from gomq_storage.config import CleanupPolicy, LogConfig

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
_DECIMAL: Final = re.compile(r"[+-]?([0-9]{1,40}\.?[0-9]{0,40}|\.[0-9]{1,40})([eE][+-]?[0-9]{1,3})?", re.ASCII)
_POLICIES: Final = {"compact": CleanupPolicy.COMPACT, "delete": CleanupPolicy.DELETE}
_MOST_SHOWN: Final = 100
"""Characters of a client's text that an error message repeats."""


Layers: TypeAlias = tuple[tuple[ConfigSource, Mapping[str, str]], ...]
"""What was set for the broker while it ran, by the names of its settings; what counts most in front."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Synonym:
    """One of the places that could give a config its value."""

    name: str
    value: str
    source: ConfigSource


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigEntry:
    """A config and the value it has."""

    name: str
    type: ConfigType
    documentation: str
    synonyms: tuple[Synonym, ...]
    """Whatever gives it a value, what counts most in front; never empty."""
    is_read_only: bool = False
    is_sensitive: bool = False
    """Whether nobody is told what it is."""

    @property
    def value(self) -> str:
        """What counts, as Kafka writes it."""
        return self.synonyms[0].value

    @property
    def source(self) -> ConfigSource:
        """Where that comes from."""
        return self.synonyms[0].source

    def only(self, source: ConfigSource) -> "ConfigEntry":
        """Leave out what other places say, of which there must be more."""
        return replace(self, synonyms=tuple(each for each in self.synonyms if each.source is source))

    def response(self, *, synonyms: bool = False, documentation: bool = False) -> dict[str, Any]:
        """Lay it out as a response's fields, with what is asked for."""
        told = self.synonyms if synonyms else ()
        hidden = self.is_sensitive
        return {
            "name": self.name,
            "value": None if hidden else self.value,
            "read_only": self.is_read_only,
            "config_source": self.source,
            "is_sensitive": hidden,
            "synonyms": [
                {"name": each.name, "value": None if hidden else each.value, "source": each.source} for each in told
            ],
            "config_type": self.type,
            "documentation": self.documentation if documentation else None,
        }


def apply_topic_configs(defaults: LogConfig, configs: Mapping[str, str | None]) -> LogConfig:
    """Put a topic's own configs over the broker's defaults.

    Raises:
        ValueError: a config is not known, or its value cannot be.
    """
    changes: dict[str, Any] = {}
    for name, value in configs.items():
        config = TOPIC_CONFIGS.get(name)
        if config is None:
            raise ValueError(f"there is no topic config {name[:_MOST_SHOWN]!r}; there are {', '.join(TOPIC_CONFIGS)}")
        parsed = _parse(config, value)
        if config.field is not None:
            changes[config.field] = parsed
    least = changes.get("min_compaction_lag_ms", defaults.min_compaction_lag_ms)
    most = changes.get("max_compaction_lag_ms", defaults.max_compaction_lag_ms)
    if most is not None and least > most:
        raise ValueError(f"min.compaction.lag.ms={least} must not be more than max.compaction.lag.ms={most}")
    return replace(defaults, **changes)


def topic_config_entries(
    defaults: LogConfig, configs: Mapping[str, str | None], layers: Layers = ()
) -> list[ConfigEntry]:
    """Say what every config of a topic is, and why.

    Args:
        defaults: the settings that the broker was started with.
        configs: the topic's own, which ``apply_topic_configs`` has passed.
        layers: what was set for the broker since.
    """
    return [
        ConfigEntry(
            name=config.name,
            type=config.type,
            documentation=config.documentation,
            synonyms=(*_own(config, configs.get(config.name)), *default_synonyms(config, defaults, layers)),
        )
        for config in TOPIC_CONFIGS.values()
    ]


def default_synonyms(config: TopicConfig, defaults: LogConfig, layers: Layers = ()) -> tuple[Synonym, ...]:
    """Say what a config is where a topic has none of its own: set for the broker, set nowhere."""
    name = config.broker_name
    since = tuple(
        Synonym(name=name, value=_normal(config, texts[name]), source=source)
        for source, texts in layers
        if name in texts
    )
    value, built_in = (_text(config, each) for each in (defaults, LogConfig()))
    fallback = Synonym(name=name, value=built_in, source=ConfigSource.DEFAULT)
    if value == built_in:
        return (*since, fallback)
    return (*since, Synonym(name=name, value=value, source=ConfigSource.STATIC_BROKER), fallback)


def list_items(text: str) -> list[str]:
    """Take a list's text apart, each item once; blank text has none."""
    return list(dict.fromkeys(item.strip() for item in text.split(","))) if text.strip() else []


def _own(config: TopicConfig, value: str | None) -> tuple[Synonym, ...]:
    if value is None:
        return ()
    return (Synonym(name=config.name, value=_normal(config, value), source=ConfigSource.TOPIC),)


def _normal(config: TopicConfig, text: str) -> str:
    """Write what was set as it is understood."""
    if config.type is ConfigType.LIST:
        return ",".join(list_items(text))  # as it was ordered, or tools that compare would set it again and again
    return config.fixed if config.field is None else _value_text(config, _parse(config, text))


def _text(config: TopicConfig, log_config: LogConfig) -> str:
    if config.field is None:
        return config.fixed
    return _value_text(config, getattr(log_config, config.field))


def _value_text(config: TopicConfig, value: CleanupPolicy | StrEnum | float | None) -> str:
    if isinstance(value, CleanupPolicy):
        return ",".join(name for name, policy in _POLICIES.items() if policy in value)
    return str(config.no_limit if value is None else value)


def _parse(config: TopicConfig, text: str | None) -> CleanupPolicy | StrEnum | float | None:
    """Make a config's value of its text; of one that is fixed nothing, once it is found to be that."""
    if text is None:
        raise ValueError(f"{config.name} must have a value: {_allowed(config)}")
    if config.type is ConfigType.LIST:
        items = list_items(text)
        if all(item in _POLICIES for item in items):
            return reduce(or_, (_POLICIES[item] for item in items), CleanupPolicy.NONE)
    elif config.field is None:
        if text.strip().lower() == config.fixed.lower():
            return None
    elif (value := _parse_value(config, text.strip())) is not None:
        return None if value == config.no_limit else value
    raise ValueError(f"{config.name} must be {_allowed(config)}, not {text[:_MOST_SHOWN]!r}")


def _parse_value(config: TopicConfig, text: str) -> StrEnum | float | None:
    """Return the word or number, or None where it is none or not within the config's limits."""
    if config.choices:
        return next((each for each in config.choices if each == text), None)
    if config.type is ConfigType.DOUBLE:
        number = float(text) if _DECIMAL.fullmatch(text) else None
    else:
        number = int(text) if _INTEGER.fullmatch(text) else None
    return number if number is not None and config.least <= number <= config.most else None


def _allowed(config: TopicConfig) -> str:
    if config.type is ConfigType.LIST:
        return f"any of {', '.join(_POLICIES)}, comma-separated"
    if config.field is None:
        return f"{config.fixed}, as every topic has it"
    if config.choices:
        return " or ".join(config.choices)
    kind = "a number" if config.type is ConfigType.DOUBLE else "an integer"
    return f"{kind} from {config.least} to {config.most}"
