"""Topics' configs: asking for them, and changing some of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gomq.client.cluster.cluster import Cluster
from gomq.errors import BrokerError, ConfigurationError, ProtocolError, error_for
from gomq.protocol.api import Api
from gomq.protocol.configs import ConfigOperation, ConfigSource, ConfigType, ResourceType


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigSynonym:
    """One of the places that could give a config its value."""

    name: str
    value: str | None
    source: ConfigSource


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicConfigEntry:
    """A config of a topic, and the value that it has."""

    name: str
    value: str | None
    """As text; None where there is none, or where the broker keeps it secret."""
    source: ConfigSource
    type: ConfigType
    """What the text stands for; unknown where the broker is too old to say."""
    is_read_only: bool
    is_sensitive: bool
    synonyms: tuple[ConfigSynonym, ...]
    """Whatever gives it a value, what counts most in front."""
    documentation: str | None
    """None where the broker is too old to have any."""

    @property
    def is_own(self) -> bool:
        """Whether it was set for this topic."""
        return self.source is ConfigSource.TOPIC


async def describe_configs(cluster: Cluster, topic: str) -> dict[str, TopicConfigEntry]:
    """Return all configs of a topic by name, in the order of the names.

    Raises:
        UnknownTopicError: there is no such topic.
        BrokerError: the broker refuses, and says why.
    """
    resource = {"resource_type": ResourceType.TOPIC, "resource_name": topic, "configuration_keys": ()}  # all
    values = {"resources": [resource], "include_synonyms": True, "include_documentation": True}
    response = await cluster.ask(Api.DESCRIBE_CONFIGS, values)
    result = _only(Api.DESCRIBE_CONFIGS, topic, response.results)
    if result.error_code:
        raise _refusal(f"configs of topic {topic!r} cannot be described", result)
    return {each.name: _entry(each) for each in sorted(result.configs, key=lambda each: str(each.name))}


async def alter_configs(
    cluster: Cluster, topic: str, changes: Mapping[str, object], unset: Iterable[str], *, validate_only: bool
) -> None:
    """Set some of a topic's configs, and let others be the broker's again; the rest stays as it is.

    Raises:
        ConfigurationError: a config is to be set and unset, or set to nothing.
        UnknownTopicError: there is no such topic.
        BrokerError: the broker refuses, and says why; nothing was changed.
    """
    unset = list(dict.fromkeys(unset))
    if both := changes.keys() & set(unset):
        raise ConfigurationError(f"{', '.join(sorted(both))} cannot be both set and unset")
    if without := [name for name, value in changes.items() if value is None]:
        raise ConfigurationError(f"{', '.join(without)}: a config cannot be set to None; unset it")
    configs = [
        *(
            {"name": name, "config_operation": ConfigOperation.SET, "value": config_text(changes[name])}
            for name in changes
        ),
        *({"name": name, "config_operation": ConfigOperation.DELETE, "value": None} for name in unset),
    ]
    resource = {"resource_type": ResourceType.TOPIC, "resource_name": topic, "configs": configs}
    response = await cluster.ask(
        Api.INCREMENTAL_ALTER_CONFIGS, {"resources": [resource], "validate_only": validate_only}
    )
    result = _only(Api.INCREMENTAL_ALTER_CONFIGS, topic, response.responses)
    if result.error_code:
        raise _refusal(f"configs of topic {topic!r} cannot be changed", result)


def config_text(value: object) -> str | None:
    """Write a config's value as Kafka wants it; None stays None."""
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def _only(api: Api, topic: str, results: Iterable[Any]) -> Any:  # noqa: ANN401 - one class a version
    for result in results:
        if result.resource_type == ResourceType.TOPIC and result.resource_name == topic:
            return result
    raise ProtocolError(f"the answer to {api.name} does not mention topic {topic!r}")


def _refusal(what: str, result: Any) -> BrokerError:  # noqa: ANN401 - one class a version
    why = result.error_message or result.error_code.name.replace("_", " ")
    return error_for(int(result.error_code), f"{what}: {why}")


def _entry(config: Any) -> TopicConfigEntry:  # noqa: ANN401 - one class a version
    return TopicConfigEntry(
        name=config.name,
        value=config.value,
        source=ConfigSource(config.config_source),
        type=ConfigType(getattr(config, "config_type", ConfigType.UNKNOWN)),
        is_read_only=config.read_only,
        is_sensitive=config.is_sensitive,
        synonyms=tuple(
            ConfigSynonym(name=each.name, value=each.value, source=ConfigSource(each.source))
            for each in config.synonyms
        ),
        documentation=getattr(config, "documentation", None),
    )
