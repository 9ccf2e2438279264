"""Topic configs that the log honours, from Kafka's names and text to a ``LogConfig``.

No others are accepted: a setting that is taken and then ignored would be a promise not kept.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from gomq_storage.config import LogConfig

_FIELDS: Final = {
    "segment.bytes": "segment_bytes",
    "index.interval.bytes": "index_interval_bytes",
    "max.message.bytes": "max_message_bytes",
}
_FIXED: Final = {
    "cleanup.policy": "delete",
    "compression.type": "producer",
    "message.timestamp.type": "CreateTime",
    "retention.bytes": "-1",
    "retention.ms": "-1",
}
"""What every topic does; asking for just that is fine."""


def apply_topic_configs(defaults: LogConfig, configs: Mapping[str, str | None]) -> LogConfig:
    """Put a topic's own configs over the broker's defaults.

    Raises:
        ValueError: a config is not known, or its value cannot be.
    """
    changes: dict[str, int] = {}
    for name, value in configs.items():
        if name in _FIELDS:
            if value is None or not (value.isascii() and value.removeprefix("-").isdigit()):
                raise ValueError(f"{name} must be a number of bytes, not {value!r}")
            changes[_FIELDS[name]] = int(value)
        elif name not in _FIXED or _FIXED[name] != value:
            raise ValueError(_problem(name, value))
    return replace(defaults, **changes)


def _problem(name: str, value: str | None) -> str:
    if name in _FIXED:
        return f"{name}={value} is not supported; topics have {name}={_FIXED[name]}"
    return f"topic config {name!r} is not supported; {', '.join(sorted(_FIELDS))} are"
