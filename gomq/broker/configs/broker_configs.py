"""The broker's settings as Kafka names them: what DescribeConfigs answers for the broker.

First what the broker can be told (``settings.py``), then what Kafka has a setting for and GoMQ has not, and which has
one value. Names that begin with ``gomq.`` are not Kafka's.
"""

from pathlib import Path
from typing import Final, NamedTuple

from gomq.broker.config import BrokerConfig
from gomq.broker.configs.dynamic_configs import DYNAMIC
from gomq.broker.configs.settings import SETTINGS, Setting
from gomq.broker.configs.topic_config_table import TOPIC_CONFIGS
from gomq.broker.configs.topic_configs import ConfigEntry, Layers, Synonym, default_synonyms
from gomq.protocol.configs import ConfigSource, ConfigType

MAX_PARTITIONS_TOLD: Final = 2000
"""``max.request.partition.size.limit``: of one answer to DescribeTopicPartitions (KIP-966)."""
_BUILT_IN: Final = BrokerConfig(data=Path())
_WITHOUT_DEFAULT: Final = frozenset({"data"})


class _Fixed(NamedTuple):
    name: str
    type: ConfigType
    value: str
    documentation: str


_FIXED: Final = (
    _Fixed("default.replication.factor", ConfigType.INT, "1", "How many replicas a partition has: there is one."),
    _Fixed("delete.topic.enable", ConfigType.BOOLEAN, "true", "Topics can be deleted."),
    _Fixed(
        "max.request.partition.size.limit",
        ConfigType.INT,
        str(MAX_PARTITIONS_TOLD),
        "How many partitions one answer to DescribeTopicPartitions holds.",
    ),
)


def broker_config_entries(started: BrokerConfig, layers: Layers) -> list[ConfigEntry]:
    """Say what every setting of this broker is, by name.

    Args:
        started: what it was started with.
        layers: what was set since.
    """
    entries = [*_entries(started, layers), *(_fixed_entry(each) for each in (*_FIXED, _broker_id(started)))]
    return sorted(entries, key=lambda entry: entry.name)


def entries_for_all_brokers(started: BrokerConfig, layers: Layers) -> list[ConfigEntry]:
    """Say what was set for all brokers, and nothing else: in Kafka a broker without a name has only that."""
    of_all = tuple(layer for layer in layers if layer[0] is ConfigSource.DYNAMIC_DEFAULT_BROKER)
    names = {name for _, configs in of_all for name in configs}
    found = (entry for entry in _entries(started, of_all) if entry.name in names)
    return sorted((entry.only(ConfigSource.DYNAMIC_DEFAULT_BROKER) for entry in found), key=lambda entry: entry.name)


def _entries(started: BrokerConfig, layers: Layers) -> list[ConfigEntry]:
    behind_topics = [
        ConfigEntry(
            name=config.broker_name,
            type=config.type,
            documentation=config.documentation,
            synonyms=default_synonyms(config, started.log, layers),
            is_read_only=config.broker_name not in DYNAMIC,
        )
        for config in TOPIC_CONFIGS.values()
    ]
    told = {entry.name for entry in behind_topics}
    return [
        *behind_topics,
        *(_entry(setting, started, layers) for setting in SETTINGS if setting.wire_name not in told),
    ]


def _entry(setting: Setting, started: BrokerConfig, layers: Layers) -> ConfigEntry:
    name = setting.wire_name
    kind = setting.kafka_kind or setting.kind
    since = [
        Synonym(name=name, value=kind.write(setting.parse_kafka(texts[name])), source=source)
        for source, texts in layers
        if name in texts
    ]
    value, built_in = _text(setting, started), _text(setting, _BUILT_IN)
    static = [] if value == built_in else [Synonym(name=name, value=value, source=ConfigSource.STATIC_BROKER)]
    default = [Synonym(name=name, value=built_in, source=ConfigSource.DEFAULT)]
    if static and setting.field in _WITHOUT_DEFAULT:
        default = []
    return ConfigEntry(
        name=name,
        type=kind.config_type,
        documentation=setting.documentation,
        synonyms=(*since, *static, *default),
        is_read_only=name not in DYNAMIC,
        is_sensitive=setting.is_sensitive,
    )


def _text(setting: Setting, config: BrokerConfig) -> str:
    text = setting.kafka_text(config)
    if setting.field == "listen":  # Kafka's have a name each
        return ",".join(part if "://" in part else f"PLAINTEXT://{part}" for part in text.split(","))
    return text


def _broker_id(started: BrokerConfig) -> _Fixed:
    return _Fixed("broker.id", ConfigType.INT, str(started.node_id), "The broker's id.")


def _fixed_entry(fixed: _Fixed) -> ConfigEntry:
    return ConfigEntry(
        name=fixed.name,
        type=fixed.type,
        documentation=fixed.documentation,
        synonyms=(Synonym(name=fixed.name, value=fixed.value, source=ConfigSource.DEFAULT),),
        is_read_only=True,
    )
