"""What AlterConfigs has set for the broker: which settings it may, on which level, and how it is remembered.

Settings are set for all brokers (a resource without a name) or for this one (its id); what is set for this one counts
more, and both count more than what the broker was started with. Which can be set is Kafka's choice
(``DynamicBrokerConfig.AllDynamicConfigs``), as far as the broker has them: what topics go by unless they have a config
of their own, what the cleaner goes by, for how long producers are remembered, and how many may connect.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from gomq.broker.configs.running_config import RunningConfig
from gomq.broker.configs.settings import BY_KAFKA_NAME
from gomq.broker.configs.topic_config_table import TOPIC_CONFIGS
from gomq.broker.configs.topic_configs import Layers
from gomq.broker.metadata_log import MetadataLog
from gomq.protocol.configs import ConfigSource

ALL_BROKERS: Final = ""
"""The name of the resource that stands for all brokers."""
_PREFIX: Final = "broker/"
_MOST_SHOWN: Final = 100
_ALSO_DYNAMIC: Final = frozenset({
    "gomq.message.validation",
    "log.cleaner.backoff.ms",
    "log.cleaner.dedupe.buffer.size",
    "log.cleaner.io.max.bytes.per.second",
    "max.connection.creation.rate",
    "max.connections",
    "max.connections.per.ip",
    "max.connections.per.ip.overrides",
    "producer.id.expiration.ms",
})  # fmt: skip
DYNAMIC: Final = frozenset(BY_KAFKA_NAME) & (
    _ALSO_DYNAMIC | {config.broker_name for config in TOPIC_CONFIGS.values() if config.field is not None}
)
"""Settings that AlterConfigs may set, by Kafka's names."""


class DynamicConfigs:
    """What was set, on both levels.

    Args:
        running: what the broker goes by; it is told of every change.
    """

    def __init__(self, running: RunningConfig) -> None:
        self._running = running
        self._of: dict[str, Mapping[str, str]] = {ALL_BROKERS: {}, self.broker: {}}

    @property
    def broker(self) -> str:
        """The name of the resource that stands for this broker."""
        return str(self._running.started.node_id)

    @property
    def layers(self) -> Layers:
        """What was set for this broker, and for all."""
        return (
            (ConfigSource.DYNAMIC_BROKER, self._of[self.broker]),
            (ConfigSource.DYNAMIC_DEFAULT_BROKER, self._of[ALL_BROKERS]),
        )

    def of(self, resource: str) -> Mapping[str, str]:
        """Say what was set for a resource: ``broker`` or ``ALL_BROKERS``."""
        return self._of[resource]

    def together(self, resource: str, configs: Mapping[str, str]) -> dict[str, str]:
        """Say what would count of both levels if a resource had these configs.

        Raises:
            ValueError: one is not known, cannot be set while the broker runs, or has a value that cannot be.
        """
        for name in configs:
            if name not in DYNAMIC:
                raise ValueError(_why_not(name))
        merged = {**self._of, resource: configs}
        together = {**merged[ALL_BROKERS], **merged[self.broker]}
        self._running.check_dynamic(dict(configs))  # also where the other level hides a value
        return together

    def take(self, resource: str, configs: Mapping[str, str]) -> None:
        """Have the broker go by a resource's new configs; errors are those of ``together``."""
        together = self.together(resource, configs)
        self._running.set_dynamic(together)
        self._of[resource] = dict(configs)

    def restore(self, metadata: MetadataLog) -> Iterator[str]:
        """Set what was remembered; yield why something of it no longer can be, and is passed over.

        Settings that the broker is started with may have changed meanwhile, and what may be set, too.
        """
        for resource in self._of:
            configs = metadata.values.get(metadata_key(resource), {}).get("configs", {})
            try:
                self.take(resource, configs)
            except ValueError:
                yield from self._restore_singly(resource, configs)

    def _restore_singly(self, resource: str, configs: Mapping[str, str]) -> Iterator[str]:
        for name, value in configs.items():
            try:
                self.take(resource, {**self._of[resource], name: value})
            except ValueError as error:
                yield str(error)


def _why_not(name: str) -> str:
    if name in BY_KAFKA_NAME:
        return f"{name} cannot be changed while the broker runs: start it with another value"
    for config in TOPIC_CONFIGS.values():
        if config.broker_name == name:
            return f"{name} cannot be changed: it is always {config.fixed}"
    return f"the broker has no config {name[:_MOST_SHOWN]!r}"


def metadata_key(resource: str) -> str:
    """Name the key under which a resource's configs are remembered."""
    return _PREFIX + resource
