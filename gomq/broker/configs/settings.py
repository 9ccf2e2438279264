"""The table of the broker's settings.

From it come the options of ``gomq serve`` and their environment variables, the keys of its file, what Kafka's
DescribeConfigs and AlterConfigs say and take, and ``docs/configuration.md``.

To add one: a field of ``BrokerConfig``, and a line in ``broker_settings.py`` or ``client_settings.py``. A topic config
that a field of ``LogConfig`` honours is here by itself.
"""

import re
from dataclasses import fields
from typing import Final

from gomq.broker.config import BrokerConfig
from gomq.broker.configs.broker_settings import BROKER_SETTINGS
from gomq.broker.configs.client_settings import CLIENT_SETTINGS
from gomq.broker.configs.setting import LOG_PREFIX, Setting, with_values
from gomq.broker.configs.topic_settings import TOPIC_SETTINGS
from gomq_storage.config import LogConfig

__all__ = [
    "BY_FIELD",
    "BY_KAFKA_NAME",
    "BY_NAME",
    "SETTINGS",
    "Setting",
    "all_fields",
    "in_setting_names",
    "with_values",
]

SETTINGS: Final = (*BROKER_SETTINGS, *CLIENT_SETTINGS, *TOPIC_SETTINGS)
"""All of them, in the order in which people are shown them."""
BY_NAME: Final = {setting.name: setting for setting in SETTINGS}
BY_KAFKA_NAME: Final = {setting.wire_name: setting for setting in SETTINGS}
BY_FIELD: Final = {setting.field: setting for setting in SETTINGS}
_FIELD_NAMES: Final = {
    name: setting.name for setting in SETTINGS for name in (setting.field.removeprefix(LOG_PREFIX),) if "_" in name
}
_FIELD_NAME: Final = re.compile(rf"\b({'|'.join(_FIELD_NAMES)})\b")


def in_setting_names(message: str) -> str:
    """Put the names of settings in place of those of fields: what people gave who read an error message."""
    return _FIELD_NAME.sub(lambda found: _FIELD_NAMES[found[0]], message)


def all_fields() -> frozenset[str]:
    """Name every field of ``BrokerConfig``, and of ``LogConfig`` within, as ``Setting.field`` does."""
    own = {field.name for field in fields(BrokerConfig)} - {"log"}
    return frozenset(own | {LOG_PREFIX + field.name for field in fields(LogConfig)})
