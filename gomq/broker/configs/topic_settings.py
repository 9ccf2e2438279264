"""The table of settings, third part: what topics go by that have no config of their own. All of it is derived."""

from dataclasses import replace
from typing import Any, Final

from gomq.broker.configs.setting import LOG_PREFIX, Setting
from gomq.broker.configs.setting_kinds import Kind
from gomq.broker.configs.topic_config_table import TOPIC_CONFIGS, TopicConfig
from gomq.broker.configs.topic_configs import apply_topic_configs, topic_config_entries
from gomq.protocol.configs import ConfigType
from gomq_storage.config import LogConfig


def _topic_kind(config: TopicConfig) -> Kind:
    """How a topic config is written: as topics have it."""

    def read(given: str) -> Any:  # noqa: ANN401 - a value of whatever kind
        assert config.field is not None
        return getattr(apply_topic_configs(LogConfig(), {config.name: given}), config.field)

    def write(value: Any) -> str:  # noqa: ANN401 - a value of whatever kind
        assert config.field is not None
        entries = topic_config_entries(replace(LogConfig(), **{config.field: value}), {})
        return next(entry.value for entry in entries if entry.name == config.name)

    words: dict[ConfigType, tuple[str, tuple[type, ...]]] = {
        ConfigType.LIST: ("LIST", (str, list)),
        ConfigType.STRING: ("TEXT", (str,)),
        ConfigType.BOOLEAN: ("BOOLEAN", (bool,)),
        ConfigType.DOUBLE: ("NUMBER", (int, float)),
    }
    word, toml = words.get(config.type, ("MS" if config.name.endswith(".ms") else "BYTES", (int,)))
    return Kind(word=word, config_type=config.type, wanted=_topic_wanted(config), read=read, write=write, toml=toml)


def _topic_wanted(config: TopicConfig) -> str:
    """Take what may be given from the message about something that may not."""
    try:
        apply_topic_configs(LogConfig(), {config.name: "\0"})
    except ValueError as error:
        return str(error).removeprefix(f"{config.name} must be ").partition(", not ")[0]
    return "a text"


def _topic_setting(config: TopicConfig) -> Setting:
    return Setting(
        name=config.broker_name,
        field=f"{LOG_PREFIX}{config.field}",
        kind=_topic_kind(config),
        documentation=f"{config.documentation} For topics that set no {config.name}.",
        is_reloadable=True,
    )


TOPIC_SETTINGS: Final = tuple(
    sorted(
        (_topic_setting(config) for config in TOPIC_CONFIGS.values() if config.field is not None),
        key=lambda setting: setting.name,
    )
)
