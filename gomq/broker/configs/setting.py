"""One setting of the broker: what it is called and by whom, what it may be, what it does, where it is kept.

A setting goes by Kafka's name where Kafka has it, in Kafka's unit; a few that everybody uses have a short name of their
own, and Kafka's besides.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from gomq.broker.config import BrokerConfig
from gomq.broker.configs.setting_kinds import Kind

LOG_PREFIX: Final = "log."
"""In front of a field of ``LogConfig``."""
_MOST_SHOWN: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What there is to know of one setting."""

    name: str
    """The key in a file; the option and the variable are made of it."""
    field: str
    """The field of ``BrokerConfig`` that holds it; ``log.`` and a field of ``LogConfig`` for what topics go by."""
    kind: Kind
    documentation: str
    kafka_name: str = ""
    """What Kafka's requests call it; ``gomq.`` in front of what Kafka does not have. The name itself if not given."""
    kafka_kind: Kind | None = None
    """How Kafka's requests write it, where that is in another unit."""
    is_reloadable: bool = False
    """Whether it may change while the broker runs: whoever goes by it looks it up each time."""
    is_common: bool = False
    """Whether ``gomq serve --help`` shows it."""
    is_sensitive: bool = False
    """Whether it is shown to nobody."""

    @property
    def option(self) -> str:
        """The option of ``gomq serve``."""
        return "--" + self.name.replace("_", "-").replace(".", "-")

    @property
    def variable(self) -> str:
        """The environment variable."""
        return "GOMQ_" + self.name.replace(".", "_").replace("-", "_").upper()

    @property
    def wire_name(self) -> str:
        """What Kafka's requests call it."""
        return self.kafka_name or self.name

    def parse(self, given: str) -> Any:  # noqa: ANN401 - a value of whatever kind
        """Make a value of text; ``ValueError`` says what may be given."""
        return _parse(self.name, self.kind, given)

    def parse_kafka(self, given: str) -> Any:  # noqa: ANN401 - a value of whatever kind
        """Make a value of what a request has; ``ValueError`` says what it may have."""
        return _parse(self.wire_name, self.kafka_kind or self.kind, given)

    def value(self, config: BrokerConfig) -> Any:  # noqa: ANN401 - a value of whatever kind
        """Look up what it is."""
        if self.field.startswith(LOG_PREFIX):
            return getattr(config.log, self.field.removeprefix(LOG_PREFIX))
        return getattr(config, self.field)

    def text(self, config: BrokerConfig) -> str:
        """Say what it is, as it is written in a file."""
        return self.kind.write(self.value(config))

    def kafka_text(self, config: BrokerConfig) -> str:
        """Say what it is, as Kafka's answers do."""
        return (self.kafka_kind or self.kind).write(self.value(config))


def _parse(name: str, kind: Kind, given: str) -> Any:  # noqa: ANN401 - a value of whatever kind
    try:
        return kind.parse(given)
    except ValueError as error:
        raise ValueError(f"{name} must be {error}, not {given[:_MOST_SHOWN]!r}") from None


def with_values(config: BrokerConfig, values: Mapping[str, Any]) -> BrokerConfig:
    """Put other values into a config.

    Args:
        config: the others come from it.
        values: by ``Setting.field``.

    Raises:
        ConfigurationError, ValueError: they do not go together.
    """
    log = {name.removeprefix(LOG_PREFIX): value for name, value in values.items() if name.startswith(LOG_PREFIX)}
    own = {name: value for name, value in values.items() if not name.startswith(LOG_PREFIX)}
    if log:
        own["log"] = replace(config.log, **log)
    return replace(config, **own) if own else config
