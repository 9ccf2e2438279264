"""The numbers by which requests and answers about configs say what they mean; names are Kafka's."""

from enum import IntEnum


class ResourceType(IntEnum):
    """What has configs."""

    TOPIC = 2
    BROKER = 4
    BROKER_LOGGER = 8
    CLIENT_METRICS = 16
    GROUP = 32


class ConfigSource(IntEnum):
    """Where a config's value comes from: the first of these that says something."""

    UNKNOWN = 0
    TOPIC = 1
    """Set for this topic."""
    DYNAMIC_BROKER = 2
    """Set for one broker while it ran."""
    DYNAMIC_DEFAULT_BROKER = 3
    """Set for all brokers while they ran."""
    STATIC_BROKER = 4
    """Set when the broker was started."""
    DEFAULT = 5
    """Set nowhere."""
    BROKER_LOGGER = 6
    CLIENT_METRICS = 7
    GROUP = 8

    @classmethod
    def _missing_(cls, value: object) -> "ConfigSource":  # noqa: ARG003 - a newer broker's
        return cls.UNKNOWN


class ConfigType(IntEnum):
    """What kind of value a config has."""

    UNKNOWN = 0
    BOOLEAN = 1
    STRING = 2
    INT = 3
    SHORT = 4
    LONG = 5
    DOUBLE = 6
    LIST = 7
    """Comma-separated."""
    CLASS = 8
    PASSWORD = 9

    @classmethod
    def _missing_(cls, value: object) -> "ConfigType":  # noqa: ARG003 - a newer broker's
        return cls.UNKNOWN


class ConfigOperation(IntEnum):
    """What IncrementalAlterConfigs does to one config."""

    SET = 0
    DELETE = 1
    """Back to what the broker has."""
    APPEND = 2
    """Add to a list what it does not have yet."""
    SUBTRACT = 3
    """Take out of a list."""
