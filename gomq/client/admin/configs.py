"""Configs of topics and brokers: asking for them, and changing some of them.

A broker's own configs are asked of it itself; those of all brokers, which are a resource without a name, of any.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gomq.client.admin.asking import Asker
from gomq.client.admin.refusals import refusal
from gomq.errors import ConfigurationError, ProtocolError
from gomq.protocol.api import Api
from gomq.protocol.configs import ConfigOperation, ConfigSource, ConfigType, ResourceType


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """What has configs: a topic, a broker, or all brokers."""

    type: ResourceType
    name: str
    """A topic's name, a broker's node id; empty for all brokers."""

    @classmethod
    def topic(cls, name: str) -> "Resource":
        """Mean a topic."""
        return cls(type=ResourceType.TOPIC, name=name)

    @classmethod
    def broker(cls, node: int | None) -> "Resource":
        """Mean one broker, or all."""
        return cls(type=ResourceType.BROKER, name="" if node is None else str(node))

    def __str__(self) -> str:
        if self.type is ResourceType.TOPIC:
            return f"topic {self.name!r}"
        return f"broker {self.name}" if self.name else "all brokers"

    @property
    def node(self) -> int | None:
        """The only broker that can be asked about it, or None for any."""
        return int(self.name) if self.type is ResourceType.BROKER and self.name else None

    @property
    def own_source(self) -> ConfigSource:
        """What values come from that were set for it."""
        if self.type is ResourceType.TOPIC:
            return ConfigSource.TOPIC
        return ConfigSource.DYNAMIC_BROKER if self.name else ConfigSource.DYNAMIC_DEFAULT_BROKER


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigSynonym:
    """One of the places that could give a config its value."""

    name: str
    value: str | None
    source: ConfigSource


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigEntry:
    """A config of a topic or broker, and the value that it has."""

    name: str
    value: str | None
    """As text; None where there is none, or where the broker keeps it secret."""
    source: ConfigSource
    is_own: bool
    """Whether it was set for this topic, this broker or, where these are asked about, all brokers."""
    type: ConfigType
    """What the text stands for; unknown where the broker is too old to say."""
    is_read_only: bool
    is_sensitive: bool
    synonyms: tuple[ConfigSynonym, ...]
    """Whatever gives it a value, what counts most in front."""
    documentation: str | None
    """None where the broker is too old to have any."""


async def describe_configs(asker: Asker, resource: Resource) -> dict[str, ConfigEntry]:
    """Return all configs of a topic or broker by name, in the order of the names.

    Raises:
        UnknownTopicError: there is no such topic.
        BrokerError: the broker refuses, and says why.
    """
    wanted = {"resource_type": resource.type, "resource_name": resource.name, "configuration_keys": ()}  # all
    values = {"resources": [wanted], "include_synonyms": True, "include_documentation": True}

    async def ask(node: int | None) -> Any:  # noqa: ANN401 - one class a version
        response = await asker.cluster.ask(Api.DESCRIBE_CONFIGS, values, node=node)
        result = _only(Api.DESCRIBE_CONFIGS, resource, response.results)
        if result.error_code:
            raise refusal(f"configs of {resource} cannot be described", result)
        return result

    found = await (asker.ask_any(ask) if resource.node is None else asker.ask_broker(resource.node, ask))
    in_order = sorted(found.configs, key=lambda config: str(config.name))
    return {config.name: _entry(config, resource.own_source) for config in in_order}


async def alter_configs(
    asker: Asker, resource: Resource, changes: Mapping[str, object], unset: Iterable[str], *, validate_only: bool
) -> None:
    """Set some configs, and let others be what they would be without; the rest stays as it is.

    Raises:
        ConfigurationError: a config is to be set and unset, or set to nothing.
        UnknownTopicError: there is no such topic.
        BrokerError: the broker refuses, and says why; nothing was changed.
    """
    operations = _operations(changes, list(dict.fromkeys(unset)))
    wanted = {"resource_type": resource.type, "resource_name": resource.name, "configs": operations}

    async def ask(node: int | None) -> None:
        response = await asker.cluster.ask(
            Api.INCREMENTAL_ALTER_CONFIGS, {"resources": [wanted], "validate_only": validate_only}, node=node
        )
        result = _only(Api.INCREMENTAL_ALTER_CONFIGS, resource, response.responses)
        if result.error_code:
            raise refusal(f"configs of {resource} cannot be changed", result)

    await (asker.ask_any(ask) if resource.node is None else asker.ask_broker(resource.node, ask))


def config_text(value: object) -> str | None:
    """Write a config's value as Kafka wants it; None stays None."""
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def _operations(changes: Mapping[str, object], unset: list[str]) -> list[dict[str, Any]]:
    if both := changes.keys() & set(unset):
        raise ConfigurationError(f"{', '.join(sorted(both))} cannot be both set and unset")
    if without := [name for name, value in changes.items() if value is None]:
        raise ConfigurationError(f"{', '.join(without)}: a config cannot be set to None; unset it")
    return [
        *(
            {"name": name, "config_operation": ConfigOperation.SET, "value": config_text(changes[name])}
            for name in changes
        ),
        *({"name": name, "config_operation": ConfigOperation.DELETE, "value": None} for name in unset),
    ]


def _only(api: Api, resource: Resource, results: Iterable[Any]) -> Any:  # noqa: ANN401 - one class a version
    for result in results:
        if result.resource_type == resource.type and result.resource_name == resource.name:
            return result
    raise ProtocolError(f"the answer to {api.name} does not mention {resource}")


def _entry(config: Any, own: ConfigSource) -> ConfigEntry:  # noqa: ANN401 - one class a version
    source = ConfigSource(config.config_source)
    return ConfigEntry(
        name=config.name,
        value=config.value,
        source=source,
        is_own=source is own,
        type=ConfigType(getattr(config, "config_type", ConfigType.UNKNOWN)),
        is_read_only=config.read_only,
        is_sensitive=config.is_sensitive,
        synonyms=tuple(
            ConfigSynonym(name=each.name, value=each.value, source=ConfigSource(each.source))
            for each in config.synonyms
        ),
        documentation=getattr(config, "documentation", None),
    )
