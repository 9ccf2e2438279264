"""The broker's settings as Kafka names them: what DescribeConfigs answers for the broker. None can be changed there.

First what stands behind the topics' configs, then what ``BrokerConfig`` holds, and what Kafka has a setting for and
GoMQ has not. Names that begin with ``gomq.`` are not Kafka's.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from gomq.broker.config import BrokerConfig
from gomq.broker.topic_config_table import TOPIC_CONFIGS
from gomq.broker.topic_configs import ConfigEntry, Synonym, default_synonyms
from gomq.protocol.configs import ConfigSource, ConfigType


class _Setting(NamedTuple):
    name: str
    type: ConfigType
    text: Callable[[BrokerConfig], str]
    documentation: str


_SETTINGS: Final = (
    _Setting(
        "auto.create.topics.enable",
        ConfigType.BOOLEAN,
        lambda config: "true" if config.auto_create_topics else "false",
        "Whether topics are created when a client that allows it names them.",
    ),
    _Setting("broker.id", ConfigType.INT, lambda config: str(config.node_id), "The broker's id."),
    _Setting("delete.topic.enable", ConfigType.BOOLEAN, lambda _: "true", "Topics can be deleted."),
    _Setting(
        "fetch.max.bytes",
        ConfigType.INT,
        lambda config: str(config.max_fetch_bytes),
        "The most that one answer to a Fetch holds.",
    ),
    _Setting(
        "gomq.flush",
        ConfigType.STRING,
        lambda config: str(config.flush),
        "When messages are synced: always before they are acknowledged, at an interval, or never.",
    ),
    _Setting(
        "gomq.flush.interval.ms",
        ConfigType.LONG,
        lambda config: str(round(config.flush_interval * 1000)),
        "The time between two syncs where they are made at an interval.",
    ),
    _Setting(
        "gomq.max.partitions.per.topic",
        ConfigType.INT,
        lambda config: str(config.max_partitions_per_topic),
        "How many partitions one topic may have.",
    ),
    _Setting("listeners", ConfigType.LIST, lambda config: f"PLAINTEXT://{config.listen}", "Where the broker listens."),
    _Setting("log.dirs", ConfigType.STRING, lambda config: str(config.data), "The data directory."),
    _Setting("node.id", ConfigType.INT, lambda config: str(config.node_id), "The broker's id."),
    _Setting(
        "num.partitions",
        ConfigType.INT,
        lambda config: str(config.default_partitions),
        "How many partitions a topic has that is created without saying so.",
    ),
    _Setting(
        "socket.request.max.bytes",
        ConfigType.INT,
        lambda config: str(config.max_request_bytes),
        "A connection that announces a larger request is closed.",
    ),
)
_BUILT_IN: Final = BrokerConfig(data=Path())


def broker_config_entries(config: BrokerConfig) -> list[ConfigEntry]:
    """Say what every setting of the broker is, by name."""
    behind_topics = [
        ConfigEntry(
            name=topic_config.broker_name,
            type=topic_config.type,
            documentation=topic_config.documentation,
            synonyms=default_synonyms(topic_config, config.log),
            is_read_only=True,
        )
        for topic_config in TOPIC_CONFIGS.values()
    ]
    return sorted([*behind_topics, *(_entry(setting, config) for setting in _SETTINGS)], key=lambda entry: entry.name)


def _entry(setting: _Setting, config: BrokerConfig) -> ConfigEntry:
    value, built_in = setting.text(config), setting.text(_BUILT_IN)
    synonym = Synonym(
        name=setting.name,
        value=value,
        source=ConfigSource.DEFAULT if value == built_in else ConfigSource.STATIC_BROKER,
    )
    return ConfigEntry(
        name=setting.name,
        type=setting.type,
        documentation=setting.documentation,
        synonyms=(synonym,),
        is_read_only=True,
    )
